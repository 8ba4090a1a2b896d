"""Settings of every test: quiet frameworks on the CPU, and a fixed source of examples."""

import gc
import importlib
import os
import signal
import sys
from collections import defaultdict
from collections.abc import Generator
from typing import Any

import hypothesis
import numpy as np
import pytest
from _pytest.doctest import DoctestModule

import shared_draws
from cases import ASKED, cases, one_in


os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
# Tests have no limit of wall-clock time that they do not set.
os.environ.setdefault("OUTRANGE_TIME_LIMIT", "inf")
# Hundreds of small models are compiled and each runs a few times: optimizing them is the slow part.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "true")

# Examples are the same on every run, so that a failure seen once is seen again.
hypothesis.settings.register_profile(
    "fixed", deadline=None, derandomize=True, database=None, max_examples=cases(20, 100)
)
hypothesis.settings.load_profile("fixed")


TURNS = {"outrange.reach.loop_search": 0.1, "outrange.search.decide": 0.1}
"""Seconds of the first turn where few cases are run: searches of small problems take turns sooner.

Turns double, so a search that decides does it after as many seconds of its own, and fewer of the
others'.
"""


def shorten_turns() -> None:
    """Shorten the turns of searches: proofs do not depend on them."""
    for name, seconds in TURNS.items():
        module = importlib.import_module(name)
        module.FIRST_TURN = cases(seconds, module.FIRST_TURN)


GC_THRESHOLD = 100_000
"""Objects made between two looks for garbage: Python's 700 cost a tenth of the tests' time."""


WHOLE = ("laws", "mutants", "architecture", "core", "graph")
"""Rooms whose tests keep all their cases under `--one-in`.

There a case is an op, a domain or a rule; elsewhere most cases are models, which are built,
compiled and searched, records that are printed, or files that are damaged in one way more.
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--one-in", type=int, default=1, metavar="N", help="run about one in N cases of each test"
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Under `--one-in` each test keeps a part of its cases, and at least one."""
    share = config.getoption("--one-in")
    if share < 1:
        raise pytest.UsageError(f"--one-in is a whole number of 1 or more. Received: {share}.")
    if share == 1:
        return
    tests = defaultdict(list)
    for item in items:
        is_whole = item.nodeid.startswith(tuple(f"tests/{room}/" for room in WHOLE))
        tests[item.nodeid if is_whole else item.nodeid.split("[")[0]].append(item.nodeid)
    selected = {names[i] for names in tests.values() for i in one_in(names, share)}
    left = [item for item in items if item.nodeid not in selected]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item.nodeid in selected]


def pytest_configure() -> None:
    """Listen to Ctrl-C, which a shell lets its background jobs ignore: tests send it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection() -> None:
    """Almost all that collecting makes stays."""
    gc.disable()


@pytest.hookimpl(wrapper=True)
def pytest_collect_file() -> Generator[None, list, list]:
    """Docstrings of tests have no examples: to look for some takes as long as to find the tests."""
    return [collector for collector in (yield) if not isinstance(collector, DoctestModule)]


def leave_tensorflow_out(config: pytest.Config) -> None:
    """Unless tests are chosen that need it."""
    if "not backends" in config.getoption("markexpr"):
        shared_draws.leave_tensorflow_out()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Exclude imported modules from garbage collection: scanning them each time is slow."""
    leave_tensorflow_out(session.config)
    shorten_turns()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """A worker has told all it knows: to take apart what it compiled would take it seconds."""
    if hasattr(config, "workeroutput"):
        os._exit(0)


class RealTime:
    """Stands for the module `time` in tests that may not read it."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(
            f"A test reads real time (`time.{name}`). Mark it `wallclock` if it is about "
            "processes, signals, executors or servers; else run the thread that reads in a copy of "
            "the caller's context."
        )


@pytest.fixture(autouse=True)
def _counted_time(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Generator[None]:
    """Count work in the place of time, so that no test depends on the speed of a machine.

    A time limit of a second then means about a second's work, the same everywhere. Tests of
    processes, signals, executors and servers are marked `wallclock`, and read the real clock.
    """
    if request.node.get_closest_marker("wallclock") is not None:
        yield
        return
    from outrange.core import clock
    from outrange.executors.cores import on_cores

    counted = clock.CountedTime()
    monkeypatch.setattr(clock, "time", RealTime())
    monkeypatch.setattr(clock, "_WALL", counted)
    with clock.time_source(counted), on_cores(1):
        yield


@pytest.fixture(autouse=True)
def _seeds(request: pytest.FixtureRequest) -> None:
    """Every test draws the same weights and data, whatever ran before it on its worker."""
    np.random.seed(0)
    if "keras" in sys.modules:
        shared_draws.share()
        leave_tensorflow_out(request.config)
        sys.modules["keras"].utils.set_random_seed(0)
    module = request.node.getparent(pytest.Module)
    if module is not None and isinstance(getattr(module.obj, "RNG", None), np.random.Generator):
        module.obj.RNG = np.random.default_rng(1)


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with a fixed seed."""
    return np.random.default_rng(20260101)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much was asked: a law is a test function, a case one run of it."""
    ran = [
        report.nodeid
        for outcome in ("passed", "failed", "xfailed")
        for report in terminalreporter.stats.get(outcome, [])
        if getattr(report, "when", None) == "call"
    ]
    tests = [name for name in ran if "tests/" in name]
    laws = {name.split("[")[0] for name in tests}
    text = f"{len(laws)} laws ran in {len(tests)} cases ({ASKED})"
    if len(ran) > len(tests):
        text += f", and {len(ran) - len(tests)} examples of docstrings"
    terminalreporter.write_line(f"{text}.")
