"""Public questions about the inputs that break a property: `counterexamples`, `bad_inputs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .arguments import asked, left, loaded_within


if TYPE_CHECKING:
    from ..answers.bad_inputs import BadInputs
    from ..answers.counterexamples import Counterexamples


def counterexamples(
    model: Any,
    property: Any,
    box: Any = None,
    *,
    count: int = 10,
    apart: float = 0.0,
    time_limit: float | None = None,
    seed: int = 0,
    where: Any = None,
) -> Counterexamples:
    """Distinct inputs that break a property, spread over where it is broken.

    First `outrange.verify`'s own search, for one input or a proof that there is none. Then boxes
    of the input set, halved level by level: what is proved good is dropped, and each box in which
    no counterexample lies yet is searched by descent, the one farthest from all known first.

    Every input listed breaks the property in real arithmetic, and was run on the model. Sound:
    `status` `"none"` is a proof. Complete: as for `verify` when it comes to the first; the others
    are found by descent in boxes that become ever smaller. Cost: exponential in the number of
    inputs in the worst case; with few inputs, milliseconds each.

    Args:
        model: As for `outrange.verify`.
        property: What shall hold, as for `outrange.verify`.
        box: The input set, as for `outrange.verify`.
        count: How many are wanted.
        apart: Every two shall differ by at least this share of the input set's width, in some
            input; 0 asks for distinct inputs only.
        time_limit: Stop after this many seconds; None for no limit.
        seed: Of the points tried.
        where: A condition on `outrange.x`: only inputs that satisfy it count.

    Returns:
        `Counterexamples`, a sequence of `Counterexample`. Its `status` says whether they are all
        that were asked for, fewer (and why), or proved not to exist.

    Raises:
        InputError: An argument breaks a rule; the message says which.
        ModelError: Model or file cannot be read.
        UnsupportedError: The model or file holds something that is not described.

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
    """
    from ..questions.violations.counterexamples import counterexamples as ask

    network, clock = loaded_within(model, time_limit)
    unsafe, regions, text = asked(network, property, box, where)
    return ask(
        network,
        unsafe,
        regions,
        text=text,
        count=count,
        apart=apart,
        time_limit=left(clock),
        seed=seed,
    )


def bad_inputs(
    model: Any,
    property: Any,
    box: Any = None,
    *,
    share_tol: float = 0.01,
    time_limit: float | None = None,
    most_pieces: int = 10_000,
    where: Any = None,
) -> BadInputs:
    """All inputs that break a property: boxes, exact polytopes, and how much of the set they are.

    The input set is halved again and again. Linear bounds prove boxes to be good or bad all over;
    in a mixed box they say how much of its volume is bad at least and at most. The box whose share
    is least known is halved next. In the mixed boxes that are left, the activation patterns of a
    piecewise-linear network are told one by one: in each, the bad inputs are a polytope.

    Rigorous: the bounds on the share of the volume, and what is said of whole boxes; every float64
    rounding is paid for. As accurate as float64, without a proof: the faces of the polytopes.

    For few inputs (up to six or so). With more it runs just as well, but bounds of the share come
    together slowly, and from nine on boxes are told by patterns only where one is left. Cost:
    exponential in the number of inputs.

    Args:
        model: As for `outrange.verify`.
        property: What shall hold, as for `outrange.verify`.
        box: The input set, as for `outrange.verify`; but of real numbers only.
        share_tol: Stop when the share of the set's volume that is bad is known to this much.
        time_limit: Stop after this many seconds; None for no limit. The answer is valid either way.
        most_pieces: Stop at this many boxes and polytopes.
        where: A condition on `outrange.x`: only inputs that satisfy it count as bad. Shares stay
            relative to the box.

    Returns:
        `BadInputs`: `share_lo`, `share_hi`, the boxes and `pieces`, and `contains(x)`.

    Raises:
        InputError: An argument breaks a rule, or some inputs take whole numbers only.
        ModelError: Model or file cannot be read.
        UnsupportedError: The model or file holds something that is not described.

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
    """
    from ..questions.violations.bad_inputs import bad_inputs as ask

    network, clock = loaded_within(model, time_limit)
    unsafe, regions, text = asked(network, property, box, where)
    return ask(
        network,
        unsafe,
        regions,
        text=text,
        share_tol=share_tol,
        time_limit=left(clock),
        most_pieces=most_pieces,
    )
