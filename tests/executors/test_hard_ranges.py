"""A time limit on workers: bounds as tight as in one process that does the same work."""

import numpy as np
import pytest

from executors.simulated import simulated_workers
from outrange.core.clock import CountedTime, time_source
from outrange.executors.ambient_pool import Workers, use_workers
from outrange.executors.pool import ExecutorPool
from outrange.questions.output_range import output_range
from outrange.search.spread.policy import LONGEST, seconds_of_task
from questions.nets import dense_net


def widths(sizes, seconds, workers=None, cores=2):
    net = dense_net(sizes, ("relu",) * (len(sizes) - 2) + (None,), 0)
    box = [-1.0] * sizes[0], [1.0] * sizes[0]
    if workers is None:
        with time_source(CountedTime()):
            answer = output_range(net, box, time_limit=cores * seconds)
    else:
        with simulated_workers(workers) as pool, use_workers(Workers(ExecutorPool(pool))):
            answer = output_range(net, box, time_limit=seconds)
        assert pool.calls > 3
    assert answer.status == "time"
    return answer.hi - answer.lo


@pytest.mark.parametrize(
    ("sizes", "seconds", "cores"),
    [
        pytest.param((6, 100, 100, 3), 1.5, 2, marks=pytest.mark.slow),
        pytest.param((10, 64, 64, 1), 4.0, 2, marks=pytest.mark.slow),
        # Semidefinite bounds, which are best here, are not divided among workers.
        pytest.param((12, 48, 48, 2), 8.0, 1, marks=pytest.mark.slow),
    ],
)
def test_two_workers_are_as_narrow_as_cores_of_one_process(sizes, seconds, cores):
    alone = widths(sizes, seconds, cores=cores)
    assert (widths(sizes, seconds, workers=2) / alone).max() <= 1.1


def test_a_task_behind_another_one_ends_before_the_time_limit():
    for left in np.geomspace(0.6, 100.0, 20):
        first = seconds_of_task(left, 2, rises=True)
        assert 0.1 <= first <= left / 2
    assert seconds_of_task(1e3, 2, rises=True) == LONGEST
    assert seconds_of_task(0.05, 2, rises=True) == 0.0
