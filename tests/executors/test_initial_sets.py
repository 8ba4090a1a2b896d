"""A closed loop over workers: the same pieces, pipes and verdicts as in one process."""

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from fractions import Fraction
from functools import cache
from multiprocessing import get_context

import numpy as np
import pytest

import outrange
from cases import cases, combine
from executors.scripted import Scripted, ScriptedPool
from outrange import x
from outrange.api.loops.parts import build_system
from outrange.core import Clock, OutOfTime, deadline
from outrange.executors.ambient_pool import Workers, ambient_workers, use_workers
from outrange.executors.cores import on_cores
from outrange.executors.workers import divide_searches
from outrange.questions.expressions import as_temporal
from outrange.reach import loop_search, tubes
from outrange.reach.flow import Rows, Window, cover, decide_by_splits
from outrange.reach.loop_search import LoopSearch
from outrange.reach.spread import waves
from reach.plants import controller, layers, plant


pytestmark = pytest.mark.wallclock


H = Fraction(1, 10)
SCRIPTS = (), ("lose", "do", "lose", "lose"), ("lose",) * 1000


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    """Make batches small, as the loops of tests are."""
    monkeypatch.setattr(tubes, "AT_ONCE", 2)
    monkeypatch.setattr(cover, "AT_ONCE", 2)


def on(*script, kind=Scripted):
    """Return scripted workers and the executor that counts their tasks."""
    executor = kind(*script)
    return executor, use_workers(Workers(ScriptedPool(executor)))


class Interrupted(Scripted):
    """An executor that raises Ctrl-C at a submission once its script has ended."""

    def submit(self, work, /, *arguments, **options):
        if not self.script:
            raise KeyboardInterrupt
        return super().submit(work, *arguments, **options)


# ---- in continuous time -------------------------------------------------------------------------


def decay(m, x, u, t, w):
    return [x[1] - 0.2 * x[0], u[0] - x[0] - 0.2 * x[1]]


def flow_cover(limit=1.3, seconds=60.0, most=cases(12, 20)):
    graph, network = plant(decay, 2, 1), controller(layers(np.random.default_rng(5), 2, 1, "relu"))
    rows = Rows(np.array([[1.0, 0.3]]), np.array([-np.inf]), np.array([limit]), Window(H, 2 * H))
    box = np.array([[0.5, -0.5]]), np.array([[1.5, 0.5]])
    return decide_by_splits(graph, network, box, H, 2, rows, seconds, most=most)


flow_cover_alone = cache(flow_cover)


def same_cover(distributed, alone):
    for name in ("lo", "hi", "proved"):
        np.testing.assert_array_equal(getattr(distributed, name), getattr(alone, name))
    assert distributed.tried == alone.tried and distributed.share == alone.share
    assert (
        distributed.pipe.reached == alone.pipe.reached and distributed.undecided == alone.undecided
    )
    for mine, theirs in (
        (distributed.pipe.segments, alone.pipe.segments),
        (distributed.pipe.instants, alone.pipe.instants),
    ):
        assert [s.start for s in mine] == [s.start for s in theirs]
        for a, b in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(a.boxes, b.boxes)
            np.testing.assert_allclose([a.lo, a.hi], [b.lo, b.hi], rtol=1e-12)
            assert (a.slack is None) == (b.slack is None)
            if a.slack is not None:
                np.testing.assert_allclose(a.slack, b.slack, rtol=1e-12)


