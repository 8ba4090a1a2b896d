"""Checks of the properties that a `Curve` states, most of them against its definition."""

import math
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from ..core import InputError, down, up
from ..ops import Curve
from .broken import require
from .definition import Oracle, boxes, ladder, probes, samples, special


def check_definition(curve: Curve, oracle: Oracle | None = None) -> None:
    """Check that `f` is within its stated error of the definition and propagates NaN."""
    oracle = oracle or Oracle(curve)
    x = probes(curve)
    with np.errstate(all="ignore"):
        values = np.asarray(curve.f(x), np.float64)
        require(
            bool(np.isnan(curve.f(np.array([np.nan]))[0])),
            f"`{curve.name}` must return NaN for NaN",
        )
    high, low = oracle.values(x)
    inside = (x > curve.on[0]) & (x < curve.on[1])
    lost = np.isnan(high) & inside
    require(not lost.any(), f"`{curve.name}` is not defined on all of {curve.on}")
    wrong = np.isnan(values)
    require(not wrong.any(), f"`{curve.name}.f` is NaN at {x[wrong][:1]}")
    # For values beyond the float64 range, the error is not defined.
    seen = np.isfinite(values) & np.isfinite(high)
    with np.errstate(all="ignore"):
        far = np.abs((values - high) - low)
        allowed = curve.off + curve.ulps * np.spacing(np.abs(values))
        allowed = np.where((x == 0) & (values == 0), 0.0, allowed)
    bad = np.flatnonzero(seen & (far > allowed))
    if bad.size:
        i = bad[0]
        message = f"`{curve.name}.f({x[i]!r})` is {far[i]:.1e} off; stated {allowed[i]:.1e}"
        require(False, message)


def check_slope(curve: Curve, oracle: Oracle | None = None) -> None:
    """Check that `df` is within its stated error of the derivative, away from the knots."""
    oracle = oracle or Oracle(curve)
    x = probes(curve)
    beside = np.min(np.abs(x[:, None] - np.array([*curve.knots, np.inf])), axis=1)
    sizes = (np.abs(x) < 50.0) & ((np.abs(x) > 1e-9) | (x == 0))
    x = x[(beside > 1e-9) & sizes & (x > curve.on[0]) & (x < curve.on[1])][::3]
    with np.errstate(all="ignore"):
        slopes = np.asarray(curve.df(x), np.float64)
    for p, slope in zip(x.tolist(), slopes.tolist(), strict=True):
        true = oracle.slope(p)
        allowed = curve.slope_error * (1 + abs(true)) + 1e-30 * (1 + abs(true))
        require(
            abs(true - slope) <= allowed, f"`{curve.name}.df({p!r})` is {slope}, not {float(true)}"
        )


def _gaps(curve: Curve) -> Iterator[tuple[float, float, int]]:
    ends = (curve.on[0], *curve.knots, curve.on[1])
    yield from zip(ends[:-1], ends[1:], range(len(curve.bends)), strict=True)


def check_bends(curve: Curve, oracle: Oracle | None = None) -> None:
    """Check that `f` is convex, concave or linear between knots, as stated.

    Slopes of consecutive chords must increase, decrease, or be constant, respectively.
    """
    oracle = oracle or Oracle(curve)
    lines = curve.lines or (None,) * len(curve.bends)
    for a, b, i in _gaps(curve):
        x = [oracle.mp.mpf(p) for p in ladder(a, b).tolist()]
        y = [oracle.real(p) for p in x]
        rises = [(w - v) / (q - p) for p, q, v, w in zip(x, x[1:], y, y[1:], strict=False)]
        steps = [t - s for s, t in pairwise(rises)]
        tiny = oracle.mp.mpf(10) ** -38 * max(1, *(abs(s) for s in rises))
        rising, falling = any(s > tiny for s in steps), any(s < -tiny for s in steps)
        shapes = {(False, False): "line", (True, False): "cup", (False, True): "cap"}
        bend = shapes.get((rising, falling), "both ways")
        name, place = f"`{curve.name}`", f"between {a:.6g} and {b:.6g}"
        require(bend == curve.bends[i], f"{name} bends {bend}, not {curve.bends[i]}, {place}")
        line = lines[i]
        if line is not None:
            off = max(abs(v - line[0] * p - line[1]) for p, v in zip(x, y, strict=True))
            require(off < tiny, f"{name} is not {line} {place}")


def check_turns(curve: Curve, oracle: Oracle | None = None) -> None:
    """Check that `f` rises, falls or is constant between turns and holes; jumps must be turns."""
    oracle = oracle or Oracle(curve)
    require(set(curve.jumps) <= set(curve.turns), f"`{curve.name}` has a jump that is not a turn")
    ends = sorted({curve.on[0], *curve.turns, *curve.holes, curve.on[1]})
    for a, b in pairwise(ends):
        x = ladder(a, b).tolist()
        x += [p + s for p in curve.knots if a < p < b for s in (-1e-9, 1e-9)]
        x = [oracle.mp.mpf(p) for p in sorted(x) if a < p < b]
        y = [oracle.real(p) for p in x]
        signs = {int(oracle.mp.sign(w - v)) for v, w in pairwise(y)}
        require(len(signs) <= 1, f"`{curve.name}` turns somewhere between {a:.6g} and {b:.6g}")


