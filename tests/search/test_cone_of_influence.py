"""Problems that split into parts: the parts together give the whole result."""

from itertools import combinations, pairwise, product

import numpy as np
import pytest

import outrange
from outrange.core import Box
from outrange.core.arrays import distinct_rows
from outrange.core.formula import negate
from outrange.graph import Builder, Slot
from outrange.graph.composites.convolution import convolve
from outrange.questions.expressions import resolve, y
from outrange.questions.inputs.sets import regions
from outrange.questions.output_range import output_range
from outrange.questions.verify import verify
from outrange.search.common.domain_boxes import DomainBoxes
from outrange.search.common.incumbent import Incumbent
from outrange.search.common.parts import independent_parts
from outrange.search.common.problem import Problem
from outrange.search.common.task import SearchTask
from outrange.search.methods.cone_of_influence.canvases import Canvases
from outrange.search.methods.table import CONE_OF_INFLUENCE
from outrange.search.select_search import choose_usual, select_search
from outrange.search.solve import solve
from questions.nets import Net


def windows(seed, curve="relu", width=3, length=8):
    """Build convolutions of a sequence and a curve, so that each output sees a window."""
    rng = np.random.default_rng(seed)
    kernel, second = rng.normal(size=(width, 2)), rng.normal(size=(2, 2))
    b = Builder([Slot("x", (length,))])
    (x,) = b.input_values()
    steps = length - width + 1
    weights = np.zeros((length, steps * 2))
    mixed = np.zeros((steps * 2, steps * 2))
    for i in range(steps):
        weights[i : i + width, 2 * i : 2 * i + 2] = kernel
        mixed[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = second
    h = b.curve(curve, b.dense(x, weights, np.tile(rng.normal(size=2), steps)))
    return b.finish([b.dense(h, mixed)], ["y"])


def two_branches(seed, curve="tanh"):
    """Build two parallel networks, one of them with a product."""
    rng = np.random.default_rng(seed)
    b = Builder([Slot("left", (3,)), Slot("right", (2,))])
    left, right = b.input_values()
    first = b.dense(b.curve(curve, b.dense(left, rng.normal(size=(3, 4)))), rng.normal(size=(4, 1)))
    second = b.multiply(
        b.dense(right, rng.normal(size=(2, 1))), b.dense(right, rng.normal(size=(2, 1)))
    )
    return b.finish([first, second], ["a", "b"])


GRAPHS = {
    "windows": windows, "smooth windows": lambda seed: windows(seed, "tanh"),
    "branches": two_branches, "relu branches": lambda seed: two_branches(seed, "relu"),
}  # fmt: skip


def whole(monkeypatch):
    monkeypatch.setattr(Problem, "parts", None)


@pytest.mark.parametrize("same", [True, False], ids=["one box", "boxes differ"])
@pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS)
def test_the_parts_give_the_range_of_the_whole(make, same, monkeypatch):
    graph = make(4)
    rng = np.random.default_rng(1)
    lo = np.full(graph.size, -0.5) if same else rng.uniform(-1, 0, graph.size)
    hi = lo + (1.0 if same else rng.uniform(0, 1, graph.size))
    ends = np.cumsum([0, *(slot.size for slot in graph.inputs)])
    box = {
        slot.name: (lo[a:b], hi[a:b])
        for slot, (a, b) in zip(graph.inputs, pairwise(ends), strict=True)
    }
    by_parts = output_range(Net(graph), box, tol=1e-4)
    assert any("cone of influence" in method for method in by_parts.methods)
    whole(monkeypatch)
    at_once = output_range(Net(graph), box, tol=1e-4)
    assert by_parts.is_exact and at_once.is_exact
    room = 2e-4 * (at_once.hi - at_once.lo) + 1e-9
    assert (by_parts.lo <= at_once.seen_lo).all() and (by_parts.hi >= at_once.seen_hi).all()
    assert (np.abs(by_parts.lo - at_once.lo) <= room).all()
    assert (np.abs(by_parts.hi - at_once.hi) <= room).all()


@pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS)
def test_points_attain_the_reported_values(make):
    graph = make(2)
    box = Box(np.full(graph.size, -1.0), np.full(graph.size, 1.0))
    rows = np.eye(graph.value_size(graph.output))
    solution = solve(graph, box, np.concatenate([rows, -rows]), tol=1e-3)
    values = graph.run(solution.at) @ np.concatenate([rows, -rows]).T
    assert (np.abs(np.diag(values) - solution.seen) <= 1e-9 * (1 + np.abs(solution.seen))).all()
    assert ((solution.at >= box.lo) & (solution.at <= box.hi)).all()


def test_equal_problems_are_solved_once():
    graph = windows(0)
    rows = np.eye(12)
    lo, hi = np.zeros(8), np.ones(8)

    def parts(lo, hi, rows=rows):
        return independent_parts(graph, rows, np.zeros(len(rows)), DomainBoxes.of(Box(lo, hi)))

    (part,) = parts(lo, hi)
    assert [len(objectives) for objectives, _ in part.places] == [2] * 6
    assert len(parts(lo, hi + np.arange(8) % 2)) == 2  # windows with an even or odd start
    assert len(parts(lo, hi + np.arange(8))) == 6
    # Fixed inputs do not distinguish parts, and a row over all inputs joins them.
    assert parts(lo, np.where(np.arange(8) < 3, hi, lo)) is None
    assert parts(lo, hi, np.ones((1, 12))) is None


def image(seed, length=12):
    """Build two convolutions of a sequence, the second of one step; and three free entries."""
    rng = np.random.default_rng(seed)
    b = Builder([Slot("x", (length, 1))])
    (x,) = b.input_values()
    options = {"strides": (1,), "groups": 1}
    h = convolve(
        b, x, rng.normal(size=(3, 1, 2)), padding=((2, 2),), dilation=(2,), bias=rng.normal(size=2),
        **options,
    )  # fmt: skip
    h = convolve(
        b, b.curve("relu", h), rng.normal(size=(1, 2, 1)), padding=((0, 0),), dilation=(1,),
        **options,
    )  # fmt: skip
    lo = np.zeros(length)
    lo[[4, 5, 11]] = -1.0
    return b.finish([h], ["y"]), lo, np.abs(lo)


def test_three_free_pixels_of_a_convolution_come_to_an_end():
    """A convolution reads all between two of its outputs; a part must not be the whole again."""
    graph, lo, hi = image(0)
    answer = output_range(Net(graph), (lo[:, None], hi[:, None]), tol=1e-4)
    assert answer.is_exact
    assert any("cone of influence" in method for method in answer.methods)
    x = np.random.default_rng(1).uniform(lo, hi, (2000, 12))
    x[:8, [4, 5, 11]] = list(product((-1.0, 1.0), repeat=3))
    seen = graph.run(x)
    assert (answer.lo.ravel() <= seen.min(axis=0) + 1e-12).all()
    assert (answer.hi.ravel() >= seen.max(axis=0) - 1e-12).all()
    unsafe = negate(resolve(y.max() <= float(answer.hi.max()) - 1e-3, graph.inputs, graph.outputs))
    box = regions(graph.inputs, (lo[:, None], hi[:, None]))
    assert verify(Net(graph), unsafe, box, text="").status == "VIOLATED"


@pytest.mark.slow
def test_every_part_has_fewer_free_inputs_than_the_whole():
    graph, *_ = image(0)
    size = graph.value_size(graph.output)
    rows = np.concatenate([np.eye(size), -np.eye(size)])
    divided = 0
    for free in combinations(range(12), 3):
        box = DomainBoxes.of(Box(np.zeros(12), np.isin(np.arange(12), free) * 1.0))
        parts = independent_parts(graph, rows, np.zeros(len(rows)), box)
        for part in parts or ():
            assert (part.domain.hull.lo < part.domain.hull.hi).sum() < 3, free
        divided += parts is not None
    assert divided > 100


def test_a_weight_tells_problems_apart():
    rng = np.random.default_rng(0)
    b = Builder([Slot("x", (4,))])
    weights = np.kron(np.eye(2), rng.normal(size=(2, 1)))
    weights[3, 1] = np.nextafter(weights[1, 0], 9)
    graph = b.finish([b.curve("tanh", b.dense(b.input_values()[0], weights))], ["y"])
    box = DomainBoxes.of(Box(np.zeros(4), np.ones(4)))
    parts = independent_parts(graph, np.eye(2), np.zeros(2), box)
    assert [len(part.places) for part in parts] == [1, 1]


