"""Alignment of a float network with its quantization: bounded noise replaces the quantizers.

A quantizer is the identity or a ReLU, minus the part that clipping removes, plus *noise*: an error
of at most half a step plus the slack. The noise becomes an additional input. Without quantizers,
both networks have the same layers, so differential bounds can pair their units. The original
network reads the noise with coefficient 0, so that both graphs have the same nodes.

Sound: for each input of the box, and each result that the slack allows, some noise within its
bounds yields the values of the quantized network. Complete: no, because the noise is a free input,
whereas the error of a quantizer depends on the network's inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ...core import Box
from ...domains import bounds
from ...graph import Graph, Node, Slot
from ...graph.graph import Op
from ...ops import Affine, Curve, Largest, Rearrange, Step, combine, curve, scale


UNIT = 2.0**-10
"""Coefficient of the noise in the quantized network, close to the coefficient 0 in the original."""

CLOSE = 2.0**-40
"""Relative tolerance for roundings of the scales.

A factor that differs from 1 by at most this number counts as 1; the noise covers the difference.
"""


@dataclass(frozen=True, eq=False)
class _Pair:
    """A value of the quantized network, written as `factor (P + noise) + shift`, entry by entry.

    Args:
        second: Node of `P` in the aligned graph.
        first: Node of the counterpart of `P`.
        base: Index of this counterpart in the original network.
        ends: Bounds of `P`, `(n,)` each.
        factor: Positive factors, from the scales of the quantizers, `(n,)`.
        shift: Numbers added to the scaled entries, `(n,)`.
        noise: Bounds of the noise, `(n,)` each.
        reach: Largest magnitude of the shifts and of the limits of clips so far, in units of `P`,
            and at least 1; 0 if the value is `P` itself.
    """

    second: int
    first: int
    base: int
    ends: tuple[np.ndarray, np.ndarray]
    factor: np.ndarray
    shift: np.ndarray
    noise: tuple[np.ndarray, np.ndarray]
    reach: float = 0.0


class _UnalignedError(Exception):
    """Error raised if the two networks do not have the same layers."""


def align(first: Graph, second: Graph, box: Box) -> tuple[Graph, Box] | None:
    """Build the graph of `first(x) - second(x)` with noise instead of quantizers, and its box.

    Args:
        first: Graph of the original network, without quantizers.
        second: Graph of its quantization, with the same inputs.
        box: Box of the flat inputs of both networks.

    Returns:
        A graph that reads the inputs and then the noise, with the box of both; None if the layers
        of the two networks do not correspond to each other, or if no step has slack.
    """
    if not any(isinstance(node.op, Step) and node.op.slack for node in second.nodes):
        return None
    ends = bounds(second, box.lo, box.hi)
    try:
        return _Alignment(first, second, [(lo[0], hi[0]) for lo, hi in ends]).build(box)
    except _UnalignedError:
        return None


def _reach(pair: _Pair, *numbers: np.ndarray) -> float:
    """Return the reach of a pair after further shifts or limits, in units of `P`."""
    return max(1.0, pair.reach, *(float(np.abs(part).max(initial=0.0)) for part in numbers))


def _is_clip(op: Curve) -> bool:
    """Return whether a curve is the identity between two numbers, and constant beyond them."""
    lines = op.lines if op.has_exact_lines else None
    if lines is None or len(lines) != 3:
        return False
    return lines[1] == (1.0, 0.0) and all(line and line[0] == 0.0 for line in lines[::2])


@dataclass(eq=False)
class _Alignment:
    first: Graph
    second: Graph
    ends: Sequence[tuple[np.ndarray, np.ndarray]]
    nodes: list[Node] = field(default_factory=list)
    noise: list[tuple[int, np.ndarray, np.ndarray]] = field(default_factory=list)
    """For each noise: the node that reads it from the input, and its bounds, `(n,)` each."""
    used: set[int] = field(default_factory=set)
    pairs: dict[int, _Pair] = field(default_factory=dict)
    settled: dict[int, _Pair] = field(default_factory=dict)

    def build(self, box: Box) -> tuple[Graph, Box]:
        n = self.first.size
        self._add(Rearrange("input", np.arange(n), (n,), np.zeros(n)), (0,), n)
        self.pairs[0] = self._fresh(1, 1, 0, self.ends[0])
        for v, node in enumerate(self.second.nodes, 1):
            self.pairs[v] = self._step(node, self.ends[v])
        last = self._settle(self.second.output)
        if last.base != self.first.output:
            raise _UnalignedError
        size = last.factor.size
        self._add(combine((1, -1), size), (last.first, last.second), size)
        lo = np.concatenate([box.lo, *(low / UNIT for _, low, _ in self.noise)])
        hi = np.concatenate([box.hi, *(high / UNIT for *_, high in self.noise)])
        start, nodes = n, [self._pick(self.nodes[0], 0, n, lo.size), *self.nodes[1:]]
        for place, low, _ in self.noise:
            nodes[place - 1] = self._pick(nodes[place - 1], start, start + low.size, lo.size)
            start += low.size
        inputs = [*self.first.inputs, Slot("noise of quantizers", (lo.size - n,))]
        if lo.size == n:
            raise _UnalignedError
        graph = Graph(tuple(inputs), tuple(nodes), len(nodes), self.first.outputs)
        return graph, Box(lo, hi)

    def _pick(self, node: Node, start: int, end: int, size: int) -> Node:
        op = Rearrange("input", np.arange(start, end), (size,), np.zeros(end - start))
        return replace(node, op=op)

    def _add(self, op: Op, inputs: tuple[int, ...], size: int) -> int:
        self.nodes.append(Node(op, inputs, size, (1, size), "difference"))
        return len(self.nodes)

    def _fresh(
        self, second: int, first: int, base: int, ends: tuple[np.ndarray, np.ndarray]
    ) -> _Pair:
        zero = np.zeros(ends[0].size)
        return _Pair(second, first, base, ends, zero + 1.0, zero, (zero, zero))

    def _step(self, node: Node, ends: tuple[np.ndarray, np.ndarray]) -> _Pair:
        """Return the pair for a node of the quantized network, whose value has bounds `ends`."""
        op, pair = node.op, self.pairs[node.inputs[0]]
        if isinstance(op, Affine) and op.factor is not None and (op.factor > 0).all():
            factor, shift = pair.factor * op.factor, pair.shift * op.factor + op.bias
            return replace(pair, factor=factor, shift=shift, reach=_reach(pair, shift / factor))
        if isinstance(op, Step) and op.slack and (op.spacing, op.start) == (1.0, 0.5):
            reach = (0.5 + op.slack) / pair.factor
            return replace(pair, noise=(pair.noise[0] - reach, pair.noise[1] + reach))
        if isinstance(op, Curve) and _is_clip(op) and pair.noise[1].any():
            return self._clip(op, pair)
        if isinstance(op, Rearrange) and len(node.inputs) == 1 and (op.index >= 0).all():
            moved = self._match(op, [pair], tuple(self._move(op, e) for e in pair.ends))
            noise = self._move(op, pair.noise[0]), self._move(op, pair.noise[1])
            factor, shift = self._move(op, pair.factor), self._move(op, pair.shift)
            return replace(moved, factor=factor, shift=shift, noise=noise, reach=pair.reach)
        return self._match(op, [self._settle(j) for j in node.inputs], ends)

    def _move(self, op: Rearrange | Largest, entries: np.ndarray) -> np.ndarray:
        return np.asarray(op.run([entries[None]]))[0]

    def _clip(self, op: Curve, pair: _Pair) -> _Pair:
        """Return the pair for a clip of `P`, written as `relu(P)` or `P` minus the excess.

        The excess is the part of `P` beyond the limits of the clip. `relu(P)` is used if the lower
        limit is 0 and the original network has a corresponding ReLU.
        """
        least, most = op.knots[0], op.knots[-1]
        low, high = (least - pair.shift) / pair.factor, (most - pair.shift) / pair.factor
        (lo, hi), noise, reach = pair.ends, pair.noise, _reach(pair, low, high)
        reader = self._reader((pair.base,), None)
        if reader and (np.abs(low) <= CLOSE * np.abs(high)).all():
            kink = self.first.nodes[reader - 1].op
            first = self._add(kink, (pair.first,), lo.size)
            second = self._add(kink, (pair.second,), lo.size)
            self.used.add(reader)
            fresh = self._fresh(second, first, reader, (np.maximum(lo, 0.0), np.maximum(hi, 0.0)))
            pair = replace(fresh, factor=pair.factor, shift=pair.shift)
            lo, hi = pair.ends
        # A clip never increases the distance between two numbers, and may reduce it to 0.
        noise = np.minimum(noise[0], 0.0), np.maximum(noise[1], 0.0)
        pair = replace(pair, noise=noise, reach=reach)
        for sign, limit, excess in ((1.0, high, hi - high), (-1.0, low, low - lo)):
            if (excess > 0.0).any():
                pair = self._subtract_excess(pair, sign, limit, excess > 0.0)
        return pair

    def _subtract_excess(
        self, pair: _Pair, sign: float, limit: np.ndarray, some: np.ndarray
    ) -> _Pair:
        """Subtract `sign relu(sign (P - limit))` from some entries of `P`.

        The original network reads this value with coefficient 0, like noise.
        """
        n, marks = limit.size, some.astype(np.float64)
        beyond = scale(sign * marks, -sign * np.where(some, limit, 0.0))
        over = self._add(beyond, (pair.second,), n)
        over = self._add(curve("clip", least=0.0, most=np.inf), (over,), n)
        over = self._add(scale(np.full(n, -sign / UNIT), 0.0), (over,), n)
        first = self._add(combine((1.0, 0.0), n), (pair.first, over), n)
        second = self._add(combine((1.0, UNIT), n), (pair.second, over), n)
        lo, hi = pair.ends
        cut = np.minimum if sign > 0 else np.maximum
        far = CLOSE * np.abs(limit)
        ends = [np.where(some, cut(end, limit + sign * far), end) for end in (lo, hi)]
        return replace(pair, first=first, second=second, ends=(ends[0], ends[1]))

    def _settle(self, value: int) -> _Pair:
        """Return a pair with factor 1, shift 0 and noise 0 for a value; compute it only once."""
        if value not in self.settled:
            self.settled[value] = self._with_input(self.pairs[value])
        return self.settled[value]

    def _with_input(self, pair: _Pair) -> _Pair:
        """Return a pair whose `P` contains the noise of `pair`, as an input of the graph.

        The factor and the shift of `pair` must be 1 and 0, up to `CLOSE`.
        """
        size = np.maximum(np.abs(pair.ends[0]), np.abs(pair.ends[1]))
        low, high = pair.noise
        far = size + np.maximum(-low, high) + pair.reach
        if (np.abs(pair.factor - 1.0) > CLOSE).any() or not np.isfinite(far).all():
            raise _UnalignedError
        if (np.abs(pair.shift) > CLOSE * (1.0 + far)).any():
            raise _UnalignedError
        if not pair.reach and not low.any() and not high.any():
            return pair
        # Covers roundings of scales and limits, the difference between the lower limit of a clip
        # and 0, and deviations of factor and shift from 1 and 0.
        pad = 8.0 * CLOSE * (1.0 + far)
        low, high, n = low - pad, high + pad, low.size
        noise = self._add(Rearrange("input", np.arange(n), (n,), np.zeros(n)), (0,), n)
        self.noise.append((noise, low, high))
        first = self._add(combine((1.0, 0.0), n), (pair.first, noise), n)
        second = self._add(combine((1.0, UNIT), n), (pair.second, noise), n)
        ends = pair.ends[0] + low, pair.ends[1] + high
        return self._fresh(second, first, pair.base, ends)

    def _reader(self, bases: tuple[int, ...], op: Op | None) -> int:
        """Return an unused node of the original network that applies an op like `op` to `bases`.

        If `op` is None, the node must apply a ReLU. The result is 0 if there is no such node.
        """
        for k, node in enumerate(self.first.nodes, 1):
            if k in self.used or node.inputs != bases:
                continue
            if op is None:
                same = isinstance(node.op, Curve) and node.op.rays == (0.0, 1.0)
            else:
                same = node.op is op if isinstance(op, Curve) else type(node.op) is type(op)
            if same:
                return k
        return 0

    def _match(self, op: Op, inputs: Sequence[_Pair], ends: tuple[np.ndarray, ...]) -> _Pair:
        """Return the pair for an op that is applied to the `P` of every pair in `inputs`.

        The next op of this kind in the original network is applied to their counterparts.
        """
        k = self._reader(tuple(pair.base for pair in inputs), op)
        size = ends[0].size
        if not k or self.first.nodes[k - 1].size != size:
            raise _UnalignedError
        self.used.add(k)
        first = self._add(self.first.nodes[k - 1].op, tuple(pair.first for pair in inputs), size)
        second = self._add(op, tuple(pair.second for pair in inputs), size)
        return self._fresh(second, first, k, (ends[0], ends[1]))
