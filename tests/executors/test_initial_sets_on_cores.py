"""A closed loop on several cores of one process: the same pieces and pipes, bit for bit."""

import os
import signal
import threading
from functools import partial

import numpy as np
import pytest

from executors.test_initial_sets import CALLS, PLANTS, bounded, flow_cover, search_of
from outrange.core import OutOfTime, check_deadline
from outrange.core.clock import CountedTime, time_source
from outrange.ops.numerics.balls import ball, precision
from outrange.reach import tubes
from outrange.reach.flow import cover
from outrange.reach.spread import threads


pytestmark = pytest.mark.wallclock


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(tubes, "AT_ONCE", 2)
    monkeypatch.setattr(cover, "AT_ONCE", 2)


@pytest.fixture
def on(monkeypatch):
    """Return a function that answers on `count` cores and counts the threads it used."""

    def run(count, ask):
        names, plain = set(), threads.map_batches

        def map_batches(work, batches):
            def record_thread(batch):
                names.add(threading.get_ident())
                return work(batch)

            return plain(record_thread, batches)

        with monkeypatch.context() as patch:
            patch.setattr(os, "sched_getaffinity", lambda _: set(range(count)), raising=False)
            for module in ("outrange.reach.spread.tubes", "outrange.reach.flow.spread.batches"):
                patch.setattr(f"{module}.map_batches", map_batches)
            return ask(), len(names)

    return run


def advance_search(name, most=24):
    search = search_of(name)
    while search.waiting and search.boxes < most:
        search.advance()
    return search


@pytest.mark.slow
@pytest.mark.parametrize("name", PLANTS)
def test_boxes_of_a_loop_have_the_same_bits(name, on):
    parallel, threads_used = on(3, lambda: advance_search(name))
    alone, threads_alone = on(1, lambda: advance_search(name, parallel.boxes))
    assert threads_used > 1 and threads_alone == 0 and parallel.boxes == alone.boxes
    assert (parallel.gone, parallel.trouble) == (alone.gone, alone.trouble)
    for mine, theirs in ((parallel.done, alone.done), (parallel.waiting, alone.waiting)):
        for a, b in zip(mine, theirs, strict=True):
            for field in ("lo", "hi", "states", "controls", "gains", "margin", "blame"):
                np.testing.assert_array_equal(getattr(a, field), getattr(b, field))


@pytest.mark.slow
def test_pipes_of_a_flow_have_the_same_bits(on):
    parallel, threads_used = on(3, flow_cover)
    alone, threads_alone = on(1, flow_cover)
    assert threads_used > 1 and threads_alone == 0 and parallel.tried == alone.tried
    for a, b in zip(parallel.pipe.segments, alone.pipe.segments, strict=True):
        for field in ("boxes", "lo", "hi"):
            np.testing.assert_array_equal(getattr(a, field), getattr(b, field))


@pytest.mark.slow
@pytest.mark.parametrize(("plant", "dt", "steps", "limit", "status"), CALLS[:1])
def test_answers_have_the_same_bits(plant, dt, steps, limit, status, on):
    ask = partial(bounded, plant, dt, steps, limit)
    (parallel, threads_used), (alone, _) = on(3, ask), on(1, ask)
    assert threads_used > 1 and parallel.status == alone.status == status
    assert (parallel.margin, parallel.covered) == (alone.margin, alone.covered)
    for field in ("lo", "hi", "control_lo", "control_hi"):
        np.testing.assert_array_equal(getattr(parallel.pipe, field), getattr(alone.pipe, field))


def test_an_interrupt_waits_for_batches_under_way(on):
    ended, started, handled = [], threading.Event(), threading.Event()

    def interrupt(*_):
        if not handled.is_set():
            handled.set()
            raise KeyboardInterrupt

    def work(batch):
        # A real signal wakes the main thread, which waits for a lock. A signal that arrives just
        # before the wait begins does not end it, so it is sent until it is handled.
        started.set() if batch == 0 else started.wait()
        while batch == 1 and not handled.wait(0.2):
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        try:
            while True:
                check_deadline()
        except OutOfTime:
            ended.append(batch)

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            on(2, lambda: threads.map_batches(work, [0, 1]))
    finally:
        signal.signal(signal.SIGINT, before)
    assert sorted(ended) == [0, 1]


def test_one_thread_does_all_where_time_is_counted(on):
    assert on(3, threads.batches_at_once)[0] == 3 * threads.AHEAD
    with time_source(CountedTime()):
        assert on(3, threads.batches_at_once)[0] == 1


def test_threads_that_set_a_precision_wait_for_each_other():
    """Keep the precision, one number of the process, from leaking into another thread's balls."""
    seen, inside = [], threading.Event()

    def other():
        inside.wait(10.0)
        with precision(64):
            seen.append(ball(2.0).sqrt().rel_accuracy_bits())

    thread = threading.Thread(target=other)
    thread.start()
    with precision(512):
        inside.set()
        thread.join(0.05)
        seen.append(ball(2.0).sqrt().rel_accuracy_bits())
    thread.join()
    assert seen[0] > 500 and seen[1] < 70
