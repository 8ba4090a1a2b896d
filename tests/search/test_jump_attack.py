"""The attack on networks with jumps, on violations that no gradient or sample leads to."""

from itertools import pairwise

import numpy as np
import pytest

from cases import cases
from outrange.core import Atom, Box
from outrange.graph import Builder, Slot, gradient
from outrange.graph.gradient import has_jumps, smoothed_values, vector_jacobian_product
from outrange.graph.values import Value
from outrange.ops import Step, curve
from outrange.search.common.clause_groups import ClauseGroup
from outrange.search.common.domain_boxes import DomainBoxes
from outrange.search.common.incumbent import Incumbent
from outrange.search.decide import decide
from outrange.search.methods.jump_attack import method as jump_attack
from outrange.search.methods.jump_attack.moves import Blocks, neighbors
from outrange.search.methods.jump_attack.search import JumpAttack


QUANTUM = 0.25


def jump(b, kind, x):
    if kind != "round":
        return b.curve(kind, x)
    return b.affine_map(b.curve("round", b.affine_map(x, 1.0 / QUANTUM)), QUANTUM)


SIZES = {"sign": (60, (48, 24)), "round": (24, (14, 8))}


def planted_net(kind, seed):
    """Build a net whose output is 0 for the phases of one point, and at least 1 elsewhere.

    Its weights are binary, so that many inputs have to move together.
    """
    inputs, units = SIZES[kind]
    rng = np.random.default_rng(seed)
    b = Builder([Slot("x", (inputs,))])
    (x,) = b.input_values()
    wide = [inputs, *units]
    for n, m in pairwise(wide):
        weight = np.sign(rng.normal(size=(n, m))) / np.sqrt(n)
        x = jump(b, kind, b.dense(x, weight, 0.2 * rng.normal(size=m)))
    hidden = b.finish([x], ["h"])
    at = rng.uniform(-1, 1, (1, inputs))
    wanted = hidden.run(at)[0]
    b = Builder(hidden.inputs, nodes=list(hidden.nodes))
    last = Value(b, hidden.output, (1, units[-1]))
    away = b.curve("abs", b.affine_map(last, np.ones((1, units[-1])), -wanted[None]))
    scale = 2.0 if kind == "sign" else QUANTUM
    return b.finish([b.dense(away, np.full((units[-1], 1), 1.0 / scale))], ["y"]), at


def attack(graph, calls, seed=0):
    box = DomainBoxes.of(Box(-np.ones(graph.size), np.ones(graph.size)))
    incumbent = Incumbent(np.eye(1), 0.0, None, None)
    incumbent.target = incumbent.goal = np.array([0.5])
    search = JumpAttack(graph, box, incumbent, seed=seed)
    for _ in range(calls):
        if incumbent.met or not search.advance():
            break
    return incumbent


@pytest.mark.slow
@pytest.mark.parametrize("kind", SIZES)
def test_planted_violations_are_found(kind):
    hits = missed = 0
    for seed in range(3):
        graph, at = planted_net(kind, seed)
        assert graph.run(at)[0, 0] == 0.0
        incumbent = attack(graph, 30)
        hits += incumbent.met
        if incumbent.met:
            assert graph.run(incumbent.best_at)[0, 0] == incumbent.best[0] == 0.0
            assert (np.abs(incumbent.best_at) <= 1).all()
        x = np.random.default_rng(seed).uniform(-1, 1, (20_000, graph.size))
        missed += min(graph.run(x).min(), graph.run(np.sign(x)).min()) > 0.5
    assert hits >= 2, hits
    assert missed >= 2, "what is planted is found by chance"


@pytest.mark.slow
def test_without_slopes_through_jumps_nothing_is_found(monkeypatch):
    """The descents find them: the same attack with level jumps does not."""
    monkeypatch.setattr(gradient, "_surrogate_slope", lambda op, x, width: np.zeros_like(x))
    assert not any(attack(planted_net("sign", seed)[0], 8).met for seed in range(cases(1, 2)))


@pytest.mark.parametrize("kind", ["sign", "round"])
def test_a_decision_finds_planted_violations(kind):
    graph, _ = planted_net(kind, 0)
    lo, hi = -np.ones((1, graph.size)), np.ones((1, graph.size))
    roots = DomainBoxes(lo, hi, np.zeros(graph.size, bool))
    atom = Atom(((graph.size, 1.0),), -0.5)
    group = ClauseGroup([(atom,)], np.zeros(1, bool), roots)
    solution = decide(graph, [group], lambda x: graph.run(x[None])[0, 0] == 0.0, time_limit=60)
    assert solution.status == "sat"


