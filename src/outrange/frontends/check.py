"""Comparison of a graph with its model, at the end of every load."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..core import Box, InputError, ModelError
from ..graph import Graph, Slot
from ..graph.float32 import LARGEST32, Strayed, stray, tolerance
from ..ops import Affine
from .network import Network


SCALES = (0.1, 1.0, 10.0, 1e3)
"""Standard deviations of the random points; a wrong clip at 50 shows only at the last."""

_COUNTS = (2.0, 20.0, 200.0)
"""Standard deviations of the random whole numbers and halves."""

_ENTRIES = 2**22
"""Values of the graph held at once, over all points; they set the memory of a comparison."""

_SMALL = 10.0
"""Inputs up to this size should overflow nothing."""

_NORMALS = 12
_CORNERS = 4

_LARGE = 2**17
"""Values in a graph from which on fewer points are compared: they cost seconds then."""

_HEAVY = 2**23
"""Products in an evaluation from which on they do too, however few the values."""


def check_same(network: Network, box: Box | None = None, *, seed: int = 0) -> None:
    """Compare the graph (in float64) with the model itself (in its float32).

    Random points of several magnitudes, whole numbers, halves, sign vectors, zero, and points of
    `box` are run through both, within the limits of the inputs. The difference allowed at each is
    an estimate of what float32 rounding does there. Nothing is compared where a value overflows
    float32 on the way, or at a pole.

    Args:
        network: What a front-end returns. Without a `predict` there is nothing to compare; with
            a `probe` the error names the first layer that differs.
        box: The caller's inputs, compared at too.
        seed: Of the random points.

    Raises:
        InputError: `box` has another number of entries than the model has inputs.
        ModelError: They differ by more than float32 rounding explains.
    """
    if network.predict is None:
        return
    x = points(network.graph, box, seed, few=is_large(network.written))
    found = np.asarray(network.predict(x.astype(np.float32)), np.float64)
    for part in at_once(network.written, len(x)):
        _compare(network, x[part], found[part], seed)


def is_large(graph: Graph) -> bool:
    """Whether the comparison makes do with fewer points."""
    products = sum(n.op.terms * n.size for n in graph.nodes if isinstance(n.op, Affine))
    return _values(graph) > _LARGE or products > _HEAVY


def _values(graph: Graph) -> int:
    return sum(node.size for node in graph.nodes) + graph.size


def at_once(graph: Graph, count: int) -> Iterator[slice]:
    """Parts of `count` points, so many at once as the memory of a comparison allows."""
    rows = max(1, _ENTRIES // max(_values(graph), 1))
    for start in range(0, count, rows):
        yield slice(start, start + rows)


def _compare(network: Network, x: np.ndarray, found: np.ndarray, seed: int) -> None:
    """Compare at the points `x`, all at once, with what the model returned there."""
    graph = network.written
    strayed = stray(graph, x)
    expected = strayed.values[graph.output]
    if found.shape != expected.shape:
        raise ModelError(
            f"The graph read from `{network.name}` and the model must return as many numbers. "
            f"Received: {expected.shape[1:]} from the graph, {found.shape[1:]} from the model."
        )
    allowed = tolerance(graph, strayed, seed)
    worst = _worst(expected, found, allowed, strayed, x)
    if worst is None and network.plain is not None:
        worst = _worst(network.graph.run(x), found, allowed, strayed, x)
    if worst is not None:
        raise ModelError(_message(network, strayed, x, worst))


def points(graph: Graph, box: Box | None, seed: int, few: bool = False) -> np.ndarray:
    """`(count, size)` float64 points that are float32 numbers; about a third as many if `few`.

    Inputs that take whole numbers within limits get such.
    Whole numbers and halves are among the points: where a model counts, it is there that a wrong
    reading shows.
    """
    rng, size = np.random.default_rng(seed), graph.size
    normals, corners = (_NORMALS // 3, _CORNERS // 4) if few else (_NORMALS, _CORNERS)
    rows = [np.zeros((1, size)), np.ones((1, size)), -np.ones((1, size))]
    for scale in SCALES:
        normal = scale * rng.standard_normal((normals, size))
        normal[: normals // 4] = np.abs(normal[: normals // 4])
        rows += [normal, scale * rng.choice([-1.0, 1.0], (corners, size))]
    for scale in _COUNTS:
        count = scale * rng.standard_normal((2, 1 if few else _CORNERS, size))
        rows += [np.rint(count[0]), np.rint(count[1]) + 0.5]
    if box is not None:
        if box.size != size:
            raise InputError(
                f"The box needs one entry per input of the model, {size}. Received: {box.size}."
            )
        lo, hi = (np.clip(end, -LARGEST32, LARGEST32) for end in (box.lo, box.hi))
        corner = rng.integers(0, 2, (corners, size)).astype(bool)
        rows += [Box(lo, hi).sample(rng, 2 + normals)]
        rows += [np.where(corner, lo, hi), 0.5 * lo[None] + 0.5 * hi[None]]
    x = np.concatenate(rows).astype(np.float32).astype(np.float64)
    start = 0
    for slot in graph.inputs:
        part = x[:, start : start + slot.size]
        part[:] = _whole(part, slot, rng) if slot.whole else _within(part, slot, rng)
        start += slot.size
    return x


def _within(part: np.ndarray, slot: Slot, rng: np.random.Generator) -> np.ndarray:
    """The points; where they leave the limits of an input, any others within."""
    least, most = slot.limits
    outside = (part < least) | (part > most)
    if not outside.any():
        return part
    low, high = max(least, -SCALES[-1]), min(most, SCALES[-1])
    drawn = rng.uniform(low, high, part.shape) if low < high else np.full(part.shape, least)
    drawn = np.clip(drawn.astype(np.float32).astype(np.float64), least, most)
    return np.where(outside, drawn, part)


def _whole(part: np.ndarray, slot: Slot, rng: np.random.Generator) -> np.ndarray:
    """Whole numbers within the limits of an input: small ones, and any."""
    least, most = slot.limits
    drawn = rng.integers(int(least), int(most), part.shape, endpoint=True)
    near = np.clip(np.rint(part), least, most)
    # Every other point has numbers from all over; zeros, ones and a caller's box stay as they are.
    return np.where((np.arange(len(part)) % 2 == 1)[:, None] & (near != part), drawn, near)


@dataclass(frozen=True)
class _Mismatch:
    point: int
    output: int
    expected: float
    found: float
    allowed: float


def _worst(
    expected: np.ndarray, found: np.ndarray, allowed: np.ndarray, strayed: Strayed, x: np.ndarray
) -> _Mismatch | None:
    """The difference that most exceeds what is allowed, if one does."""
    calm = ~strayed.overflows[:, None]
    with np.errstate(all="ignore"):
        excess = np.abs(expected - found) / allowed
    # A model may overflow inside a formula the graph writes otherwise; not at small inputs.
    small = (np.abs(x).max(axis=1, initial=0.0) <= _SMALL)[:, None]
    lost = np.isfinite(expected) & ~np.isfinite(found) & np.isfinite(allowed) & small
    invented = np.isnan(expected) & np.isfinite(found)
    excess = np.where(np.isfinite(expected) & np.isfinite(found), excess, 0.0)
    excess = np.where((lost | invented) & calm, np.inf, excess)
    excess = np.where(np.isnan(excess), 0.0, excess)
    if not excess.size or excess.max() <= 1.0:
        return None
    point, output = np.unravel_index(int(np.argmax(excess)), excess.shape)
    at = (point, output)
    return _Mismatch(
        int(point), int(output), float(expected[at]), float(found[at]), float(allowed[at])
    )


def _message(network: Network, strayed: Strayed, x: np.ndarray, worst: _Mismatch) -> str:
    point = x[worst.point]
    shown = ", ".join(f"{v:.6g}" for v in point[:8]) + (", ..." if point.size > 8 else "")
    return (
        f"The graph read from `{network.name}` must compute what the model computes, and does not"
        f"{_culprit(network, strayed, x, worst.point)}. Output {worst.output} is "
        f"{worst.expected:.9g} by the graph and {worst.found:.9g} by the model; float32 rounding "
        f"explains a difference of {worst.allowed:.2g}. If the model runs in reduced precision "
        "(TF32, bfloat16), switch that off; otherwise please report it. "
        f"Received: the input [{shown}]."
    )


def _culprit(network: Network, strayed: Strayed, x: np.ndarray, point: int) -> str:
    """`" (first in layer ...)"`, where the network can show its inner values."""
    if network.probe is None:
        return ""
    seen = network.probe(x[point : point + 1].astype(np.float32))
    for value in sorted(seen):
        if _differs(network.written, strayed, np.ravel(seen[value]), value, point):
            node = network.written.nodes[value - 1]
            return f" (first in layer `{node.source}`, operation `{node.op.name}`)"
    return ""


def _differs(graph: Graph, strayed: Strayed, seen: np.ndarray, value: int, point: int) -> bool:
    if value == 0 or seen.size != graph.value_size(value):
        return False
    expected, allowed = strayed.values[value][point], 4.0 * strayed.bounds[value][point]
    return bool((np.abs(seen - expected) > allowed).any())
