"""Public functions that find inputs that violate a property: `counterexamples`, `bad_inputs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..questions.common.provenance import add_provenance
from .arguments import load_within_limit, resolve_question, time_left
from .decorators import question
from .networks.join import join_models


if TYPE_CHECKING:
    from ..answers.bad_inputs import BadInputs
    from ..answers.counterexamples import Counterexamples


@question("Counterexamples", reports=False)
def counterexamples(
    model: Any,
    property: Any,
    box: Any = None,
    *,
    count: int = 10,
    apart: float = 0.0,
    time_limit: float | None = None,
    budget: float | None = None,
    seed: int = 0,
    where: Any = None,
    progress: bool | None = None,
) -> Counterexamples:
    """Find distinct counterexamples to a property, spread over the region that violates it.

    The search of `outrange.verify` comes first: it finds one counterexample or proves that none
    exists. Then the boxes of the input set are bisected level by level. Boxes that are proved safe
    are dropped. Each remaining box without a known counterexample is attacked by gradient descent,
    starting with the box farthest from all known counterexamples. Every counterexample violates the
    property in real arithmetic, and the model is run on it.

    Args:
        model: As for `outrange.output_range`.
        property: The property that must hold, as for `outrange.verify`.
        box: The input set, as for `outrange.verify`.
        count: Number of counterexamples to find.
        apart: Minimum distance between any two counterexamples, from 0 to 1: they differ in some
            input by at least this fraction of the width of that input's range. 0 requires only that
            they are distinct.
        time_limit: Stop after this many seconds; `math.inf` for no limit. None stops after 45 s, or
            earlier if progress stalls.
        budget: Limit in units of counted work instead of seconds; one unit takes about a second on
            one core. The answer is then the same on every machine (docs/reproducible.md).
        seed: Seed of the random points of the attack.
        where: A condition on `outrange.x`; inputs that do not satisfy it are ignored.
        progress: True shows progress, False hides it. None shows it in a terminal or notebook if
            the call takes longer than 2 s.

    Returns:
        `Counterexamples`, a sequence of `Counterexample`. Its `status` says whether the requested
        number was found, whether none exist (proved), or why the search found fewer.

    Raises:
        InputError: An argument is invalid; the message says which one and why.
        ModelError: The model or file cannot be read.
        UnsupportedError: The model or file contains an unsupported operation.

    Example:
        >>> import keras
        >>> from outrange import y
        >>> layer = keras.layers.Dense(1, kernel_initializer="ones")
        >>> model = keras.Sequential([keras.Input((2,)), layer])
        >>> found = counterexamples(model, y[0] <= 1.5, (0, 1), count=3)
        >>> found
        Counterexamples('y[0] <= 1.5', 3 of 3, as many as requested)
        >>> all(example.x.sum() > 1.5 for example in found)
        True
        >>> counterexamples(model, y[0] <= 2.5, (0, 1)).reason
        'proved: there are none'

    Sound: `status` `"none"` is a proof.
    Complete: as for `outrange.verify`, but only for the first counterexample. The others are found
    by gradient descent in successively smaller boxes.
    Cost: exponential in the number of inputs in the worst case; with few inputs, milliseconds per
    counterexample.

    Reference: Madry et al., *Towards deep learning models resistant to adversarial attacks*, ICLR
    2018; Jaulin, Kieffer, Didrit, Walter, *Applied interval analysis*, Springer 2001, for the
    paving.
    """
    from ..questions.violations.counterexamples import counterexamples as ask

    joint = join_models(model, property, box, where, time_limit)
    network, clock = load_within_limit(joint.network, joint.time_limit, joint.box)
    translation, source = resolve_question(network, joint.condition, joint.box, joint.where)
    return add_provenance(
        ask(
            translation.network,
            translation.unsafe,
            translation.regions,
            text=translation.text,
            count=count,
            apart=apart,
            time_limit=time_left(clock),
            seed=seed,
        ),
        network,
        regions=translation.regions,
        property=source,
    )


@question("Bad inputs", reports=False)
def bad_inputs(
    model: Any,
    property: Any,
    box: Any = None,
    *,
    share_tol: float = 0.01,
    time_limit: float | None = None,
    budget: float | None = None,
    most_pieces: int = 10_000,
    where: Any = None,
    progress: bool | None = None,
) -> BadInputs:
    """Compute the set of inputs that violate a property, and its fraction of the input volume.

    The input set is paved with boxes. Linear bounds prove that a box is entirely safe or entirely
    bad, or bound the fraction of its volume that is bad. The box with the most uncertain bad volume
    is bisected next. In the remaining boxes, the activation patterns of a piecewise-linear network
    are enumerated: for each pattern, the bad inputs form a polytope.

    The function is meant for few inputs (up to about six). With more, the bounds on the fraction
    converge slowly. With nine or more, activation patterns are used only in boxes in which a single
    pattern remains.

    Args:
        model: As for `outrange.output_range`.
        property: The property that must hold, as for `outrange.verify`.
        box: The input set, as for `outrange.verify`, without integer inputs.
        share_tol: Stop when the bad fraction of the volume is known to this accuracy.
        time_limit: Stop after this many seconds; `math.inf` for no limit. None stops after 45 s, or
            earlier if progress stalls. The answer is valid either way.
        budget: Limit in units of counted work instead of seconds; one unit takes about a second on
            one core. The answer is then the same on every machine (docs/reproducible.md).
        most_pieces: Maximum number of boxes and polytopes.
        where: A condition on `outrange.x`; only inputs that satisfy it are considered bad. The
            fraction remains relative to the whole box.
        progress: True shows progress, False hides it. None shows it in a terminal or notebook if
            the call takes longer than 2 s.

    Returns:
        `BadInputs`, with bounds `share_lo` and `share_hi` on the bad fraction of the volume, the
        boxes and polytopes (`pieces`) of bad inputs, and a method `contains(x)`.

    Raises:
        InputError: An argument is invalid, or some inputs are integers.
        ModelError: The model or file cannot be read.
        UnsupportedError: The model or file contains an unsupported operation.

    Example:
        >>> import keras
        >>> from outrange import y
        >>> layer = keras.layers.Dense(1, kernel_initializer="ones")
        >>> model = keras.Sequential([keras.Input((2,)), layer])
        >>> found = bad_inputs(model, y[0] <= 1.5, (0, 1))
        >>> found
        BadInputs('y[0] <= 1.5', share 0.125 to 0.125, 0 boxes, 1 polytopes,
                  the bounds of the fraction differ by at most 0.01)
        >>> found.contains([[0.9, 0.9], [0.1, 0.1]]).tolist()
        [True, False]

    Sound: the bounds on the fraction of the volume and all statements about whole boxes are proved;
    the proofs account for every float64 rounding error. The faces of the polytopes are accurate to
    float64 precision, but not proved.
    Complete: for piecewise-linear networks with few inputs, to `share_tol`, given enough time.
    Cost: exponential in the number of inputs.

    Reference: Jaulin, Kieffer, Didrit, Walter, *Applied interval analysis* (SIVIA), Springer 2001;
    Matoba, Fleuret, *Exact preimages of neural network aircraft collision avoidance systems*, 2020;
    Tran et al., *Star-based reachability analysis of deep neural networks*, FM 2019.
    """
    from ..questions.violations.bad_inputs import bad_inputs as ask

    joint = join_models(model, property, box, where, time_limit)
    network, clock = load_within_limit(joint.network, joint.time_limit, joint.box)
    translation, source = resolve_question(network, joint.condition, joint.box, joint.where)
    return add_provenance(
        ask(
            translation.network,
            translation.unsafe,
            translation.regions,
            text=translation.text,
            share_tol=share_tol,
            time_limit=time_left(clock),
            most_pieces=most_pieces,
        ),
        network,
        regions=translation.regions,
        property=source,
    )
