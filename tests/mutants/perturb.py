"""Wrong facts, made mechanically from right ones."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from outrange.ops import Curve


FEW = 6


def _move_entry(values, i, by):
    return tuple(sorted((*values[:i], values[i] + by, *values[i + 1 :])))


def _without(values, i):
    return (*values[:i], *values[i + 1 :])


def _some(values) -> list[int]:
    """Indices of a few of them: the first, the last and those in the middle."""
    n = len(values)
    middle = range(n // 2 - 1, n // 2 + 2)
    return list(range(n)) if n <= FEW else sorted({0, n - 1, *middle})


def knots(facts: Curve) -> Iterator[tuple[str, dict]]:
    for i in _some(facts.knots):
        size = 1 + abs(facts.knots[i])
        for by in (1e-3, -1e-3, 1e-8):
            yield (
                f"knot {i} moved by {by * size:.1e}",
                {"knots": _move_entry(facts.knots, i, by * size)},
            )
        remaining = {"knots": _without(facts.knots, i), "bends": _without(facts.bends, i + 1)}
        remaining["jumps"] = tuple(j for j in facts.jumps if j != facts.knots[i])
        yield f"knot {i} dropped", {**remaining, "lines": None}
        knot = facts.knots[i]
        if knot in facts.jumps:
            yield f"jump {i} dropped", {"jumps": remaining["jumps"]}
        elif knot not in facts.holes:
            turns = tuple(sorted({*facts.turns, knot}))
            yield f"jump {i} made up", {"jumps": (*facts.jumps, knot), "turns": turns}
    if not facts.knots and facts.bends == ("line",):
        yield "bend made up", {"knots": (0.5,), "bends": ("cup", "line"), "lines": None}


def bends(facts: Curve) -> Iterator[tuple[str, dict]]:
    for i in _some(facts.bends):
        for bend in {"line", "cup", "cap"} - {facts.bends[i]}:
            wrong = (*facts.bends[:i], bend, *facts.bends[i + 1 :])
            yield f"bend {i} called {bend}", {"bends": wrong}
    for i, line in enumerate(facts.lines or ()):
        if line is None:
            continue
        slope, offset = line
        for wrong in ((slope * (1 + 1e-12) + 1e-13, offset), (slope, offset + 1e-12)):
            lines = (*facts.lines[:i], wrong, *facts.lines[i + 1 :])
            yield f"line {i} is {wrong}", {"lines": lines}


def turns(facts: Curve) -> Iterator[tuple[str, dict]]:
    for i in _some(facts.turns):
        yield f"turn {i} dropped", {"turns": _without(facts.turns, i)}
        for by in (1e-3, -1e-3, 1e-8):
            yield f"turn {i} moved by {by:.1e}", {"turns": _move_entry(facts.turns, i, by)}


def numbers(facts: Curve) -> Iterator[tuple[str, dict]]:
    f, df = facts.f, facts.df
    for name in ("ulps", "off", "slope_error"):
        if getattr(facts, name) > 0:
            yield f"{name} called 0", {name: 0.0}
    yield "f scaled", {"f": lambda x: f(x) * (1 + 1e-12)}
    yield "f shifted", {"f": lambda x: f(x) + 1e-9}
    yield "f hides NaN", {"f": lambda x: np.where(np.isnan(x), 0.0, f(x))}
    yield "f stops early", {"f": lambda x: f(np.clip(x, -30.0, 30.0)), "df": df}
    yield "df scaled", {"df": lambda x: df(x) * (1 + 1e-9)}
    yield "df shifted", {"df": lambda x: df(x) + 1e-6}
    yield "df turned around", {"df": lambda x: -df(x)}


def domain(facts: Curve) -> Iterator[tuple[str, dict]]:
    lo, hi = facts.on
    if math.isfinite(lo):
        yield "on too far left", {"on": (lo - 1.0, hi)}
    elif facts.beyond is None:
        yield "on cut left", {"on": (-2.0, hi)}
    if math.isfinite(hi):
        yield "on too far right", {"on": (lo, hi + 1.0)}
    elif facts.beyond is None:
        yield "on cut right", {"on": (lo, 2.0)}
    yield "hole made up", {"holes": (*facts.holes, 0.625 * (1 if hi > 0 else -1))}
    if facts.holes:
        yield "hole dropped", {"holes": ()}
    if facts.saturated is not None:
        yield "always saturated", {"saturated": lambda a, b: np.ones(np.shape(a), bool)}
        yield "never saturated", {"saturated": lambda a, b: np.zeros(np.shape(a), bool)}


def beyond(facts: Curve) -> Iterator[tuple[str, dict]]:
    if facts.beyond is None:
        return
    least, most = facts.beyond
    if math.isfinite(facts.on[0]):
        yield "beyond dropped", {"beyond": None}
    for by in (0.01, -0.01, 1e-5):
        if math.isfinite(least):
            yield f"beyond starts {by} higher", {"beyond": (least + by, most)}
        if math.isfinite(most):
            yield f"beyond ends {by} higher", {"beyond": (least, most + by)}
    if math.isinf(most):
        yield "beyond ends at 50", {"beyond": (least, 50.0)}
    if math.isinf(least):
        yield "beyond starts at -50", {"beyond": (-50.0, most)}


def perturb_curve(facts: Curve) -> Iterator[tuple[str, dict]]:
    """Yield all wrong versions of `facts`, as `(label, fields to replace)`."""
    for make in (knots, bends, turns, numbers, domain, beyond):
        yield from make(facts)


def equivalent(facts: Curve, change: dict) -> str | None:
    """Why a perturbed version says nothing wrong, if a machine can tell; else None."""
    probe = np.linspace(-20.0, 20.0, 101) + 0.123
    probe = probe[(probe > facts.on[0]) & (probe < facts.on[1])]
    with np.errstate(all="ignore"):
        for name in ("f", "df"):
            same = name in change and np.array_equal(
                change[name](probe), getattr(facts, name)(probe)
            )
            if same and set(change) == {name}:
                return f"the same {name} at every probe"
    if "f" in change and "df" in change:
        wide = np.array([-1e5, -300.0, 300.0, 1e5])
        wide = wide[(wide > facts.on[0]) & (wide < facts.on[1])]
        with np.errstate(all="ignore"):
            if np.array_equal(change["f"](wide), facts.f(wide)):
                return "the function is constant out there"
    return None


def build(facts: Curve, change: dict) -> Curve:
    """The curve with some fields replaced."""
    return replace(facts, **change)
