"""Bounds on the distance between the backend's values and those of real arithmetic.

If large numbers cancel in a sum, its rounding error may be much larger than its range in real
arithmetic. Integer types wrap around, and overflowing values become infinite. A proof about units
must account for these effects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Protocol

import numpy as np

from ...core import Bounds, InputError
from ...graph import Graph, Node
from ...graph.float32 import (
    BFLOAT16,
    EXTRA_TERMS,
    FLOAT16,
    FLOAT32,
    OPERATIONS,
    FloatType,
    gamma_of,
    run_with_error_bounds,
)
from ...ops import Affine, Curve, Largest, Product, Rearrange
from ...program import PartialGraph, Program
from ..bounds import Ranges, at_once, steepest


class RoundedCase(Protocol):
    """The part of `DiagnosisContext` that rounding bounds need."""

    program: Program

    @property
    def flat_model_inputs(self) -> np.ndarray:
        """The flattened inputs as the model receives them."""
        ...

    @property
    def finite_rows(self) -> np.ndarray:
        """Mask of the rows that are finite as the model receives them."""
        ...

    @property
    def bounded_rows(self) -> np.ndarray:
        """Indices of the rows for which `at_rows` contains bounds."""
        ...

    @property
    def at_rows(self) -> Mapping[int, object]:
        """Map from the number of each bounded tensor to its bounds for the bounded rows."""
        ...

    @property
    def written_over_box(self) -> Ranges | None:
        """Ranges of the model's values in real arithmetic over the box of the data."""
        ...


class Roundings:
    """Bounds on the distance between the backend's values and those of real arithmetic.

    Args:
        case: The diagnosed program with its data.
    """

    def __init__(self, case: RoundedCase) -> None:
        self.case, self.part = case, case.program.whole
        self.computed = coarsest(layer.dtype for layer in case.program.layers)

    def at_rows(self, tensor: int | None) -> np.ndarray | float:
        """Return a bound on a tensor's error for each of the bounded rows, `(rows, units)`.

        It is the number 0 for a constant, and infinity if no bound is known.
        """
        return self._of_constant(tensor, self._at_rows)

    def over_box(self, tensor: int | None) -> np.ndarray | float:
        """Return a bound on a tensor's error anywhere in the box of the data, `(units,)`.

        It is the number 0 for a constant, and infinity if no bound is known.
        """
        part, off = self.part, self._over_box
        at = {} if part is None or off is None else {t: off[v][0] for t, v in part.places.items()}
        return self._of_constant(tensor, at)

    def _of_constant(self, tensor: int | None, at: dict[int, np.ndarray]) -> np.ndarray | float:
        if tensor is None or self.part is None:
            return np.inf
        return 0.0 if tensor in self.part.constants else at.get(tensor, np.inf)

    @cached_property
    def _at_rows(self) -> dict[int, np.ndarray]:
        if self.part is None:
            return {}
        x = self.case.flat_model_inputs[self.case.bounded_rows]
        return rows_off(self.part, x, self.case.at_rows, self.computed)

    @cached_property
    def _over_box(self) -> list[np.ndarray] | None:
        ranges = self.case.written_over_box
        if self.part is None or ranges is None:
            return None
        off = box_off(self.part.written, ranges.ends, self.computed)
        x = self.case.flat_model_inputs[self.case.finite_rows]
        inside = bool(within_limits(self.part, x, x).all())
        return off if inside else [np.full(e.shape, np.inf) for e in off]

    @cached_property
    def ranges(self) -> Ranges | None:
        """Ranges of the backend's values over the box of the data, for the unfused graph.

        None if the model could not be converted to a graph.
        """
        off, real = self._over_box, self.case.written_over_box
        if off is None or real is None:
            return None
        return Ranges([(lo - e, hi + e) for (lo, hi), e in zip(real.ends, off, strict=True)])


def coarsest(dtypes: Iterable[str]) -> FloatType:
    """Return the least precise float type among float32 and the types with the given names."""
    names = set(dtypes)
    return BFLOAT16 if "bfloat16" in names else FLOAT16 if "float16" in names else FLOAT32


