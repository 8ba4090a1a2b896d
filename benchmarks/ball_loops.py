"""Closed loops in balls: they run what a user wrote, with balls for numbers.

Of the library only the controller's coefficients are read. A state is a point and a box of errors
around it; the errors go on by slopes over all of the box. So they grow like the loop, not like the
sums of absolute values within a controller.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from ball_networks import BallNetwork
from ball_numbers import Sloped
from flint import arb, ctx


ROUGH_BITS = 64
"""Precision of errors."""

LOST = 1e-12
"""Errors of this size leave nothing to compare: more digits are needed from the beginning."""


@dataclass(frozen=True)
class Digits:
    """How precise a trajectory is.

    Args:
        bits: Precision of points.
        order: Of the series.
        rest: What is cut of them, as a power of two and a share of the states, halves the step if
            it is larger.
    """

    bits: int
    order: int
    rest: int


DIGITS = Digits(128, 14, -64), Digits(192, 20, -100), Digits(384, 36, -280)
"""Tried one after the other. A contraction loses digits as well, where errors are boxes: more bits
take a series of higher order, and that much longer."""


def exact(value: Any) -> arb:
    """A fraction or float64 as a ball."""
    value = Fraction(value)
    return arb(value.numerator) / arb(value.denominator)


@dataclass(frozen=True, eq=False)
class BallLoop:
    """A loop as a user wrote it.

    Args:
        plant: A function of `x` and `u`; `t`, `w` and `c` are told by their names.
        networks: By modes; one of them under 0 without modes.
        dt: The period; None in discrete time.
        observe: What the controller sees.
        actuate: From what it returns to the control.
        mode: The state that says which network acts.
    """

    plant: Callable
    networks: dict[int, BallNetwork]
    dt: Fraction | None = None
    observe: Callable | None = None
    actuate: Callable | None = None
    mode: int | None = None
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        given = "x", "u"
        if inspect.isfunction(self.plant):
            given = tuple(inspect.signature(self.plant).parameters)
        object.__setattr__(self, "names", given)

    def rate(self, x: Sequence, u: Sequence, t: Any, w: Sequence) -> list:
        """The plant."""
        state, free = iter((_array(x), _array(u))), {"t": t, "w": _array(w), "c": _array(w)}
        return list(
            self.plant(*(free[name] if name in free else next(state) for name in self.names))
        )

    def control(self, x: Sequence[Any], variables: int | None = None) -> list[Any]:
        """What the controller says of balls, or of `Sloped`."""
        network = self.networks[0 if self.mode is None else int(float(x[self.mode].mid()))]
        seen = list(x) if self.observe is None else list(self.observe(_array(x)))
        said = network.values(seen) if variables is None else network.sloped(seen, variables)
        if self.mode is not None:
            most = said[int(np.argmax(_array(said)))]
            if sum(not most > v for v in said) > 1:
                raise ArithmeticError("which output is the largest is not known")
        return said if self.actuate is None else list(self.actuate(_array(said)))


@dataclass(frozen=True, eq=False)
class BallState:
    """A point and the errors around it.

    Args:
        middle: Numbers without a radius.
        error: Balls around 0.
    """

    middle: list[arb]
    error: list[arb]

    @property
    def balls(self) -> list[arb]:
        """What holds the state."""
        return [m + e for m, e in zip(self.middle, self.error, strict=True)]

    @staticmethod
    def of(near: Sequence[arb], error: Sequence[arb]) -> "BallState":
        """From balls and further errors."""
        around = [arb(0, b.rad()) + e for b, e in zip(near, error, strict=True)]
        return BallState([b.mid() for b in near], [arb(0, e.abs_upper()) for e in around])


def _array(values: Sequence[Any]) -> np.ndarray:
    """An array of objects."""
    found = np.empty(len(values), object)
    found[:] = values
    return found


def controlled(loop: BallLoop, at: BallState) -> BallState:
    """The control at a state.

    Raises:
        ArithmeticError: It is not known which one it is.
    """
    near = [arb(v) for v in loop.control(at.middle)]
    n = len(at.middle)
    if loop.mode is not None:
        # What jumps has no slopes; states that are sums of a few numbers have no errors.
        if any(e.rad() > 0 for e in at.error):
            raise ArithmeticError("a loop that jumps was not computed exactly")
        return BallState(near, [arb(0)] * len(near))
    with ctx.workprec(ROUGH_BITS):
        units = [Sloped(b, [arb(int(i == j)) for j in range(n)]) for i, b in enumerate(at.balls)]
        slopes = (s.slopes if isinstance(s, Sloped) else [] for s in loop.control(units, n))
        error = [_along(row, at.error) for row in slopes]
    return BallState.of(near, error)


def _along(slopes: Sequence[arb], error: Sequence[arb]) -> arb:
    return sum((s * e for s, e in zip(slopes, error, strict=True)), arb(0))


def plant_slopes(loop: BallLoop, x: Sequence, u: Sequence, t: arb, w: Sequence) -> list[list[arb]]:
    """Of the plant by state and control, over balls."""
    count = len(x) + len(u)
    given = [Sloped(b, [arb(int(i == j)) for j in range(count)]) for i, b in enumerate([*x, *u])]
    rows = loop.rate(given[: len(x)], given[len(x) :], t, w)
    none = [arb(0)] * count
    return [list(r.slopes) if isinstance(r, Sloped) else none for r in rows]


def next_state(loop: BallLoop, at: BallState, u: BallState, k: int, w: Sequence) -> BallState:
    """A step in discrete time."""
    given = loop.rate(at.middle, u.middle, k, w)
    near = [arb(int(v) if isinstance(v, np.integer) else v) for v in given]
    if loop.mode is not None:
        return BallState.of(near, [arb(0)] * len(near))
    with ctx.workprec(ROUGH_BITS):
        rows = plant_slopes(loop, at.balls, u.balls, arb(k), w)
        error = [_along(row, [*at.error, *u.error]) for row in rows]
    return BallState.of(near, error)
