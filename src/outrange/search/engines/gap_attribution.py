"""Gap attribution: the part of a bound's slack that each input causes.

In the bound of an objective, unit `j` with coefficient `a_j` costs `g_j = |a_j|` times the vertical
gap of its active line. Input `i` causes the fraction `s_ji = |A_ji| w_i / sum_i |A_ji| w_i` of the
width of the unit's range, where `A_j` is the unit's own linear form and `w` are the widths of the
box. The score of input `i` is `0.5 |A_i| w_i + sum_j g_j s_ji`. This is a heuristic: no bound
depends on it.
"""

from typing import Any

import numpy as np

from ...domains.relaxations import MaxRelaxation
from ...domains.stability import is_stable
from ...ops import Curve, Largest
from .alpha_crown import AlphaAscent


def attribute_gap(ascent: AlphaAscent) -> np.ndarray:
    """Return the scores `(P, d)` of the inputs for `P` pairs of a box and an objective.

    For a pair without a finite bound, the scores are the widths of the inputs.
    """
    sweep = ascent.sweep
    width = (sweep.cells.hi - sweep.cells.lo)[ascent.box]
    out = 0.5 * np.abs(ascent.form_rows) * width
    for nonlinear, blame_of in ((sweep.plan.curves, curve_blame), (sweep.plan.largest, pick_blame)):
        for v, source, _ in nonlinear:
            if v in ascent.used and source in sweep.shares:
                rows, shares = sweep.shares[source]
                blame = blame_of(ascent, v)[:, rows]
                out += np.einsum("pr,prd->pd", blame, shares[ascent.box])
    by_products = ascent.blame_of_products()
    if by_products is not None:
        out += by_products
    for v, sources, _ in sweep.plan.products:
        if v in ascent.used and by_products is None:
            for source, blame in zip(sources, product_blame(ascent, v), strict=True):
                out += _distribute(ascent, source, blame)
    if sweep.plan.counting.any():
        # Constant bounds hide the cause of the width: split inputs that select a row first.
        out += np.where(sweep.plan.counting & (width > 0), out.sum(axis=1, keepdims=True), 0.0)
    return np.where(np.isfinite(ascent.least)[:, None], out, width)


def product_blame(ascent: AlphaAscent, value: int) -> list[np.ndarray]:
    """Return the slack of a product as one array `(P, n)` per factor.

    Let `a` be the row's coefficient of the product. The slack is `|a|` times half the distance
    between the product and its active plane at the worst corner. It is divided equally between the
    factors.
    """
    sweep = ascent.sweep
    sources, op = next((s, op) for v, s, op in sweep.plan.products if v == value)
    used = ascent.used[value]
    (lu, hu), (lv, hv) = sweep.factors(op, sources)
    theta = used.line[3]
    with np.errstate(all="ignore"):
        area = ((hu - lu) * (hv - lv))[ascent.box]
        amount = 0.25 * np.abs(used.coefficient) * area * np.maximum(theta, 1.0 - theta)
        amount = np.nan_to_num(amount, posinf=1e100)
    return list(op.pull(amount, amount))


def _distribute(ascent: AlphaAscent, source: int, blame: np.ndarray) -> np.ndarray:
    """Distribute the slack of a factor's entries over the inputs that they depend on, `(P, d)`."""
    sweep = ascent.sweep
    origins = sweep.plan.origins[source]
    out = np.zeros((ascent.box.size, sweep.plan.graph.size))
    for value in np.unique(origins.value[origins.value >= 0]):
        here = origins.value == value
        entry = origins.entry[here]
        if value == 0:
            place: Any = (slice(None), entry)
            np.add.at(out, place, blame[:, here])
            continue
        at = source if source in sweep.shares and not origins.bent[here].any() else value
        if at not in sweep.shares:
            continue
        rows, shares = sweep.shares[at]
        wanted = entry if at == value else np.flatnonzero(here)
        place = np.searchsorted(rows, wanted)
        present = (place < rows.size) & (rows[np.minimum(place, rows.size - 1)] == wanted)
        part = shares[:, place[present]][ascent.box]
        out += np.einsum("pr,prd->pd", blame[:, here][:, present], part)
    return out


def curve_blame(ascent: AlphaAscent, value: int) -> np.ndarray:
    """Return the slack `(P, n)` that a curve's units cause in each row.

    The slack is the absolute value of the row's coefficient of the unit, times the largest distance
    between curve and active line. This distance is sampled at both ends, the middle and the knots
    of the unit's range.
    """
    sweep = ascent.sweep
    node = sweep.plan.graph.nodes[value - 1]
    op, source = node.op, node.inputs[0]
    assert isinstance(op, Curve)
    used = ascent.used[value]
    lo, hi = sweep.ends[source]
    loose = ~is_stable(op, lo, hi)
    pair, unit = np.nonzero((used.coefficient != 0.0) & loose[ascent.box])
    out = np.zeros(used.coefficient.shape)
    if not pair.size:
        return out
    box = ascent.box[pair]
    slope, offset = (part[pair, unit] for part in used.line)
    gap = np.zeros(pair.size)
    with np.errstate(all="ignore"):
        places = [lo, 0.5 * lo + 0.5 * hi, hi, *(np.clip(k, lo, hi) for k in op.knots)]
        for x in places:
            height = op.f(x)
            distance = np.abs(height[box, unit] - (slope * x[box, unit] + offset))
            gap = np.fmax(gap, distance)
        amount = np.abs(used.coefficient[pair, unit]) * gap
    out[pair, unit] = np.nan_to_num(amount, posinf=1e100)
    return out


def pick_blame(ascent: AlphaAscent, value: int) -> np.ndarray:
    """Return the slack of window maxima, `(P, n)` over the entries of their input.

    The slack of a window is assigned to the entry that its lower bound uses.
    """
    sweep, picks = ascent.sweep, ascent.net.lines[value]
    node = sweep.plan.graph.nodes[value - 1]
    op, source = node.op, node.inputs[0]
    lo, hi = sweep.ends[source]
    if not isinstance(picks, MaxRelaxation) or not isinstance(op, Largest):
        raise TypeError(f"Value {value} is not a window maximum.")
    with np.errstate(invalid="ignore"):
        gap = np.where(picks.sure, 0.0, op.run((hi,)) - op.run((lo,)))[ascent.box]
        amount = np.nan_to_num(np.abs(ascent.used[value].coefficient) * gap, posinf=1e100)
    out = np.zeros((ascent.box.size, lo.shape[1]))
    np.add.at(out, (np.arange(len(out))[:, None], picks.arg[ascent.box]), amount)
    return out
