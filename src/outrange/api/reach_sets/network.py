"""The public question `reach_set`: all outputs on an input set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...questions.common.stamp import stamped
from ..arguments import left, loaded_within, written_condition
from ..recorded import question


if TYPE_CHECKING:
    from ...answers.reach_sets import ReachSet


@question("Reach set", hears=False)
def reach_set(
    model: Any,
    box: Any,
    *,
    where: Any = None,
    tol: float = 0.01,
    time_limit: float | None = None,
    budget: float | None = None,
    effort: str | None = None,
    most_pieces: int = 10_000,
    seed: int = 0,
    progress: bool | None = None,
) -> ReachSet:
    """Compute the image of an input set: all outputs the network has on it, as polytopes.

    The input set is cut along the zero planes of units until the network is affine on each piece;
    cuts are made in rational arithmetic. Each piece is a star set, a polytope of inputs and an
    affine map. What is not cut when time or pieces run out is enclosed by affine forms with an
    error, so the union always covers the image. `outrange.bad_inputs` is the other direction: all
    inputs whose outputs break a property.

    It is meant for few inputs (up to about four, eight at most); how many outputs there are hardly
    matters.

    Args:
        model: As for `outrange.output_range`.
        box: The input set: as for `outrange.output_range`, a `Polytope` or a `Union` of such; of
            real numbers.
        where: A condition on `outrange.x`: only inputs that satisfy it count. The union is closed:
            of `x[0] > 0` or `x[0] != 0` limits of outputs belong to it.
        tol: Networks that bend or jump (`tanh`, softmax, steps) have no exact pieces: then boxes of
            inputs are halved until each output is known to this share of what it reaches.
        time_limit: Stop after this many seconds; None for no limit. The answer covers the image
            either way.
        budget: Stop after so many units of counted work instead, about a second of one core each:
            the same question then has the same answer on every machine (docs/reproducible.md).
        effort: How long to go on without a limit: `"quick"` ends after 5 s, `"normal"` after 45 s,
            `"exact"` when all is proved. The default is `"normal"`, or what the environment
            variable `OUTRANGE_EFFORT` says.
        most_pieces: Stop at this number of pieces.
        seed: Of the inputs at which outputs are computed beside, to be drawn.
        progress: True to show what is under way, False for nothing. None shows it in a terminal or
            a notebook once the call takes 2 s.

    Returns:
        A `ReachSet`: `pieces`, `contains(y)`, `lo` and `hi`, `polygons(0, 1)`, `plot()`.

    Raises:
        InputError: An argument breaks a rule, some inputs take whole numbers only, or too many
            vary.
        ModelError: Model or file cannot be read.
        UnsupportedError: The model or file holds an operation that is not supported.

    Example:
        >>> import keras, numpy as np
        >>> layer = keras.layers.Dense(2, "relu", use_bias=False)
        >>> model = keras.Sequential([keras.Input((2,)), layer])
        >>> model.set_weights([np.eye(2)])
        >>> image = reach_set(model, (-1, 1))  # outputs are in [0, 1]^2
        >>> image
        ReachSet(4 pieces, every piece is exact but for float64 rounding, FLOAT64_ROUNDED)
        >>> image.contains([[0.5, 0.5], [-0.5, 0.5]]).tolist()
        [True, False]

    Sound: every output of the real-valued network with the stored weights is in some piece, every
    float64 rounding error accounted for; each piece states its error.
    Complete: for piecewise-linear networks of few inputs, given time: then no point of the union is
    farther than `error` from an output that is attained.
    Cost: exponential in the number of inputs at worst.

    Reference: Tran et al., *Star-based reachability analysis of deep neural networks*, FM 2019.
    """
    from ...questions.inputs.sets import regions
    from ...questions.reach_set import reach_set as ask

    network, clock = loaded_within(model, time_limit, box)
    slots, outputs = network.graph.inputs, network.graph.outputs
    sets = regions(slots, box, where=written_condition(where), outputs=outputs)
    found = ask(network, sets, tol=tol, time_limit=left(clock), most_pieces=most_pieces, seed=seed)
    return stamped(found, network, regions=sets)
