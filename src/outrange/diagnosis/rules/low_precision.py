"""OR018: numbers that a 16-bit float cannot represent."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...core import Bounds, InputError
from ...domains.intervals import RULES
from ...graph import Graph, Node
from ...ops import Affine
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..wording import at_least, share, short


LARGEST = {"float16": 65504.0, "bfloat16": 3.3895313892515355e38}
"""The largest finite number of each 16-bit format."""

UNIT = {"float16": 2.0**-11, "bfloat16": 2.0**-8}
"""Unit roundoff: half the distance from 1 to the next number."""

TINY = {"float16": 2.0**-24, "bfloat16": 2.0**-133}
"""The smallest positive number of each format."""

FEW = 4
"""Bound on the relative error of an operation, in unit roundoffs. The errors of summation are not
included."""

AT_ONCE = 4_000_000
"""Limit on the number of graph values times the number of rows that are bounded in one pass."""


def _large(keras: ModuleType, dtype: str | None) -> ModelAndData:
    x = np.random.default_rng(0).uniform(0, 50, (32, 8)).astype("float32")
    weights = keras.initializers.RandomUniform
    model = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(
                4,
                "relu",
                dtype=dtype,
                kernel_initializer=weights(400, 600, seed=1),
                name="wide",
            ),
            keras.layers.Dense(1, kernel_initializer=weights(1e-6, 3e-6, seed=2)),
        ]
    )
    return model, x, x.sum(axis=1, keepdims=True)


@register(
    "OR018", "numbers do not fit a 16-bit float",
    """A layer that computes in float16 cannot represent numbers beyond 65504, and rounds numbers
    below 3e-8 to 0. The rule analyzes the model as if it computed in float32, and bounds the
    outputs of its layers for each row. The bounds include the rounding of the weights and of every
    operation in the 16-bit format. The finding is PROVED if, for some row, a value exceeds the
    largest number of the format, and thus becomes infinity or NaN. Scale the inputs, use bfloat16,
    or keep the layer in float32.""",
    Example(lambda k: _large(k, "float16"), lambda k: _large(k, "float32")),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report layers whose values exceed the largest number of their 16-bit format for some row."""
    part = case.program.whole
    for layer in case.program.layers if part is not None else ():
        limit = LARGEST.get(layer.dtype)
        if limit is None:
            continue
        for tensor in (layer.before, layer.after):
            rows = case.rows_of(tensor)
            # Numbers up to half a step beyond the largest one are rounded to it.
            beyond = limit * (1 + UNIT[layer.dtype])
            if rows is None or not (np.maximum(rows.lo, -rows.hi) > beyond).any():
                continue
            least = _least_sizes(case, layer.dtype, tensor)
            over = least > beyond
            if not over.any():
                continue
            count = int(over.any(axis=1).sum())
            yield rule.finding(
                Level.PROVED, layer.path,
                f"this layer computes in {layer.dtype}, whose largest number is {short(limit)}. "
                f"For {share(count, len(over))} rows, its values reach "
                f"{at_least(float(least.max()))} or more, so they become infinity or NaN.",
                'dtype="float32" for this layer   or   scale its inputs',
                interval=(float(rows.lo.min()), float(rows.hi.max())), cost={"rows": count},
                holds_for=f"the stored weights and {case.these_rows}",
            )  # fmt: skip
            break


def _least_sizes(case: DiagnosisContext, dtype: str, tensor: int | None) -> np.ndarray:
    """Compute lower bounds on absolute values of a tensor in a 16-bit format, for each bounded row.

    Returns:
        The bounds, `(rows, units)`; an entry that is not positive proves nothing.
    """
    part = case.program.whole
    if part is None or tensor is None or tensor not in part.places:
        return np.zeros((len(case.bounded_rows), 1))
    graph, pieces = part.written, []
    count = max(1, AT_ONCE // max(sum(n.size for n in graph.nodes) + graph.size, 1))
    for start in range(0, len(case.bounded_rows), count):
        x = case.flat[case.bounded_rows[start : start + count]]
        lo = np.full((len(x), graph.size), -np.inf)
        hi = np.full((len(x), graph.size), np.inf)
        lo[:, : part.data] = hi[:, : part.data] = x
        low, high = rounded_ends(graph, (lo, hi), part.places[tensor], dtype)
        pieces.append(np.maximum(low, -high))
    return np.concatenate(pieces)


def rounded_ends(graph: Graph, box: Bounds, value: int, dtype: str) -> Bounds:
    """Bound one value when the result of every operation is rounded to a 16-bit format.

    An affine operation has `|fl(W x + b) - (W x + b)| <= g (|W| |x| + |b|)` for any order of
    summation. Here `g` is `n + FEW` unit roundoffs, where `n` is the number of terms. It covers the
    rounding of `W`, `x`, `b` and the result (Higham, Accuracy and Stability, section 3.1). If a
    partial sum may overflow, the result is unbounded for the operations that read it. Other
    operations are exact up to a few unit roundoffs of their inputs and results.

    Args:
        graph: The model's unfused graph.
        box: Bounds of the inputs, `(boxes, graph.size)` each.
        value: Index of the value to bound.
        dtype: Name of the 16-bit format.
    """
    unit, limit = UNIT[dtype], LARGEST[dtype]
    values = [_apply_overflow(box, limit)]
    ends = box
    for node in graph.nodes[:value]:
        op = node.op
        share = unit * (FEW + (op.terms if isinstance(op, Affine) else 0))
        before = [_widen(values[j], share) for j in node.inputs]
        rule = RULES.get(type(op)) if share < 0.5 else None
        with np.errstate(all="ignore"):
            ends = _ends(rule, node, before, len(box[0]))
            values.append(_apply_overflow(ends, limit))
            if isinstance(op, Affine):
                sizes = tuple(np.maximum(np.abs(lo), np.abs(hi)) for lo, hi in before)
                tiny = op.terms * TINY[dtype] * (1.0 + max(float(s.max(initial=0)) for s in sizes))
                pad = share * np.abs(op.bias) + tiny
                ends = ends[0] - pad, ends[1] + pad
                # The sum of absolute values bounds every partial sum.
                fits = op.apply(sizes, True) + np.abs(op.bias) + pad <= limit
                values[-1] = np.where(fits, ends[0], -np.inf), np.where(fits, ends[1], np.inf)
            ends = _widen(ends, FEW * unit)
    return ends


def _ends(rule: Callable | None, node: Node, before: Sequence[Bounds], boxes: int) -> Bounds:
    """Bound a node's result, `(boxes, node.size)` each.

    The bounds are infinite if `rule` is None or if the op may be undefined for its input.
    """
    ends = None
    with contextlib.suppress(InputError):  # the input leaves the domain
        if rule is not None:
            ends = rule(node.op, tuple(e[0] for e in before), tuple(e[1] for e in before))
    if ends is None:
        return np.full((boxes, node.size), -np.inf), np.full((boxes, node.size), np.inf)
    low, high = ends
    return np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)


def _widen(ends: Bounds, share: float) -> Bounds:
    return ends[0] - share * np.abs(ends[0]), ends[1] + share * np.abs(ends[1])


def _apply_overflow(ends: Bounds, limit: float) -> Bounds:
    """Replace bounds beyond `limit`, the largest finite number of a type, with infinity."""
    lo, hi = ends
    return np.where(lo < -limit, -np.inf, lo), np.where(hi > limit, np.inf, hi)
