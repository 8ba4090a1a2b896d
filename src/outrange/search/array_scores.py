"""Gap attribution: which input is to blame for the slack of a bound.

In the bound of an objective, unit `j` with coefficient `a_j` costs `g_j = |a_j|` times the vertical
gap of the line it uses; its range is wide because of input `i` in proportion
`s_ji = |A_ji| w_i / sum_i |A_ji| w_i`, `A_j` the unit's own linear form and `w` the widths of the
box. The score of input `i` is `0.5 |A_i| w_i + sum_j g_j s_ji`. A heuristic: no bound rests on it.
"""

import numpy as np

from ..domains.linear import Sweep
from ..domains.lines import Picks
from ..domains.pieces import settled
from .array_ascent import Ascent


def scores(ascent: Ascent) -> np.ndarray:
    """`(P, d)` scores; the plain widths where there is no finite bound."""
    sweep = ascent.sweep
    width = (sweep.cells.hi - sweep.cells.lo)[ascent.box]
    out = 0.5 * np.abs(ascent.form_rows) * width
    for v, line in ascent.net.lines.items():
        source = sweep.plan.graph.nodes[v - 1].inputs[0]
        if source not in sweep.shares or v not in ascent.used:
            continue
        rows, shares = sweep.shares[source]
        if isinstance(line, Picks):
            continue
        blame = curve_blame(sweep, ascent, v)[:, rows]
        out += np.einsum("pr,prd->pd", blame, shares[ascent.box])
    return np.where(np.isfinite(ascent.least)[:, None], out, width)


def curve_blame(sweep: Sweep, ascent: Ascent, value: int) -> np.ndarray:
    """`(P, n)`: `|a|` times the largest distance seen between the curve and the line in use."""
    node = sweep.plan.graph.nodes[value - 1]
    used = ascent.used[value]
    lo, hi = sweep.ends[node.inputs[0]]
    loose = ~settled(node.op, lo, hi)
    pair, unit = np.nonzero((used.coefficient != 0.0) & loose[ascent.box])
    out = np.zeros(used.coefficient.shape)
    if not pair.size:
        return out
    box = ascent.box[pair]
    slope, offset = used.slope[pair, unit], used.offset[pair, unit]
    gap = np.zeros(pair.size)
    with np.errstate(all="ignore"):
        places = [lo, 0.5 * lo + 0.5 * hi, hi, *(np.clip(k, lo, hi) for k in node.op.knots)]
        for x in places:
            height = node.op.f(x)
            distance = np.abs(height[box, unit] - (slope * x[box, unit] + offset))
            gap = np.fmax(gap, distance)
        amount = np.abs(used.coefficient[pair, unit]) * gap
    out[pair, unit] = np.nan_to_num(amount, posinf=1e100)
    return out
