"""A dip between two cells of the analysis is no pole: its values are within the bounds."""

from fractions import Fraction

import numpy as np
import pytest

from outrange.core import InputError, UnsupportedError
from outrange.domains import bounds
from outrange.graph import Builder, Slot
from outrange.ops.pointwise import Expressions, analyze
from outrange.ops.pointwise.analysis.polynomials import has_root


@pytest.mark.parametrize("power", [2, 4])
@pytest.mark.parametrize("height", [1e-1, 3e-3, 1e-5, 1e-9, 1e-13])
def test_a_share_of_a_square_reaches_zero(height, power):
    """`u^n / (u^n + c)` is 0 where `u` is: between grid points, and steep about there."""
    t = Expressions()
    u = t.power(t.scale(t.x, Fraction(-5.742), Fraction(0.667)), power)
    try:
        curve = analyze(t, t.divide(u, t.scale(u, 1, Fraction(height))))
    except UnsupportedError:
        return  # Nothing is claimed.
    at = 0.667 / 5.742
    for radius in (1e-9, 1e-4, 0.01, 1.0, 30.0):
        lo, hi = np.array([at - radius]), np.array([at + radius])
        try:
            least, most = curve.range(lo, hi)
        except InputError:
            continue  # The facts end before.
        edge = (5.742 * radius) ** power
        assert least <= 1e-20 and most >= edge / (edge + height) * (1 - 1e-9)


@pytest.mark.parametrize("c", [0.3, 3e-3, 1e-6])
def test_a_graph_of_a_steep_response_is_bounded_with_its_dip(c):
    b = Builder([Slot("x", (1,))])
    (x,) = b.input_values()
    u = b.curve("square", b.affine_map(x, -5.742, 0.667))
    y = b.multiply(u, b.curve("reciprocal", b.affine_map(u, 1.0, c), side="positive"))
    graph = b.finish([y], ["y"])
    for domain in ("intervals", "linear", "forward"):
        least, most = bounds(graph, np.array([[-2.0]]), np.array([[3.0]]), domain)[graph.output]
        assert least.min() <= 1e-12 and most.max() >= 0.99


def test_two_poles_that_cells_do_not_tell_apart_are_no_single_one():
    """`1 / ((x - p)^2 - 1e-10)` has two poles within one cell."""
    t = Expressions()
    square = t.power(t.scale(t.x, 1, Fraction(-0.1161)), 2)
    try:
        curve = analyze(t, t.power(t.scale(square, 1, Fraction(-1e-10)), -1))
    except UnsupportedError:
        return
    for at in (0.1161 - 1e-5, 0.1161 + 1e-5):
        with pytest.raises(InputError):
            curve.range(np.array([at - 1e-7]), np.array([at + 1e-7]))


@pytest.mark.parametrize("seed", range(8))
def test_roots_of_polynomials_are_counted_exactly(seed):
    rng = np.random.default_rng(seed)
    roots = [Fraction(int(r), 7) for r in rng.integers(-20, 20, rng.integers(1, 6))]
    polynomial = {0: Fraction(-3)}
    factors = [{1: Fraction(1), 0: -r} for r in roots]
    if seed % 2:  # a factor without real roots
        shift = Fraction(int(rng.integers(-9, 9)), 5)
        factors.append({2: Fraction(1), 1: -2 * shift, 0: shift**2 + Fraction(1, 100)})
    for factor in factors:
        product = {}
        for i, c in polynomial.items():
            for j, d in factor.items():
                product[i + j] = product.get(i + j, 0) + c * d
        polynomial = {k: c for k, c in product.items() if c}
    for _ in range(20):
        lo, hi = sorted(Fraction(int(v), 9) for v in rng.integers(-30, 30, 2))
        assert has_root(polynomial, lo, hi) == any(lo <= r <= hi for r in roots)
