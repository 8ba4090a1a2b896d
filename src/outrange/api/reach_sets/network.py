"""The public function `reach_set`, for all outputs of a network on an input set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...questions.common.provenance import add_provenance
from ..arguments import load_within_limit, parse_condition, time_left
from ..decorators import question


if TYPE_CHECKING:
    from ...answers.reach_sets import ReachSet


@question("Reach set", reports=False)
def reach_set(
    model: Any,
    box: Any,
    *,
    where: Any = None,
    tol: float = 0.01,
    time_limit: float | None = None,
    budget: float | None = None,
    most_pieces: int = 10_000,
    seed: int = 0,
    progress: bool | None = None,
) -> ReachSet:
    """Compute the image of an input set: all outputs of the network on it, as polytopes.

    The input set is cut along the hyperplanes at which units change their linear pieces, until the
    network is affine on each piece. The cuts use rational arithmetic. Each piece is a star set: a
    polytope of inputs and an affine map. If the time or `most_pieces` is exhausted, affine forms
    with an error term enclose the outputs on the remaining inputs, so the union always covers the
    image. For the opposite direction, the inputs whose outputs violate a property, see
    `outrange.bad_inputs`.

    The function is meant for few inputs (up to about four, eight at most); the number of outputs
    hardly matters.

    Args:
        model: As for `outrange.output_range`.
        box: The input set: a box, as for `outrange.output_range`, a `Polytope`, or a `Union` of
            these, without integer inputs.
        where: A condition on `outrange.x`; inputs that do not satisfy it are ignored. The union is
            closed: with `x[0] > 0` or `x[0] != 0` it also contains limits of outputs.
        tol: Tolerance for curved or discontinuous networks (`tanh`, softmax, steps), which have no
            exact pieces. Boxes of inputs are bisected until each output is known to this fraction
            of its range.
        time_limit: Stop after this many seconds; `math.inf` for no limit. None stops after 45 s, or
            earlier if progress stalls. The answer covers the image either way.
        budget: Limit in units of counted work instead of seconds; one unit takes about a second on
            one core. The answer is then the same on every machine (docs/reproducible.md).
        most_pieces: Maximum number of pieces.
        seed: Seed of the sampled outputs in figures.
        progress: True shows progress, False hides it. None shows it in a terminal or notebook if
            the call takes longer than 2 s.

    Returns:
        A `ReachSet` with `pieces`, `contains(y)`, `lo` and `hi`, `polygons(0, 1)` and `plot()`.

    Raises:
        InputError: An argument is invalid, some inputs are integers, or too many inputs vary.
        ModelError: The model or file cannot be read.
        UnsupportedError: The model or file contains an unsupported operation.

    Example:
        >>> import keras, numpy as np
        >>> layer = keras.layers.Dense(2, "relu", use_bias=False)
        >>> model = keras.Sequential([keras.Input((2,)), layer])
        >>> model.set_weights([np.eye(2)])
        >>> image = reach_set(model, (-1, 1))  # outputs are in [0, 1]^2
        >>> image
        ReachSet(lo=[-..., hi=[1.00001, 1.00001], 4 pieces, every piece is exact ...)
        >>> image.contains([[0.5, 0.5], [-0.5, 0.5]]).tolist()
        [True, False]

    Sound: every output of the real-valued network with the stored weights is in some piece, and the
    proof accounts for every float64 rounding error; each piece states its error.
    Complete: for piecewise-linear networks with few inputs, given enough time. Then each point of a
    piece is at most the `error` of this piece away from an attained output.
    Cost: exponential in the number of inputs in the worst case.

    Reference: Tran et al., *Star-based reachability analysis of deep neural networks*, FM 2019.
    """
    from ...questions.inputs.sets import regions
    from ...questions.reach_set import reach_set as ask

    network, clock = load_within_limit(model, time_limit, box)
    slots, outputs = network.graph.inputs, network.graph.outputs
    sets = regions(slots, box, where=parse_condition(where), outputs=outputs)
    image = ask(
        network, sets, tol=tol, time_limit=time_left(clock), most_pieces=most_pieces, seed=seed
    )
    return add_provenance(image, network, regions=sets)
