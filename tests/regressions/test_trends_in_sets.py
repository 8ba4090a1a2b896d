"""A trend was called VIOLATED because of a point between two categories or integers."""

import keras
import numpy as np
import pytest
from keras import ops

import outrange
from outrange.core.errors import RelaxedSetWarning
from outrange.graph import Builder, Slot


pytestmark = pytest.mark.filterwarnings(f"ignore::{RelaxedSetWarning.__module__}.RelaxedSetWarning")

SET = outrange.Mixed((np.zeros(4), np.array([1.0, 1.0, 1.0, 2.0])), integers=[3], one_hot=[[1, 2]])

DUMMIES = outrange.Mixed(SET.box, integers=[3], at_most_one=[[1, 2]])


def falling_where(condition):
    """Build `a - 4 relu(a + condition - 1)`: it falls in `a` where the condition is 1, not at 0."""
    x = keras.Input((4,))
    a = x[:, :1]
    y = a - 4.0 * ops.relu(a + condition(x) - 1.0)
    return keras.Model(x, y)


def both_categories(x):
    return x[:, 1:2] + x[:, 2:3] - 1.0


def between_integers(x):
    return 1.0 - ops.absolute(2.0 * x[:, 3:] - 1.0) - ops.relu(6.0 * x[:, 3:] - 6.0)


@pytest.mark.parametrize("inputs", [SET, DUMMIES])
@pytest.mark.parametrize("condition", [both_categories, between_integers])
def test_a_fall_outside_the_set_is_no_counterexample(condition, inputs):
    model = falling_where(condition)
    answer = outrange.monotone(model, inputs, inputs=[0], direction="rises", budget=1.0)
    # Each category of a one-hot group is a box of its own, on which the output provably rises.
    is_proved = inputs is SET and condition is both_categories
    assert answer.status == ("HOLDS" if is_proved else "UNKNOWN")
    assert outrange.monotone(model, SET.box, inputs=[0], direction="rises").status == "VIOLATED"


def test_a_counterexample_lies_in_the_set():
    model = falling_where(lambda x: x[:, 2:3] + 0.5 * x[:, 3:])
    answer = outrange.monotone(model, SET, inputs=[0], direction="rises", budget=3.0)
    assert answer.status == "VIOLATED"
    (trend,) = answer.trends
    ends = [np.concatenate([np.ravel(v) for v in end.values()]) if isinstance(end, dict)
            else np.ravel(end) for end in (trend.fall.x, trend.fall.then)]  # fmt: skip
    assert all(SET.contains(end) for end in ends)
    assert (np.flatnonzero(ends[0] != ends[1]) == [0]).all()


def test_a_fall_along_a_dummy_lies_in_the_set():
    builder = Builder([Slot("x", (4,))])
    difference = builder.dense(builder.input_values()[0], np.array([[0.0], [1], [-1], [0]]))
    model = builder.finish([difference], ["y"])
    options = {"inputs": [2], "direction": "rises", "budget": 0.1}
    (trend,) = outrange.monotone(model, DUMMIES, **options).trends
    for end in (trend.fall.x, trend.fall.then):
        assert DUMMIES.contains(np.ravel(end))
    fixed = outrange.Mixed(([0, 1, 0, 0], [1, 1, 1, 2]), integers=[3], at_most_one=[[1, 2]])
    assert outrange.monotone(model, fixed, **options).trends[0].direction == "fixed"


def test_no_trend_in_one_category_is_refuted():
    model = falling_where(lambda x: x[:, 2:3])
    answer = outrange.monotone(model, SET, inputs=[2], direction="rises", budget=1.0)
    assert answer.status != "VIOLATED"
