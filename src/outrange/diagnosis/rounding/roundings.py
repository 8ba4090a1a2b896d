"""How far what the backend computes may be from the real values that are bounded.

A sum of large numbers that cancel is anywhere within their rounding, however narrow its range in
real arithmetic is; a type of whole numbers wraps around, and what overflows is infinite. What is
said to be proved of units must hold all the same.
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
    """What is asked of a `DiagnosisContext`."""

    program: Program

    @property
    def seen(self) -> np.ndarray:
        """Inputs as the model gets them."""
        ...

    @property
    def sound_rows(self) -> np.ndarray:
        """Which of them are finite."""
        ...

    @property
    def bounded_rows(self) -> np.ndarray:
        """Which rows tensors are enclosed at."""
        ...

    @property
    def at_rows(self) -> Mapping[int, object]:
        """The tensors that are."""
        ...

    @property
    def written_over_box(self) -> Ranges | None:
        """Ranges of real arithmetic."""
        ...


class Roundings:
    """How far the backend may be from the real values of one case.

    Args:
        case: What is diagnosed.
    """

    def __init__(self, case: RoundedCase) -> None:
        self.case, self.part = case, case.program.whole
        self.computed = coarsest(layer.dtype for layer in case.program.layers)

    def at_rows(self, tensor: int | None) -> np.ndarray | float:
        """Of a tensor at each of the rows that are bounded, `(rows, units)`."""
        return self._of_constant(tensor, self._at_rows)

    def over_box(self, tensor: int | None) -> np.ndarray | float:
        """Of a tensor anywhere in the box of the data, `(units,)`."""
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
        x = self.case.seen[self.case.bounded_rows]
        return rows_off(self.part, x, self.case.at_rows, self.computed)

    @cached_property
    def _over_box(self) -> list[np.ndarray] | None:
        ranges = self.case.written_over_box
        if self.part is None or ranges is None:
            return None
        off = box_off(self.part.written, ranges.ends, self.computed)
        x = self.case.seen[self.case.sound_rows]
        inside = bool(within_limits(self.part, x, x).all())
        return off if inside else [np.full(e.shape, np.inf) for e in off]

    @cached_property
    def ranges(self) -> Ranges | None:
        """What the backend computes over the box of the data, in the graph as written."""
        off, real = self._over_box, self.case.written_over_box
        if off is None or real is None:
            return None
        return Ranges([(lo - e, hi + e) for (lo, hi), e in zip(real.ends, off, strict=True)])


def coarsest(dtypes: Iterable[str]) -> FloatType:
    """What has the largest roundings of the types that layers compute in."""
    names = set(dtypes)
    return BFLOAT16 if "bfloat16" in names else FLOAT16 if "float16" in names else FLOAT32


def rows_off(
    part: PartialGraph, x: np.ndarray, tensors: Iterable[int], computed: FloatType
) -> dict[int, np.ndarray]:
    """How far what the backend computes may be from the real values of some tensors.

    Args:
        part: The model; the operations are followed as they are written.
        x: `(rows, part.data)`, numbers that the model gets.
        tensors: Those without a place in the graph as written get no entry.
        computed: What the backend computes with.

    Returns:
        For each tensor `(rows, units)`; infinite at rows at which something may overflow, wrap
        around or jump on the way.

    Sound: in any order of summation. Cost: two forward passes.
    """
    kept = {t: part.places[t] for t in tensors if t in part.places}
    pieces: dict[int, list[np.ndarray]] = {t: [] for t in kept}
    inside = within_limits(part, x, x)
    for rows in at_once(part.written, len(x)):
        full = np.full((len(x[rows]), part.written.size), np.nan)
        full[:, : part.data] = x[rows]
        found = run_with_error_bounds(part.written, full, OPERATIONS, computed, sums=1)
        sure = inside[rows] & ~found.near_jump & ~found.overflows
        for tensor, place in kept.items():
            off = np.where(sure[:, None], found.bounds[place], np.inf)
            pieces[tensor].append(np.where(np.isnan(off), np.inf, off))
    return {t: np.concatenate(p) for t, p in pieces.items()}


def within_limits(part: PartialGraph, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """`(boxes,)`: where the graph is known to be the model; a type of whole numbers wraps around.

    Args:
        part: The model.
        lo: `(boxes, part.data)`.
        hi: The same.
    """
    ends = [np.repeat([slot.limits], slot.size, axis=0) for slot in part.written.inputs]
    limits = np.concatenate(ends) if ends else np.zeros((0, 2))
    if np.isfinite(limits[part.data :]).any():
        return np.zeros(len(lo), bool)
    least, most = limits[: part.data].T
    return np.asarray(((lo >= least) & (hi <= most)).all(axis=1))


def box_off(graph: Graph, ends: Sequence[Bounds], computed: FloatType) -> list[np.ndarray]:
    """How far what the backend computes may be from the real values, anywhere in a box.

    Args:
        graph: What is computed, as it is written.
        ends: Ranges of its values over the box, `(1, n)` each.
        computed: What the backend computes with.

    Returns:
        For each value `(1, n)`; infinite where something may overflow or jump, and where an
        operation is of a kind without a rule.
    """
    found = [np.zeros(ends[0][0].shape)]
    with np.errstate(all="ignore"):
        for value, node in enumerate(graph.nodes, 1):
            before = tuple(found[j] for j in node.inputs)
            off = _moved(node, [ends[j] for j in node.inputs], before, computed)
            most = np.maximum(*map(np.abs, ends[value])) + off
            lost = ~(most < computed.largest)  # NaN is lost too
            found.append(np.where(lost, np.inf, off))
    return found


def _moved(
    node: Node, ends: Sequence[Bounds], before: tuple[np.ndarray, ...], computed: FloatType
) -> np.ndarray:
    """Bound the error of a node's value; see `graph.float32` for the derivation."""
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
        except InputError:  # where it is not defined
            return np.full((1, node.size), np.inf)
        flat = 0.0 if op.is_piecewise_linear else computed.absolute
        return moved + relative * size + OPERATIONS * (computed.tiny + flat)
    return np.full((1, node.size), np.inf)
