"""Answers about float32 networks: ranges, verdicts, radii, refusals."""

import keras
import numpy as np
import pytest

import outrange
from cases import cases
from float32_runs import float32_points, runtimes
from outrange import y
from outrange.core import InputError, UnsupportedError
from outrange.domains.float32 import plan_of_rows
from outrange.graph import Builder, Slot
from outrange.questions.float32.splits import float32_ends
from outrange.search.kernel.binding import library
from outrange.search.methods.float32_parts.points import provable_limits


BIG = 2.0**25


def order_dependent():
    """Return `x + BIG - BIG + x` with `x` in [0.25, 1], at least 0.5.

    Float32 drops `x` beside `BIG`.

    It is one sum: an order that adds `x` to `BIG` first returns `x`, or 0.
    """
    b = Builder([Slot("x", (1,))])
    (x,) = b.input_values()
    units = b.dense(x, [[1.0, 0.0, 0.0, 1.0]], np.array([0.0, BIG, -BIG, 0.0]))
    return b.finish([b.dense(b.curve("relu", units), np.array([[1.0], [1.0], [0.0], [1.0]]),
                             np.array([-BIG]))], ["y"])  # fmt: skip


def order_dependent_model():
    """Return the same network as a Keras model, which adds in its own order."""
    graph_weights = ([[1.0, 0.0, 1.0]], [0.0, BIG, 0.0], [[1.0], [1.0], [1.0]], [-BIG])
    model = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(3, "relu"), keras.layers.Dense(1)]
    )
    model.set_weights([np.array(part, "float32") for part in graph_weights])
    return model


def small(act="relu", seed=0):
    rng = np.random.default_rng(seed)
    model = keras.Sequential(
        [keras.Input((3,)), *(keras.layers.Dense(12, act) for _ in range(2)), keras.layers.Dense(2)]
    )
    model.set_weights([rng.normal(0, 0.5, w.shape) for w in model.get_weights()])
    return model


@pytest.mark.slow
def test_orders_of_one_sum_disagree_and_both_verdicts_are_right():
    graph = order_dependent()
    box = (0.25, 1.0)
    holds = outrange.verify(graph, y[0] >= 0.5, box)
    assert holds.holds
    answer = outrange.verify(
        graph, y[0] >= 0.5, box, arithmetic="float32", time_limit=cases(1.0, 5.0)
    )
    assert not answer.holds
    assert answer.in_real == "HOLDS"
    returned = np.concatenate(
        [r.run(graph, np.float32(np.linspace(0.25, 1, 64)[:, None])) for r in runtimes(1)]
    )
    assert returned.min() < 0.5 < 2.0  # some orders lose the input altogether
    proved = outrange.output_range(graph, box, arithmetic="float32")
    assert np.all(proved.lo <= returned.min())
    assert np.all(returned.max() <= proved.hi)


def test_a_model_that_breaks_it_in_float32_is_the_counterexample():
    model = order_dependent_model()
    assert outrange.verify(model, y[0] >= 0.5, (0.25, 1.0)).holds
    answer = outrange.verify(
        model, y[0] >= 0.5, (0.25, 1.0), arithmetic="float32", time_limit=cases(1.0, 5.0)
    )
    assert answer.status == "VIOLATED"
    assert answer.in_real == "HOLDS"
    assert answer.counterexample.reproduced
    x = np.asarray(answer.counterexample.x, "float32").reshape(1, 1)
    assert float(np.ravel(model.predict_on_batch(x))[0]) < 0.5


@pytest.mark.parametrize("act", ["relu", "tanh"])
def test_a_range_holds_for_the_model_and_for_every_order(act):
    model = small(act)
    real = outrange.output_range(model, (0, 1))
    answer = outrange.output_range(model, (0, 1), arithmetic="float32")
    assert np.all(answer.lo <= real.lo)
    assert np.all(real.hi <= answer.hi)
    assert np.all(answer.widening <= 1e-3 * (real.hi - real.lo))
    assert not answer.is_exact
    assert answer.status == "float32"
    rng = np.random.default_rng(0)
    x = float32_points(rng, np.zeros(3), np.ones(3), 2000)
    x = np.concatenate([x, np.float32(answer.at_lo), np.float32(answer.at_hi)])
    network = outrange.load(model)
    for run in (model.predict_on_batch, *(
        lambda v, r=r: r.run(network.written, v) for r in runtimes(1))):  # fmt: skip
        returned = np.asarray(run(x), np.float64)
        assert np.all((answer.lo <= returned) & (returned <= answer.hi))
    assert answer.records()[0]["real_lo"] == answer.real_lo[0]


