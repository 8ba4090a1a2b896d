"""The public function `layer_bounds`, for bounds that mixed-integer solvers use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...questions.common.provenance import add_provenance
from ..arguments import load_within_limit, time_left
from ..decorators import question


if TYPE_CHECKING:
    from ...answers.layer_bounds import LayerBounds


@question("Layer bounds", reports=False)
def layer_bounds(
    model: Any,
    box: Any,
    *,
    time_limit: float | None = None,
    budget: float | None = None,
    progress: bool | None = None,
) -> LayerBounds:
    """Bound every unit of every layer before and after its activation, as tightly as time allows.

    Solvers that optimize over a trained network need such bounds: a unit whose phase is fixed
    needs no binary variable, and a tighter big-M value gives a tighter relaxation. The bounds
    start from those of `outrange.summary`. Layer by layer, gradient ascent on the slopes of
    relaxations and branch and bound then tighten the bounds of the units whose phase is still open.
    The bounds are valid at any time. The search stops when each bound is within a relative
    tolerance of 1e-4, at the time limit, or at Ctrl-C.

    Args:
        model: As for `outrange.output_range`.
        box: A box, as for `outrange.output_range`. A `Mixed` set is replaced by its box.
        time_limit: Stop after this many seconds; `math.inf` for no limit. None stops after 45 s, or
            earlier if progress stalls.
        budget: Limit in units of counted work instead of seconds; one unit takes about a second on
            one core. The answer is then the same on every machine (docs/reproducible.md).
        progress: True shows progress, False hides it. None shows it in a terminal or notebook if
            the call takes longer than 2 s.

    Returns:
        A `LayerBounds`. Its methods `to_gurobi_ml`, `to_omlt` and `to_pyscipopt_ml` set the bounds
        in an optimization model, and `save` writes them to a file (docs/optimization.md).

    Raises:
        InputError: An argument is invalid; the message says which one and why.
        ModelError, UnsupportedError: As for `outrange.output_range`.

    Example:
        >>> import keras
        >>> layer = keras.layers.Dense(2, "relu", kernel_initializer="ones", name="sum")
        >>> model = keras.Sequential([keras.Input((2,)), layer])
        >>> answer = layer_bounds(model, (1, 2))
        >>> answer["sum"].pre[0], answer["sum"].count("active")
        (array([2., 2.]), 2)

    Sound: every float64 rounding error is accounted for.
    Complete: piecewise-linear networks reach the tolerance, given enough time.
    Cost: exponential in the number of inputs or unstable neurons in the worst case.

    Reference: Zhang et al., *Efficient neural network robustness certification with general
    activation functions* (CROWN), NeurIPS 2018; Xu et al., *Fast and complete* (alpha-CROWN), ICLR
    2021; Tjeng et al., *Evaluating robustness of neural networks with mixed integer programming*,
    ICLR 2019.
    """
    from ...questions.layer_bounds import layer_bounds as ask

    network, clock = load_within_limit(model, time_limit, box)
    return add_provenance(ask(network, box, time_limit=time_left(clock)), network)
