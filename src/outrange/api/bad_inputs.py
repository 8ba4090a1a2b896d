"""Public questions about the inputs that break a property: `counterexamples`, `bad_inputs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..questions.common.stamp import stamped
from .arguments import asked, left, loaded_within
from .recorded import question


if TYPE_CHECKING:
    from ..answers.bad_inputs import BadInputs
    from ..answers.counterexamples import Counterexamples


@question("Counterexamples", hears=False)
def counterexamples(
    model: Any,
    property: Any,
    box: Any = None,
    *,
    count: int = 10,
    apart: float = 0.0,
    time_limit: float | None = None,
    budget: float | None = None,
    effort: str | None = None,
    seed: int = 0,
    where: Any = None,
    progress: bool | None = None,
) -> Counterexamples:
    """Find distinct counterexamples of a property, spread over the region that violates it.

    The search of `outrange.verify` comes first: one counterexample, or a proof that there is none.
    Then the boxes of the input set are bisected level by level: those proved safe are dropped, and
    each box without a counterexample is attacked by gradient descent, the one farthest from all
    known counterexamples first. Each violates the property in real arithmetic and was run on the
    model.

    Args:
        model: As for `outrange.verify`.
        property: What shall hold, as for `outrange.verify`.
        box: The input set, as for `outrange.verify`.
        count: The number wanted.
        apart: Any two must differ by at least this share of the input set's width, in some input;
            0 asks for distinct inputs only.
        time_limit: Stop after this many seconds; None for no limit.
        budget: Stop after so many units of counted work instead, about a second of one core each:
            the same question then has the same answer on every machine (docs/reproducible.md).
        effort: How long to go on without a limit: `"quick"` ends after 5 s, `"normal"` after 45 s,
            `"exact"` when all is proved. The default is `"normal"`, or what the environment
            variable `OUTRANGE_EFFORT` says.
        seed: Seed of the random points of the attack.
        where: A condition on `outrange.x`: only inputs that satisfy it count.
        progress: True to show what is under way, False for nothing. None shows it in a terminal or
            a notebook once the call takes 2 s.

    Returns:
        `Counterexamples`, a sequence of `Counterexample`. Its `status` says whether they are all
        that were asked for, fewer (and why), or proved not to exist.

    Raises:
        InputError: An argument breaks a rule; the message says which.
        ModelError: Model or file cannot be read.
        UnsupportedError: The model or file holds an operation that is not supported.

    Example:
        >>> import keras
        >>> from outrange import y
        >>> layer = keras.layers.Dense(1, kernel_initializer="ones")
        >>> model = keras.Sequential([keras.Input((2,)), layer])
        >>> found = counterexamples(model, y[0] <= 1.5, (0, 1), count=3)
        >>> found
        Counterexamples('y[0] <= 1.5', 3 of 3, as many as asked for)
        >>> all(example.x.sum() > 1.5 for example in found)
        True
        >>> counterexamples(model, y[0] <= 2.5, (0, 1)).reason
        'proved: there are none'

    Sound: `status` `"none"` is a proof.
    Complete: as `outrange.verify` for the first; the others are found by descent in ever smaller
    boxes.
    Cost: exponential in the number of inputs in the worst case; with few, milliseconds each.

    Reference: Madry et al., *Towards deep learning models resistant to adversarial attacks*, ICLR
    2018; Jaulin, Kieffer, Didrit, Walter, *Applied interval analysis*, Springer 2001, for the
    paving.
    """
    from ..questions.violations.counterexamples import counterexamples as ask

    network, clock = loaded_within(model, time_limit, box)
    unsafe, regions, text, source = asked(network, property, box, where)
    return stamped(
        ask(
            network,
            unsafe,
            regions,
            text=text,
            count=count,
            apart=apart,
            time_limit=left(clock),
            seed=seed,
        ),
        network,
        regions=regions,
        property=source,
    )


@question("Bad inputs", hears=False)
def bad_inputs(
    model: Any,
    property: Any,
    box: Any = None,
    *,
    share_tol: float = 0.01,
    time_limit: float | None = None,
    budget: float | None = None,
    effort: str | None = None,
    most_pieces: int = 10_000,
    where: Any = None,
    progress: bool | None = None,
) -> BadInputs:
    """Compute the pre-image of a violation: boxes, exact polytopes, and their share of the volume.

    A paving of the input set: linear bounds prove boxes to be entirely safe or entirely bad, and
    bound the bad share of the volume of a mixed box; the box whose share is least certain is
    bisected next. In the mixed boxes that remain, the activation patterns of a piecewise-linear
    network are enumerated: in each, the bad inputs form a polytope.

    It is meant for few inputs (up to about six). With more, the bounds on the share converge
    slowly, and from nine on a box is divided by patterns only where a single one is left.

    Args:
        model: As for `outrange.verify`.
        property: What shall hold, as for `outrange.verify`.
        box: The input set, as for `outrange.verify`; but of real numbers only.
        share_tol: Stop when the share of the set's volume that is bad is known to this much.
        time_limit: Stop after this many seconds; None for no limit. The answer is valid either way.
        budget: Stop after so many units of counted work instead, about a second of one core each:
            the same question then has the same answer on every machine (docs/reproducible.md).
        effort: How long to go on without a limit: `"quick"` ends after 5 s, `"normal"` after 45 s,
            `"exact"` when all is proved. The default is `"normal"`, or what the environment
            variable `OUTRANGE_EFFORT` says.
        most_pieces: Stop at this number of boxes and polytopes.
        where: A condition on `outrange.x`: only inputs that satisfy it count as bad. Shares stay
            relative to the box.
        progress: True to show what is under way, False for nothing. None shows it in a terminal or
            a notebook once the call takes 2 s.

    Returns:
        `BadInputs`: `share_lo`, `share_hi`, the boxes and `pieces`, and `contains(x)`.

    Raises:
        InputError: An argument breaks a rule, or some inputs take whole numbers only.
        ModelError: Model or file cannot be read.
        UnsupportedError: The model or file holds an operation that is not supported.

    Example:
        >>> import keras
        >>> from outrange import y
        >>> layer = keras.layers.Dense(1, kernel_initializer="ones")
        >>> model = keras.Sequential([keras.Input((2,)), layer])
        >>> found = bad_inputs(model, y[0] <= 1.5, (0, 1))
        >>> found
        BadInputs('y[0] <= 1.5', share 0.125 to 0.125, 0 boxes, 1 polytopes,
                  the share is known to 0.01)
        >>> found.contains([[0.9, 0.9], [0.1, 0.1]]).tolist()
        [True, False]

    Sound: the bounds on the share of the volume and all statements about whole boxes, every float64
    rounding error accounted for. The faces of the polytopes are as accurate as float64, unproved.
    Complete: for piecewise-linear networks of few inputs, to `share_tol` and given time.
    Cost: exponential in the number of inputs.

    Reference: Jaulin, Kieffer, Didrit, Walter, *Applied interval analysis* (SIVIA), Springer 2001;
    Matoba, Fleuret, *Exact preimages of neural network aircraft collision avoidance systems*, 2020;
    Tran et al., *Star-based reachability analysis of deep neural networks*, FM 2019.
    """
    from ..questions.violations.bad_inputs import bad_inputs as ask

    network, clock = loaded_within(model, time_limit, box)
    unsafe, regions, text, source = asked(network, property, box, where)
    return stamped(
        ask(
            network,
            unsafe,
            regions,
            text=text,
            share_tol=share_tol,
            time_limit=left(clock),
            most_pieces=most_pieces,
        ),
        network,
        regions=regions,
        property=source,
    )
