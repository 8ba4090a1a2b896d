"""Integer arithmetic as steps with jumps between integers, against NumPy's own."""

from math import isqrt

import numpy as np
import pytest

from outrange.domains import bounds
from outrange.graph import Builder, Slot, integers


def build_graph(make, whole=True):
    b = Builder([Slot("x", (1,))])
    (value,) = b.input_values()
    value = b.curve("round", value) if whole else value
    return b.finish([make(b, value)], ["y"])


def truncate(x, d):
    down, left = np.divmod(x, d)
    return down + ((left != 0) & ((x < 0) != (d < 0)))


LARGE = np.array([2**40 + 1, 2**45 - 1, 3**28, -(2**44) - 7, 10**12], np.int64)
X = np.concatenate([np.arange(-60, 61), LARGE])
DIVISORS = (1, 2, 3, 7, 49, -1, -2, -5, 10**6)
OPERATIONS = {
    "quotient": (lambda b, x, d: integers.quotient(b, x, d), truncate),
    "floored": (lambda b, x, d: integers.quotient(b, x, d, floored=True), lambda x, d: x // d),
    "remainder": (lambda b, x, d: integers.remainder(b, x, d), np.mod),
    "fmod": (lambda b, x, d: integers.remainder(b, x, d, floored=False), np.fmod),
}


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("divisor", DIVISORS)
def test_divisions(name, divisor):
    make, meant = OPERATIONS[name]
    graph = build_graph(lambda b, x: make(b, x, np.array([divisor])))
    expected = meant(X, np.int64(divisor)).astype(float)
    x = X[:, None].astype(float)
    assert np.array_equal(graph.run(x)[:, 0], expected)
    # At a point of whole numbers nothing is left open, however the quotient was rounded.
    low, high = bounds(graph, x, x, "intervals")[graph.output]
    assert np.allclose(low[:, 0], expected, rtol=1e-15, atol=1e-9)
    assert np.allclose(high[:, 0], expected, rtol=1e-15, atol=1e-9)
    assert ((low[:, 0] <= expected) & (expected <= high[:, 0])).all()


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("divisor", (2, -3, 7))
def test_bounds_of_divisions(name, divisor, rng):
    make, meant = OPERATIONS[name]
    graph = build_graph(lambda b, x: make(b, x, np.array([divisor])))
    for lo in rng.integers(-20, 20, 20):
        hi = lo + int(rng.integers(0, 9))
        values = meant(np.arange(lo, hi + 1), divisor)
        for domain in ("intervals", "linear"):
            low, high = (end[0, 0] for end in bounds(graph, [lo], [hi], domain)[graph.output])
            assert low <= values.min() + 1e-9 and values.max() - 1e-9 <= high
    reach = {"remainder": (0, divisor - 1) if divisor > 0 else (divisor + 1, 0)}
    least, most = reach.get(name, (-np.inf, np.inf))
    low, high = (end[0, 0] for end in bounds(graph, [-1e6], [1e6], "intervals")[graph.output])
    assert low >= least and high <= most


def test_roots_and_powers():
    squares = np.array([0, 1, 2, 3, 4, 8, 9, 48, 49, 50, 2**22 - 1, 2**22, (2**21 - 1) ** 2, 2**43])
    x = squares[:, None].astype(float)
    graph = build_graph(integers.root)
    expected = np.array([isqrt(int(n)) for n in squares], float)
    low, high = bounds(graph, x, x, "intervals")[graph.output]
    for outputs in (graph.run(x), low, high):
        assert np.array_equal(outputs[:, 0], expected)
    for p in range(5):
        graph = build_graph(lambda b, v, p=p: integers.power(b, v, p))
        x = np.arange(-9.0, 10.0)[:, None]
        low, high = bounds(graph, x, x, "intervals")[graph.output]
        for outputs in (graph.run(x), low, high):
            assert np.array_equal(outputs, x**p)


@pytest.mark.parametrize(
    "how", ["greater", "greater_equal", "less", "less_equal", "equal", "not_equal"]
)
def test_comparisons(how):
    graph = build_graph(lambda b, x: integers.compare(b, how, x, np.array([3.0])))
    x = np.arange(-2.0, 9.0)[:, None]
    assert np.array_equal(graph.run(x), getattr(np, how)(x, 3.0).astype(float))