@pytest.mark.parametrize("quick", [0, jump_attack.QUICK_ENTRIES])
def test_true_claims_are_proved_beside_the_attack(quick, monkeypatch):
    """The proof may start before the attack or after it."""
    monkeypatch.setattr(jump_attack, "QUICK_ENTRIES", quick)
    graph = chain("sign")
    far = np.abs(graph.nodes[-1].op.adjoint(np.eye(2))[0]).sum(axis=1).max() + 1.0
    roots = DomainBoxes(-np.ones((1, 6)), np.ones((1, 6)), np.zeros(6, bool))
    inside = np.abs(graph.nodes[-1].op.bias).max() + far - 1.5
    group = ClauseGroup([(Atom(((6, 1.0),), inside),)], np.zeros(1, bool), roots)
    solution = decide(graph, [group], lambda x: True, time_limit=60)
    assert solution.status == "unsat"


def chain(kind, seed=0):
    rng = np.random.default_rng(seed)
    b = Builder([Slot("x", (6,))])
    (x,) = b.input_values()
    for _ in range(2):
        x = jump(b, kind, b.dense(x, rng.normal(size=(6, 6)), rng.normal(size=6)))
    return b.finish([b.dense(x, rng.normal(size=(6, 2)))], ["y"])


def jumps_of(graph):
    return [v for v, node in enumerate(graph.nodes, 1) if isinstance(node.op, Step)]


@pytest.mark.parametrize("kind", ["sign", "heaviside"])
def test_the_slopes_are_those_of_the_smoothed_network(kind):
    graph, rng = chain(kind), np.random.default_rng(2)
    widths = {v: rng.uniform(0.3, 2.0, (20, 6)) for v in jumps_of(graph)}
    x, step = rng.normal(size=(20, 6)), 1e-6 * rng.normal(size=(20, 6))
    rows = rng.normal(size=(20, 2))

    def value(x):
        return (smoothed_values(graph, x, widths)[graph.output] * rows).sum(axis=1)

    slope = vector_jacobian_product(graph, smoothed_values(graph, x, widths), rows, widths)
    change = 0.5 * (value(x + step) - value(x - step))
    np.testing.assert_allclose((slope * step).sum(axis=1), change, rtol=1e-4, atol=1e-13)


@pytest.mark.parametrize("kind", ["sign", "heaviside", "round"])
def test_as_jumps_narrow_the_network_itself_is_left(kind):
    graph, x = chain(kind), np.random.default_rng(1).normal(size=(50, 6))
    exact = graph.run(x)
    apart = []
    for width in (1.0, 1e-5, 1e-11):
        widths = {v: np.full((1, 1), width) for v in jumps_of(graph)}
        apart.append(np.abs(smoothed_values(graph, x, widths)[graph.output] - exact).max())
    assert apart[0] > 0.05 > apart[1] and apart[2] < 1e-6
    single = smoothed_values(graph, x.astype(np.float32), None)
    assert all(value.dtype == np.float32 for value in single)
    np.testing.assert_array_equal(smoothed_values(graph, x, None)[graph.output], exact)


def test_moves_stay_in_the_box_and_move():
    rng = np.random.default_rng(0)
    blocks = Blocks([Slot("image", (8, 8, 3)), Slot("speed", ())])
    lo, hi = -np.ones((64, 193)), np.full((64, 193), 2.0)
    x = rng.uniform(-1, 2, lo.shape)
    near = neighbors(x, rng.normal(size=x.shape), lo, hi, blocks, rng)
    assert (near >= lo).all() and (near <= hi).all()
    moved = (near != x).sum(axis=1)
    assert (moved > 0).mean() > 0.9 and moved.min() < 6 and moved.max() > 40
    drawn = np.stack([blocks.draw(rng) for _ in range(200)])
    assert drawn.any(axis=1).all() and drawn[:, 192].any()
    rows = drawn[:, :192].reshape(-1, 8, 8, 3).any(axis=3)
    tall, wide = rows.any(axis=2).sum(axis=1), rows.any(axis=1).sum(axis=1)
    assert (rows.sum(axis=(1, 2)) == tall * wide).all()  # rectangular blocks


def test_curves_that_jump_have_peaks_too():
    """This holds for every class of curves, such as one fused from several operations."""
    op = curve("hard_shrink")
    b = Builder([Slot("x", (1,))])
    (x,) = b.input_values()
    graph = b.finish([b.curve("hard_shrink", x)], ["y"])
    at = np.array([[0.999 * op.jumps[-1]]])
    slope = vector_jacobian_product(graph, graph.run_all(at), np.ones((1, 1)))
    assert slope[0, 0] > 1.0 and has_jumps(graph)


def test_only_jumps_count():
    b = Builder([Slot("x", (2,))])
    (x,) = b.input_values()
    assert not has_jumps(b.finish([b.curve("relu", x)], ["y"]))
    assert has_jumps(chain("sign"))