@pytest.mark.slow
@pytest.mark.skipif(library() is None, reason="without the kernel, parts are bounded one by one")
def test_the_widening_comes_near_what_rounding_is_worth_where_ends_are_attained():
    network = outrange.load(small(seed=3))
    lo, hi = np.zeros(3), np.full(3, 0.25)
    real = outrange.output_range(network, (lo, hi))
    signs = np.concatenate([np.eye(2), -np.eye(2)])
    points = np.clip(np.concatenate([real.at_lo, real.at_hi]), lo, hi)
    plan = plan_of_rows(network.written, np.eye(2))
    ends = np.concatenate([real.lo, -real.hi])
    least = ends - provable_limits(plan, signs, points, (lo, hi))
    real_ends, goal = (real.lo, real.hi), np.full(2, 1e-12)
    answer = float32_ends(plan, (lo[None], hi[None]), real_ends, goal, 10.0, points)
    widening = ends - np.concatenate([answer.lo, -answer.hi])
    assert (least > 0).all()
    assert (widening >= 0.99 * least).all()
    assert (widening <= 1.15 * least).all()


def test_what_was_seen_is_what_the_model_returned():
    model = small()
    answer = outrange.output_range(model, (0, 1), arithmetic="float32")
    returned = np.asarray(model.predict_on_batch(np.float32(answer.at_lo)))
    assert np.array_equal(np.diag(returned), answer.seen_lo)
    assert np.array_equal(np.float32(answer.at_lo), answer.at_lo)


@pytest.mark.slow
def test_a_margin_of_more_than_the_widening_decides():
    model = small()
    top = float(outrange.output_range(model, (0, 1)).hi[0])
    wide = outrange.verify(model, y[0] <= top + 1e-3, (0, 1), arithmetic="float32")
    assert wide.holds
    assert wide.arithmetic == "float32"
    both = (y[0] <= top + 1e-3) | (y[1] <= -1e3)
    assert outrange.verify(model, both, (0, 1), arithmetic="float32").holds
    limit = cases(1.5, 3.0)
    tight = outrange.verify(
        model, y[0] <= top + 1e-9, (0, 1), arithmetic="float32", time_limit=limit
    )
    assert tight.holds is not True
    assert tight.in_real == "HOLDS"
    broken = outrange.verify(model, y[0] <= top - 1e-2, (0, 1), arithmetic="float32")
    assert broken.holds is False


@pytest.mark.slow
def test_a_radius_in_float32_is_no_larger():
    model, x = small(), np.full(3, 0.5, "float32")
    real = outrange.robustness(model, x, tol=1e-2)
    answer = outrange.robustness(model, x, tol=1e-2, arithmetic="float32", time_limit=20)
    assert 0 < answer.lo <= real.hi
    assert answer.arithmetic == "float32"


@pytest.mark.parametrize("name", ["bfloat16", "float16", "tf32", "double", 0])
def test_other_arithmetics_are_refused_by_name(name):
    asks = (
        lambda **how: outrange.output_range(small(), (0, 1), **how),
        lambda **how: outrange.verify(small(), y[0] <= 1, (0, 1), **how),
        lambda **how: outrange.robustness(small(), np.zeros(3), **how),
    )
    for ask in asks:
        with pytest.raises(InputError, match=r"'real' or 'float32'.*Received: arithmetic="):
            ask(arithmetic=name)


def test_a_formula_that_runtimes_write_otherwise_is_refused_by_name():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, "softmax", name="last")])
    with pytest.raises(UnsupportedError, match=r"`Softmax` in layer `last`"):
        outrange.output_range(model, (0, 1), arithmetic="float32")


def test_an_overflow_leaves_no_end_and_says_so():
    b = Builder([Slot("x", (1,))])
    (x,) = b.input_values()
    graph = b.finish([b.dense(b.dense(x, [[1e30]]), [[1e10]])], ["y"])
    answer = outrange.output_range(graph, (0, 1), arithmetic="float32")
    assert np.isinf(answer.hi).all()
    assert outrange.verify(graph, y[0] <= 1e41, (0, 1), arithmetic="float32").holds is None


@pytest.mark.parametrize("ends", [(0.0, -0.0), (-1e308, 1e308)])
def test_boxes_whose_width_float64_does_not_hold(ends):
    """The width is -0.0, or infinite."""
    b = Builder([Slot("x", (1,))])
    (x,) = b.input_values()
    graph = b.finish([b.dense(x, [[1.0]], np.zeros(1))], ["y"])
    answer = outrange.verify(
        graph, y[0] <= 1.0, ends, arithmetic="float32", time_limit=cases(1.0, 5.0)
    )
    assert bool(answer.holds) == (ends[1] == 0)
