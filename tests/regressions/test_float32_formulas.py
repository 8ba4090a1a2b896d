"""Proved bounds hold products of exponentials and nested quotients as XLA rewrites them."""

import numpy as np
import pytest

from outrange.domains.float32 import bound_deviations, plan_of_rows
from outrange.domains.float32.formulas import Formula
from outrange.graph import Builder, Slot


def off(graph, x):
    """Return the proved deviation of the single output at each point."""
    x = np.asarray(x, np.float64)
    return bound_deviations(plan_of_rows(graph, np.eye(1)), x, x).off[:, 0]


def two_inputs():
    b = Builder([Slot("x", (2,))])
    (x,) = b.input_values()
    return b, b.rearrange([x], [[0]]), b.rearrange([x], [[1]])


def write_plainly(b, value):
    """Return the graph operation by operation, as the model computes."""
    graph = b.finish([value], ["y"])
    return b.plain or graph


def points(low, high):
    return np.random.default_rng(0).uniform(low, high, (4000, 2)).astype(np.float32)


@pytest.mark.parametrize("divided", [False, True])
def test_exponentials_whose_exponents_are_added_first(divided):
    b, u, v = two_inputs()
    exps = b.curve("exp", u), b.curve("exp", v)
    graph = write_plainly(b, b.divide(*exps) if divided else b.multiply(*exps))
    x = points(-40.0, 40.0)
    exponent = x[:, 0] - x[:, 1] if divided else x[:, 0] + x[:, 1]
    assert exponent.dtype == np.float32
    keep = np.abs(exponent) < 80
    x, returned = x[keep], np.exp(exponent[keep].astype(np.float64))
    missed = np.abs(returned - graph.run(x.astype(np.float64))[:, 0])
    allowed = off(graph, x)
    assert (missed <= allowed).all()
    assert np.isfinite(allowed).all()


def test_an_exponential_that_is_squared():
    b, u, v = two_inputs()
    squared = b.curve("square", b.curve("exp", v))
    graph = write_plainly(b, b.multiply(b.curve("exp", u), squared))
    x = points(-25.0, 25.0)
    exponent = x[:, 0] + (x[:, 1] + x[:, 1])
    missed = np.abs(np.exp(exponent.astype(np.float64)) - graph.run(x.astype(np.float64))[:, 0])
    assert (missed <= off(graph, x)).all()


@pytest.mark.parametrize(("small", "x"), [(True, 1e-22), (False, 1e22)])
def test_denominators_are_multiplied_and_leave_the_range(small, x):
    b, u, v = two_inputs()
    graph = write_plainly(b, b.divide(b.divide(u, v), v))
    assert np.isinf(off(graph, [[x, x]])).all()
    assert np.isfinite(off(graph, [[1.0, 3.0]])).all()


@pytest.mark.parametrize(("factor", "lost"), [(1e25, True), (1e-25, True), (3.0, False)])
def test_factors_that_are_multiplied_first_leave_the_range(factor, lost):
    b, u, v = two_inputs()
    graph = write_plainly(b, b.multiply(b.affine_map(u, factor), b.affine_map(v, factor)))
    # (u v) (c d): one of both is beyond all numbers, the other is lost.
    assert (np.isinf(off(graph, [[1.0 / factor, 1.0 / factor]])) == lost).all()


def test_reach_bounds_the_product_of_any_factors():
    """A runtime may multiply any factors first; a divisor's divisor is a factor, too."""
    rng = np.random.default_rng(0)

    def value():
        size = 10.0 ** rng.uniform(-30, 30)
        ends = np.full((1, 1), size)
        return Formula(
            np.stack([ends, ends]),
            np.ones((2, 1, 1)),
            ends,
            np.maximum(ends, 1.0),
            np.maximum(1.0 / ends, 1.0),
        ), [size]

    for _ in range(200):
        formula, factors = value()
        for _ in range(rng.integers(1, 6)):
            if rng.random() < 0.5:
                formula, factors = formula.inverse(), [1.0 / f for f in factors]
            other, more = value()
            formula, factors = formula.times(other), factors + more
        largest = np.prod([f for f in factors if f > 1.0])
        assert formula.reach[0, 0] >= largest * (1.0 - 1e-9)


def test_products_that_a_division_of_quotients_forms_may_overflow():
    """XLA computes `w / (u / v)` as `(w v) / u`, and `w v` overflows here."""
    b = Builder([Slot("x", (4,))])
    (x,) = b.input_values()
    u, v, w, z = (b.rearrange([x], [[i]]) for i in range(4))
    graph = write_plainly(b, b.multiply(b.divide(w, b.divide(u, v)), z))
    assert np.isinf(off(graph, [[1e30, 1e30, 1e30, 1e-30]])).all()
    assert np.isfinite(off(graph, [[1e10, 1e10, 1e10, 1e-10]])).all()