def is_whole(pieces):
    """Return whether the pieces partition the initial set."""
    return np.isclose((pieces.hi - pieces.lo).prod(axis=1).sum(), 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("script", cases(SCRIPTS[1:], SCRIPTS))
def test_pieces_of_a_flow_and_their_pipes_are_the_same(script):
    alone = flow_cover_alone()
    executor, helped = on(*script)
    with helped:
        distributed = flow_cover()
    assert executor.calls > 3 and 0 < alone.share < 1  # some pieces are proved, and some open
    same_cover(distributed, alone)


@pytest.mark.slow
def test_workers_that_hang_leave_their_pieces_open(monkeypatch):
    monkeypatch.setattr(waves, "LATE", 0.05)
    executor, helped = on(*["hang"] * 1000)
    clock = Clock()
    with helped:
        pieces = flow_cover(seconds=0.5)
    assert executor.calls > 1 and not pieces.complete and is_whole(pieces)
    assert pieces.share <= flow_cover_alone().share and clock.seconds < 10


def test_an_interrupt_keeps_what_is_proved_of_a_flow():
    executor, helped = on(*["do"] * 5, kind=Interrupted)
    with helped:
        pieces = flow_cover(most=400)
    assert executor.calls == 5 and pieces.interrupted and not pieces.complete and is_whole(pieces)


# ---- in discrete time ---------------------------------------------------------------------------


def net(x):
    return [np.tanh(-x[0] - 1.5 * x[1])]


def jumping(x, u):
    """A plant with two conditions, whose outcomes boxes assume."""
    return [
        np.where(x[0] + 0.3 * x[1] > 0.7, 0.9 * x[0] - 0.1, x[0] + 0.1 * x[1]),
        0.9 * x[1] + 0.1 * np.where(x[1] > 0.1, 1.0, -1.0) + 0.1 * u[0],
    ]


def root_plant(x, u):
    """Step a plant with the root of a positive term; a wide box leaves its sign open."""
    root = np.sqrt(x[0] * x[0] - x[0] * x[1] + x[1] * x[1] + 0.02)
    return [0.9 * x[0] + 0.1 * root, 0.7 * x[1] + 0.2 * u[0]]


# A claim that is too strong stays open, so that boxes never run out.
PLANTS = {
    "jumping": (jumping, ([0.2, -0.5], [1.2, 0.5]), x[0] <= 0.9),
    "rooted": (root_plant, ([-1.0, -1.0], [1.0, 1.0]), x[0] <= 0.7),
}


def search_of(name):
    plant, initial, spec = PLANTS[name]
    system, _, _ = build_system(outrange.ControlLoop(net, plant, initial), steps=6)
    return LoopSearch(system, as_temporal(spec.always()), "", Clock(60.0)).tubes


def advance_search(name, most=cases(24, 40)):
    search, assumed, is_reset = search_of(name), 0, False
    while search.waiting and search.boxes < most:
        if len(search.waiting) >= 4 and not is_reset:
            search.trouble, is_reset = "", True  # later messages come from workers
        search.advance()
        assumed = max(assumed, *(len(box.assumed) for box in (*search.done, *search.waiting)), 0)
    return search, assumed


@cache
def advance_alone(name, most):
    """One batch after the other: several cores would take more boxes in the last wave."""
    with on_cores(1):
        return advance_search(name, most)


def same_boxes(distributed, alone):
    for mine, theirs in ((distributed.done, alone.done), (distributed.waiting, alone.waiting)):
        for a, b in zip(mine, theirs, strict=True):
            for name in ("lo", "hi", "states", "controls", "gains", "margin", "blame"):
                np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-12)
            assert (a.share, a.reached, len(a.assumed)) == (b.share, b.reached, len(b.assumed))
            assert sorted(a.assumed.values()) == sorted(b.assumed.values())
    assert (distributed.gone, distributed.trouble) == (alone.gone, alone.trouble)


@pytest.mark.slow
@pytest.mark.parametrize(("script", "name"), combine(SCRIPTS, PLANTS))
def test_boxes_of_a_loop_are_the_same(name, script):
    executor, helped = on(*script)
    with helped:
        distributed, _ = advance_search(name)
    alone, assumed = advance_alone(name, distributed.boxes)
    assert executor.calls > 3 and distributed.boxes == alone.boxes
    assert assumed if name == "jumping" else alone.trouble
    assert alone.done and alone.waiting
    same_boxes(distributed, alone)


