"""Comparisons over workers: the study of one process, whatever happens to a worker."""

import math
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import outrange
from cases import cases
from executors.scripted import Scripted, ScriptedPool
from outrange import InputError
from outrange.executors import worker_cache
from outrange.executors.pool import ExecutorPool
from outrange.train.comparison import compare, slices, spread, trainings
from outrange.train.comparison.plan import Group
from outrange.train.comparison.spread import Laps


pytestmark = pytest.mark.wallclock


X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
AND = np.array([0, 0, 0, 1])
CANDIDATES = {
    "activation": ["sigmoid", "tanh"], "loss": ["mse", "hinge"],
    "optimizer": {"adam": keras.optimizers.Adam(0.05)},
}  # fmt: skip
TRAINING = {"starts": 2, "epochs": 12, "batch_size": 2}
LIMITS = {"goal": 0, "time_limit": math.inf}
ASKED = {"candidates": CANDIDATES, "training": TRAINING, **LIMITS}
FLAT = {**compare.read_candidates(CANDIDATES), **TRAINING, **LIMITS}


def noisy(activation):
    """Its dropout has a state too, which travels."""
    return keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(3, "tanh"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(1, activation),
        ]
    )


def on(pool, build=noisy, **change):
    """`outrange.compare`, on a pool that only tests have."""
    return compare.compare(build, X, AND, **{**FLAT, **change}, pool=pool)


def same(study, other):
    """Bit for bit."""
    assert len(study.combinations) == len(other.combinations)
    for a, b in zip(study.combinations, other.combinations, strict=True):
        assert a.name == b.name
        assert np.array_equal(a.solved, b.solved)
        for one, two in zip(a.trials, b.trials, strict=True):
            np.testing.assert_array_equal(one.losses, two.losses)
            np.testing.assert_array_equal(one.metrics, two.metrics)


class Toy(Group):
    """A toy group whose results depend only on the epoch's order and the state."""

    engine = "toy"

    def __init__(self, *asked):
        super().__init__(*asked)
        shift = len(self.models[0].layers[-1].activation.__name__)  # no activation is another
        starts = [shift + float(np.sum(m.get_weights()[0])) for m in self.models]
        count = len(self.optimizers) * len(self.objectives)
        self.carried = np.array(starts * count)

    def advance(self, orders):
        for order in orders:
            self.carried = np.sin(self.carried + order @ np.arange(len(order)))

    def evaluate(self):
        return np.abs(self.carried), np.abs(self.carried), np.ones(self.lanes)

    def state(self):
        return [self.carried]

    def restore(self, arrays):
        (self.carried,) = arrays

    def steepness(self):
        return np.ones(self.lanes)

    def predictions(self, lane):
        raise NotImplementedError

    def weights(self, lane):
        return [np.array(v) for v in self.models[0].trainable_variables]


@pytest.fixture
def toys(monkeypatch):
    """Slices of one tick, and nothing to compile.

    A payload of a toy and of the real training have the same digest, so the cache is cleared.
    """
    worker_cache.process_cache.cache_clear()
    monkeypatch.setattr(spread, "SECONDS", 0.0)
    monkeypatch.setattr(trainings, "engine_of", lambda name: Toy)
    yield
    worker_cache.process_cache.cache_clear()


@pytest.fixture
def alone(toys):
    return on(None)


@pytest.fixture(scope="module")
def noisy_study():
    return outrange.compare(noisy, X, AND, **ASKED)


@pytest.mark.slow
def test_threads_train_what_one_process_does(noisy_study, monkeypatch):
    monkeypatch.setattr(spread, "SECONDS", 0.0)
    with ThreadPoolExecutor(2) as threads, outrange.workers(threads):
        study = outrange.compare(noisy, X, AND, **ASKED)
    assert study.status == "complete"
    same(study, noisy_study)


@pytest.mark.slow
def test_processes_train_what_one_process_does(noisy_study):
    factor = 0.5  # a function inside another, which a plain pickle does not send

    def build(activation):
        model = noisy(activation)
        return model if factor else None

    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes,
        outrange.workers(processes),
    ):
        study = outrange.compare(build, X, AND, **ASKED)
    same(study, noisy_study)


def test_slices_join_and_lost_ones_are_given_again(alone, tmp_path):
    events = []
    scripted = Scripted("do", "lose", "do", "lose", "lose")
    study = on(ScriptedPool(scripted), progress=events.append, file=tmp_path / "s.json")
    same(study, alone)
    assert scripted.calls == 2 * 12 + 3
    assert [now.epoch for now in events] == sorted(now.epoch for now in events)
    assert events[-1].epoch == 12 and len(events) == 24
    assert [p.name for p in tmp_path.iterdir()] == ["s.json"]


