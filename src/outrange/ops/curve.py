"""Elementwise functions of one variable, described by properties that determine all bounds."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..core import DomainError, OutrangeError, down, up
from ..core.arrays import Elementwise, Numbers
from ..core.rounding import UNIT
from .numerics.series import taylor_of
from .relaxation.side import Side


BENDS = ("line", "cup", "cap")


@dataclass(frozen=True, eq=False)
class Curve:
    """An elementwise function `y = f(x)`, with the properties from which bounds are derived.

    Args:
        name: Name of the op in reports.
        f: The function, vectorized, float64 in and out.
        df: Its slope (at a kink, either one-sided slope).
        knots: Increasing points; between neighbors `f` is linear, convex or concave. Kinks are
            knots.
        bends: `"line"`, `"cup"` (convex) or `"cap"` (concave) for each gap. The gaps are the
            `len(knots) + 1` intervals between adjacent knots, the two infinite ones included.
        turns: Every point where `f` may stop rising or falling, also at a kink or a jump.
        on: Interval on which this description is valid. Inputs outside it get the bounds `beyond`,
            or raise an error if that is None. An endpoint at which `f` is infinite is excluded.
        beyond: Bounds `(least, most)` on `f` over its whole domain if `f` is defined outside `on`,
            else None.
        jumps: The knots at which `f` is discontinuous (bounds include both one-sided limits).
        exact: The definition, `exact(mp, x)`, where `mp` is the mpmath module. Tests compare `f`
            with it.
        ulps: The float64 value of `f` is within `off + ulps * spacing(|f(x)|)` of `exact`. If
            the float64 value of `f` at 0 is 0, `f(0)` is exactly 0.
        off: Absolute part of the error; see `ulps`.
        slope_error: `|df(x) - f'(x)| <= slope_error * (1 + |f'(x)|)`.
        saturated: Optional function; `saturated(lo, hi)` returns a mask of the intervals that lie
            in a flat tail of `f`. For a sigmoid, the tails begin at -6 and 6.
        lines: For each gap, `(slope, offset)` if `f` is exactly that line there, with unrounded
            coefficients; otherwise None. All None by default.
        holes: Points at which `f` is not defined; an input range that contains one is an error.
        part: Whether `f` is also defined at arguments that this description does not cover.
        crossings: Exact points `(x, f(x))` of a function that increases everywhere: its value is
            above `f(x)` for all arguments greater than `x`, and only for those.
        taylor: `taylor(lo, hi, order)` returns bounds on `f^(j) / j!` over each `[lo, hi]` on which
            `f` is smooth, `(2, order + 1, ...)`; infinite where unknown. If `taylor` is None, the
            bounds are derived from `exact`.
        origin: Name and attributes of the curve in the curve table, or None if it is not there.
    """

    name: str
    f: Elementwise
    df: Elementwise
    knots: tuple[float, ...] = ()
    bends: tuple[str, ...] = ("line",)
    turns: tuple[float, ...] = ()
    on: tuple[float, float] = (-np.inf, np.inf)
    beyond: tuple[float, float] | None = None
    jumps: tuple[float, ...] = ()
    exact: Callable[[Any, Any], Any] | None = None
    ulps: float = 0
    off: float = 0.0
    slope_error: float = 2.0**-49
    saturated: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    lines: tuple[tuple[float, float] | None, ...] | None = None
    holes: tuple[float, ...] = ()
    part: bool = False
    crossings: tuple[tuple[float, float], ...] = ()
    taylor: Callable[[np.ndarray, np.ndarray, int], np.ndarray] | None = None
    origin: tuple[str, tuple] | None = None

    def __post_init__(self) -> None:
        if len(self.bends) != len(self.knots) + 1 or not set(self.bends) <= set(BENDS):
            raise OutrangeError(
                f"Curve `{self.name}` has {len(self.knots)} knots, so `bends` needs "
                f"{len(self.knots) + 1} entries from {BENDS}. Received: {self.bends}."
            )
        if list(self.knots) != sorted(set(self.knots)):
            raise OutrangeError(f"Knots of `{self.name}` must increase. Received: {self.knots}.")

    def run(self, xs: Sequence[np.ndarray]) -> np.ndarray:
        """Return `f` applied to the single input."""
        return self.f(xs[0])

    @property
    def is_piecewise_linear(self) -> bool:
        """Whether `f` is continuous, linear in every gap, and described on the whole real line."""
        return (
            set(self.bends) == {"line"}
            and not self.jumps
            and not self.holes
            and self.on[0] <= -np.finfo(np.float64).max
            and self.on[1] >= np.finfo(np.float64).max
        )

    @property
    def has_exact_lines(self) -> bool:
        """Whether `f` is piecewise linear with unrounded coefficients."""
        return self.is_piecewise_linear and self.lines is not None and None not in self.lines

    @functools.cached_property
    def rays(self) -> tuple[float, float] | None:
        """Slopes below and above 0 if `f` is exactly two rays from the origin, otherwise None."""
        if tuple(self.knots) != (0.0,) or not self.is_piecewise_linear:
            return None
        if self.lines is not None and None not in self.lines:
            # `lines` states them exactly, regardless of rounding in the float64 `f`.
            (below, first), (above, second) = (line for line in self.lines if line is not None)
            return (below, above) if first == 0.0 and second == 0.0 else None
        if self.ulps or self.off or float(self.f(np.zeros(1))[0]) != 0.0:
            return None
        below, above = (float(self.df(np.array([x]))[0]) for x in (-1.0, 1.0))
        return below, above

    @functools.cached_property
    def sides(self) -> tuple[Side, Side]:
        """Records of `f` and `-f` from which linear bounds are derived."""
        with np.errstate(all="ignore"):
            return Side(self, 1.0), Side(self, -1.0)

    @functools.cached_property
    def poles(self) -> tuple[float, ...]:
        """The holes, and the finite endpoints of `on` at which `f` is infinite."""
        with np.errstate(all="ignore"):
            ends = [e for e in self.on if np.isfinite(e) and np.isinf(self.f(np.full(1, e)))[0]]
        return (*self.holes, *ends)

    def outside(self, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        """Return a mask of the ranges `[lo, hi]` that extend outside `on`.

        Raises:
            DomainError: A range contains a hole; or, if `beyond` is None, it extends outside `on`
                or contains an endpoint of `on` at which `f` is infinite.
        """
        out = ~((lo >= self.on[0]) & (hi <= self.on[1]))
        undefined = np.zeros(np.shape(out), bool) if self.beyond is not None else out
        for pole in self.poles if self.beyond is None else self.holes:
            undefined = undefined | ((lo <= pole) & (pole <= hi))
        if np.any(undefined):
            i = int(np.flatnonzero(np.ravel(undefined))[0])
            first, last = self.on
            is_open = [not np.isfinite(end) or end in self.poles for end in self.on]
            on = f"{'[('[is_open[0]]}{first:g}, {last:g}{'])'[is_open[1]]}"
            but = "".join(f" without {p:g}" for p in self.holes if first < p < last)
            raise DomainError(
                self.name,
                f"is supported only on {on}{but}, but its input may leave that range. Choose a "
                "smaller input set, or keep the input in the range with a clip or an epsilon. "
                f"Received: [{np.ravel(lo)[i]:.6g}, {np.ravel(hi)[i]:.6g}].",
            )
        return out

    def range(self, lo: ArrayLike, hi: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Return the range of `f` over each `[lo, hi]`, widened by the stated error.

        If `lo < hi` and `[lo, hi]` extends outside `on`, the result is `beyond`.

        Args:
            lo: Lower bounds of the argument, of any shape.
            hi: Upper bounds, of the same shape.

        Returns:
            `(least, most)`, arrays of that shape.

        Raises:
            DomainError: A range contains a hole; or, if `beyond` is None, it extends outside `on`
                or contains an endpoint of `on` at which `f` is infinite.
        """
        lo, hi = np.asarray(lo, np.float64), np.asarray(hi, np.float64)
        out = self.outside(lo, hi)
        with np.errstate(all="ignore"):
            first, last = self._enclose(lo, self.f(lo)), self._enclose(hi, self.f(hi))
            least, most = np.minimum(first[0], last[0]), np.maximum(first[1], last[1])
            for first_at, last_at, low, high in self._turn_values:
                inside = (lo <= first_at) & (last_at <= hi)
                if inside.any():
                    least = np.where(inside, np.minimum(least, low), least)
                    most = np.where(inside, np.maximum(most, high), most)
        if self.beyond is not None:
            wide = out & (lo < hi)  # at a point, the stated error of `f` suffices
            least = np.where(wide, self.beyond[0], least)
            most = np.where(wide, self.beyond[1], most)
            least, most = np.maximum(least, self.beyond[0]), np.minimum(most, self.beyond[1])
        return np.where(np.isnan(least), -np.inf, least), np.where(np.isnan(most), np.inf, most)

    def taylor_range(self, lo: np.ndarray, hi: np.ndarray, order: int) -> np.ndarray:
        """Return bounds on `f^(j) / j!` over each `[lo, hi]`, for `j` up to `order`.

        Returns:
            `(2, order + 1, ...)`: lower and upper bounds; infinite where `f` may not be smooth.
        """
        if self.taylor is not None:
            with np.errstate(all="ignore"):
                ends = self.taylor(lo, hi, order)
        elif self.exact is not None:
            ends = taylor_of(self.exact, lo, hi, order)
        else:
            ends = np.full((2, order + 1, *np.shape(lo)), np.nan)
        ends[0] = np.where(np.isnan(ends[0]), -np.inf, ends[0])
        ends[1] = np.where(np.isnan(ends[1]), np.inf, ends[1])
        return ends

    @functools.cached_property
    def _turn_values(self) -> list[tuple[float, float, float, float]]:
        """Tuples `(a, b, least, most)`: bounds at a turn, for ranges that contain `a` and `b`.

        At a jump, the one-sided limits apply to ranges that extend past it.
        """
        values = []
        for turn in self.turns:
            values.append((turn, turn, *map(float, self._enclose(turn, self.f(np.asarray(turn))))))
            if turn in self.jumps:
                i = self.knots.index(turn)
                for gap, ends in ((i, (down(turn), turn)), (i + 1, (turn, up(turn)))):
                    least, most = (side.limit_least(i, gap) for side in self.sides)
                    values.append((*ends, least, -most))
        return values

    def _enclose(self, x: Numbers, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Bound the real value of `f(x)`, given its computed float64 `value`."""
        if self.ulps == 0 and self.off == 0.0:
            return value, value
        # A value that overflows at a finite `x` is at least the largest float64, up to the error.
        most = np.finfo(np.float64).max
        finite = np.where(np.isinf(value), np.copysign(most, value), value)
        error = self.off + self.ulps * 2.0 * UNIT * np.abs(finite)
        exact = (value == 0) & (np.asarray(x) == 0) | np.isinf(value) & np.isinf(x)
        low = np.where(value == -np.inf, value, down(finite - error))
        high = np.where(value == np.inf, value, up(finite + error))
        low, high = np.where(exact, value, low), np.where(exact, value, high)
        for first, last, constant in self._constant_pieces:
            inside = (first <= np.asarray(x)) & (np.asarray(x) <= last)
            low, high = np.where(inside, constant, low), np.where(inside, constant, high)
        return low, high

    @functools.cached_property
    def _constant_pieces(self) -> list[tuple[float, float, float]]:
        """Tuples `(first, last, value)`: `f` is exactly `value` from `first` to `last`."""
        if self.jumps or self.holes or np.isfinite(self.on).any():
            return []
        ends = (-np.inf, *self.knots, np.inf)
        lines = [(g, line) for g, line in enumerate(self.lines or ()) if line is not None]
        return [(ends[g], ends[g + 1], offset) for g, (slope, offset) in lines if slope == 0.0]
