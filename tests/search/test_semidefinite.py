"""Laws of the semidefinite relaxations.

Forms, products and bounds are valid at every sample, for any multipliers; more products never
loosen a bound; small nets agree with the exact search.
"""

from itertools import pairwise

import numpy as np
import pytest

from cases import cases
from outrange.core import Box
from outrange.graph import Builder, Slot
from outrange.graph.rewrites.rewrite import fold, piecewise_to_pairs
from outrange.search.attack.momentum import attack
from outrange.search.common.incumbent import Incumbent
from outrange.search.common.problem import with_rows
from outrange.search.common.solution import Stop
from outrange.search.methods.semidefinite.forms import BoundedForms, supports
from outrange.search.methods.semidefinite.interior_point import Multipliers
from outrange.search.methods.semidefinite.products import Parts, products_of
from outrange.search.methods.semidefinite.proof import prove_bound
from outrange.search.methods.semidefinite.relaxation import SemidefiniteRelaxation, SemidefiniteRow
from outrange.search.methods.semidefinite.tree import SemidefiniteNode
from outrange.search.methods.semidefinite.turns import SemidefiniteTurns
from outrange.search.methods.table import SEMIDEFINITE
from outrange.search.neuron_split.relaxed_net import RelaxedNet
from outrange.search.neuron_split.search import NeuronSplitSearch
from outrange.search.neuron_split.smooth_relaxations import activations_of
from outrange.search.solve import solve
from random_graphs import LINES, random_box, random_graph


SAMPLES = 400


def _mlp(seed, widths, reach=1.0, curve="relu"):
    rng = np.random.default_rng(seed)
    b = Builder([Slot("x", (widths[0],))])
    (x,) = b.input_values()
    for i, (n, m) in enumerate(pairwise(widths)):
        x = b.dense(x, rng.normal(size=(n, m)) * np.sqrt(2 / n), 0.1 * rng.normal(size=m))
        if i < len(widths) - 2:
            x = b.curve(curve, x)
    return b.finish([x], ["y"]), Box(np.full(widths[0], -reach), np.full(widths[0], reach))


