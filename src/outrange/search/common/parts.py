"""Splits a problem into independent parts by cones of influence.

An output of two stacked convolutions depends on a window of the image, not on the whole image. Its
cone of influence is a network with few inputs, which suits input splits. If the input box is
uniform, many cones of a layer are copies of one problem, which is solved once.

Reference: E. Clarke, O. Grumberg, D. Peled, *Model Checking* (cone of influence reduction), MIT
Press 1999.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from ...core import check_deadline
from ...domains.cone import Cone, cone, restore_axes
from ...graph import Graph, Slot
from ...ops import Affine, Curve, Largest, Product, Rearrange
from .domain_boxes import DomainBoxes


MOST_CONES = 4096
"""Maximum number of different output sets whose cones are computed; each set takes a pass of about
a millisecond."""

MOST_PROBLEMS = 1024
"""Maximum number of different problems: the start of each search takes tens of milliseconds."""

OVERLAP = 8.0
"""Maximum number of entries in the cones of all different problems, relative to the number of
entries in the network. Above it, sharing the bounds of the whole network saves more time than cones
would."""

MOST_COEFFICIENTS = 1 << 20
"""Number of coefficients up to which affine ops with exact coefficients are compared in full. A
network is not split if such an op is larger and cannot be restricted to a cone."""

_Support = tuple[np.ndarray, np.ndarray]
"""Indices of some outputs, and indices of the objectives that read exactly these outputs."""

_Groups = dict[tuple[int, ...], list[_Support]]
"""Supports, keyed by the free inputs on which they depend."""


@dataclass(frozen=True, eq=False)
class Part:
    """An independent problem, and the objectives of the whole problem that it represents.

    Args:
        graph: The cone, as a graph from the inputs that it reads.
        rows: Coefficients of the objectives, shape `(objectives, outputs of the cone)`.
        offset: Constants of the objectives, shape `(objectives,)`.
        domain: Boxes of the inputs that the cone reads.
        places: A pair `(objectives, inputs)` per copy. The first lists objectives of the whole
            problem, in the order of the part's objectives. The second lists entries of the whole
            input, in the order of the part's inputs.
    """

    graph: Graph
    rows: np.ndarray
    offset: np.ndarray
    domain: DomainBoxes
    places: list[tuple[np.ndarray, np.ndarray]]


def independent_parts(
    graph: Graph, rows: np.ndarray, offset: np.ndarray, domain: DomainBoxes
) -> list[Part] | None:
    """Split a problem by cones of influence, or return None if the problem should not be split.

    It should not be split if a part would read all free inputs, or if a limit of this module is
    exceeded, such as `MOST_PROBLEMS` or `OVERLAP`.

    Args:
        rows: Coefficients of the objectives, shape `(m, outputs)`.
        offset: Constants of the objectives, shape `(m,)`.
    """
    free = domain.hull.lo < domain.hull.hi
    supports = _supports(rows)
    sizes = (op.size * sum(op.sizes) for op in _matrices(graph))
    if len(supports) > MOST_CONES or max(sizes, default=0) > MOST_COEFFICIENTS:
        return None
    if not free.any() or not graph.nodes:
        return None
    groups: _Groups = {}
    for columns, objectives in supports:
        check_deadline()
        read = _inputs(_cone(graph, columns))
        if free[read].sum() == free.sum():
            return None
        groups.setdefault(tuple(read[free[read]].tolist()), []).append((columns, objectives))
    whole = Part(graph, rows, offset, domain, [])
    return _distinct_parts(whole, groups)


def _supports(rows: np.ndarray) -> list[_Support]:
    """Return the different sets of outputs that rows read, each with the rows that read it."""
    reads = rows != 0
    single = reads.sum(axis=1) == 1
    readers: dict[bytes, list[int]] = {}
    column = reads.argmax(axis=1)
    for k in range(len(rows)):
        columns = column[k : k + 1] if single[k] else np.flatnonzero(reads[k])
        readers.setdefault(columns.astype(np.int64).tobytes(), []).append(k)
    return [
        (np.frombuffer(key, np.int64), np.array(objectives)) for key, objectives in readers.items()
    ]


def _matrices(graph: Graph) -> Iterator[Affine]:
    """Yield the affine ops with exact coefficients that cannot be restricted to a cone."""
    for node in graph.nodes:
        if isinstance(node.op, Affine) and node.op.part is None and node.op.plain:
            yield node.op


def _cone(graph: Graph, columns: np.ndarray) -> Cone:
    """Compute the cone of some outputs, or of the first output if `columns` is empty."""
    some = columns if columns.size else np.zeros(1, np.int64)
    return cone(graph, graph.output, some, zeros=True)


def _inputs(part: Cone) -> np.ndarray:
    """Return the input entries that a cone reads, in the order of its leaves."""
    return np.concatenate([entries for value, entries in part.leaves if value == 0])


def _distinct_parts(whole: Part, groups: _Groups) -> list[Part] | None:
    """Return one part per different problem; None if `MOST_PROBLEMS` or `OVERLAP` is exceeded."""
    most = OVERLAP * sum(node.size for node in whole.graph.nodes)
    free = whole.domain.hull.lo < whole.domain.hull.hi
    parts: dict[Hashable, Part] = {}
    waiting = list(reversed(groups.items()))
    while waiting:
        check_deadline()
        inputs, group = waiting.pop()
        part_cone = _joint_cone(whole.graph, group)
        if len(group) > 1 and free[_inputs(part_cone)].sum() > len(inputs):
            # A convolution reads everything between two of its outputs, including entries that
            # neither depends on. The part would split into the same group again.
            waiting.extend((inputs, [support]) for support in reversed(group))
            continue
        part = _restrict(whole, part_cone, np.concatenate([objectives for _, objectives in group]))
        key = _key(part)
        if key not in parts:
            most -= part_cone.work
            if len(parts) == MOST_PROBLEMS or most < 0:
                return None
            parts[key] = part
        else:
            parts[key].places.extend(part.places)
    return list(parts.values())


def _joint_cone(graph: Graph, group: list[_Support]) -> Cone:
    """Compute the cone of influence of all outputs that a group of objectives reads."""
    return _cone(graph, np.unique(np.concatenate([columns for columns, _ in group])))


def _restrict(whole: Part, part_cone: Cone, objectives: np.ndarray) -> Part:
    """Restrict a problem to a cone and some objectives."""
    inputs, domain = _inputs(part_cone), whole.domain
    return Part(
        replace(restore_axes(whole.graph, part_cone), inputs=(Slot("cone", (inputs.size,)),)),
        # The last value of a cone may contain extra entries, which no row reads.
        whole.rows[np.ix_(objectives, part_cone.entries[-1])],
        whole.offset[objectives],
        DomainBoxes(domain.lo[:, inputs], domain.hi[:, inputs], domain.whole[inputs]),
        [(objectives, inputs)],
    )


def _key(part: Part) -> Hashable:
    """Return a key of a problem; equal keys mean equal problems."""
    domain = part.domain
    arrays = (domain.lo, domain.hi, domain.whole, part.rows, part.offset)
    ops = tuple((node.inputs, node.size, _op_key(node.op)) for node in part.graph.nodes)
    return (*(_bytes(array) for array in arrays), ops)


def _op_key(op: object) -> Hashable:
    """Return a key of an op; equal keys mean equal functions."""
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
    """Return a hashable form of an array."""
    return array.shape, np.ascontiguousarray(array).tobytes()
