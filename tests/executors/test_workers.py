"""The context manager `outrange.workers`: which questions use it, and for how long."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import numpy as np
import pytest

import outrange
from executors.scripted import Scripted
from outrange import InputError, y
from outrange.core.clock import CountedTime, time_source
from outrange.executors.cores import on_cores
from outrange.executors.workers import divide_searches, take_pool
from outrange.search.spread import search as spread
from questions.nets import dense_net


pytestmark = pytest.mark.wallclock

NET = dense_net((4, 16, 16, 1), ("relu", "relu", None)).graph
BOX = (-1, 1)


@pytest.fixture(autouse=True)
def small_tasks(monkeypatch):
    """Make tasks small, as the trees of tests are."""
    monkeypatch.setattr(spread, "ALONE", 8)
    monkeypatch.setattr(spread, "MOST", 100)


@pytest.fixture(scope="module")
def alone():
    return outrange.output_range(NET, BOX, tol=1e-3)


def is_shared():
    """Return whether workers share the search of a range."""
    return spread.METHOD in outrange.output_range(NET, BOX, tol=1e-3).methods


def test_questions_in_the_block_use_the_workers(alone):
    with outrange.workers(executor := Scripted()):
        answer = outrange.output_range(NET, BOX, tol=1e-3)
    calls = executor.calls
    assert calls and spread.METHOD in answer.methods and spread.METHOD not in alone.methods
    np.testing.assert_allclose([answer.lo, answer.hi], [alone.lo, alone.hi], rtol=0.01)
    assert not is_shared() and executor.calls == calls


def test_questions_in_assertions_use_the_workers(alone):
    with outrange.workers(executor := Scripted()):
        outrange.testing.assert_holds(NET, y[0] <= 1.01 * float(alone.seen_hi[0]), BOX)
    assert executor.calls


@pytest.mark.parametrize(
    "ask",
    [
        lambda: outrange.minimize(NET, y[0], BOX, tol=1e-2),
        lambda: outrange.robustness(NET, np.zeros(4), property=y[0] <= 100),
        lambda: outrange.monotone(NET, BOX),
        lambda: outrange.difference_range(NET, NET, BOX),
        lambda: outrange.summary(NET, BOX),
        lambda: outrange.output_range(NET, BOX, budget=1),
    ],
    ids=["minimize", "robustness", "monotone", "difference_range", "summary", "a budget"],
)
def test_other_questions_run_in_this_process(ask, tmp_path):
    def ask_in_counted_time():
        with time_source(CountedTime()), on_cores(1):
            return repr(ask())

    expected = ask_in_counted_time()
    with outrange.workers(executor := Scripted(), resume=tmp_path / "state"):
        assert ask_in_counted_time() == expected
    assert not executor.calls and not (tmp_path / "state").exists()


def test_the_innermost_block_is_valid(tmp_path):
    outer, inner = Scripted(), Scripted()
    with outrange.workers(outer, resume=tmp_path / "state"):
        with outrange.workers(inner):
            assert is_shared()
        assert inner.calls and not outer.calls and not (tmp_path / "state").exists()
        with outrange.workers():
            assert not is_shared()
        assert is_shared() and outer.calls and list((tmp_path / "state").iterdir())


def test_a_block_ends_with_an_exception():
    with pytest.raises(ZeroDivisionError), outrange.workers(Scripted()):
        raise ZeroDivisionError
    assert not is_shared()
    with outrange.workers(Scripted()), pytest.raises(InputError, match="tol"):
        outrange.output_range(NET, BOX, tol=-1)
    assert not is_shared()


def test_a_block_is_valid_in_its_thread():
    with ThreadPoolExecutor(1) as other, outrange.workers(Scripted()):
        assert not other.submit(is_shared).result()
        assert other.submit(copy_context().run, is_shared).result()


def test_questions_of_a_task_run_in_the_process_of_the_task():
    """Tasks of a synchronous executor see the block of the caller."""
    with outrange.workers(executor := Scripted()):
        with take_pool() as pool:
            assert pool is not None and not is_shared()
        with divide_searches(), take_pool() as pool:
            assert pool is None
    assert not executor.calls


def test_without_an_executor_threads_of_this_process_search(tmp_path, alone):
    folder = tmp_path / "state"
    with outrange.workers(resume=folder):
        assert is_shared()
        (file,) = folder.iterdir()
        outrange.verify(NET, y[0] <= 1.01 * float(alone.seen_hi[0]), BOX)
        assert len(list(folder.iterdir())) == 2  # another question, another file
        again = outrange.output_range(NET, BOX, tol=1e-3)
    assert again.is_exact and file.exists() and len(list(folder.iterdir())) == 2


def test_equal_questions_at_the_same_time_need_two_folders(tmp_path, monkeypatch):
    """Hold the first question open, and ask it again in another thread."""
    reached, go_on, failures = threading.Event(), threading.Event(), []
    restore = spread.SpreadSearch._restore

    def wait(search):
        restore(search)
        reached.set()
        assert go_on.wait(60.0)

    def ask(folder):
        try:
            with outrange.workers(Scripted(), resume=folder):
                outrange.output_range(NET, BOX, tol=1e-3)
        except InputError as error:
            failures.append(str(error))

    monkeypatch.setattr(spread.SpreadSearch, "_restore", wait)
    first = threading.Thread(target=ask, args=(tmp_path / "a",))
    first.start()
    assert reached.wait(60.0)
    monkeypatch.setattr(spread.SpreadSearch, "_restore", restore)
    ask(tmp_path / "a")
    assert len(failures) == 1 and "Identical questions that run at the same time" in failures[0]
    ask(tmp_path / "b")
    go_on.set()
    first.join()
    ask(tmp_path / "a")  # one after the other
    assert len(failures) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((3,), "`executor` must be a concurrent.futures.Executor"),
        (("nonsense",), "`executor` must be"),
        ((None, 3), "`resume` must be the path of a folder, which"),
        ((None, ""), "`resume` must be the path of a folder, which"),
        ((None, __file__), "`resume` must be the path of a folder, not of a file"),
    ],
    ids=["a number", "a word", "no path", "an empty name", "a file"],
)
def test_invalid_arguments_are_refused_at_the_start(arguments, words):
    executor, resume = (*arguments, None)[:2]
    with pytest.raises(InputError, match=words), outrange.workers(executor, resume=resume):
        pytest.fail("The block is not entered.")


LOOP = outrange.ControlLoop("net.onnx", lambda x, u: [x[0] + u[0]], BOX)

FORMER = [
    (outrange.output_range, "executor"),
    (outrange.output_range, "resume"),
    (outrange.verify, "executor"),
    (outrange.verify_all, "executor"),
    (outrange.robust_accuracy, "executor"),
    (outrange.compare, "executor"),
    (outrange.closed_loop, "executor"),
]


@pytest.mark.parametrize(("ask", "name"), FORMER)
def test_former_arguments_name_the_block(ask, name):
    with pytest.raises(InputError) as caught:
        ask(LOOP if ask is outrange.closed_loop else "net.onnx", BOX, **{name: "state"})
    assert f": {ask.__name__}(...)`" in str(caught.value)
    assert "with outrange.workers(executor" in str(caught.value)


def test_a_block_that_another_thread_closes_is_refused():
    def numbers():
        with outrange.workers(Scripted()):
            yield 1

    opened = numbers()
    copy_context().run(next, opened)
    with ThreadPoolExecutor(1) as pool:
        closed = pool.submit(opened.close)
        with pytest.raises(InputError, match="must be closed by the thread"):
            closed.result()