def _random(seed):
    """Build a random net, and samples of its box."""
    rng = np.random.default_rng((51, seed))
    if seed % 3 == 0:
        curve = ("relu", "leaky_relu", "abs")[seed // 3 % 3]
        graph, box = _mlp(seed, (5, 9, 7, 3), reach=2.0, curve=curve)
    else:
        graph = random_graph(rng, curves=LINES, wild=seed % 3 == 2)
        box = random_box(rng, graph)
    graph = fold(piecewise_to_pairs(graph))
    if activations_of(graph) is None:
        pytest.skip("a bent value that neuron splits do not know")
    net = RelaxedNet.of(graph, box)
    if not np.isfinite([net.lo, net.hi]).all() or not supports(net):
        pytest.skip("no forms")
    return net, rng, box.sample(rng, SAMPLES)


def _variables(relaxation, x):
    """Return the variables at some points, `(c, n)`."""
    net, forms = relaxation.net, relaxation._forms
    values = net.graph.run_all(x)
    inputs = forms.values[0].coefficients
    width = inputs[1 + np.arange(forms.inputs.size), forms.inputs]
    y = [np.ones((len(x), 1)), (x - inputs[0])[:, forms.inputs] / width]
    for b in net.activations:
        y.append(2 * np.maximum(values[b.source], 0) / net.hi[b.place] - 1)
    return np.concatenate(y, axis=1), values


@pytest.mark.parametrize("seed", range(cases(9, 30)))
def test_forms_and_products_hold_at_samples(seed):
    net, rng, x = _random(seed)
    relaxation = SemidefiniteRelaxation.of(net, rng)
    forms: BoundedForms = relaxation._forms
    y, values = _variables(relaxation, x)
    assert (np.abs(y) <= 1 + 1e-9).all()
    for v, form in forms.values.items():
        off = np.abs(y @ form.coefficients - values[v])
        size = np.maximum(form.size, np.abs(values[v]).max(axis=0))
        assert (off <= form.error + 1e-11 * size).all()
    products = [products_of(forms)]
    if forms.net.units:
        parts = Parts(forms)
        pairs = parts.most_violated(-np.eye(forms.count), np.eye(forms.count), 1000)
        assert pairs.size
        products.append(parts.products_of(pairs))
    for batch in products:
        value = (y @ batch.left) * (y @ batch.right)
        slack = batch.slack + 1e-9 * (1 + np.abs(batch.left).sum(axis=0))
        assert (value >= -slack).all()
        assert (np.abs(value) <= slack)[:, batch.free].all()


@pytest.mark.parametrize("seed", range(cases(9, 30)))
def test_bounds_enclose_samples_and_only_get_tighter(seed):
    net, rng, x = _random(seed)
    relaxation = SemidefiniteRelaxation.of(net, rng)
    y = net.graph.run(x)
    if not relaxation.is_able:
        pytest.skip("no point is strictly inside")
    bounded = 0
    for k in range(y.shape[1]):
        for sign in (1.0, -1.0):
            row = SemidefiniteRow(k, sign, -np.inf)
            before = -np.inf
            for _ in range(3):
                relaxation.turn(row)
                assert row.least >= before
                before = row.least
            seen = (sign * y[:, k]).min()
            assert row.least <= seen + 1e-11 * np.abs(y).max(initial=1.0)
            bounded += np.isfinite(row.least)
    assert bounded or not net.units


@pytest.mark.parametrize("seed", range(cases(6, 20)))
def test_a_proof_does_not_trust_its_multipliers(seed):
    net, rng, x = _random(3 * seed)
    relaxation = SemidefiniteRelaxation.of(net, rng)
    products = products_of(relaxation._forms)
    y, _ = _variables(relaxation, x)
    m = products.free.size
    for _ in range(20):
        row = rng.normal(size=y.shape[1])
        values = rng.normal(size=m) * 10.0 ** rng.uniform(-2, 1, m)
        values[products.squares] = 10.0 ** rng.uniform(-2, 3)
        height = 10.0 ** rng.uniform(-1, 4)
        bound = prove_bound(products, row, Multipliers(height, values, np.eye(1)))
        assert bound >= (y @ row).max() - 1e-9 * np.abs(row).sum()
        assert prove_bound(products, row, Multipliers(np.nan, values, np.eye(1))) == np.inf


def test_a_matrix_that_is_not_definite_proves_nothing():
    net, rng, _ = _random(0)
    products = products_of(SemidefiniteRelaxation.of(net, rng)._forms)
    row = np.ones(len(products.left))
    nothing = Multipliers(1.0, np.zeros(products.free.size), np.eye(1))
    assert prove_bound(products, row, nothing) == np.inf


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(cases(2, 6)))
def test_small_nets_agree_with_the_exact_search(seed):
    graph, box = _mlp(seed, (4, 7, 5, 2), reach=2.0)
    rows = np.concatenate([np.eye(2), -np.eye(2)])
    expected = solve(graph, box, rows, tol=1e-6, time_limit=60, solver=False)
    assert expected.status == "exact"
    net = RelaxedNet.of(graph, box)
    relaxation = SemidefiniteRelaxation.of(net, np.random.default_rng(0))
    assert relaxation.is_able
    bounds = [SemidefiniteRow(k % 2, 1.0 - k // 2 * 2.0, -np.inf) for k in range(4)]
    for row in bounds:
        for _ in range(4):
            relaxation.turn(row)
    least = np.array([row.least for row in bounds])
    spread = np.tile(expected.seen[:2] + expected.seen[2:], 2)
    assert (least <= expected.seen + 1e-9).all()
    assert (expected.seen - least <= 0.25 * np.abs(spread)).all()


def test_wide_boxes_of_many_inputs_are_bounded_much_tighter():
    graph, box = _mlp(5, (13, 24, 3), reach=4.0)
    rows = np.concatenate([np.eye(3), -np.eye(3)])
    measured = with_rows(graph, rows, np.zeros(6))
    plain = NeuronSplitSearch(measured, box, Incumbent(rows, 1e-6, None, None), splits=False)
    assert plain.run() is Stop.FINISHED
    before, net = plain.lower(), plain._net
    assert net is not None and SemidefiniteTurns.suit(net, np.ones(6))
    assert not SemidefiniteTurns.suit(net, np.full(6, 0.01)), "splits are quicker there"
    turns = SemidefiniteTurns(net, np.arange(6), before, np.random.default_rng(0))
    state = plain.incumbent
    for _ in range(6):
        assert turns.advance(state.cutoff(), state.scale())
    after = np.array([turns.rows[k].least for k in range(6)])
    seen = with_rows(graph, rows, np.zeros(6)).run(box.sample(np.random.default_rng(1), 5000))
    assert (after >= before).all() and (after <= seen.min(axis=0)).all()
    assert (seen.min(axis=0) - after < 0.6 * (seen.min(axis=0) - before)).mean() > 0.5


def test_the_search_names_its_method_and_keeps_other_bounds():
    graph, box = _mlp(6, (13, 20, 2), reach=4.0)
    rows = np.concatenate([np.eye(2), -np.eye(2)])
    state = Incumbent(rows, 1e-6, None, None)
    search = NeuronSplitSearch(
        with_rows(graph, rows, np.zeros(4)), box, state, seed=1, joint=SEMIDEFINITE.hook
    )
    while search.advance() and not any("semidefinite" in m for m in search.methods):
        pass
    assert any("semidefinite" in m for m in search.methods)
    assert (search.lower() <= state.best).all() and (state.best < 0).all()


@pytest.mark.parametrize("seed", range(cases(8, 30)))
def test_halves_have_the_same_units_and_enclose_samples(seed):
    net, rng, _ = _random(seed)
    relaxation = SemidefiniteRelaxation.of(net, rng)
    row = SemidefiniteRow(0, 1.0, -np.inf)
    if relaxation.is_able:
        relaxation.turn(row)
    if row.widest is None:
        pytest.skip("nothing to halve")
    whole = relaxation.net
    waiting = [SemidefiniteNode(whole, row)]
    for _ in range(4):
        node = waiting.pop(0)
        for half in node.halves():
            assert (half.net.lo < 0).all() and (half.net.hi > 0).all()
            assert (half.net.lo >= whole.lo).all() and (half.net.hi <= whole.hi).all()
            x = half.net.box.sample(rng, SAMPLES)
            values = whole.graph.run_all(x)
            for b in whole.activations:
                size = 1e-9 * np.abs(values[b.source]).max(initial=1.0)
                assert (values[b.source] >= half.net.lo[b.place] - size).all()
                assert (values[b.source] <= half.net.hi[b.place] + size).all()
            half.bound()
            y = values[-1][:, 0]
            assert node.row.least <= half.row.least <= y.min() + 1e-11 * np.abs(y).max(initial=1.0)
            if half.row.widest is not None:
                waiting.append(half)


def _split(graph, box, rounds):
    """Bound all outputs of a graph by turns and splits; return the bounds before and after."""
    plain = Incumbent(np.eye(3), 1e-6, None, None)
    search = NeuronSplitSearch(graph, box, plain, splits=False)
    assert search.run() is Stop.FINISHED and search._net is not None
    turns = SemidefiniteTurns(search._net, np.arange(3), search.lower(), np.random.default_rng(0))
    while turns.advance(plain.cutoff(), plain.scale()):
        pass
    before = np.array([turns.rows[k].least for k in range(3)])
    for _ in range(rounds):
        assert turns.split(plain.cutoff(), plain.scale())
    return before, np.array([turns.rows[k].least for k in range(3)]), plain


def test_splits_close_much_of_what_the_turns_leave_open():
    graph, box = _mlp(5, (10, 24, 3), reach=3.0)
    before, after, _ = _split(graph, box, 24)
    x = box.sample(np.random.default_rng(1), 5000)
    assert (after >= before).all() and (after <= graph.run(x).min(axis=0)).all()
    rng = np.random.default_rng(2)
    attained = attack(graph, box, np.arange(3), 64, rng)[0]
    assert (after <= attained).all()
    left = (attained - after) / (attained - before)
    assert left.min() < 0.6, left


def test_an_interrupted_split_loses_no_part(monkeypatch):
    graph, box = _mlp(5, (10, 24, 3), reach=3.0)
    before, _, incumbent = _split(graph, box, 0)
    plain = NeuronSplitSearch(graph, box, incumbent, splits=False)
    plain.run()
    assert plain._net is not None
    turns = SemidefiniteTurns(plain._net, np.arange(3), before, np.random.default_rng(0))
    turns.advance(incumbent.cutoff(), incumbent.scale())
    for broken in (SemidefiniteNode.halves, SemidefiniteNode.bound):
        with monkeypatch.context() as patch:
            patch.setattr(SemidefiniteNode, broken.__name__, _interrupt)
            with pytest.raises(KeyboardInterrupt):
                turns.split(incumbent.cutoff(), incumbent.scale())
        for tree in turns._trees.values():
            assert len(tree._open) + len(tree._unbounded) // 2 == 1
    least = turns.rows[0].least
    assert turns.split(incumbent.cutoff(), incumbent.scale())
    assert turns.rows[0].least >= least


def _interrupt(node):
    raise KeyboardInterrupt