def rows_off(
    part: PartialGraph, x: np.ndarray, tensors: Iterable[int], computed: FloatType
) -> dict[int, np.ndarray]:
    """Bound the distance between the backend's values and the real values of tensors on given rows.

    Args:
        part: The model; its operations are evaluated in the unfused graph.
        x: The rows as the model receives them, `(rows, part.data)`.
        tensors: Tensor numbers; those outside the unfused graph have no entry in the result.
        computed: The floating-point type of the backend's arithmetic.

    Returns:
        Map from tensor number to bound, `(rows, units)`. The bound is infinite for rows for which
        an operation may overflow, wrap around or jump.

    Sound: for any order of summation. Cost: two forward passes.
    """
    places = {t: part.places[t] for t in tensors if t in part.places}
    pieces: dict[int, list[np.ndarray]] = {t: [] for t in places}
    inside = within_limits(part, x, x)
    for rows in at_once(part.written, len(x)):
        full = np.full((len(x[rows]), part.written.size), np.nan)
        full[:, : part.data] = x[rows]
        errors = run_with_error_bounds(part.written, full, OPERATIONS, computed, sums=1)
        sure = inside[rows] & ~errors.near_jump & ~errors.overflows
        for tensor, place in places.items():
            off = np.where(sure[:, None], errors.bounds[place], np.inf)
            pieces[tensor].append(np.where(np.isnan(off), np.inf, off))
    return {t: np.concatenate(p) for t, p in pieces.items()}


def within_limits(part: PartialGraph, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """Return a mask `(boxes,)` of the boxes that lie within the limits of all inputs.

    In these boxes, the graph is known to compute what the model computes. Outside the limits of an
    input, its integer type wraps around. If a graph input that does not come from the data has
    limits, the mask is False for every box.

    Args:
        lo: Lower bounds of the inputs, `(boxes, part.data)`.
        hi: Upper bounds, in the shape of `lo`.
    """
    ends = [np.repeat([slot.limits], slot.size, axis=0) for slot in part.written.inputs]
    limits = np.concatenate(ends) if ends else np.zeros((0, 2))
    if np.isfinite(limits[part.data :]).any():
        return np.zeros(len(lo), bool)
    least, most = limits[: part.data].T
    return np.asarray(((lo >= least) & (hi <= most)).all(axis=1))


def box_off(graph: Graph, ends: Sequence[Bounds], computed: FloatType) -> list[np.ndarray]:
    """Bound the distance between the backend's values and the real values anywhere in a box.

    Args:
        graph: The model's unfused graph.
        ends: Ranges of the graph's values over the box, `(1, n)` each.
        computed: The floating-point type of the backend's arithmetic.

    Returns:
        A bound for each value, `(1, n)`. It is infinite if the value may overflow, or if its
        operation has no rule. For a curve, it is also infinite if the rounded input may cross a
        jump or leave the domain of the curve.
    """
    errors = [np.zeros(ends[0][0].shape)]
    with np.errstate(all="ignore"):
        for value, node in enumerate(graph.nodes, 1):
            before = tuple(errors[j] for j in node.inputs)
            off = _node_error(node, [ends[j] for j in node.inputs], before, computed)
            most = np.maximum(*map(np.abs, ends[value])) + off
            lost = ~(most < computed.largest)  # NaN is lost too
            errors.append(np.where(lost, np.inf, off))
    return errors


def _node_error(
    node: Node, ends: Sequence[Bounds], before: tuple[np.ndarray, ...], computed: FloatType
) -> np.ndarray:
    """Bound the error of a node's value, `(1, n)`; see `graph.float32` for the derivation.

    Args:
        ends: Ranges of the node's inputs in real arithmetic, `(1, n)` each.
        before: Bounds on the errors of the node's inputs, `(1, n)` each.
    """
    op = node.op
    sizes = (np.maximum(*map(np.abs, end)) for end in ends)
    most = tuple(size + e for size, e in zip(sizes, before, strict=True))
    relative = OPERATIONS * gamma_of(EXTRA_TERMS, computed)
    if isinstance(op, Rearrange):
        return op.run(before, fill=False)
    if isinstance(op, Largest):
        return op.run(before)
    if isinstance(op, Product):
        moved = op.run((most[0], before[1])) + op.run((before[0], most[1]))
        return moved + relative * op.run(most) + computed.tiny
    if isinstance(op, Affine):
        operations = OPERATIONS if op.ulps else 1
        share = operations * gamma_of(op.terms + EXTRA_TERMS, computed)
        size = op.apply(most, True) + np.abs(op.bias)
        return op.apply(before, True) + share * size + computed.tiny * op.terms * (size > 0)
    if isinstance(op, Curve):
        lo, hi = ends[0][0] - before[0], ends[0][1] + before[0]
        moved = np.where(before[0] == 0.0, 0.0, steepest(op, lo, hi) * before[0])
        try:
            size = np.maximum(*map(np.abs, op.range(lo, hi)))
        except InputError:  # the curve is not defined there
            return np.full((1, node.size), np.inf)
        flat = 0.0 if op.is_piecewise_linear else computed.absolute
        return moved + relative * size + OPERATIONS * (computed.tiny + flat)
    return np.full((1, node.size), np.inf)