@pytest.mark.parametrize(
    ("script", "kind", "error", "seconds"),
    [(["hang"] * 1000, Scripted, OutOfTime, 0.5), (["do"] * 5, Interrupted, KeyboardInterrupt, 60)],
)
def test_boxes_that_nobody_brings_back_are_open(monkeypatch, script, kind, error, seconds):
    monkeypatch.setattr(waves, "LATE", 0.05)
    search = search_of("jumping")
    _, helped = on(*script, kind=kind)
    with helped, pytest.raises(error), deadline(seconds):
        for _ in range(1000):
            search.advance()
    shares = search.gone + sum(box.share for box in (*search.done, *search.waiting))
    assert search.waiting and shares == pytest.approx(1.0)


def test_the_loop_unrolled_is_searched_by_workers_too(monkeypatch):
    seen = []

    def verify(*arguments, **options):
        helpers = ambient_workers()
        seen.append(helpers.pool)
        helpers.on_close(lambda: seen.append("left"))
        return plain(*arguments, **options)

    plain = loop_search.verify
    monkeypatch.setattr(loop_search, "verify", verify)
    monkeypatch.setattr(loop_search, "FIRST_TURN", 1e-3)
    _, helped = on()
    with helped:
        pool = ambient_workers().pool
        answer = outrange.closed_loop(
            outrange.ControlLoop(net, jumping, ([0.2, -0.5], [1.2, 0.5])),
            steps=6,
            spec=(x[0] <= 1.2001).always(),
            tol=5.0,
            time_limit=20,
        )
    assert answer.status != "VIOLATED" and seen[:2] == [pool, "left"]


# ---- what users call ----------------------------------------------------------------------------


def vanderpol(x, u):
    return [x[1], (1 - x[0] ** 2) * x[1] - x[0] + u[0]]


CALLS = [
    (vanderpol, 0.1, 4, 1.2535, "HOLDS"),
    (vanderpol, 0.1, 4, 1.25, "VIOLATED"),
    (jumping, None, 8, 1.203, "HOLDS"),
    (jumping, None, 8, 1.19, "VIOLATED"),
]


def bounded(plant, dt, steps, limit):
    loop = outrange.ControlLoop(net, plant, ([0.2, -0.5], [1.2, 0.5]), dt=dt)
    return outrange.closed_loop(loop, steps, (x[0] <= limit).always(), tol=5.0)


@pytest.mark.slow
@pytest.mark.parametrize(("plant", "dt", "steps", "limit", "status"), cases(CALLS[::3], CALLS))
def test_verdicts_and_pipes_are_the_same(plant, dt, steps, limit, status):
    def ask(executor):
        with outrange.workers(executor):
            return bounded(plant, dt, steps, limit)

    with ThreadPoolExecutor(2) as pool:
        distributed, alone = ask(pool), ask(None)
    assert distributed.status == alone.status == status
    assert (distributed.safe_until, distributed.covered) == (alone.safe_until, alone.covered)
    if status == "HOLDS" and dt is not None:
        assert distributed.margin == pytest.approx(alone.margin)
        np.testing.assert_allclose(distributed.pipe.lo, alone.pipe.lo, rtol=1e-9)
        np.testing.assert_allclose(distributed.pipe.hi, alone.pipe.hi, rtol=1e-9)
    if status == "VIOLATED":
        assert distributed.counterexample is not None and alone.counterexample is not None
        assert distributed.counterexample.x.tolist() == alone.counterexample.x.tolist()


@pytest.mark.slow
def test_a_process_that_is_new_bounds_both_kinds():
    processes = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    with processes as pool, outrange.workers(pool), divide_searches():
        same_cover(flow_cover(most=12), flow_cover(most=12))
        distributed, _ = advance_search("jumping", most=20)
    assert distributed.waves is not None
    same_boxes(distributed, advance_search("jumping", most=distributed.boxes)[0])
