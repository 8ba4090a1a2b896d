"""Float32 sums that a runtime forms as one, and factors that it applies before or after a sum.

Each test computes, in float32, what some runtime does: a convolution that starts at the residual, a
shift that is folded into the bias before or behind. The result lies within the proved
deviation.
"""

import numpy as np
import pytest

from outrange.domains.float32 import bound_deviations, plan_of_rows
from outrange.graph import Builder, Slot


BIG = 2.0**24
TERMS = 64
ONES = np.ones((TERMS, 1))


def builder():
    b = Builder([Slot("x", (TERMS,))])
    return b, b.input_values()[0]


def off(graph, x):
    """Return the proved deviation of every output at a point."""
    boxes = np.repeat(np.asarray(x, np.float64)[None], 2, axis=0)
    plan = plan_of_rows(graph, np.eye(graph.value_size(graph.output)))
    return bound_deviations(plan, boxes, boxes).off[1]


def in_turn(*terms):
    """A float32 sum, in this order."""
    total = np.float32(terms[0])
    for term in terms[1:]:
        total = np.float32(total + np.float32(term))
    return np.float64(total)


def check(graph, x, returned):
    x = np.float32(x).astype(np.float64)
    exact = graph.run(x[None])[0]
    missed, allowed = np.abs(np.ravel(returned) - exact), off(graph, x)
    assert (missed > 0).any()
    assert (missed <= allowed).all(), (missed, allowed)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_sum_that_starts_at_the_residual(sign):
    b, x = builder()
    z = b.dense(x, np.r_[0.0 * ONES[:1], ONES[1:]])
    graph = b.finish([b.add(b.rearrange([x], [[0]]), z)], ["y"])
    v = np.full(TERMS, 1.01 * sign)
    v[0] = BIG * sign
    check(graph, v, in_turn(*v))


def test_a_sum_that_starts_at_the_shift_of_a_batch_norm():
    b, x = builder()
    z = b.dense(x, ONES, np.zeros(1))
    norm = b.affine_map(b.affine_map(z, 1.0, -3.0), 1.5, BIG, ulps=4)
    v = np.full(TERMS, 0.7)
    check(b.finish([norm], ["y"]), v, in_turn(BIG - 4.5, *(1.5 * np.float32(v))))


def test_two_additions_in_a_row():
    b, x = builder()
    z = b.dense(x, ONES, np.zeros(1))
    twice = b.affine_map(b.affine_map(z, 1.0, BIG), 1.0, -BIG)
    v = np.full(TERMS, 1.01)
    # All but the last begin at the first constant: each term is rounded to 2.
    check(b.finish([twice], ["y"]), v, in_turn(BIG, *v, -BIG))
    b, x = builder()
    both = b.add(b.add(b.dense(x, ONES, np.zeros(1)), b.dense(x, BIG * np.eye(TERMS)[:, :1])),
                 b.dense(x, -BIG * np.eye(TERMS)[:, :1]))  # fmt: skip
    v[0] = 1.0
    check(b.finish([both], ["y"]), v, in_turn(BIG, *v, -BIG))


def test_a_shift_before_a_matrix_is_multiplied_into_its_bias():
    many = 1024
    b = Builder([Slot("x", (many,))])
    (x,) = b.input_values()
    norm = b.affine_map(b.affine_map(x, 1.0, -BIG), 1.0, 0.5 * BIG)
    graph = b.finish([b.dense(norm, np.ones((many, 1)))], ["y"])
    v = np.full(many, 0.5 * BIG + 255.0)
    # The terms first: partial sums are far larger than any entry of what the matrix reads.
    check(graph, v, in_turn(*v, -0.5 * BIG * many))


def test_a_shift_is_rounded_otherwise_for_each_output_that_it_is_folded_into():
    b, x = builder()
    scaled = b.affine_map(x, 1.1, -1.1 * BIG, ulps=1)
    weights = np.repeat([[1.0, 1.0 + 2.0**-12]], TERMS, axis=0)
    pair = b.dense(scaled, weights, np.zeros(2))
    graph = b.finish([b.dense(pair, np.array([[1.0], [-1.0]]))], ["y"])
    v = np.full(TERMS, BIG)
    factor, shift = np.float32(1.1), np.float32(-1.1 * BIG)
    sums = []
    for w in np.float32(weights[0]):
        product = np.float32(w * factor) * np.float32(BIG)
        sums.append(in_turn(*np.full(TERMS, product), *np.full(TERMS, w * shift)))
    check(graph, v, in_turn(sums[0], -sums[1]))


def test_a_constant_is_moved_past_a_value_that_others_read():
    b, x = builder()
    first = b.dense(x, ONES, np.full(1, 1e6))
    second = b.affine_map(first, 1.0, 0.03)
    graph = b.finish([b.dense(b.concat([first, second], 1), np.array([[-1.0], [1.0]]))], ["y"])
    v = np.zeros(TERMS)
    v[0] = -1e6
    # Both constants are added beforehand: the second is lost.
    check(graph, v, in_turn(-1e6, np.float32(1e6) + np.float32(0.03)))


def test_an_entry_that_is_repeated_is_rounded_otherwise_each_time():
    b, x = builder()
    twice = b.rearrange([b.dense(x, ONES, np.full(1, 1e6))], [[0, 0]])
    moved = b.affine_map(twice, 1.0, np.array([0.0, 0.03]))
    graph = b.finish([b.dense(moved, np.array([[-1.0], [1.0]]))], ["y"])
    v = np.zeros(TERMS)
    v[0] = -1e6
    check(graph, v, in_turn(-1e6, np.float32(1e6) + np.float32(0.03)))


def test_a_mean_is_divided_after_its_sum():
    index = np.arange(TERMS - 1)[None]
    b, x = builder()
    graph = b.finish([b.gather_sum(x, index, 1.0 / (TERMS - 1), (1,), ulps=1)], ["y"])
    # 2^30 first: each of the rest is half a unit in its last place and more.
    v = np.full(TERMS, 33.0 + 2.0**-8)
    v[0] = 2.0**30
    check(graph, v, in_turn(*v[:-1]) / (TERMS - 1))
    assert np.isinf(off(graph, np.full(TERMS, 2.0**126))).all()  # the sum overflows, its mean not


def test_a_factor_that_misses_one_rounds():
    b, x = builder()
    graph = b.finish([b.affine_map(x, np.ones(TERMS), ulps=4)], ["y"])
    v = np.full(TERMS, 1.7)
    check(graph, v, np.float32(1.0 + 2.0**-22) * np.float32(v))


def test_a_folded_weight_that_underflows_is_lost():
    b, x = builder()
    graph = b.finish([b.affine_map(b.dense(x, 1e-25 * ONES), 1e-20)], ["y"])
    v = np.full(TERMS, 1e20)
    check(graph, v, 0.0)


def test_a_folded_weight_that_overflows_is_no_number():
    b, x = builder()
    graph = b.finish([b.affine_map(b.dense(x, 1e25 * ONES), 1e20)], ["y"])
    assert np.isinf(off(graph, np.full(TERMS, 1e-20))).all()


def test_a_factor_that_is_applied_after_the_sum_finds_it_overflown():
    b, x = builder()
    graph = b.finish([b.dense(b.affine_map(x, 1e-30), 1e9 * ONES)], ["y"])
    assert np.isinf(off(graph, np.full(TERMS, 1e30))).all()
    b, x = builder()
    graph = b.finish([b.dense(b.affine_map(x, 1e30), 1e-10 * ONES)], ["y"])
    check(graph, np.full(TERMS, 1e-30), 0.0)  # products are flushed
