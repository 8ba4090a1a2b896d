"""Elementwise functions of one variable, described by facts; the bounds are derived once here."""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..core import InputError, OutrangeError, down, up
from ..core.rounding import UNIT
from .side import Side


BENDS = ("line", "cup", "cap")


@dataclass(frozen=True, eq=False)
class Curve:
    """`y = f(x)`, entry by entry.

    Args:
        name: What the op is called.
        f: The function, vectorised, float64 in and out.
        df: Its slope (at a kink, either one-sided slope).
        knots: Increasing points; between neighbours `f` bends one way only. Kinks are knots.
        bends: `"line"`, `"cup"` (convex) or `"cap"` (concave) per gap: `len(knots) + 1` of them.
        turns: Every point where `f` may stop rising or falling, kinks and jumps included.
        on: Where the facts hold. Wider inputs get the constants `beyond`, or an error.
        beyond: `(least, most)` of `f` over its whole domain, if `f` is defined outside `on`.
        jumps: The knots at which `f` is discontinuous (its two one-sided limits are taken).
        exact: The definition, `exact(mp, x)` with `mp` the mpmath module: the laws' oracle.
        ulps: Float64 `f` is within `off + ulps * spacing(|f(x)|)` of `exact`.
        off: See `ulps`; absolute.
        slope_error: `|df(x) - f'(x)| <= slope_error * (1 + |f'(x)|)`.
        saturated: `saturated(lo, hi)`: where the unit hardly responds on all of `[lo, hi]`;
            None if the function has no flat tails.
        lines: Per gap `(slope, offset)` if `f` is exactly that line there (coefficients without
            rounding), else None. All None by default.
        holes: Points at which `f` is not defined; an input range that holds one is an error.
    """

    name: str
    f: Callable
    df: Callable
    knots: tuple[float, ...] = ()
    bends: tuple[str, ...] = ("line",)
    turns: tuple[float, ...] = ()
    on: tuple[float, float] = (-np.inf, np.inf)
    beyond: tuple[float, float] | None = None
    jumps: tuple[float, ...] = ()
    exact: Callable | None = None
    ulps: float = 0
    off: float = 0.0
    slope_error: float = 2.0**-49
    saturated: Callable | None = None
    lines: tuple[tuple[float, float] | None, ...] | None = None
    holes: tuple[float, ...] = ()

    def __post_init__(self):
        if len(self.bends) != len(self.knots) + 1 or not set(self.bends) <= set(BENDS):
            raise OutrangeError(
                f"Curve `{self.name}` has {len(self.knots)} knots, so `bends` needs "
                f"{len(self.knots) + 1} entries of {BENDS}. Received: {self.bends}."
            )
        if list(self.knots) != sorted(set(self.knots)):
            raise OutrangeError(f"Knots of `{self.name}` must increase. Received: {self.knots}.")

    def run(self, xs):
        """The value."""
        return self.f(xs[0])

    @property
    def is_piecewise_linear(self) -> bool:
        """Whether every gap is a straight line and no knot is a jump."""
        return set(self.bends) == {"line"} and not self.jumps

    @functools.cached_property
    def sides(self) -> tuple[Side, Side]:
        """`f` and `-f`, as the derivation of lines reads them."""
        with np.errstate(all="ignore"):
            return Side(self, 1.0), Side(self, -1.0)

    def outside(self, lo, hi):
        """Where `[lo, hi]` leaves `on`.

        Raises:
            InputError: Somewhere it does, and the curve has no `beyond`.
        """
        out = ~((lo >= self.on[0]) & (hi <= self.on[1]))
        if self.beyond is None and np.any(out):
            i = int(np.flatnonzero(np.ravel(out))[0])
            raise InputError(
                f"`{self.name}` is described on [{self.on[0]:g}, {self.on[1]:g}] only, and its input "
                f"can leave it. Received: [{np.ravel(lo)[i]:.6g}, {np.ravel(hi)[i]:.6g}]. "
                "Choose a smaller input set, or keep the input inside (a clip, an epsilon)."
            )
        return out

    def range(self, lo, hi):
        """Exact range over each `[lo, hi]`, pushed outward by the stated error.

        Args:
            lo: Lower ends, any shape.
            hi: Upper ends, the same shape.

        Returns:
            `(least, most)`, arrays of that shape.
        """
        lo, hi = np.asarray(lo, np.float64), np.asarray(hi, np.float64)
        out = self.outside(lo, hi)
        with np.errstate(all="ignore"):
            first, last = self.f(lo), self.f(hi)
            least, most = np.minimum(first, last), np.maximum(first, last)
            for turn in self.turns:
                inside = (lo <= turn) & (turn <= hi)
                if not inside.any():
                    continue
                sides = (turn, down(turn), up(turn)) if turn in self.jumps else (turn,)
                for value in self.f(np.array(sides)):
                    least = np.where(inside, np.minimum(least, value), least)
                    most = np.where(inside, np.maximum(most, value), most)
            least, most = least - self._error(least), most + self._error(most)
        if np.any(out):
            least = np.where(out, self.beyond[0], least)
            most = np.where(out, self.beyond[1], most)
        if self.beyond is not None:
            least, most = np.maximum(least, self.beyond[0]), np.minimum(most, self.beyond[1])
        return np.where(np.isnan(least), -np.inf, least), np.where(np.isnan(most), np.inf, most)

    def _error(self, value):
        """How far the float64 `value` may be from the real one."""
        if self.ulps == 0 and self.off == 0.0:
            return 0.0
        return self.off + self.ulps * 2 * UNIT * np.abs(value) + 5e-324 * np.ceil(self.ulps)
