"""Random graphs for the laws: dense, residual, concatenated, pooled, at wild scales."""

import numpy as np

from outrange.core import Box
from outrange.graph import Builder, Graph, Slot


LINES = ("relu", "leaky_relu", "abs", "hard_sigmoid", "clip", "soft_shrink")
SMOOTH = ("tanh", "sigmoid", "softplus", "silu", "gelu", "elu", "softsign")


def _curve(b: Builder, rng, name, x):
    return b.curve(name, x, **({"least": -1.0, "most": 2.0} if name == "clip" else {}))


def random_graph(
    rng: np.random.Generator, curves=LINES, *, wild: bool = True, most=3, products=False
) -> Graph:
    """A small graph; with `wild`, every layer's weights have their own scale, 1e-6 to 1e6."""
    inputs = int(rng.integers(1, 5))
    b = Builder([Slot("x", (inputs,))])
    x = b.input_values()[0]
    for _ in range(int(rng.integers(1, most + 1))):
        width = int(rng.integers(1, 8))
        scale = 10.0 ** rng.uniform(-6, 6) if wild else 1.0
        weight = scale * rng.normal(size=(x.shape[1], width)) / np.sqrt(x.shape[1])
        bias = scale * rng.normal(size=width)
        y = b.dense(x, weight, bias)
        shape = rng.integers(6 if products else 5)
        if shape == 0:  # normalised, as batch normalization does
            y = b.affine_map(y, 10.0 ** rng.uniform(-3, 3, (1, width)), rng.normal(size=(1, width)))
        y = _curve(b, rng, str(rng.choice(curves)), y)
        if shape == 1 and width == x.shape[1]:
            y = b.add(x, y)
        elif shape == 2:
            y = b.concat([x, y], axis=1)
        elif shape == 3 and width > 1:
            y = b.concat([y, b.reduce("max", y, [1], keepdims=True)], axis=1)
        elif shape == 5:  # a gate, and a square of what came before
            y = b.multiply(b.curve("sigmoid", b.dense(x, weight / scale)), y)
            y = b.einsum("bi,bj->bi", y, x)
        x = y
    outputs = int(rng.integers(1, 3))
    x = b.dense(x, rng.normal(size=(x.shape[1], outputs)), rng.normal(size=outputs))
    return b.finish([x], ["y"])


def random_box(rng: np.random.Generator, graph: Graph) -> Box:
    """Thin, wide, degenerate or one-sided, at any scale."""
    middle = rng.normal(size=graph.size) * 10.0 ** rng.uniform(-3, 3)
    radius = np.abs(rng.normal(size=graph.size)) * 10.0 ** rng.uniform(-6, 2)
    radius[rng.random(graph.size) < 0.2] = 0.0
    return Box(middle - radius, middle + radius)