def test_sums_that_only_round_to_the_same_coefficient_are_two_problems():
    """An entry that a row holds twice has a rounded sum of two weights."""
    b = Builder([Slot("x", (4,))])
    (x,) = b.input_values()
    index, weight = [[0, 0, 1], [2, 2, 3]], [[1.0, 2.0**-60, 1.0], [1.0, 2.0**-61, 1.0]]
    graph = b.finish([b.curve("tanh", b.gather_sum(x, index, weight, (2,)))], ["y"])
    box = DomainBoxes.of(Box(np.zeros(4), np.ones(4)))
    parts = independent_parts(graph, np.eye(2), np.zeros(2), box)
    assert [len(part.places) for part in parts] == [1, 1]


@pytest.mark.parametrize("curve", ["relu", "tanh"])
def test_decisions_agree_with_ranges(curve):
    graph = windows(3, curve)
    net, box = Net(graph), (-1, 1)

    def status(condition):
        unsafe = negate(resolve(condition, graph.inputs, graph.outputs))
        return verify(net, unsafe, regions(graph.inputs, box), text="").status

    answer = output_range(net, box, tol=1e-6)
    assert status((y <= float(answer.hi.max()) + 1e-3).all()) == "HOLDS"
    assert status((y <= float(answer.seen_hi.max()) - 1e-3).all()) == "VIOLATED"
    assert status((y >= answer.lo - 1e-3).all()) == "HOLDS"


def test_bounds_are_valid_whenever_it_stops(monkeypatch):
    graph = windows(5, "tanh", width=4, length=9)
    true = output_range(Net(graph), (-2, 2), tol=1e-5)
    for limit in (1e-9, 1e-3, 0.02, 0.1):
        answer = output_range(Net(graph), (-2, 2), tol=1e-9, time_limit=limit)
        assert (answer.lo <= true.seen_lo).all() and (answer.hi >= true.seen_hi).all()
        assert (answer.seen_lo >= true.lo).all() and (answer.seen_hi <= true.hi).all()


def test_an_interrupt_keeps_proved_bounds():
    graph = windows(5, "tanh", width=4, length=9)

    def interrupt(progress):
        raise KeyboardInterrupt

    answer = output_range(Net(graph), (-2, 2), tol=1e-12, progress=interrupt, time_limit=5)
    assert answer.status in ("interrupted", "exact", "rounding")
    assert np.isfinite(answer.lo).all()


def test_too_many_different_problems_stay_together(monkeypatch):
    from outrange.search.common import parts

    graph = windows(1)
    rng = np.random.default_rng(2)
    box = DomainBoxes.of(Box(np.zeros(8), rng.uniform(1, 2, 8)))
    monkeypatch.setattr(parts, "MOST_PROBLEMS", 5)
    assert independent_parts(graph, np.eye(12), np.zeros(12), box) is None


def test_points_that_do_not_meet_share_one():
    canvases = Canvases(np.zeros(6))
    places = [canvases.place(np.array([i, i + 1]), np.array([1.0, 2.0])) for i in (0, 2, 4, 1)]
    assert places == [0, 0, 0, 1]
    np.testing.assert_array_equal(canvases.points[0], [1, 2, 1, 2, 1, 2])
    np.testing.assert_array_equal(canvases.points[1], [0, 1, 2, 0, 0, 0])


@pytest.mark.slow
def test_many_outputs_of_an_image_are_few_problems():
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(0)  # for some weights the range takes minutes
    model = keras.Sequential([
        keras.Input((7, 7, 3)), keras.layers.Conv2D(5, 1, activation="relu"),
        keras.layers.Conv2D(2, 2, activation="sigmoid"),
    ])  # fmt: skip
    answer = outrange.output_range(model, (0, 1))
    assert answer.is_exact and answer.lo.shape == (6, 6, 2)
    assert np.ptp(answer.lo, axis=(0, 1)).max() == 0.0
    points, _ = distinct_rows(answer.at_hi.reshape(72, -1))
    assert len(points) < 20


def test_the_cone_search_is_selected():
    box = DomainBoxes.of(Box(np.zeros(8), np.ones(8)))
    problem = Problem(windows(0), np.eye(12), np.zeros(12), box)
    incumbent = Incumbent(problem.rows, 1e-6, None, None)
    assert choose_usual(SearchTask(problem, incumbent, select_search)) is CONE_OF_INFLUENCE
