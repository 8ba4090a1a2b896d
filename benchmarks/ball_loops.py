"""Closed loops in ball arithmetic, which run the user's own functions with balls for numbers.

Only the controller's coefficients are read from the library. A state is a point and a box of errors
around it. The errors are propagated by slopes over the whole box, so they grow as in the loop
itself, and not like the sums of absolute values within a controller.
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
"""Precision of errors, in bits."""

LOST = 1e-12
"""Errors of this size leave nothing to compare, so the trajectory is restarted with more digits."""


@dataclass(frozen=True)
class Digits:
    """The precision of a trajectory.

    Args:
        bits: Precision of points, in bits.
        order: Order of the Taylor series.
        rest: Exponent of 2: the step is halved if the truncated part of the series is larger,
            relative to the states.
    """

    bits: int
    order: int
    rest: int


DIGITS = Digits(128, 14, -64), Digits(192, 20, -100), Digits(384, 36, -280)
"""Precisions to try, one after the other. Since errors are boxes, even a contraction loses digits.
More bits need a series of higher order, which takes longer."""


def exact(value: Any) -> arb:
    """Return a fraction or float64 as a ball."""
    value = Fraction(value)
    return arb(value.numerator) / arb(value.denominator)


@dataclass(frozen=True, eq=False)
class BallLoop:
    """A closed loop as a user writes it.

    Args:
        plant: A function of `x` and `u`, and of `t`, `w`, `p` and `c`, which are passed by name.
        networks: Networks by mode; without modes, a single one with the key 0.
        dt: The period; None in discrete time.
        observe: Function from the state to the controller's input.
        actuate: Function from the controller's output to the control.
        mode: Index of the state that selects the network.
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
        """Return the plant's result: the next state, or the derivative of the state."""
        state, free = iter((_array(x), _array(u))), {"t": t} | dict.fromkeys("wpc", _array(w))
        return list(
            self.plant(*(free[name] if name in free else next(state) for name in self.names))
        )

    def control(self, x: Sequence[Any], variables: int | None = None) -> list[Any]:
        """Return the control for a state of balls or of `Sloped` numbers."""
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
    """A state: a point and the errors around it.

    Args:
        middle: The point, as balls of radius 0.
        error: The errors, as balls around 0.
    """

    middle: list[arb]
    error: list[arb]

    @property
    def balls(self) -> list[arb]:
        """Balls that contain the state."""
        return [m + e for m, e in zip(self.middle, self.error, strict=True)]

    @staticmethod
    def of(near: Sequence[arb], error: Sequence[arb]) -> "BallState":
        """Build a state from balls and additional errors."""
        around = [arb(0, b.rad()) + e for b, e in zip(near, error, strict=True)]
        return BallState([b.mid() for b in near], [arb(0, e.abs_upper()) for e in around])


def _array(values: Sequence[Any]) -> np.ndarray:
    """Return values as a NumPy array of objects."""
    found = np.empty(len(values), object)
    found[:] = values
    return found


def controlled(loop: BallLoop, at: BallState) -> BallState:
    """Return the control at a state.

    Raises:
        ArithmeticError: The control jumps, and the state does not determine it.
    """
    near = [arb(v) for v in loop.control(at.middle)]
    n = len(at.middle)
    if loop.mode is not None:
        # A control that jumps has no slopes. States that are sums of a few numbers have no errors.
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
    """Return the slopes of the plant with respect to state and control, over balls."""
    count = len(x) + len(u)
    given = [Sloped(b, [arb(int(i == j)) for j in range(count)]) for i, b in enumerate([*x, *u])]
    rows = loop.rate(given[: len(x)], given[len(x) :], t, w)
    none = [arb(0)] * count
    return [list(r.slopes) if isinstance(r, Sloped) else none for r in rows]


def next_state(loop: BallLoop, at: BallState, u: BallState, k: int, w: Sequence) -> BallState:
    """Return the next state in discrete time."""
    given = loop.rate(at.middle, u.middle, k, w)
    near = [arb(int(v) if isinstance(v, np.integer) else v) for v in given]
    if loop.mode is not None:
        return BallState.of(near, [arb(0)] * len(near))
    with ctx.workprec(ROUGH_BITS):
        rows = plant_slopes(loop, at.balls, u.balls, arb(k), w)
        error = [_along(row, [*at.error, *u.error]) for row in rows]
    return BallState.of(near, error)
