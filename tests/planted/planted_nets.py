"""Networks written twice: as a graph of outrange, and as steps that exact numbers can run.

The second form knows nothing of outrange: a list of functions on lists of `Fraction` or `mpf`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

import mpmath
import numpy as np

from outrange.frontends.network import Network
from outrange.graph import Builder, Slot, softmax


mpmath.mp.dps = 60


def _clip(n: Callable, v: Any, least: float, most: float) -> Any:
    v = v if least == -np.inf else max(v, n(least))
    return v if most == np.inf else min(v, n(most))


PIECES: dict[str, Callable] = {
    "relu": lambda n, v: max(v, n(0)),
    "abs": lambda n, v: abs(v),
    "leaky_relu": lambda n, v, negative_slope: v if v > 0 else n(negative_slope) * v,
    "clip": lambda n, v, least, most: _clip(n, v, least, most),
    "threshold": lambda n, v, threshold, default: v if v > n(threshold) else n(default),
    "hard_sigmoid": lambda n, v: min(max((v + 3) / 6, n(0)), n(1)),
    "relu_general": lambda n, v, negative_slope, max_value, threshold: (
        min(v, n(max_value)) if v > n(threshold) else n(negative_slope) * (v - n(threshold))
    ),
}

SMOOTH: dict[str, Callable] = {
    "tanh": lambda n, v: mpmath.tanh(v),
    "sigmoid": lambda n, v: 1 / (1 + mpmath.exp(-v)),
    "softplus": lambda n, v: mpmath.log1p(mpmath.exp(v)),
    "silu": lambda n, v: v / (1 + mpmath.exp(-v)),
    "gelu": lambda n, v: v * mpmath.ncdf(v),
    "elu": lambda n, v: v if v > 0 else mpmath.expm1(v),
    "exp": lambda n, v: mpmath.exp(v),
    "sin": lambda n, v: mpmath.sin(v),
    "square": lambda n, v: v * v,
}

CURVES = PIECES | SMOOTH


class Net:
    """A network under construction; every method returns the number of a value.

    Args:
        inputs: Sizes of the inputs; one number for a single input `x`.
    """

    def __init__(self, inputs: int | dict[str, int]):
        sizes = {"x": inputs} if isinstance(inputs, int) else inputs
        self.builder = Builder([Slot(name, (n,)) for name, n in sizes.items()])
        self.values: list[Any] = []
        self.rules: list[Callable] = []
        start = 0
        for value, n in zip(self.builder.input_values(), sizes.values(), strict=True):
            self._put(value, lambda v, n, x, a=start, b=start + n: list(x[a:b]))
            start += n
        self.size = start
        self.outputs: list[int] = []
        self.network: Network | None = None

    def _put(self, value: Any, rule: Callable) -> int:
        self.values.append(value)
        self.rules.append(rule)
        return len(self.values) - 1

    def dense(self, h: int, weight: Any, bias: Any = None) -> int:
        """`h @ weight + bias`."""
        weight = np.atleast_2d(np.asarray(weight, float))
        bias = np.zeros(weight.shape[1]) if bias is None else np.asarray(bias, float)

        def rule(v, n, x):
            return [
                sum((n(w) * e for w, e in zip(column, v[h], strict=True) if w), n(b))
                for column, b in zip(weight.T.tolist(), bias.tolist(), strict=True)
            ]

        return self._put(self.builder.dense(self.values[h], weight, bias), rule)

    def curve(self, name: str, h: int, **given: float) -> int:
        """A function of every entry."""
        value = self.builder.curve(name, self.values[h], **given)
        return self._put(value, lambda v, n, x: [CURVES[name](n, e, **given) for e in v[h]])

    def combine(self, factors: Sequence[float], parts: Sequence[int]) -> int:
        """`sum_i factors[i] * parts[i]`."""
        value = self.builder.combine(factors, [self.values[h] for h in parts])

        def rule(v, n, x):
            columns = zip(*(v[h] for h in parts), strict=True)
            return [sum((n(f) * e for f, e in zip(factors, c, strict=True)), n(0)) for c in columns]

        return self._put(value, rule)

    def concat(self, parts: Sequence[int]) -> int:
        """All entries in one vector."""
        value = self.builder.concat([self.values[h] for h in parts], 1)
        return self._put(value, lambda v, n, x: [e for h in parts for e in v[h]])

    def pick(self, h: int, index: Sequence[int]) -> int:
        """Some entries."""
        value = self.builder.rearrange([self.values[h]], np.array(index)[None])
        return self._put(value, lambda v, n, x: [v[h][i] for i in index])

    def largest(self, h: int, windows: Sequence[Sequence[int]]) -> int:
        """The largest entry of each window; windows of one length."""
        value = self.builder.largest(self.values[h], np.array(windows), (1, len(windows)))
        return self._put(value, lambda v, n, x: [max(v[h][i] for i in w) for w in windows])

    def softmax(self, h: int) -> int:
        """Softmax of the whole vector."""

        def rule(v, n, x):
            e = [mpmath.exp(a - max(v[h])) for a in v[h]]
            return [a / sum(e) for a in e]

        return self._put(softmax(self.builder, self.values[h]), rule)

    def layers(self, h: int, layers: Sequence[tuple], curve: str = "relu") -> int:
        """Dense layers, the curve between them but not after the last."""
        for k, (weight, bias) in enumerate(layers):
            h = self.dense(h if k == 0 else self.curve(curve, h), weight, bias)
        return h

    def finish(self, *outputs: int) -> Net:
        """Fix the outputs; names are `y`, or `y0`, `y1`, ... of several."""
        self.outputs = list(outputs)
        names = ["y"] if len(outputs) == 1 else [f"y{k}" for k in range(len(outputs))]
        graph = self.builder.finish([self.values[h] for h in outputs], names)
        self.network = Network(graph, None, "planted", "test")
        return self

    def run(self, x: Sequence[Any], number: Callable = Fraction) -> list[Any]:
        """All outputs at one point, in the arithmetic of `number`."""
        values: list[list[Any]] = []
        point = [number(e) for e in x]
        for rule in self.rules:
            values.append(rule(values, number, point))
        return [e for h in self.outputs for e in values[h]]


def dyadic(rng: np.random.Generator, *shape: int, bits: int = 4, most: float = 2.0) -> np.ndarray:
    """Random multiples of `2**-bits`, so that small sums are exact."""
    top = int(most * 2**bits)
    return rng.integers(-top, top + 1, shape) / 2.0**bits


def random_layers(rng: np.random.Generator, sizes: Sequence[int]) -> list[tuple]:
    """Dyadic weights and biases."""
    return [(dyadic(rng, n, m), dyadic(rng, m)) for n, m in pairwise(sizes)]


def random_net(rng: np.random.Generator, sizes: Sequence[int], curve: str = "relu") -> Net:
    """A plain network with dyadic weights."""
    net = Net(sizes[0])
    return net.finish(net.layers(0, random_layers(rng, sizes), curve))
