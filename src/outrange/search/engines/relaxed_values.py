"""Values of a relaxed graph at points, from which an ascent computes its gradient."""

import numpy as np

from ...domains.backward import RelaxedGraph
from ...domains.relaxations import MaxRelaxation
from ...ops import Product


Record = dict[int, np.ndarray]
"""Coefficients `(P, n)` of the rows at nonlinear values, keyed by value."""

Chosen = dict[int, tuple[np.ndarray, ...]]
"""Active line of each unit of a nonlinear value, as in `UsedRelaxation.line`, keyed by value."""


def relaxed_values(
    net: RelaxedGraph, chosen: Chosen, record: Record, x: np.ndarray, last: int
) -> list[np.ndarray]:
    """Evaluate values 0 (the inputs) to `last` of a relaxed graph at the points `x`.

    Args:
        net: The graph with its relaxations. For a window maximum, the relaxation names the picked
            argument of each window.
        chosen: The active lines; a value without lines or picked arguments is evaluated without
            relaxation.
        record: Coefficients of the rows, whose signs select the bounds of window maxima.
        x: Points, shape `(P, d)`.
        last: Index of the last value.
    """
    values = [x]
    with np.errstate(all="ignore"):
        for v, node in enumerate(net.graph.nodes[:last], 1):
            op, source = node.op, values[node.inputs[0]]
            picks = net.lines.get(v)
            if v in chosen and isinstance(op, Product):
                left, right, offset, _ = chosen[v]
                u, w = source[:, op.left], values[node.inputs[1]][:, op.right]
                values.append(left * u + right * w + offset)
            elif v in chosen:
                slope, offset = chosen[v]
                values.append(slope * source + offset)
            elif isinstance(picks, MaxRelaxation) and v in record:
                picked = np.take_along_axis(source, picks.arg, axis=1)
                loose = (record[v] < 0) & ~picks.sure
                values.append(np.where(loose, picks.top, picked))
            else:
                values.append(op.run(tuple(values[j] for j in node.inputs)))
    return values
