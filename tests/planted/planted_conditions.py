"""Networks with nonlinear conditions whose truth is known by construction.

Every network interpolates a function between knots, with a known error, and adds a random network
of known size. A condition about the function is then true with a small reserve, or false because of
a needle: a narrow pyramid that is added to the output.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from outrange import x, y
from outrange.frontends.network import Network
from questions.nets import dense_net


@dataclass(frozen=True)
class Case:
    """A planted question.

    Args:
        name: Name of the family.
        network: The network.
        condition: The condition.
        box: The input set.
        holds: Whether the condition is true.
    """

    name: str
    network: Network
    condition: object
    box: tuple
    holds: bool


@dataclass
class Layers:
    """A network of two hidden layers under construction: sums of ridges, and one needle each.

    Args:
        inputs: Number of inputs.
        ridges: For each output, triples of a direction, a bias and a factor: `factor * relu(...)`.
        linear: `(inputs + 1, outputs)` linear part and constant.
        needles: For each output, a point, a half width and a height, or None.
    """

    inputs: int
    ridges: list
    linear: np.ndarray
    needles: list

    def network(self) -> Network:
        d, m = self.inputs, len(self.ridges)
        first, second, last = [], [], []  # columns (weights, bias)
        units = [
            (np.array(a, float), b, c, k) for k, some in enumerate(self.ridges) for a, b, c in some
        ]
        for a, b, _, _ in units:
            first.append((a, b))
        for i in range(d):  # the two signs of each input
            first += [(np.eye(d)[i], 0.0), (-np.eye(d)[i], 0.0)]
        cones = []
        for k, needle in enumerate(self.needles):
            if needle is None:
                continue
            at, width, height = needle
            start = len(first)
            for i in range(d):
                first += [(np.eye(d)[i], -at[i]), (-np.eye(d)[i], at[i])]
            cones.append((k, start, width, height))
        n = len(first)
        for j in range(len(units) + 2 * d):
            second.append((np.eye(n)[j], 0.0))
        for _, start, width, _ in cones:
            row = np.zeros(n)
            row[start : start + 2 * d] = -1.0 / width
            second.append((row, 1.0))
        out = np.zeros((len(second), m))
        for j, (_, _, c, k) in enumerate(units):
            out[j, k] = c
        for i in range(d):
            out[len(units) + 2 * i] = self.linear[i]
            out[len(units) + 2 * i + 1] = -self.linear[i]
        for j, (k, _, _, height) in enumerate(cones):
            out[len(units) + 2 * d + j, k] = height
        last = (out, self.linear[d])
        weights = [
            (np.array([w for w, _ in rows]).T, np.array([b for _, b in rows]))
            for rows in (first, second)
        ]
        sizes = (d, len(first), len(second), m)
        net = dense_net(sizes, ["relu", "relu", None], weights=[*weights, last])
        return Network(net.graph, lambda v: net.graph.run(np.float32(v)), "planted", "test")


def interpolate(f: Callable, knots: np.ndarray, direction: np.ndarray) -> tuple[list, float, float]:
    """Return ridges of the interpolation of `f(direction @ x)`, its constant, and its first slope.

    Between the knots, the network equals the chords of `f`.
    """
    values = f(knots)
    slopes = np.diff(values) / np.diff(knots)
    ridges = [
        (direction, -float(t), float(c)) for t, c in zip(knots[1:-1], np.diff(slopes), strict=True)
    ]
    return ridges, float(values[0] - slopes[0] * knots[0]), float(slopes[0])


def error(f: Callable, knots: np.ndarray) -> float:
    """Return the largest distance between `f` and its chords, on a fine grid, with a reserve."""
    fine = np.linspace(knots[0], knots[-1], 40 * len(knots))
    return float(np.abs(f(fine) - np.interp(fine, knots, f(knots))).max()) * 1.02 + 1e-6


def interpolating(
    rng: np.random.Generator, inputs: int, parts: list, noise: float
) -> tuple[Layers, list[float]]:
    """Return layers whose outputs are sums of interpolated functions, and bounds on their errors.

    Args:
        rng: Source of the random ridges.
        inputs: Number of inputs.
        parts: For each output, a list of `(factor, f, knots, direction)`.
        noise: Size of the random network that is added.
    """
    ridges, errors = [], []
    linear = np.zeros((inputs + 1, len(parts)))
    for k, some in enumerate(parts):
        mine, bound = [], noise
        for factor, f, knots, direction in some:
            direction = np.asarray(direction, float)
            pieces, constant, slope = interpolate(f, knots, direction)
            mine += [(a, b, factor * c) for a, b, c in pieces]
            linear[:inputs, k] += factor * slope * direction
            linear[inputs, k] += factor * constant
            bound += abs(factor) * error(f, knots)
        random = rng.normal(size=(6, inputs))
        offsets = rng.uniform(-1, 1, 6)
        size = np.abs(random).sum(axis=1) * 2 + np.abs(offsets)
        factors = rng.choice([-1.0, 1.0], 6) * noise / (6 * size)
        mine += list(zip(random, offsets.tolist(), factors.tolist(), strict=True))
        ridges.append(mine)
        errors.append(bound)
    return Layers(inputs, ridges, linear, [None] * len(parts)), errors


def square(t: np.ndarray) -> np.ndarray:
    return t * t


def _parabola(rng):
    knots = np.linspace(-2, 2, int(rng.integers(9, 17)))
    layers, (e,) = interpolating(rng, 1, [[(1.0, square, knots, [1.0])]], 0.01)
    return layers, lambda b: abs(y[0] - x[0] ** 2) <= b, e, (-2, 2)


def _product(rng):
    knots = np.linspace(-2, 2, int(rng.integers(9, 15)))
    parts = [[(0.25, square, knots, [1, 1]), (-0.25, square, knots, [1, -1])]]
    layers, (e,) = interpolating(rng, 2, parts, 0.01)
    return layers, lambda b: abs(y[0] - x[0] * x[1]) <= b, e, (-1, 1)


def _sine(rng):
    knots = np.linspace(-3, 3, int(rng.integers(13, 25)))
    parts = [[(1.0, np.sin, knots, [1, 0.5])]]
    layers, (e,) = interpolating(rng, 2, parts, 0.01)
    return layers, lambda b: abs(y[0] - np.sin(x[0] + 0.5 * x[1])) <= b, e, (-2, 2)


def _circle(rng):
    knots = np.linspace(-3, 3, int(rng.integers(17, 29)))
    parts = [[(1.0, np.cos, knots, [1.0])], [(1.0, np.sin, knots, [1.0])]]
    layers, (c, s) = interpolating(rng, 1, parts, 0.002)
    # (cos + c)^2 + (sin + s)^2 - 1 is at most 2 (c^2 + s^2)^0.5 + c^2 + s^2.
    e = 2 * np.hypot(c, s) + c * c + s * s
    return layers, lambda b: abs(y @ y - 1) <= b, e, (-3, 3)


def _quotient(rng):
    knots = np.linspace(-2, 2, int(rng.integers(13, 25)))
    f = lambda t: 1 / (1 + t * t)  # noqa: E731
    layers, (e,) = interpolating(rng, 1, [[(1.0, f, knots, [1.0])]], 0.005)
    return layers, lambda b: abs(y[0] - 1 / (1 + x[0] ** 2)) <= b, e, (-2, 2)


def _exponential(rng):
    knots = np.linspace(-1.5, 1.5, int(rng.integers(9, 17)))
    parts = [[(1.0, np.exp, knots, [1, 0])], [(1.0, np.tanh, knots, [0, 1])]]
    layers, (e, t) = interpolating(rng, 2, parts, 0.01)
    # |y0 y1 - exp tanh| is at most |y0 - exp| |y1| + exp |y1 - tanh|.
    bound = e * (np.tanh(1.5) + t) + np.exp(1.5) * t
    condition = lambda b: abs(y[0] * y[1] - np.exp(x[0]) * np.tanh(x[1])) <= b  # noqa: E731
    return layers, condition, bound, (-1.5, 1.5)


def _norm(rng):
    knots = np.linspace(-1, 1, int(rng.integers(7, 13)))
    parts = [[(1.0, np.abs, knots, direction)] for direction in np.eye(3)]
    layers, errors = interpolating(rng, 3, parts, 0.01)
    e = float(np.linalg.norm(errors))
    return layers, lambda b: np.linalg.norm(y - abs(x)) <= b, e, (-1, 1)


def _lyapunov(rng):
    """A saturated linear controller of a double integrator, with an exact quadratic function."""
    step, p = 0.1, np.array([[2.0, 1.0], [1.0, 2.0]])
    gain = np.array([1.0, 1.7])
    knots = np.array([-9.0, -3.0, 3.0, 9.0])
    parts = [[(1.0, lambda t: -t, knots, gain)]]
    layers, (e,) = interpolating(rng, 2, parts, 0.005)
    after = lambda u: (x[0] + step * x[1], x[1] + step * u)  # noqa: E731

    def value(s):
        return p[0, 0] * s[0] ** 2 + 2 * p[0, 1] * s[0] * s[1] + p[1, 1] * s[1] ** 2

    def condition(b):
        return value(after(y[0])) - value((x[0], x[1])) <= b

    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 401)] * 2), -1).reshape(-1, 2)
    u = -grid @ gain
    then = [grid[:, 0] + step * grid[:, 1], grid[:, 1] + step * u]
    change = value(then) - value(grid.T)
    # The derivative of V with respect to u is 2 step (p s)_1, at most 0.2 * 3.5 here.
    return layers, condition, float(change.max()) + 0.7 * e + 0.02, (-1, 1)


FAMILIES = {
    "parabola": _parabola, "product": _product, "sine": _sine, "circle": _circle,
    "quotient": _quotient, "exponential": _exponential, "norm": _norm, "Lyapunov": _lyapunov,
}  # fmt: skip


def draw(family: str, holds: bool, seed: int) -> Case:
    """Draw a planted question of a family."""
    rng = np.random.default_rng([seed, holds, list(FAMILIES).index(family)])
    layers, condition, bound, (lo, hi) = FAMILIES[family](rng)
    if not holds:
        layers.needles = _needle(rng, layers, condition, bound, lo, hi)
    return Case(family, layers.network(), condition(bound), (lo, hi), holds)


def _needle(rng, layers, condition, bound, lo, hi):
    """Return needles that violate the condition at their point, by a fifth of the bound."""
    at = rng.uniform(lo + 0.1 * (hi - lo), hi - 0.1 * (hi - lo), layers.inputs)
    width = 0.02 * (hi - lo)
    for height in np.geomspace(0.05, 50, 60):
        for sign in (1.0, -1.0):
            needles = [(at, width, sign * height), *[None] * (len(layers.ridges) - 1)]
            trial = Layers(layers.inputs, layers.ridges, layers.linear, needles)
            if not true_at(condition(1.2 * bound + 0.01), trial.network(), at):
                return needles
    raise AssertionError("no needle violates the condition")


def true_at(condition, network: Network, point: np.ndarray) -> bool:
    """Return whether a condition is true at a point, in float64."""
    from outrange.core.formula import holds
    from outrange.questions.conditions.term_graph import extend_network
    from outrange.questions.expressions import Terms, resolve

    graph = network.graph
    terms = Terms(graph.size + graph.value_size(graph.output))
    formula = resolve(condition, graph.inputs, graph.outputs, terms)
    extended = extend_network(network, terms, [formula])
    seen = np.concatenate([point, extended.graph.run(point[None])[0]])
    return holds(formula, seen, seen) is True
