"""A value at a single point is a value: fusing must not lose it."""

import numpy as np
import pytest

from outrange.domains import bounds
from outrange.graph import Builder, Slot


def is_zero_sum(b, x):
    return b.add(b.curve("is_zero", x), b.curve("is_zero", b.affine_map(x, 1.0, 3.0)))


def square_is_zero(b, x):
    return b.curve("is_zero", b.curve("square", x))


def step_of_negative_square(b, x):
    return b.curve("heaviside", b.affine_map(b.curve("square", x), -1.0), at_zero=1.0)


def steps_from_both_sides(b, x):
    up = b.curve("heaviside", x, at_zero=1.0)
    down = b.curve("heaviside", b.affine_map(x, -1.0), at_zero=1.0)
    return b.add(up, down)


@pytest.mark.parametrize(
    "make", [is_zero_sum, square_is_zero, step_of_negative_square, steps_from_both_sides]
)
def test_it_survives(make):
    b = Builder([Slot("x", (1,))])
    (x,) = b.input_values()
    y = b.affine_map(make(b, x), 3.0, -1.0)
    graph = b.finish([y], ["y"])
    points = np.array([[-4.0], [-3.0], [-1.0], [0.0], [0.5], [2.0]])
    np.testing.assert_array_equal(graph.run(points), (b.plain or graph).run(points))
    lo, hi = bounds(graph, points, points, "intervals")[graph.output]
    assert (lo <= graph.run(points)).all() and (graph.run(points) <= hi).all()
    for domain in ("intervals", "linear"):
        lo, hi = bounds(graph, np.array([[-5.0]]), np.array([[5.0]]), domain)[graph.output]
        assert lo.min() <= graph.run(points).min() and graph.run(points).max() <= hi.max()
