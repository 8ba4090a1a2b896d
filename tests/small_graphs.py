"""Small random graphs of every kind of op, and their values in 400-bit arithmetic."""

import mpmath
import numpy as np

from outrange.graph import Builder, Slot, softmax
from outrange.ops import CURVES, Affine, Largest, Product, Rearrange, curve


def describable():
    """Names of curves without arguments that accept every real number."""
    names = []
    for name in sorted(CURVES):
        try:
            facts = curve(name)
        except TypeError:
            continue
        if (facts.on == (-np.inf, np.inf) or facts.beyond is not None) and not facts.holes:
            names.append(name)
    return names


PIECEWISE = [name for name in describable() if curve(name).is_piecewise_linear]


def normal(rng, *shape):
    return rng.standard_normal(shape) / np.sqrt(shape[0])


def dense_net(rng, act):
    b = Builder([Slot("x", (3,))])
    (x,) = b.input_values()
    for n in (5, 4):
        x = b.curve(act, b.dense(x, normal(rng, x.shape[1], n), normal(rng, n)))
    return b.finish([b.dense(x, normal(rng, 4, 2))], ["y"])


def residual_net(rng, act):
    b = Builder([Slot("x", (4,))])
    (x,) = b.input_values()
    for _ in range(2):
        x = b.add(x, b.curve(act, b.dense(x, normal(rng, 4, 4), normal(rng, 4))))
    return b.finish([b.subtract(x, b.multiply(x, np.float64(0.5)))], ["y"])


def concat_net(rng, act):
    b = Builder([Slot("x", (2,)), Slot("t", (1, 2))])
    x, t = b.input_values()
    t = b.reshape(t, (1, 2))
    left = b.curve(act, b.dense(x, normal(rng, 2, 3)))
    both = b.concat([left, t, x, np.ones((1, 1))], axis=1)
    y = b.dense(b.curve(act, both), normal(rng, 8, 2), normal(rng, 2))
    return b.finish([y, left], ["y", "z"])


def pool_net(rng, act):
    b = Builder([Slot("x", (6,))])
    (x,) = b.input_values()
    x = b.reduce("mean", b.reshape(b.dense(x, normal(rng, 6, 8)), (1, 4, 2)), [2])
    x = b.curve(act, x)
    top = b.reduce("max", b.reshape(x, (1, 2, 2)), [2])
    low = b.minimum(top, b.reduce("sum", x, [1], keepdims=True))
    return b.finish([b.dense(low, normal(rng, 2, 3))], ["y"])


def softmax_net(rng, act):
    b = Builder([Slot("x", (3,))])
    (x,) = b.input_values()
    x = b.curve(act, b.dense(x, normal(rng, 3, 4)))
    return b.finish([softmax(b, b.dense(x, normal(rng, 4, 3)))], ["p"])


def gate_net(rng, act):
    b = Builder([Slot("x", (3,))])
    (x,) = b.input_values()
    h = b.curve(act, b.dense(x, normal(rng, 3, 4), normal(rng, 4)))
    z = b.clip(b.dense(x, normal(rng, 3, 4), normal(rng, 4)), 0.0, 1.0)
    h = b.multiply(z, h)
    pairs = b.einsum("bi,bj->bi", b.dense(h, normal(rng, 4, 3)), b.subtract(h, z))
    return b.finish([b.multiply(pairs, b.reduce("sum", h, [1], keepdims=True))], ["y"])


NETS = [dense_net, residual_net, concat_net, pool_net, gate_net]
if {"softplus", "sigmoid"} <= set(CURVES):
    NETS.append(softmax_net)


def wild_graph(rng, acts, products=False):
    """A small graph with weights of scale 1e-6 to 1e6."""

    def weights(*shape):
        return rng.standard_normal(shape) * 10.0 ** rng.uniform(-6, 6, shape)

    d = int(rng.integers(1, 4))
    b = Builder([Slot("x", (d,))])
    (x,) = b.input_values()
    for _ in range(int(rng.integers(1, 4))):
        n = int(rng.integers(2, 5))
        bias = weights(n) if rng.random() < 0.7 else None
        y = b.dense(x, weights(x.shape[1], n), bias)
        y = b.curve(str(rng.choice(acts)), y)
        way = 5 if products and rng.random() < 0.5 else rng.integers(0, 5)
        if way == 0:
            x = b.concat([x, y], axis=1)
        elif way == 1:
            x = b.combine(tuple(weights(2)), [y, b.affine_map(y, weights(n), weights(n))])
        elif way == 2:
            x = b.gather_sum(y, rng.integers(-1, n, (3, 2)), weights(3, 2), (1, 3))
        elif way == 3:
            x = b.largest(y, rng.integers(0, n, (2, 2)), (1, 2))
        elif way == 5:
            x = b.multiply(y, b.dense(x, weights(x.shape[1], n), weights(n)))
        else:
            x = y
    return b.finish([b.dense(x, weights(x.shape[1], 2), weights(2))], ["y"])


def matrices(op):
    """The matrix of each input of an affine op; single products, so without rounding."""
    out = []
    for i, n in enumerate(op.sizes):
        units = [np.zeros((n, m)) for m in op.sizes]
        units[i] = np.eye(n)
        out.append(op.apply(tuple(units), False))
    return out


def run_exactly(graph, x):
    """Every value at one point, in 400-bit arithmetic."""
    values = [[mpmath.mpf(float(v)) for v in x]]
    for node in graph.nodes:
        op, source = node.op, [values[j] for j in node.inputs]
        if isinstance(op, Affine):
            out = [mpmath.mpf(float(v)) for v in op.bias]
            for matrix, vector in zip(matrices(op), source, strict=True):
                for i, j in np.argwhere(matrix):
                    out[j] += mpmath.mpf(float(matrix[i, j])) * vector[i]
        elif isinstance(op, Rearrange):
            flat = [v for part in source for v in part]
            fill = [mpmath.mpf(float(v)) for v in op.fill]
            out = [fill[k] if i < 0 else flat[i] for k, i in enumerate(op.index)]
        elif isinstance(op, Largest):
            out = [max(source[0][i] for i in window if i >= 0) for window in op.windows]
        elif isinstance(op, Product):
            out = [source[0][i] * source[1][j] for i, j in zip(op.left, op.right, strict=True)]
        else:
            out = [op.exact(mpmath, v) for v in source[0]]
        values.append(out)
    return values
