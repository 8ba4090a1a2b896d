"""Laws of closed loops: no trajectory leaves the pipe, and verdicts agree with brute force."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

import outrange
from cases import cases
from outrange import x
from outrange.api.loops.parts import build_system
from outrange.graph.rational import RationalEvaluator
from outrange.questions.evidence.evaluate import enclose
from outrange.reach import tubes
from outrange.reach.refine import refine
from outrange.reach.system import simulate, unroll
from reach.loops import controller, draw_kinked_plant, linear, loops, smooth


def system_of(net, plant, lo, hi, steps, **options):
    return build_system(outrange.ControlLoop(net, plant, (lo, hi), **options), steps)[0]


def _points(rng, lo, hi, count):
    corners = [np.where(c, lo, hi) for c in itertools.product((False, True), repeat=lo.size)]
    return np.concatenate([np.array(corners), rng.uniform(lo, hi, (count, lo.size))])


@pytest.mark.parametrize("case", loops(cases(4, 100)))
def test_no_trajectory_leaves_the_pipe(case):
    net, plant, lo, hi, steps = case
    answer = outrange.closed_loop(outrange.ControlLoop(net, plant, (lo, hi)), steps=steps, tol=0.2)
    graph = unroll(system_of(*case), steps)
    points = _points(np.random.default_rng(1), lo, hi, cases(20, 60))
    least, most = enclose(graph, points)
    n = lo.size
    pipe_lo, pipe_hi = answer.pipe.lo[1:].ravel(), answer.pipe.hi[1:].ravel()
    # The real value lies in [least, most], and is surely outside only if all of that is.
    assert (most[:, : steps * n] >= pipe_lo).all() and (least[:, : steps * n] <= pipe_hi).all()
    controls = answer.pipe.control_lo.ravel(), answer.pipe.control_hi.ravel()
    assert (most[:, steps * n :] >= controls[0]).all()
    assert (least[:, steps * n :] <= controls[1]).all()


@pytest.mark.parametrize("case", loops(cases(6, 60), (linear, draw_kinked_plant), ("relu",)))
def test_exact_trajectories_lie_in_the_zonotopes(case):
    """Compare in rational numbers, without forgiving the last bit."""
    lo, hi, steps = case[2:]
    system = system_of(*case)
    graph = unroll(system, steps)
    search = tubes.Tubes(system, _where(system, graph), [])
    search.advance()
    (box,) = search.done
    ends = [[Fraction(v) for v in end[1:].ravel()] for end in box.states]
    for point in _points(np.random.default_rng(2), lo, hi, 6):
        exact = RationalEvaluator(graph).at(point, [graph.output])[0]
        if exact is None:  # a rounded coefficient has no exact value
            pytest.skip("not rational")
        for value, a, b in zip(exact, *ends, strict=False):
            assert a <= value <= b


def _where(system, graph):
    from outrange.reach.specification import Trajectory

    return Trajectory(graph.size, system.horizon, system.states, system.controls)


@pytest.mark.parametrize("case", loops(cases(6, 40)))
def test_verdicts_agree_with_brute_force(case):
    net, plant, lo, hi, steps = case
    system = system_of(*case)
    points = _points(np.random.default_rng(3), lo, hi, 3000)
    states, _ = simulate(system, points, steps)
    most, width = states[..., 0].max(), np.ptp(states[..., 0])
    broken = outrange.closed_loop(
        outrange.ControlLoop(net, plant, (lo, hi)),
        steps=steps,
        spec=(x[0] <= most - 0.02 * width).always(),
        tol=0.5,
    )
    assert broken.status == "VIOLATED"
    run = broken.counterexample
    assert ((lo <= run.x) & (run.x <= hi)).all()
    assert run.lo[run.step, 0] > most - 0.02 * width
    holding = outrange.closed_loop(
        outrange.ControlLoop(net, plant, (lo, hi)),
        steps=steps,
        spec=(x[0] <= most + 0.1 * width).always(),
        tol=0.5,
    )
    assert holding.status == "HOLDS"
    assert holding.margin <= 0.1 * width + 1e-9


def test_a_disturbance_that_varies_reaches_further_than_one_that_stays():
    def still(x):
        return 0.0 * x

    def reach(factor, start, name, steps):
        plants = {
            "w": lambda x, u, w: factor * x + u + w,
            "p": lambda x, u, p: factor * x + u + p,
        }
        loop = outrange.ControlLoop(
            still, plants[name], ([start], [start]), unknown={name: (-1.0, 1.0)}
        )
        return outrange.closed_loop(loop, steps=steps).pipe.hi[steps, 0]

    # x_k = x_0 / 2^k + sum of w_i / 2^(k - 1 - i): the same interval here, for w is linear.
    for name in "pw":
        assert reach(0.5, 1.0, name, 4) == pytest.approx(1 / 16 + 15 / 8)
    assert [reach(-0.5, 0.0, name, 2) for name in "pw"] == pytest.approx([0.5, 1.5])


def test_parameters_stay_the_same():
    answer = outrange.closed_loop(
        outrange.ControlLoop(
            lambda x: 0.0 * x,
            lambda x, u, p: x + u + p - p[0] * x,
            ([0.0], [0.0]),
            unknown={"p": (0.25, 0.5)},
        ),
        steps=3,
        tol=1e-6,
    )
    # x_k = 1 - (1 - p)^k, monotone in p.
    assert answer.pipe.lo[3, 0] == pytest.approx(1 - 0.75**3, abs=1e-5)
    assert answer.pipe.hi[3, 0] == pytest.approx(1 - 0.5**3, abs=1e-5)


def test_a_choice_takes_its_values_only():
    answer = outrange.closed_loop(
        outrange.ControlLoop(
            lambda x: 0.0 * x, lambda x, u, c: x + u + c, ([0.0], [0.0]), unknown={"c": [-1, 1]}
        ),
        steps=2,
        tol=0.1,
        spec=((x[0] <= -1.5) | (abs(x[0]) <= 0.5) | (x[0] >= 1.5)).at(2),
    )
    assert answer.status == "HOLDS"
    assert answer.pipe.lo[2, 0] == pytest.approx(-2.0)


def test_the_clock_reaches_the_plant():
    answer = outrange.closed_loop(
        outrange.ControlLoop(lambda x: 0.0 * x, lambda t, x, u: x + u + t, ([0.0], [1.0])), steps=4
    )
    assert np.allclose([answer.pipe.at(4).lo[0], answer.pipe.at(4).hi[0]], [6.0, 7.0])


def test_an_interrupt_reports_what_is_proved(monkeypatch):
    rng = np.random.default_rng(0)
    case = controller(rng, 2), smooth(rng, 2), np.array([-1.0, -1.0]), np.array([1.0, 1.0]), 6
    calls = []
    plain = tubes.Tubes.advance

    def advance(self):
        calls.append(self)
        if len(calls) > 1:
            raise KeyboardInterrupt
        plain(self)

    monkeypatch.setattr(tubes.Tubes, "advance", advance)
    net, plant, lo, hi, steps = case
    system = system_of(*case)
    states, _ = simulate(system, _points(rng, lo, hi, 2000), steps)
    answer = outrange.closed_loop(
        outrange.ControlLoop(net, plant, (lo, hi)),
        steps=steps,
        spec=x[0] <= states[..., 0].max() + 1e-3,
    )
    assert (answer.status, answer.reason) == ("UNKNOWN", "interrupted")
    assert answer.safe_until is not None and "interrupted" in answer.sentence


def test_all_steps_share_their_weights():
    rng = np.random.default_rng(0)
    system = system_of(controller(rng, 2), smooth(rng, 2), np.zeros(2), np.ones(2), 3)
    ops = {id(node.op) for node in system.step(0).nodes}
    graph = unroll(system, 3)
    assert sum(id(node.op) in ops for node in graph.nodes) == 3 * len(ops)
    points = rng.uniform(0, 1, (50, 2))
    states, controls = simulate(system, points, 3)
    flat = np.concatenate([states[:, 1:].reshape(50, -1), controls.reshape(50, -1)], axis=1)
    assert np.allclose(graph.run(points), flat)


@pytest.mark.parametrize("seed", range(cases(2, 24)))
def test_no_part_of_a_split_initial_set_is_lost(seed):
    """Keep every trajectory in the box of its own while boxes are cut repeatedly."""
    rng = np.random.default_rng(seed)
    lo, hi = np.array([-0.6, -0.4]), np.array([0.5, 0.7])
    system = system_of(controller(rng, 2, act="tanh"), smooth(rng, 2), lo, hi, 4)
    graph = unroll(system, 4)
    search = tubes.Tubes(system, _where(system, graph), [])
    search.advance()
    points = _points(rng, lo, hi, 400)
    states, _ = simulate(system, points, 4)
    for _ in range(3):
        refine(search, states.min(axis=0), states.max(axis=0))
    assert len(search.done) > 1 and sum(box.share for box in search.done) == pytest.approx(1.0)
    counts = np.zeros(len(points), int)
    for box in search.done:
        is_inside = ((box.lo <= points) & (points <= box.hi)).all(axis=1)
        counts += is_inside
        slack = 1e-12
        assert (states[is_inside] >= box.states[0] - slack).all()
        assert (states[is_inside] <= box.states[1] + slack).all()
    assert (counts >= 1).all()


@pytest.mark.parametrize("case", loops(cases(4, 16)))
def test_eventually_holds_at_some_step(case):
    net, plant, lo, hi, steps = case
    points = _points(np.random.default_rng(4), lo, hi, 3000)
    states, _ = simulate(system_of(*case), points, steps)
    best = states[..., 0].min(axis=1)
    latest, width = best.max(), np.ptp(states[..., 0])
    for end, status in ((latest + 0.1 * width, "HOLDS"), (latest - 0.02 * width, "VIOLATED")):
        spec = (x[0] <= end).eventually()
        answer = outrange.closed_loop(
            outrange.ControlLoop(net, plant, (lo, hi)), steps=steps, spec=spec, tol=0.5
        )
        assert answer.status == status
        twice_negated = outrange.closed_loop(
            outrange.ControlLoop(net, plant, (lo, hi)), steps=steps, spec=~~spec, tol=0.5
        )
        assert twice_negated.status == status
