"""The public function `to_mip`, which writes a mixed-integer program of a network."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ...questions.common.provenance import add_provenance
from ..arguments import load_within_limit, time_left
from ..decorators import question


if TYPE_CHECKING:
    from ...answers.layer_bounds import LayerBounds


@question("Mixed-integer program", reports=False)
def to_mip(
    model: Any,
    box: Any,
    path: str | os.PathLike,
    *,
    output: int = 0,
    maximize: bool = False,
    time_limit: float | None = None,
    budget: float | None = None,
    progress: bool | None = None,
) -> LayerBounds:
    """Write a mixed-integer linear program that optimizes an output of a network over a box.

    HiGHS, Gurobi, SCIP and CBC read the file. The bounds of `outrange.layer_bounds` are the big-M
    values in the program, and units whose phase is fixed have no binary variable. The inputs are
    the variables "x_0", "x_1" and so on, and the outputs are "y_0", "y_1" and so on, both in flat
    order. You can add your own objective and constraints.

    Args:
        model: As for `outrange.output_range`; all its operations must be piecewise linear, such as
            ReLU, leaky ReLU, clipping, absolute values and max pooling.
        box: A box, as for `outrange.output_range`. A `Mixed` set is replaced by its box.
        path: File to write, whose name ends in `.lp` or `.mps`; replaced if it exists.
        output: Index of the output that is optimized, counted over all outputs.
        maximize: Whether the output is maximized. The file then minimizes its negative, because
            CBC ignores the sense of an MPS file.
        time_limit: Time limit of the bounds in seconds; `math.inf` for no limit, None for 45 s.
        budget: Limit in units of counted work instead of seconds; one unit takes about a second on
            one core. The file is then the same on every machine (docs/reproducible.md).
        progress: True shows progress, False hides it. None shows it in a terminal or notebook if
            the call takes longer than 2 s.

    Returns:
        The `LayerBounds` from which the program is built.

    Raises:
        InputError: An argument is invalid, or the file cannot be written.
        UnsupportedError: An operation of the model is not piecewise linear.
        ModelError: As for `outrange.output_range`.

    Example:
        >>> import keras
        >>> layer = keras.layers.Dense(2, "relu", kernel_initializer="ones", name="sum")
        >>> model = keras.Sequential([keras.Input((2,)), layer])
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "sum.lp")
        >>> to_mip(model, (-1, 1), path, output=1, maximize=True).total("unstable")
        2
        >>> path.read_text().split()[:4]
        ['Minimize', 'obj:', '-1', 'y_1']

    Sound: the bounds account for every float64 rounding error. A solver's result is not a proof,
    because the coefficients of the program are rounded to float64, and solvers satisfy constraints
    only up to a tolerance. `outrange.minimize` and `outrange.maximize` prove their bounds.
    Complete: as for `outrange.layer_bounds`.
    Cost: as for `outrange.layer_bounds`; the memory is proportional to rows times columns of the
    program.

    Reference: Vielma, *Mixed integer linear programming formulation techniques*, SIAM Review 2015;
    Tjeng et al., *Evaluating robustness of neural networks with mixed integer programming*, ICLR
    2019.
    """
    from ...questions.mip_file import to_mip as ask

    network, clock = load_within_limit(model, time_limit, box)
    options = {"output": output, "maximize": maximize, "time_limit": time_left(clock)}
    return add_provenance(ask(network, box, path, **options), network)
