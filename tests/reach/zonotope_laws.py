"""Laws of batches of zonotopes, as functions: tests run them, mutants must break them."""

from fractions import Fraction

import mpmath
import numpy as np

from outrange.domains import zonotopes
from outrange.domains.zonotopes import Zonotopes, form_of_boxes
from outrange.ops import Product, curve, dense
from outrange.reach.zonotope_pass import propagate
from small_graphs import NETS, run_exactly, wild_graph


SLOPE = 0.3
"""Slope of a curve below 0 that has no short binary expansion."""


def zonotope(graph, lo, hi):
    with np.errstate(all="ignore"):
        return propagate(graph, form_of_boxes(lo, hi, every=True))


def samples(rng, lo, hi, count=200):
    inner = rng.uniform(lo, hi, (count, *lo.shape))
    return np.concatenate([inner, np.where(rng.random(inner.shape) < 0.5, lo, hi)])


def encloses(net, act, seed=7):
    """Return whether every sample's output lies in its zonotope, also along random directions."""
    rng = np.random.default_rng(seed)
    graph = net(rng, act)
    for width in (0.01, 0.6):
        center = rng.uniform(-1.5, 1.5, (5, graph.size))
        half = width * rng.uniform(0, 1, center.shape)
        lo, hi = center - half, center + half
        image = zonotope(graph, lo, hi)
        points = samples(rng, lo, hi)
        seen = graph.run(points.reshape(-1, graph.size)).reshape(*points.shape[:2], -1)
        size = seen.shape[-1]
        for row in np.concatenate([np.eye(size), rng.normal(size=(4, size))]):
            value = seen @ row
            middle = image.center @ row
            reach = np.abs(image.rows @ row).sum(axis=1) + image.rest @ np.abs(row)
            slack = 1e-11 * (1 + np.abs(value))
            if not (np.abs(value - middle) <= reach + slack).all():
                return False
    return True


def all_enclosed():
    """Assert `encloses` for some networks."""
    for net in NETS:
        for act in ("tanh", "relu", "square"):
            assert encloses(net, act)


def thin_ones_hold(*seeds):
    """Assert for boxes of few last units that values of 400 bits lie between the ends."""
    for seed in seeds or range(6):
        rng = np.random.default_rng(seed)
        graph = wild_graph(rng, ["relu", "tanh", "sin", "square"], products=True)
        center = rng.normal(size=(1, graph.size))
        lo, hi = center - 1e-9, center + 1e-9
        least, most = zonotope(graph, lo, hi).ends()
        with mpmath.workprec(400):
            for point in (lo[0], hi[0], center[0]):
                exact = run_exactly(graph, point)[graph.output]
                for value, a, b in zip(exact, least[0], most[0], strict=True):
                    assert a <= value <= b


def _at(form, box, symbols):
    """Return the form's middle for given symbols, in fractions."""
    middle = [Fraction(float(c)) for c in form.center[box]]
    for e, row in zip(symbols, form.rows[box], strict=False):
        middle = [v + e * Fraction(float(c)) for v, c in zip(middle, row, strict=True)]
    return middle


def _holds(image, symbols, truth):
    """Assert that later symbols and the error reach from the form to the truth."""
    for box in range(len(image.center)):
        late = np.abs(image.rows[box, len(symbols) :])
        room = [
            Fraction(float(r)) + sum(Fraction(float(v)) for v in column)
            for r, column in zip(image.rest[box], late.T, strict=True)
        ]
        for v, w, most in zip(_at(image, box, symbols), truth(box), room, strict=True):
            assert abs(v - w) <= most


def steps_hold():
    """Apply one operation to zonotopes without errors, where only rounding matters."""
    times_op = Product("multiply", np.arange(3), np.arange(3), (3, 3))
    for seed in range(8):
        rng = np.random.default_rng(seed)
        a, b = (
            Zonotopes(rng.normal(size=(4, 3)), 0.1 * rng.normal(size=(4, 2, 3)), np.zeros((4, 3)))
            for _ in range(2)
        )
        a.center[:] = np.abs(a.center) + 1.0  # on one side of the kink
        symbols = [Fraction(int(s)) for s in rng.choice([-1, 1], 2)]
        weight, bias = rng.normal(size=(3, 3)), rng.normal(size=3)
        exact = [[Fraction(float(v)) for v in row] for row in weight.T]

        def mapped(box, a=a, exact=exact, bias=bias, symbols=symbols):
            x = _at(a, box, symbols)
            return [
                sum(w * v for w, v in zip(row, x, strict=True)) + Fraction(float(c))
                for row, c in zip(exact, bias, strict=True)
            ]

        _holds(zonotopes.affine_form(dense(weight, bias), [a], [a.ends()]), symbols, mapped)
        minus = Zonotopes(-a.center, -a.rows, a.rest)
        leaky = curve("leaky_relu", negative_slope=SLOPE)

        def bent(box, minus=minus, symbols=symbols):
            return [Fraction(SLOPE) * v for v in _at(minus, box, symbols)]

        _holds(zonotopes._curve(leaky, [minus], [minus.ends()], None, True), symbols, bent)
        tiny = [Zonotopes(f.center, 1e-12 * f.rows, f.rest) for f in (a, b)]

        def times(box, tiny=tiny, symbols=symbols):
            x, y = (_at(f, box, symbols) for f in tiny)
            return [v * w for v, w in zip(x, y, strict=True)]

        _holds(
            zonotopes._product(times_op, tiny, [f.ends() for f in tiny], None, True), symbols, times
        )
