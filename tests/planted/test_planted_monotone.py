"""Networks that are monotone, or are not, by construction: every one must be decided right."""

import numpy as np
import pytest

from cases import some
from outrange import monotone
from outrange.testing.oracle import evaluate
from planted.planted_monotone import networks


CASES = list(networks())


def sampled_falls(graph, box, i) -> bool:
    """Whether 20 000 random steps along the input show the output falling."""
    rng = np.random.default_rng(1)
    x = rng.uniform(*box, (20_000, box.shape[1]))
    then = x.copy()
    then[:, i] = rng.uniform(x[:, i], box[1, i])
    return bool((graph.run(then) < graph.run(x) - 1e-9).any())


def test_there_are_fifty():
    assert len(CASES) == 50
    assert sum(truth for *_, truth in CASES) == 25


def kind(case) -> str:
    return case[0].rsplit(" ", 1)[0]


@pytest.mark.parametrize("case", some(CASES, 10, kind), ids=lambda case: case[0])
def test_decided_right(case):
    _, graph, box, i, rises = case
    answer = monotone(graph, tuple(box), inputs=i, direction="rises")
    assert answer.status == ("HOLDS" if rises else "VIOLATED"), answer
    trend = answer.trends[0]
    if rises:
        assert trend.fall is None
        return
    step = trend.fall
    assert (box[0] <= step.x).all() and (step.then <= box[1]).all()
    moved = step.then - step.x
    assert moved[i] > 0 and np.count_nonzero(moved) == 1
    assert evaluate(graph, step.then)[0] < evaluate(graph, step.x)[0]


def test_samples_miss_the_needles():
    missed = [not sampled_falls(graph, box, i) for _, graph, box, i, rises in CASES if not rises]
    assert np.mean(missed) > 0.8
