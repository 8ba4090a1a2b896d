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
from outrange.search.common.incumbent import Incumbent
from outrange.search.common.problem import with_rows
from outrange.search.common.solution import Stop
from outrange.search.methods.semidefinite.forms import BoundedForms, supports
from outrange.search.methods.semidefinite.interior_point import Multipliers
from outrange.search.methods.semidefinite.products import Parts, products_of
from outrange.search.methods.semidefinite.proof import prove_bound
from outrange.search.methods.semidefinite.relaxation import SemidefiniteRelaxation, SemidefiniteRow
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
    width = inputs[1 : 1 + net.box.size].max(axis=0)
    y = [np.ones((len(x), 1)), np.where(width > 0, (x - inputs[0]) / np.maximum(width, 1e-300), 0)]
    for b in net.activations:
        y.append(2 * np.maximum(values[b.source], 0) / net.hi[b.place] - 1)
    return np.concatenate(y, axis=1), values


@pytest.mark.parametrize("seed", range(cases(9, 30)))
def test_forms_and_products_hold_at_samples(seed):
    net, rng, x = _random(seed)
    relaxation = SemidefiniteRelaxation(net, rng)
    forms: BoundedForms = relaxation._forms
    y, values = _variables(relaxation, x)
    assert (np.abs(y) <= 1 + 1e-9).all()
    for v, form in forms.values.items():
        off = np.abs(y @ form.coefficients - values[v])
        size = np.maximum(form.size, np.abs(values[v]).max(axis=0))
        assert (off <= form.error + 1e-11 * size).all()
    products = [products_of(forms)]
    if forms.net.units:
        moments = -np.eye(forms.count)
        products.append(Parts(forms).most_violated(moments, np.eye(forms.count), 1000))
    for batch in products:
        value = (y @ batch.left) * (y @ batch.right)
        slack = batch.slack + 1e-9 * (1 + np.abs(batch.left).sum(axis=0))
        assert (value >= -slack).all()
        assert (np.abs(value) <= slack)[:, batch.free].all()


@pytest.mark.parametrize("seed", range(cases(9, 30)))
def test_bounds_enclose_samples_and_only_get_tighter(seed):
    net, rng, x = _random(seed)
    relaxation = SemidefiniteRelaxation(net, rng)
    y = net.graph.run(x)
    if not relaxation.prepare(relaxation.output):
        pytest.skip("no point is strictly inside")
    bounded = 0
    for k in range(y.shape[1]):
        for sign in (1.0, -1.0):
            row = SemidefiniteRow(relaxation.output, k, sign, -np.inf)
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
    relaxation = SemidefiniteRelaxation(net, rng)
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
    products = products_of(SemidefiniteRelaxation(net, rng)._forms)
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
    relaxation = SemidefiniteRelaxation(RelaxedNet.of(graph, box), np.random.default_rng(0))
    assert relaxation.prepare(relaxation.output)
    bounds = [
        SemidefiniteRow(relaxation.output, k % 2, 1.0 - k // 2 * 2.0, -np.inf) for k in range(4)
    ]
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
    plain = NeuronSplitSearch(measured, box, Incumbent(rows, 1e-6, 60.0, None), splits=False)
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
