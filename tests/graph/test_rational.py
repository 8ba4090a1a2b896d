"""Values in rational arithmetic, against those of the 400-bit oracle and of enclosures."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest

from outrange.graph import Builder, Slot
from outrange.graph.rational import RationalEvaluator
from outrange.ops import gather_sum
from questions.nets import dense_net
from random_graphs import random_graph
from small_graphs import run_exactly


@pytest.mark.parametrize("seed", range(12))
def test_rational_values_are_those_of_the_oracle(seed):
    rng = np.random.default_rng(seed)
    graph = random_graph(rng)
    values = range(len(graph.nodes) + 1)
    count = 0
    for _ in range(3):
        x = rng.normal(size=graph.size)
        values_at = RationalEvaluator(graph).at(x, values)
        with mpmath.workprec(400):
            for exact, mine in zip(run_exactly(graph, x), values_at, strict=True):
                for a, b in zip(exact, mine or [], strict=mine is not None):
                    scale = 1 + abs(a)
                    assert abs(a - mpmath.mpf(b.numerator) / b.denominator) <= scale * 1e-90
                count += mine is not None
    assert count > 3


def test_what_had_to_be_rounded_is_not_known():
    b = Builder([Slot("x", (1,))])
    (x,) = b.input_values()
    twice = b.add_node(gather_sum([[0, 0]], [[0.1, 0.2]], 1), [x], (1, 1))
    graph = b.finish([twice, b.curve("sigmoid", x), b.affine_map(x, 0.1)], ["a", "b", "c"])
    values_at = RationalEvaluator(graph).at(np.array([0.3]), range(1, len(graph.nodes) + 1))
    assert [part for part in values_at if part is not None] == [[Fraction(0.1) * Fraction(0.3)]]


def test_a_large_graph_is_left_alone():
    graph = dense_net([1100, 1000, 1], ["relu", None]).graph
    assert RationalEvaluator(graph).at(np.zeros(1100), [graph.output]) == [None]


def test_long_numbers_are_left_alone(monkeypatch):
    from outrange.core import deadline

    graph = dense_net([2, 30, 30, 1], ["relu", "relu", None]).graph
    x = np.array([0.3, 0.1])
    assert RationalEvaluator(graph).at(x, [graph.output]) != [None]
    with deadline(-1.0):
        assert RationalEvaluator(graph).at(x, [graph.output]) == [None]
    monkeypatch.setattr("outrange.graph.rational.MOST_WORK", 2000)
    assert RationalEvaluator(graph).at(x, [graph.output]) == [None]
