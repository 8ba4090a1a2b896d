"""Which objectives depend on which inputs, and the problems that this makes of them.

An output of two convolutions depends on a window of the image, not on the image. Its cone of
influence is a network of few inputs, which input splits solve exactly. Where the box is the same
everywhere, the cones of a layer are the same problem over and over: it is solved once.

Reference: E. Clarke, O. Grumberg, D. Peled, *Model Checking* (cone of influence reduction), MIT
Press 1999.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from ...core import check_deadline
from ...domains.cone import Cone, cone, shaped
from ...graph import Graph, Slot
from ...ops import Affine, Curve, Largest, Product, Rearrange
from .domain_boxes import DomainBoxes


MOST_CONES = 4096
"""Sets of outputs whose cones are looked for: each takes a pass over the nodes, a millisecond."""

MOST_PROBLEMS = 1024
"""Different problems: each costs the begin of a search, tens of milliseconds."""

OVERLAP = 8.0
"""Entries in the cones of all different problems together, as a multiple of the whole network's.
Beyond, what bounds of the whole have in common is worth more than what a cone leaves out."""

MOST_COEFFICIENTS = 1 << 20
"""Coefficients of an op up to which all of them are looked at."""

_Support = tuple[np.ndarray, np.ndarray]
"""A set of outputs, and the objectives that read it."""

_Groups = dict[tuple[int, ...], list[_Support]]
"""Supports by the free inputs that they depend on."""


@dataclass(frozen=True, eq=False)
class Part:
    """A problem of its own, and the objectives of the whole that it stands for.

    Args:
        graph: The cone, from the inputs that it reads.
        rows: `(objectives, outputs of the cone)`.
        offset: Array of shape `(objectives,)`.
        domain: Boxes of the inputs that it reads.
        places: Per copy of it `(objectives, inputs)`: objectives of the whole, in the order of the
            part's, and entries of the whole input, in the order of the part's inputs.
    """

    graph: Graph
    rows: np.ndarray
    offset: np.ndarray
    domain: DomainBoxes
    places: list[tuple[np.ndarray, np.ndarray]]


def independent_parts(
    graph: Graph, rows: np.ndarray, offset: np.ndarray, domain: DomainBoxes
) -> list[Part] | None:
    """Split a problem by cones of influence; None where that would not make it smaller.

    Args:
        rows: Objectives, shape `(m, outputs)`.
        offset: Array of shape `(m,)`.
    """
    free = domain.hull.lo < domain.hull.hi
    supports = _supports(rows)
    sizes = (op.size * sum(op.sizes) for op in _matrices(graph))
    if len(supports) > MOST_CONES or max(sizes, default=0) > MOST_COEFFICIENTS:
        return None
    if not free.any() or not graph.nodes:
        return None
    groups: _Groups = {}
    for columns, own in supports:
        check_deadline()
        read = _inputs(_cone(graph, columns))
        if free[read].sum() == free.sum():
            return None
        groups.setdefault(tuple(read[free[read]].tolist()), []).append((columns, own))
    whole = Part(graph, rows, offset, domain, [])
    return _distinct(whole, groups)


def _supports(rows: np.ndarray) -> list[_Support]:
    """The sets of outputs that rows read, each with the rows that read it."""
    reads = rows != 0
    single = reads.sum(axis=1) == 1
    found: dict[bytes, list[int]] = {}
    column = reads.argmax(axis=1)
    for k in range(len(rows)):
        columns = column[k : k + 1] if single[k] else np.flatnonzero(reads[k])
        found.setdefault(columns.astype(np.int64).tobytes(), []).append(k)
    return [(np.frombuffer(key, np.int64), np.array(own)) for key, own in found.items()]


def _matrices(graph: Graph) -> Iterator[Affine]:
    """Ops that state no part of theirs: a cone looks at all their coefficients."""
    for node in graph.nodes:
        if isinstance(node.op, Affine) and node.op.part is None and node.op.plain:
            yield node.op


def _cone(graph: Graph, columns: np.ndarray) -> Cone:
    some = columns if columns.size else np.zeros(1, np.int64)
    return cone(graph, graph.output, some, zeros=True)


def _inputs(part: Cone) -> np.ndarray:
    """The entries of the input that a cone reads, in the order of its leaves."""
    return np.concatenate([entries for value, entries in part.leaves if value == 0])


def _distinct(whole: Part, groups: _Groups) -> list[Part] | None:
    """One part per different problem; None where they are too many, or too large together."""
    most = OVERLAP * sum(node.size for node in whole.graph.nodes)
    free = whole.domain.hull.lo < whole.domain.hull.hi
    parts: dict[Hashable, Part] = {}
    waiting = list(reversed(groups.items()))
    while waiting:
        check_deadline()
        inputs, group = waiting.pop()
        found = _together(whole.graph, group)
        if len(group) > 1 and free[_inputs(found)].sum() > len(inputs):
            # A convolution reads all between two of its outputs, also what neither depends on: the
            # part would fall apart into the same group again.
            waiting.extend((inputs, [one]) for one in reversed(group))
            continue
        part = _restricted(whole, found, np.concatenate([own for _, own in group]))
        key = _key(part)
        if key not in parts:
            most -= found.work
            if len(parts) == MOST_PROBLEMS or most < 0:
                return None
            parts[key] = part
        else:
            parts[key].places.extend(part.places)
    return list(parts.values())


def _together(graph: Graph, group: list[_Support]) -> Cone:
    return _cone(graph, np.unique(np.concatenate([columns for columns, _ in group])))


def _restricted(whole: Part, found: Cone, objectives: np.ndarray) -> Part:
    inputs, domain = _inputs(found), whole.domain
    return Part(
        replace(shaped(whole.graph, found), inputs=(Slot("cone", (inputs.size,)),)),
        # The last value of a cone may hold more than was asked for; no row reads that.
        whole.rows[np.ix_(objectives, found.entries[-1])],
        whole.offset[objectives],
        DomainBoxes(domain.lo[:, inputs], domain.hi[:, inputs], domain.whole[inputs]),
        [(objectives, inputs)],
    )


def _key(part: Part) -> Hashable:
    """What tells problems apart; equal keys mean equal problems."""
    domain = part.domain
    arrays = (domain.lo, domain.hi, domain.whole, part.rows, part.offset)
    ops = tuple((node.inputs, node.size, _op_key(node.op)) for node in part.graph.nodes)
    return (*(_bytes(array) for array in arrays), ops)


def _op_key(op: object) -> Hashable:
    match op:
        # Coefficients of other ops are rounded sums: equal ones do not mean equal functions.
        case Affine() if op.plain and op.size * sum(op.sizes) <= MOST_COEFFICIENTS:
            columns = op.adjoint(np.eye(op.size))
            return ("affine", op.terms, op.ulps, _bytes(op.bias), *map(_bytes, columns))
        case Rearrange():
            return ("rearrange", op.sizes, _bytes(op.index), _bytes(op.fill))
        case Largest():
            return ("largest", _bytes(op.windows))
        case Product():
            return ("product", op.sizes, op.limits, _bytes(op.left), _bytes(op.right))
        case Curve():
            return ("curve", id(op))
        case _:
            return ("other", id(op))


def _bytes(array: np.ndarray) -> tuple[tuple[int, ...], bytes]:
    return array.shape, np.ascontiguousarray(array).tobytes()
