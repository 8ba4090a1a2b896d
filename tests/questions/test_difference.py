"""Differences of two networks: against one equivalent network, and of a network with itself."""

from itertools import pairwise

import numpy as np
import pytest

from outrange import InputError, difference_range
from outrange.core import ContradictionError
from outrange.graph import Builder, Slot
from outrange.graph.difference import difference
from outrange.questions.difference import difference_range as ask
from outrange.questions.output_range import output_range
from outrange.search.common.problem import sums_of_outputs
from questions.nets import Net, dense_net


SIZES, CURVES = (2, 8, 6, 2), ("relu", "relu", None)


def rounded_net(net_seed: int, steps: float):
    """Return `dense_net`, and the same with weights rounded to multiples of `1 / steps`."""
    rng = np.random.default_rng(net_seed)
    weights = [(rng.normal(size=(n, m)), rng.normal(size=m)) for n, m in pairwise(SIZES)]
    coarse = [tuple(np.round(w * steps) / steps for w in pair) for pair in weights]
    return (dense_net(SIZES, CURVES, weights=w) for w in (weights, coarse))


@pytest.mark.parametrize("curves", [CURVES, ("tanh", "sigmoid", None)])
def test_a_network_differs_from_itself_by_nothing(curves):
    first, second = (dense_net(SIZES, curves, seed=4) for _ in range(2))
    answer = difference_range(first.graph, second.graph, (-2, 2))
    assert (answer.lo == 0).all() and (answer.hi == 0).all()
    assert answer.is_exact


def test_what_is_alike_is_computed_once():
    first, second = rounded_net(1, 8.0)
    graph = difference(first.graph, first.graph)
    assert len(graph.nodes) == 1
    assert len(difference(first.graph, second.graph).nodes) > len(first.graph.nodes) + 2


@pytest.mark.parametrize("seed", range(3))
def test_rounded_weights(seed):
    first, second = rounded_net(seed, 16.0)
    answer = ask(first, second, (-1, 1), tol=1e-4)
    assert answer.is_exact
    x = np.random.default_rng(0).uniform(-1, 1, (100_000, 2))
    apart = first.graph.run(x) - second.graph.run(x)
    assert (answer.lo <= apart.min(axis=0)).all() and (apart.max(axis=0) <= answer.hi).all()
    spread = np.ptp(apart, axis=0)
    assert (apart.min(axis=0) - answer.lo <= 0.05 * spread).all()
    for end, at in ((answer.seen_lo, answer.at_lo), (answer.seen_hi, answer.at_hi)):
        difference = first.graph.run(at) - second.graph.run(at)
        np.testing.assert_allclose(np.diag(difference), end, atol=1e-9)
    np.testing.assert_allclose(answer.model_lo, answer.seen_lo, atol=1e-4)


def test_it_is_the_range_of_the_difference_written_out():
    first, second = rounded_net(5, 4.0)
    b = Builder([Slot("x", (2,))])
    ends = []
    for net in (first, second):
        h = b.input_values()[0]
        for node in net.graph.nodes:
            h = b.add_node(node.op, [h], node.shape)
        ends.append(h)
    whole = output_range(Net(b.finish([b.subtract(*ends)], ["y"])), (-1, 1), tol=1e-5)
    answer = ask(first, second, (-1, 1), tol=1e-5)
    size = 2e-5 * (whole.hi - whole.lo)
    assert (np.abs(answer.lo - whole.lo) <= size).all()
    assert (np.abs(answer.hi - whole.hi) <= size).all()


def test_refactored_layers_differ_by_rounding_alone():
    """Two consecutive dense layers equal their product up to float32 rounding."""
    rng = np.random.default_rng(0)
    a, c = (rng.normal(size=(3, 3)).astype("float32") for _ in range(2))
    first = dense_net((3, 3, 3), (None, "relu"), weights=[(a, np.zeros(3)), (c, np.zeros(3))])
    second = dense_net((3, 3), ("relu",), weights=[(a @ c, np.zeros(3))])
    answer = difference_range(first.graph, second.graph, (-1, 1), time_limit=2)
    assert (np.abs([answer.lo, answer.hi]) < 1e-5).all()


def test_models_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match=r"same sizes.*Received"):
        difference_range(dense_net((2, 1), (None,)).graph, dense_net((3, 1), (None,)).graph, (0, 1))


def test_a_model_that_overflows_contradicts_nothing():
    """Silu of float32 -inf is NaN, and so is the difference of two of them."""
    weights = [([[1e10]], [0.0]), ([[1.0]], [0.0])]
    first, second = (dense_net((1, 1, 1), ("silu", None), weights=weights) for _ in range(2))
    for net in (first, second):
        object.__setattr__(net, "predict", lambda x: np.where(np.abs(x) > 1e28, np.nan, x))
    answer = ask(first, second, (-1e30, 1e30), time_limit=5)
    assert answer.lo == answer.hi == 0
    assert np.isnan([answer.model_lo, answer.model_hi]).all()


def test_two_runs_of_one_network_may_round_differently():
    """A file in another format holds the same numbers, but its runtime adds in another order."""
    first, second = (dense_net(SIZES, CURVES, seed=4) for _ in range(2))
    object.__setattr__(second, "predict", lambda x: first.predict(x) * (1 + 2.0**-23))
    answer = ask(first, second, (-2, 2))
    assert (answer.lo == 0).all() and (answer.hi == 0).all()
    object.__setattr__(second, "predict", lambda x: first.predict(x) + 1.0)
    with pytest.raises(ContradictionError, match="does not compute"):
        ask(first, second, (-2, 2))


def test_products_of_a_network_and_itself_are_computed_once():
    def gated_net():
        b, rng = Builder([Slot("x", (2,))]), np.random.default_rng(0)
        (x,) = b.input_values()
        u, v = (b.curve("relu", b.dense(x, rng.normal(size=(2, 3)))) for _ in range(2))
        return b.finish([b.dense(b.multiply(u, v), rng.normal(size=(3, 1)))], ["y"])

    assert len(difference(gated_net(), gated_net()).nodes) == 1


@pytest.mark.parametrize("rows", [[[1.0, 1.0]], [[0.0, 0.0], [2.0, -3.0]]])
def test_forms_of_a_network_and_itself_are_exactly_0(rows):
    first, second = (dense_net(SIZES, CURVES, seed=4) for _ in range(2))
    answer = ask(first, second, (-1, 1), rows=rows)
    assert answer.is_exact and (answer.lo == 0).all() and (answer.hi == 0).all()


def test_forms_have_bounds_before_any_search():
    first, second = (dense_net((3, 40, 40, 2), CURVES, seed=k) for k in range(2))
    answer = ask(first, second, (-1, 1), rows=[[1.0, -2.0]], time_limit=1e-3)
    assert np.isfinite([answer.lo, answer.hi]).all()


def test_sums_of_numbers_that_vanish_are_not_0():
    rows, tiny = np.array([[1e-200, 1e-200]]), np.full((1, 2), -1e-200)
    low = sums_of_outputs(rows, np.zeros(1), tiny, tiny)
    assert low[0, 0] < 0
    assert sums_of_outputs(rows, np.zeros(1), np.zeros((1, 2)), tiny * 0)[0, 0] == 0
    endless = sums_of_outputs(rows, np.zeros(1), np.array([[-np.inf, 0.0]]), np.zeros((1, 2)))
    assert endless[0, 0] == -np.inf
