"""The frontier of open boxes."""

import numpy as np
import pytest

from outrange.search.input_split import frontier as module
from outrange.search.input_split.frontier import Frontier


def _fill(count: int) -> Frontier:
    pool = Frontier(2, 3, 4)
    rng = np.random.default_rng(0)
    pool.push(
        rng.normal(size=(count, 2)), rng.normal(size=(count, 2)),
        np.arange(3 * count).reshape(count, 3), np.zeros((count, 4)), np.ones((count, 3)),
        np.arange(count),
    )  # fmt: skip
    return pool


def test_best_boxes_leave_first_and_bounds_follow():
    pool = _fill(3000)
    assert len(pool) == 3000
    assert pool.lower().tolist() == [0.0, 1.0, 2.0]
    popped = pool.pop(5)
    assert popped["priority"].tolist() == [2999, 2998, 2997, 2996, 2995]
    assert len(pool) == 2995


def test_a_full_frontier_pops_nearly_closed_boxes_first(monkeypatch):
    pool = _fill(100)
    monkeypatch.setattr(module, "MOST_BYTES", 0)
    assert pool.pop(2)["priority"].tolist() == [0, 1]


def test_closed_objectives_do_not_count():
    pool = Frontier(1, 2, 0)
    pool.push([[0.0]], [[1.0]], [[-1.0, -2.0]], np.zeros((1, 0)), [[1, 0]], [1.0])
    assert pool.lower().tolist() == [-1.0, np.inf]


def test_boxes_in_hand_count_until_they_are_settled():
    pool = Frontier(1, 2, 0)
    pool.push([[0.0]], [[1.0]], [[-1.0, -2.0]], np.zeros((1, 0)), [[1, 0]], [1.0])
    pool.pop(1)
    assert pool.lower().tolist() == [-1.0, np.inf]
    pool.settle()
    assert pool.lower().tolist() == [np.inf, np.inf]


def test_an_interruption_loses_no_box(monkeypatch):
    pool = _fill(100)

    def interrupt(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pool, "_boxes", interrupt)
        with pytest.raises(KeyboardInterrupt):
            pool.pop(5)
    assert len(pool) == 100
    assert pool.lower().tolist() == [0.0, 1.0, 2.0]


def test_every_box_leaves_once_while_others_come():
    rng, pool, priorities = np.random.default_rng(0), _fill(500), []
    for i in range(200):
        priorities += pool.pop(int(rng.integers(1, 9)))["priority"].tolist()
        pool.settle()
        if i % 3 == 0:
            new = 1000 + 10 * i + np.arange(4)
            pool.push(
                np.zeros((4, 2)),
                np.ones((4, 2)),
                np.ones((4, 3)),
                np.zeros((4, 4)),
                np.ones((4, 3)),
                new,
            )
    while len(pool):
        priorities += pool.pop(50)["priority"].tolist()
    assert len(priorities) == len(set(priorities)) == 500 + 4 * 67


def test_at_the_limit_of_memory_it_is_not_put_in_order_at_every_call(monkeypatch):
    pool, orders = _fill(3200), []
    monkeypatch.setattr(module, "MOST_BYTES", 3202 * pool._row_bytes)
    order = pool._order
    monkeypatch.setattr(pool, "_order", lambda count: (orders.append(pool.full), order(count)))
    for i in range(100):  # Alternately a little over the limit and a little below it.
        pool.pop(4)
        pool.settle()
        new = 8 * (i % 2 == 0)
        pool.push(
            np.zeros((new, 2)),
            np.ones((new, 2)),
            np.ones((new, 3)),
            np.zeros((new, 4)),
            np.ones((new, 3)),
            4000 + 10 * i + np.arange(new),
        )
    assert set(orders) == {False, True} and len(orders) <= 6