def check_jumps(curve: Curve, oracle: Oracle | None = None) -> None:
    """Check each knot: it is a jump if and only if a one-sided limit differs from the value."""
    oracle = oracle or Oracle(curve)
    require(set(curve.jumps) <= set(curve.knots), f"`{curve.name}` has a jump that is not a knot")
    step = oracle.mp.mpf(10) ** -45
    for knot in set(curve.knots) - set(curve.holes):
        at = oracle.mp.mpf(knot)
        left, value, right = (oracle.real(at + s * step) for s in (-1, 0, 1))
        apart = max(abs(left - value), abs(right - value)) > oracle.mp.mpf(10) ** -40
        kind = "jumps" if apart else "does not jump"
        require(
            apart == (knot in curve.jumps),
            f"`{curve.name}` {kind} at {knot:.6g}, which contradicts `jumps`",
        )


def check_domain(curve: Curve, oracle: Oracle | None = None) -> None:
    """Check `on`, `beyond` and `holes`, which state the domain of `f` and bounds on its values."""
    oracle = oracle or Oracle(curve)
    for end, sign in zip(curve.on, (-1.0, 1.0), strict=True):
        # A pole may be the end of the domain if `f` is one branch of a function.
        if curve.beyond is None and math.isfinite(end) and oracle.mp.isfinite(oracle.at(end)):
            outside = any(oracle.mp.isfinite(oracle.at(end + sign * d)) for d in (1e-6, 0.5))
            require(not outside, f"`{curve.name}` is finite beyond {end}, but has no `beyond`")
    for hole in curve.holes:
        require(
            not oracle.mp.isfinite(oracle.at(hole)), f"`{curve.name}` has no hole at {hole:.6g}"
        )
        try:
            curve.range(np.array([hole - 1.0]), np.array([hole + 1.0]))
        except InputError:
            continue
        require(False, f"`{curve.name}.range` must refuse the hole at {hole:.6g}")
    inside = [p for p in (0.0, 1.0, *curve.knots, *curve.turns) if curve.on[0] < p < curve.on[1]]
    for p in set(inside) - set(curve.holes):
        require(bool(oracle.mp.isfinite(oracle.at(p))), f"`{curve.name}` has a hole at {p:.6g}")
    if curve.beyond is not None:
        _check_beyond(curve, curve.beyond, oracle)


def _check_beyond(curve: Curve, ends: tuple[float, float], oracle: Oracle) -> None:
    """Check that sampled values lie in the range `beyond`, and that some approach its endpoints."""
    least, most = ends
    far = [
        0.0,
        *curve.turns[:4],
        *(s * 10.0**k for k in (-2, -1, 0, 0.5, 1, 1.5, 2, 4, 8) for s in (-1, 1)),
    ]
    values = [v for v in map(oracle.at, far) if oracle.mp.isfinite(v)]
    low, high = min(values), max(values)
    require(least <= low and high <= most, f"`{curve.name}` leaves {curve.beyond}")
    for end, value in ((least, low), (most, high)):
        near = abs(value) > 90 if math.isinf(end) else abs(value - end) <= 1e-6
        require(bool(near), f"No value of `{curve.name}` is near the end {end} of `beyond`")


def check_range(curve: Curve, oracle: Oracle | None = None) -> None:
    """Check that `range` encloses all values, and that its endpoints are nearly attained."""
    oracle = oracle or Oracle(curve)
    lo, hi = boxes(curve)
    least, most = curve.range(lo, hi)
    x = samples(curve, lo, hi)
    high, low = oracle.values(x)
    under = (high < least[:, None]) | ((high == least[:, None]) & (low < 0))
    over = (high > most[:, None]) | ((high == most[:, None]) & (low > 0))
    bad = np.argwhere(under | over)
    if bad.size:
        i, j = bad[0]
        box, ends = f"[{lo[i]!r}, {hi[i]!r}]", f"[{least[i]!r}, {most[i]!r}]"
        require(
            False, f"`{curve.name}.range` of {box} is {ends}, but f({x[i, j]!r}) = {high[i, j]!r}"
        )
    # Limits at jumps, and constants outside `on`, need not be attained. Not all turns are sampled.
    inside = (lo >= max(curve.on[0], -1e3)) & (hi <= min(curve.on[1], 1e3))
    for skipped in (*curve.jumps, *(set(curve.turns) - set(special(curve, 5)))):
        inside &= ~((lo <= skipped) & (skipped <= hi))
    with np.errstate(all="ignore"):
        slack = 2.0 * curve.off + (4.0 * curve.ulps + 4.0) * np.spacing(
            np.abs(np.stack([least, most]))
        )
        loose = np.maximum(high.min(1) - least - slack[0], most - high.max(1) - slack[1])
    loose = np.where(np.isfinite(high).all(1) & inside, loose, 0.0)
    worst = int(np.argmax(loose))
    where = f"[{lo[worst]!r}, {hi[worst]!r}]"
    require(
        loose[worst] <= 0,
        f"`{curve.name}.range` of {where} exceeds the values by {loose[worst]:.1e}",
    )


