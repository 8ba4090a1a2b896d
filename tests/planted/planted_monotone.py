"""Networks that are monotone by construction, or but for a needle that samples miss.

for name, graph, box, direction, rising in networks(): ...
"""

from collections.abc import Iterator

import numpy as np

from outrange.graph import Builder, Graph, Slot


Case = tuple[str, Graph, np.ndarray, int, bool]
"""Name, graph of one output, `(2, d)` box, input, whether the output rises in it."""


class Net:
    """A builder of one input with what the cases below use."""

    def __init__(self, inputs: int):
        self.b = Builder([Slot("x", (inputs,))])
        self.x = self.b.input_values()[0]

    def dense(self, value, weight, bias):
        return self.b.dense(value, np.asarray(weight, float), np.asarray(bias, float))

    def done(self, *parts) -> Graph:
        """The graph of the sum of `(1, 1)` values."""
        return self.b.finish([self.b.combine([1.0] * len(parts), list(parts))], ["y"])


def dyadic(rng, shape, low=-4, high=5):
    """Small multiples of 1/8: sums of products stay exact, so that what cancels, cancels."""
    return rng.integers(low * 8, high * 8, shape) / 8.0


def rising_net(net: Net, rng, activation: str, widths, flat=()):
    """Non-negative weights from every input but those of `flat`."""
    h = net.x
    for k, width in enumerate(widths):
        weight = np.abs(rng.normal(size=(h.shape[-1], width))) / h.shape[-1]
        if k == 0:
            weight[list(flat)] = rng.normal(size=(len(flat), width))
        h = net.b.curve(activation, net.dense(h, weight, rng.normal(size=width) * 0.5))
    return net.dense(h, np.abs(rng.normal(size=(h.shape[-1], 1))), [0.0])


def identity_in_disguise(net: Net, rng, units: int, weight=1.0):
    """`weight * sum_j (relu(z_j) - relu(-z_j) - z_j)`, which is 0, with its units shuffled."""
    d = net.x.shape[-1]
    w, c = dyadic(rng, (d, units)), dyadic(rng, units, -1, 2)
    order = rng.permutation(2 * units)
    both = np.concatenate([w, -w], axis=1)[:, order]
    bias = np.concatenate([c, -c])[order]
    out = np.concatenate([np.ones(units), -np.ones(units)])[order] * weight
    parts = net.b.curve("relu", net.dense(net.x, both, bias))
    linear = net.dense(net.x, -weight * w.sum(axis=1, keepdims=True), [-weight * c.sum()])
    return [net.dense(parts, out[:, None], [0.0]), linear]


def needle(net: Net, at, width: float, height: float):
    """A spike of this height: not 0 only within `width` of `at`, in every input."""
    d = at.size
    spread = np.concatenate([np.eye(d), np.eye(d), np.eye(d)], axis=1) / width
    shift = np.concatenate([-at / width + k for k in (1.0, 0.0, -1.0)])
    tents = net.b.curve("relu", net.dense(net.x, spread, shift))
    total = np.concatenate([np.ones((d, 1)), -2 * np.ones((d, 1)), np.ones((d, 1))])
    return net.dense(net.b.curve("relu", net.dense(tents, total, [1.0 - d])), [[height]], [0.0])


def step_up(net: Net, rng, at, width: float, height: float):
    """A smooth thin ridge across one direction, as a difference of two sigmoids."""
    normal = np.abs(rng.normal(size=at.size)) + 0.2
    edge = normal @ at
    weight = np.repeat(normal[:, None], 2, axis=1) / width
    bias = -edge / width + np.array([0.0, -4.0])
    return net.dense(
        net.b.curve("sigmoid", net.dense(net.x, weight, bias)), [[height], [-height]], [0.0]
    )


def true_cases(rng) -> Iterator[tuple[str, Graph, int, int]]:
    """Monotone ones: name, graph, inputs, input."""
    for n, kind in enumerate(("relu", "tanh", "sigmoid", "softplus", "hard_sigmoid", "softsign")):
        net, d = Net(1 + n % 3), 1 + n % 3
        yield f"non-negative {n}", net.done(rising_net(net, rng, kind, (8, 6))), d, n % d
    for n in range(4):
        # A needle all the same, but less steep than the ground it stands on.
        net, d = Net(1 + n % 3), 1 + n % 3
        spike = needle(net, rng.uniform(-0.8, 0.8, d), 1e-4, 1.9e-4)
        ground = net.dense(net.x, np.full((d, 1), 2.0), [0.0])
        rest = rising_net(net, rng, ("relu", "tanh")[n % 2], (4, 4))
        yield f"gentle needle {n}", net.done(spike, ground, rest), d, n % d
    for n in range(3):
        net = Net(3)
        flat = rising_net(net, rng, ("relu", "tanh")[n % 2], (6, 6), flat=(0, 2))
        yield f"one of three {n}", net.done(flat), 3, 1
    for n in range(5):
        net = Net(2)
        hidden = identity_in_disguise(net, rng, 2 + n % 3)
        slope = net.dense(net.x, [[0.125], [-3.0]], [0.0])
        yield f"cancels {n}", net.done(*hidden, slope), 2, 0
    for n in range(4):
        # The derivative is exactly 0 on half of the box.
        net, w = Net(2), np.array([[1.0, 0.5], [dyadic(rng, ()), dyadic(rng, ())]])
        bent = net.b.curve("relu", net.dense(net.x, w, dyadic(rng, 2, -1, 1)))
        parts = [net.dense(net.x, [[1.5], [0.25]], [0.0]), net.dense(bent, [[-1.0], [-1.0]], [0])]
        yield f"level {n}", net.done(*parts), 2, 0
    for n in range(3):
        net = Net(3)
        pieces = net.dense(net.x, np.abs(rng.normal(size=(3, 6))), rng.normal(size=6))
        best = net.b.largest(pieces, np.array([[0, 1, 2], [3, 4, 5]]), (1, 2))
        yield f"largest {n}", net.done(net.dense(best, [[1.0], [2.0]], [0.0])), 3, n


def false_cases(rng) -> Iterator[tuple[str, Graph, int, int]]:
    """Monotone but for a needle."""
    for n in range(20):
        d = 1 + n % 3
        net, at = Net(d), rng.uniform(-0.8, 0.8, d)
        width = 10.0 ** -(4 + n % 2)
        base = rising_net(net, rng, ("relu", "tanh", "softplus")[n // 3 % 3], (6, 4))
        spike = needle(net, at, width, 20.0 * width)
        yield f"needle {n}", net.done(base, spike), d, n % d
    for n in range(5):
        net, d = Net(1 + n % 2), 1 + n % 2
        base = rising_net(net, rng, "tanh", (4,))
        ridge = step_up(net, rng, rng.uniform(-0.5, 0.5, d), 1e-5, 1e-3)
        yield f"ridge {n}", net.done(base, ridge), d, 0


def networks(seed: int = 0) -> Iterator[Case]:
    """The 50 networks."""
    rng = np.random.default_rng(seed)
    for truth, cases in ((True, true_cases(rng)), (False, false_cases(rng))):
        for name, graph, d, i in cases:
            yield name, graph, np.array([[-1.0] * d, [1.0] * d]), i, truth
