"""Laws of batches of zonotopes; and mutants, which those laws catch."""

import numpy as np
import pytest

from cases import cases, combine, function_name
from outrange.domains import zonotopes
from outrange.domains.zonotopes import Zonotopes
from outrange.ops import Product
from outrange.reach.symbols import reduce_symbols
from reach.zonotope_laws import encloses, samples, steps_hold, thin_ones_hold, zonotope
from small_graphs import NETS, describable


@pytest.mark.parametrize(("net", "act"), combine(NETS, describable(), rounds=2), ids=function_name)
def test_every_sample_lies_in_the_zonotope(net, act):
    assert encloses(net, act)


@pytest.mark.parametrize("seed", range(cases(6, 60)))
def test_values_of_400_bits_lie_inside(seed):
    thin_ones_hold(seed)


def test_each_operation_includes_its_rounding():
    steps_hold()


def test_forms_of_small_boxes_are_nearly_exact():
    rng = np.random.default_rng(0)
    graph = NETS[0](rng, "tanh")
    center = rng.normal(size=(1, graph.size))
    lo, hi = center - 1e-4, center + 1e-4
    least, most = zonotope(graph, lo, hi).ends()
    seen = graph.run(samples(rng, lo, hi, 2000).reshape(-1, graph.size))
    assert (most - least <= 1.01 * (seen.max(axis=0) - seen.min(axis=0)) + 1e-9).all()


def test_merged_symbols_reach_as_far():
    rng = np.random.default_rng(1)
    form = Zonotopes(rng.normal(size=(3, 2)), rng.normal(size=(3, 40, 2)), rng.random((3, 2)))
    fewer = reduce_symbols(form, 4)
    assert fewer.rows.shape[1] < 40
    assert np.array_equal(fewer.rows[:, :4], form.rows[:, :4])
    for row in rng.normal(size=(20, 2)):
        before = np.abs(form.rows @ row).sum(axis=1) + form.rest @ np.abs(row)
        after = np.abs(fewer.rows @ row).sum(axis=1) + fewer.rest @ np.abs(row)
        assert (after >= before - 1e-12).all()


def _dropped_curve_error(center, rows, rest, errors):
    return Zonotopes(center, rows, rest)


def _forgetful_rows(self, count):
    """Count symbols from the end: values then share symbols that only one of them has."""
    none = np.zeros((len(self.rest), count - self.count, self.rest.shape[1]))
    return Zonotopes(self.center, np.concatenate([none, self.rows], axis=1), self.rest)


def _no_squares(op, forms, ends, each, keep_symbols):
    a, b = (f.take(i) for f, i in zip(forms, (op.left, op.right), strict=True))
    rows = a.center[:, None] * b.rows + b.center[:, None] * a.rows
    return Zonotopes(a.center * b.center, rows, a.rest + b.rest)


MUTANTS = {
    "the error of a curve is dropped": ("with_symbols", _dropped_curve_error),
    "the squares of a product are dropped": (Product, _no_squares),
    "symbols of two values are mixed up": ("pad", _forgetful_rows),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_laws_catch(mutant, monkeypatch):
    target, change = MUTANTS[mutant]
    if target == "pad":
        monkeypatch.setattr(Zonotopes, "pad", change)
    elif isinstance(target, str):
        monkeypatch.setattr(zonotopes, target, change)
    else:
        monkeypatch.setitem(zonotopes.RULES, target, change)
    caught = [not encloses(net, act) for net in NETS for act in ("tanh", "relu", "square")]
    assert any(caught)
