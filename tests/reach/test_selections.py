"""Values selected by a condition: the hull of both branches; no trajectory is lost."""

import numpy as np
import pytest

import outrange
from cases import cases
from outrange.api.loops.parts import build_system
from outrange.core.formula import negate
from outrange.domains.zonotopes import Zonotopes, form_of_boxes
from outrange.frontends.functions import trace
from outrange.graph import Builder, Slot
from outrange.reach import selections, tubes
from outrange.reach.atom_bounds import unsafe_parts
from outrange.reach.specification import Trajectory, to_formula
from outrange.reach.system import unroll
from outrange.reach.tube_boxes import branches
from outrange.reach.zonotope_pass import propagate


def graph_of(function, size):
    b = Builder([Slot("x", (size,))])
    (x,) = b.input_values()
    return b.finish([trace(b, function, [b.reshape(x, (size,))], None, "f")], ["y"])


def image(graph, lo, hi):
    return propagate(graph, form_of_boxes(lo, hi, every=True))


def draw_nested_conditions(rng):
    """Draw a function of four states with nested conditions."""
    a, b, c = rng.normal(size=(3, 4, 4))

    def run(x):
        low = np.where(a[0] @ x > 0.1, np.tanh(b @ x), c @ x)
        both = np.where((x[0] > 0) & (x[1] < 0.3), low, 0.5 * low + x[2] * x[3])
        return np.select([x[2] > 0.2, x[3] > 0], [both, -both], both + 1.0)

    return run


def encloses(seed):
    rng = np.random.default_rng(seed)
    run = draw_nested_conditions(rng)
    graph = graph_of(run, 4)
    for width in (0.02, 0.5):
        middle, half = rng.uniform(-1, 1, (3, 4)), width * rng.uniform(0, 1, (3, 4))
        form = image(graph, middle - half, middle + half)
        at = rng.uniform(-1, 1, (300, 4))
        values = graph.run((middle[:, None] + half[:, None] * at).reshape(-1, 4)).reshape(3, 300, 4)
        # Values minus their linear form at the same point.
        linear_part = form.center[:, None] + np.einsum("kg,bgn->bkn", at, form.rows[:, :4])
        off = np.abs(form.rows[:, 4:]).sum(axis=1) + form.rest
        if not (np.abs(values - linear_part) <= off[:, None] + 1e-9).all():
            return False
    return True


@pytest.mark.parametrize("seed", range(cases(6, 200)))
def test_values_lie_in_their_forms(seed):
    assert encloses(seed)


def test_a_choice_lies_in_the_hull_of_its_branches():
    graph = graph_of(lambda x: [np.where(x[0] > 0, x[1], x[2])], 3)
    form = image(graph, np.array([[-1.0, 0.0, 0.5]]), np.array([[1.0, 1.0, 2.0]]))
    lo, hi = form.ends()
    assert (lo[0, 0], hi[0, 0]) == pytest.approx((0.0, 2.0), abs=1e-9)


def test_the_common_part_of_both_branches_is_kept():
    graph = graph_of(lambda x: [np.where(x[0] > 0, x[1] + 0.1, x[1] - 0.1) - x[1]], 2)
    form = image(graph, np.array([[-1.0, 0.0]]), np.array([[1.0, 5.0]]))
    assert form.ends()[1][0, 0] == pytest.approx(0.1, abs=1e-9)


def _half(a, b):
    return Zonotopes(a.center, a.rows, a.rest)


def test_the_law_catches_a_branch_that_is_dropped(monkeypatch):
    monkeypatch.setattr(selections, "_join", _half)
    assert not all(encloses(seed) for seed in range(12))


def switching(rng):
    """Draw a plant of two states that switches between two maps, with a memory of its side."""
    a, b = 0.6 * rng.normal(size=(2, 2, 2))
    c, d = 0.3 * rng.normal(size=(2, 2))
    normal, offset = rng.normal(size=2), 0.2 * rng.normal()

    def plant(x, u):
        side = np.where(normal @ x[:2] > offset, 1.0, np.where(normal @ x[:2] < -1.0, 0.0, x[2]))
        moved = np.where(side > 0.5, a @ x[:2] + c, b @ x[:2] + d)
        return np.concatenate([moved, np.stack([side])])

    return plant, lambda points: np.array([plant(point, None) for point in points])


def keeps_every_branch(seed):
    """Return whether each trajectory stays in one box of a search, and whether boxes assume."""
    rng = np.random.default_rng(seed)
    plant, run = switching(rng)
    lo, hi = np.array([-0.5, -0.5, 0.0]), np.array([0.5, 0.5, 0.0])
    seen = [rng.uniform(lo, hi, (500, 3))]
    for _ in range(6):
        seen.append(run(seen[-1]))
    runs = np.stack(seen, axis=1)
    system = build_system(outrange.ControlLoop(lambda x: [0 * x[0]], plant, (lo, hi)), steps=6)[0]
    where = Trajectory(unroll(system, 6).size, 6, system.states, system.controls)
    spec = (outrange.x[0] <= runs[:, :, 0].max() + 0.01).always()
    search = tubes.Tubes(system, where, unsafe_parts(negate(to_formula(spec, where)), where))
    while search.waiting and search.boxes < 120:
        search.advance()
    all_boxes = [*search.done, *search.waiting]
    ends = np.stack([box.states for box in all_boxes])
    is_inside = (runs[:, None] >= ends[None, :, 0] - 1e-9) & (
        runs[:, None] <= ends[None, :, 1] + 1e-9
    )
    return is_inside.all(axis=(2, 3)).any(axis=1).all(), any(box.assumed for box in all_boxes)


@pytest.mark.slow
def test_no_branch_is_lost_where_conditions_are_assumed():
    results = [keeps_every_branch(seed) for seed in range(cases(4, 12))]
    assert all(is_kept for is_kept, _ in results) and any(assumed for _, assumed in results)


@pytest.mark.slow
def test_a_switch_with_hysteresis_is_followed():
    """Keep both outcomes near a threshold, so that the memory never has a value between."""

    def room(x, u):
        return [x[0] + 0.05 * (-0.5 * (x[0] - 10) + 8 * u[0])]

    def switch(x, y):
        return [np.where(x[0] < 19, 1, np.where(x[0] > 21, 0, x[1]))]

    answer = outrange.closed_loop(
        outrange.ControlLoop(lambda x: [x[1]], room, ([19.5, 1], [20.5, 1]), memory=switch),
        steps=24,
        tol=1.0,
        spec=((outrange.x[0] >= 18.5) & (outrange.x[0] <= 21.5)).always(),
        time_limit=40,
    )
    assert answer.status == "HOLDS"


def test_the_law_catches_a_branch_that_is_forgotten(monkeypatch):
    monkeypatch.setattr(tubes, "branches", lambda box: branches(box)[:1])
    assert not all(keeps_every_branch(seed)[0] for seed in range(8))
