"""What a condition chooses: the hull of both branches, and no trajectory is lost."""

import numpy as np
import pytest

from cases import cases
from outrange.frontends.functions import trace
from outrange.graph import Builder, Slot
from outrange.reach import selections
from outrange.reach.zonotope_pass import through
from outrange.reach.zonotopes import Zonotopes, boxes


def graph_of(function, size):
    b = Builder([Slot("x", (size,))])
    (x,) = b.input_values()
    return b.finish([trace(b, function, [b.reshape(x, (size,))], None, "f")], ["y"])


def nested(rng):
    """A function of four states with conditions inside conditions."""
    a, b, c = rng.normal(size=(3, 4, 4))

    def run(x):
        low = np.where(a[0] @ x > 0.1, np.tanh(b @ x), c @ x)
        both = np.where((x[0] > 0) & (x[1] < 0.3), low, 0.5 * low + x[2] * x[3])
        return np.select([x[2] > 0.2, x[3] > 0], [both, -both], both + 1.0)

    return run


def encloses(seed):
    rng = np.random.default_rng(seed)
    run = nested(rng)
    graph = graph_of(run, 4)
    for width in (0.02, 0.5):
        middle, half = rng.uniform(-1, 1, (3, 4)), width * rng.uniform(0, 1, (3, 4))
        form = through(graph, boxes(middle - half, middle + half))
        at = rng.uniform(-1, 1, (300, 4))
        values = graph.run((middle[:, None] + half[:, None] * at).reshape(-1, 4)).reshape(3, 300, 4)
        # Along any direction, with what is known of the point that a value belongs to.
        known = form.center[:, None] + np.einsum("kg,bgn->bkn", at, form.rows[:, :4])
        off = np.abs(form.rows[:, 4:]).sum(axis=1) + form.rest
        if not (np.abs(values - known) <= off[:, None] + 1e-9).all():
            return False
    return True


@pytest.mark.parametrize("seed", range(cases(12, 200)))
def test_values_lie_in_their_forms(seed):
    assert encloses(seed)


def test_a_choice_lies_in_the_hull_of_its_branches():
    graph = graph_of(lambda x: [np.where(x[0] > 0, x[1], x[2])], 3)
    form = through(graph, boxes(np.array([[-1.0, 0.0, 0.5]]), np.array([[1.0, 1.0, 2.0]])))
    lo, hi = form.ends()
    assert (lo[0, 0], hi[0, 0]) == pytest.approx((0.0, 2.0), abs=1e-9)


def test_what_both_branches_share_is_kept():
    graph = graph_of(lambda x: [np.where(x[0] > 0, x[1] + 0.1, x[1] - 0.1) - x[1]], 2)
    form = through(graph, boxes(np.array([[-1.0, 0.0]]), np.array([[1.0, 5.0]])))
    assert form.ends()[1][0, 0] == pytest.approx(0.1, abs=1e-9)


def _half(a, b):
    return Zonotopes(a.center, a.rows, a.rest)


def test_the_law_catches_a_branch_that_is_dropped(monkeypatch):
    monkeypatch.setattr(selections, "_join", _half)
    assert not all(encloses(seed) for seed in range(12))