LARGEST = float(np.finfo(np.float64).max)

BASES = (-700.0, -3.0, 0.0, 3.0, 700.0, 1e308)
"""Lower endpoints of the intervals that extend to infinity. Their negatives are upper endpoints."""


def check_infinite_ends(curve: Curve, oracle: Oracle | None = None) -> None:
    """Check `range` over intervals that extend to infinity against values as far as 1e300.

    A bound may be infinite only if some value is larger than 100 in magnitude. A finite bound must
    be nearly attained.
    """
    oracle = oracle or Oracle(curve)
    sizes = 10.0 ** np.array([2.0, 4.0, 150.0, 300.0, 308.2])
    far, near = np.concatenate([BASES, sizes]), np.linspace(-10.0, 10.0, 401)
    x = np.unique(np.concatenate([probes(curve), special(curve), near, far, -far]))
    x = x[(x >= curve.on[0]) & (x <= curve.on[1]) & ~np.isin(x, curve.poles)]
    values = {p: oracle.at(p) for p in x.tolist()}
    limits = {q for p in curve.jumps for q in (down(p), up(p)) if curve.on[0] < q < curve.on[1]}
    values |= {float(q): oracle.at(float(q)) for q in limits}
    ends = [(a, np.inf) for a in BASES] + [(-np.inf, -b) for b in BASES] + [(-np.inf, np.inf)]
    for lo, hi in ends:
        try:
            least, most = (float(v[0]) for v in curve.range(np.array([lo]), np.array([hi])))
        except InputError:
            continue  # the interval leaves the domain
        inside = {p: v for p, v in values.items() if lo <= p <= hi and not oracle.mp.isnan(v)}
        if not inside:
            continue
        where = f"`{curve.name}.range` of [{lo!r}, {hi!r}] is [{least!r}, {most!r}]"
        for p, value in inside.items():
            require(least <= value <= most, f"{where}, but f({p!r}) = {float(value)!r}")
        lowest, highest = min(inside.values()), max(inside.values())
        for bound, extreme in ((least, lowest), (most, highest)):
            attained = max(-LARGEST, min(LARGEST, extreme))
            near = abs(extreme) > 100 if np.isinf(bound) else (
                abs(attained - bound) <= 1e-3 * (1 + abs(attained))
            )  # fmt: skip
            require(bool(near), f"{where}, but no value found is beyond {float(extreme)!r}")


def check_saturated(curve: Curve, oracle: Oracle | None = None) -> None:
    """Check that `saturated` is True on flat tails, and False on steep and on wide intervals.

    On [-12, 12], an interval is steep if its slope exceeds 2% of the steepest slope; the whole of
    [-12, 12] is a wide interval. The tails are [-1e6, -1e5] and [1e5, 1e6]. A tail is flat if `f`
    changes by less than 1e-4 on it; on other tails, `saturated` must be False.
    """
    if curve.saturated is None:
        return
    x = np.linspace(-12.0, 12.0, 961)
    slope = np.abs(curve.df(x))
    saturated = np.asarray(curve.saturated(x[:-1], x[1:]))
    steep = np.maximum(slope[:-1], slope[1:]) > 0.02 * slope.max()
    require(not (saturated & steep).any(), f"`{curve.name}.saturated` must be False on steep parts")
    whole = curve.saturated(np.array([-12.0]), np.array([12.0]))[0]
    require(not whole, f"`{curve.name}.saturated` must be False on [-12, 12]")
    far = np.array([-1e6, 1e5]), np.array([-1e5, 1e6])
    flat = np.abs(curve.f(far[1]) - curve.f(far[0])) < 1e-4
    require(
        bool(np.all(curve.saturated(*far) == flat)),
        f"`{curve.name}.saturated` is wrong beyond ±1e5",
    )


def check_crossings(curve: Curve, oracle: Oracle | None = None) -> None:
    """Check that `f` has exactly the stated value at each crossing, and is increasing there."""
    if not curve.crossings:
        return
    oracle = oracle or Oracle(curve)
    rises = not curve.turns and not curve.jumps and "line" not in curve.bends
    require(rises, f"`{curve.name}` has crossings, but is not increasing")
    for x, value in curve.crossings:
        at = oracle.mp.mpf(x)
        left, here, right = (oracle.real(at + step) for step in (-1, 0, 1))
        require(here == value, f"`{curve.name}` does not cross {value} at {x}")
        require(left < here < right, f"`{curve.name}` does not rise at {x}")