@pytest.mark.slow
def test_loops_go_on_from_their_state_too(monkeypatch):
    monkeypatch.setattr(spread, "SECONDS", 0.0)
    options = {"engine": "one by one", "losses": ["mse"], "epochs": 3}
    same(on(ScriptedPool(Scripted()), **options), on(None, **options))


def test_what_a_broken_pool_leaves_is_trained_here(alone):
    class Breaks(ScriptedPool):
        def is_loss(self, error):
            self.broken = super().is_loss(error)
            return self.broken

    study = on(Breaks(Scripted("do", "do", "do", "lose")))
    assert study.status == "complete"
    same(study, alone)


def test_an_activation_that_kills_workers_stays_where_it_is(toys):
    study = on(ScriptedPool(Scripted("lose", "lose", "lose", workers=1)))
    assert study.status == "interrupted"
    assert {c.activation: c.trials[0].epochs for c in study.combinations} == {
        "sigmoid": 0, "tanh": 12,
    }  # fmt: skip
    assert "lost repeatedly" in study.notes[-1] and "sigmoid" in study.notes[-1]


def test_hung_workers_are_given_up(alone, monkeypatch):
    monkeypatch.setattr(spread, "GRACE", 0.0)
    monkeypatch.setattr(spread, "SLOWER", 0.5)
    same(on(ScriptedPool(Scripted("do", "do", "hang"))), alone)


def test_ctrl_c_keeps_what_is_known_and_a_file_goes_on_without_workers(alone, tmp_path):
    file, left = tmp_path / "s.json", [7]

    def stop(now):
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt

    part = on(ScriptedPool(Scripted()), progress=stop, file=file)
    assert part.status == "interrupted"
    assert {t.epochs for c in part.combinations for t in c.trials} == {3, 4}
    same(on(None, file=file), alone)


def test_the_time_limit_ends_it(toys):
    study = on(ScriptedPool(Scripted("hang", "hang")), time_limit=1e-9)
    assert study.status == "time"
    assert {t.epochs for c in study.combinations for t in c.trials} == {0}


@pytest.mark.slow
@pytest.mark.wallclock
def test_a_worker_ends_when_the_time_is_over(toys, monkeypatch):
    monkeypatch.setattr(spread, "LAPS", 1e-9)
    monkeypatch.setattr(spread, "SECONDS", 1e9)
    seen = []

    class Late(ScriptedPool):
        def submit(self, name, work, *arguments, node=None):
            seen.append(name)
            return super().submit(name, work, *arguments, node=node)

    on(ScriptedPool(Scripted()), epochs=1, starts=1)  # What the first call imports takes time.
    study = on(Late(Scripted()), epochs=1_000_000, time_limit=cases(0.8, 1.5), starts=1)
    assert study.status == "time"
    assert {t.epochs < 1_000_000 for c in study.combinations for t in c.trials} == {True}
    assert set(seen) == {"train sigmoid", "train tanh"}


def test_nobody_runs_far_ahead():
    ticks = [0, 0, 0]
    record = SimpleNamespace(at=ticks.__getitem__, ticks=100, groups=ticks)
    laps = Laps(record)
    assert laps.next(set()) == 0
    ticks[0], laps.gained[0] = 40, 40
    assert laps.next({1, 2}) is None  # The others have not told yet how fast they are.
    ticks[1:], laps.gained = [30, 10], {0: 40, 1: 30, 2: 10}
    assert laps.next(set()) == 2
    assert laps.next({2}) is None  # Both are further than 10 + 2 * 10.
    ticks[2] = 20
    assert laps.next({2}) == 1
    assert laps.until(1) == 40


def test_what_cannot_be_sent_is_named():
    lock = threading.Lock()

    def make_locked(activation):
        with lock:
            return noisy(activation)

    with pytest.raises(InputError, match=r"`build`: TypeError: cannot pickle '_thread.lock'"):
        on(ScriptedPool(Scripted()), build=make_locked)
    with pytest.raises(InputError, match="`metric`"):
        on(ScriptedPool(Scripted()), metric=(lambda y, p: lock and 0.0, "lower"))


def test_workers_that_differ_are_refused(toys, monkeypatch):
    own = slices.keras_settings()
    told = iter([own, {**own, "backend": "torch"}])
    monkeypatch.setattr(slices, "keras_settings", lambda: next(told))
    with pytest.raises(InputError, match="backend torch on a worker, but jax in"):
        on(ScriptedPool(Scripted(workers=1)), seed=1)


def test_pools_that_fork_are_refused():
    with (
        ProcessPoolExecutor(1, mp_context=get_context("fork")) as forks,
        pytest.raises(InputError, match="spawn"),
    ):
        on(ExecutorPool(forks))
