"""Laws of batches of zonotopes; and mutants, which those laws catch."""

import mpmath
import numpy as np
import pytest

from cases import called, cases, combined
from outrange.reach import zonotopes
from outrange.reach.symbols import reduced
from outrange.reach.zonotope_pass import through
from outrange.reach.zonotopes import Zonotopes, boxes
from small_graphs import NETS, describable, run_exactly, wild_graph


def _through(graph, lo, hi):
    with np.errstate(all="ignore"):
        return through(graph, boxes(lo, hi))


def _samples(rng, lo, hi, count=200):
    inner = rng.uniform(lo, hi, (count, *lo.shape))
    return np.concatenate([inner, np.where(rng.random(inner.shape) < 0.5, lo, hi)])


def encloses(net, act, seed=7):
    """Whether the output of every sample lies in its zonotope, along random directions too."""
    rng = np.random.default_rng(seed)
    graph = net(rng, act)
    for width in (0.01, 0.6):
        center = rng.uniform(-1.5, 1.5, (5, graph.size))
        half = width * rng.uniform(0, 1, center.shape)
        lo, hi = center - half, center + half
        found = _through(graph, lo, hi)
        points = _samples(rng, lo, hi)
        seen = graph.run(points.reshape(-1, graph.size)).reshape(*points.shape[:2], -1)
        size = seen.shape[-1]
        for row in np.concatenate([np.eye(size), rng.normal(size=(4, size))]):
            value = seen @ row
            middle = found.center @ row
            reach = np.abs(found.rows @ row).sum(axis=1) + found.rest @ np.abs(row)
            slack = 1e-11 * (1 + np.abs(value))
            if not (np.abs(value - middle) <= reach + slack).all():
                return False
    return True


@pytest.mark.parametrize(("net", "act"), combined(NETS, describable(), rounds=2), ids=called)
def test_every_sample_lies_in_the_zonotope(net, act):
    assert encloses(net, act)


@pytest.mark.parametrize("seed", range(cases(6, 60)))
def test_values_of_400_bits_lie_inside(seed):
    rng = np.random.default_rng(seed)
    graph = wild_graph(rng, ["relu", "tanh", "sin", "square"], products=True)
    center = rng.normal(size=(1, graph.size))
    lo, hi = center - 1e-9, center + 1e-9
    least, most = _through(graph, lo, hi).ends()
    with mpmath.workprec(400):
        for point in (lo[0], hi[0], center[0]):
            exact = run_exactly(graph, point)[graph.output]
            for value, a, b in zip(exact, least[0], most[0], strict=True):
                assert a <= value <= b


def test_forms_of_small_boxes_are_nearly_exact():
    rng = np.random.default_rng(0)
    graph = NETS[0](rng, "tanh")
    center = rng.normal(size=(1, graph.size))
    lo, hi = center - 1e-4, center + 1e-4
    least, most = _through(graph, lo, hi).ends()
    seen = graph.run(_samples(rng, lo, hi, 2000).reshape(-1, graph.size))
    assert (most - least <= 1.01 * (seen.max(axis=0) - seen.min(axis=0)) + 1e-9).all()


def test_joined_symbols_reach_as_far():
    rng = np.random.default_rng(1)
    form = Zonotopes(rng.normal(size=(3, 2)), rng.normal(size=(3, 40, 2)), rng.random((3, 2)))
    fewer = reduced(form, 4)
    assert fewer.rows.shape[1] < 40
    assert np.array_equal(fewer.rows[:, :4], form.rows[:, :4])
    for row in rng.normal(size=(20, 2)):
        before = np.abs(form.rows @ row).sum(axis=1) + form.rest @ np.abs(row)
        after = np.abs(fewer.rows @ row).sum(axis=1) + fewer.rest @ np.abs(row)
        assert (after >= before - 1e-12).all()


def _dropped_curve_error(center, rows, rest, errors):
    return Zonotopes(center, rows, rest)


def _forgetful_rows(self, count):
    """Symbols counted from the end: two values then share symbols that only one of them has."""
    rows = self.rows
    missing = count - rows.shape[1]
    none = np.zeros((rows.shape[0], missing, rows.shape[2]))
    return rows if not missing else np.concatenate([none, rows], axis=1)


def _no_squares(op, forms, ends):
    a, b = (f.take(i) for f, i in zip(forms, (op.left, op.right), strict=True))
    rows = a.center[:, None] * b.rows + b.center[:, None] * a.rows
    return Zonotopes(a.center * b.center, rows, a.rest + b.rest)


MUTANTS = {
    "the error of a curve is dropped": ("with_symbols", _dropped_curve_error),
    "the squares of a product are dropped": (zonotopes.Product, _no_squares),
    "symbols of two values are mixed up": ("of", _forgetful_rows),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_laws_catch(mutant, monkeypatch):
    what, change = MUTANTS[mutant]
    if what == "of":
        monkeypatch.setattr(Zonotopes, "of", change)
    elif isinstance(what, str):
        monkeypatch.setattr(zonotopes, what, change)
    else:
        monkeypatch.setitem(zonotopes.RULES, what, change)
    caught = [not encloses(net, act) for net in NETS for act in ("tanh", "relu", "square")]
    assert any(caught)
