"""Second-order forms over boxes: their least values, tangents, mixtures and cuts."""

from fractions import Fraction

import numpy as np
import pytest

from outrange.core import Box
from outrange.domains.backward import BoxBatch
from outrange.domains.crown import CrownPlan
from outrange.graph import Builder, Slot
from outrange.search.engines.array_engine import ArrayEngine
from outrange.search.methods.second_order import quadratic_forms
from outrange.search.methods.second_order.conjunctions import ConjunctionEngine, conjunction
from outrange.search.methods.second_order.quadratic_forms import QuadraticForms
from outrange.search.methods.second_order.tangents import PAIRS, affords_tangents, boxes_at_once
from outrange.search.methods.table import SECOND_ORDER


def random_forms(rng, pairs=40, d=3, wild=True, radii=True):
    scale = 10.0 ** rng.uniform(-6, 6, (pairs, 1)) if wild else np.ones((pairs, 1))
    middle = rng.normal(size=(pairs, d)) * (10.0 ** rng.uniform(-3, 3) if wild else 1.0)
    half = np.abs(rng.normal(size=(pairs, d))) * scale
    half[rng.random(half.shape) < 0.1] = 0.0
    cells = BoxBatch.of(middle - half, middle + half, radii)
    total = rng.normal(size=(pairs, d, d))
    convex = np.matmul(total, total.transpose(0, 2, 1))
    total = np.where(rng.random((pairs, 1, 1)) < 0.5, convex, total + total.transpose(0, 2, 1))
    total *= 10.0 ** rng.uniform(-4, 4, (pairs, 1, 1)) if wild else 1.0
    return QuadraticForms(cells, rng.normal(size=(pairs, d)), rng.normal(size=pairs), total, radii)


def points(forms, rng, count=60):
    z = rng.uniform(-1, 1, (count, *forms.rows.shape))
    z[: count // 2] = np.sign(z[: count // 2])
    return z


def exact(forms, p, x):
    """Evaluate the form at a point of its box, in fractions."""
    x = [Fraction(float(v)) for v in x]
    center = [Fraction(float(v)) for v in forms.cells.center[p]]
    reach = [Fraction(float(v)) for v in forms.cells.reach[p]]
    z = [(a - c) / r if r else Fraction(0) for a, c, r in zip(x, center, reach, strict=True)]
    total = Fraction(float(forms.constant[p]))
    for i, a in enumerate(x):
        total += Fraction(float(forms.rows[p, i])) * a
        for j in range(len(x)):
            total += Fraction(float(forms.total[p, i, j])) * z[i] * z[j]
    return total


def broken(radii, rounds=6):
    """Count the points at which an exact value lies below its bound."""
    rng, count = np.random.default_rng(0), 0
    for _ in range(rounds):
        forms = random_forms(rng, radii=radii)
        flat = QuadraticForms(
            forms.cells, forms.rows, forms.constant, 0.0 * forms.total, forms.radii
        )
        for each in (forms, flat):
            least, form, at = each.least()
            for p in range(len(least)):
                corner = np.where(form.rows[p, 0] > 0, each.cells.lo[p], each.cells.hi[p])
                for x in (at[p], corner):
                    count += exact(each, p, x) < Fraction(float(least[p]))
    return count


def test_every_rounding_error_is_covered():
    assert broken(True) == 0


def test_the_rounding_law_fails_without_the_radii():
    assert broken(False) > 3


def laws(rng):
    """Count violations, beyond rounding, of least values, tangents, forms, mixtures and cuts."""
    forms = random_forms(rng, 200, wild=False)
    other = random_forms(rng, 200, wild=False)
    other.cells = forms.cells
    least, form, _ = forms.least()
    tangents, share = forms.tangents(), rng.random(200)
    mixed = forms.mix(other, share)
    level = forms.constant + rng.normal(size=200)
    start, end = forms.below(level, -np.ones_like(forms.rows), np.ones_like(forms.rows))
    count = 0
    for z in points(forms, rng):
        value, second = forms.values(z), other.values(z)
        slack = 1e-9 * (1 + np.abs(value) + np.abs(second) + forms.sizes)
        x = forms.cells.center + z * forms.cells.reach
        line = (form.rows[:, 0] * x).sum(axis=1) + form.constant[:, 0]
        count += (value < least - slack).sum() + (value < line - slack).sum()
        count += (value < tangents.values(z) - slack).sum()
        count += (np.maximum(value, second) < mixed.values(z) - slack).sum()
        outside = ((z < start) | (z > end)).any(axis=1)
        count += (outside & (value < level - slack)).sum()
    return int(count)


def test_laws():
    assert laws(np.random.default_rng(1)) == 0


def wrong(name, monkeypatch):
    real = getattr(QuadraticForms, name)

    def change(self, *arguments):
        result = real(self, *arguments)
        if name == "tangents":
            result.constant = result.constant + 0.5
        elif name == "below":
            result = result[0] + 0.2, result[1] - 0.2
        elif name == "mix":
            result.constant = np.maximum(self.constant, arguments[0].constant)
        return result

    if name == "bend":
        monkeypatch.setattr(QuadraticForms, "bend", QuadraticForms._straight)
    else:
        monkeypatch.setattr(QuadraticForms, name, change)


@pytest.mark.parametrize("name", ["tangents", "below", "mix", "bend"])
def test_wrong_ones_break_the_laws(name, monkeypatch):
    wrong(name, monkeypatch)
    assert laws(np.random.default_rng(1)) > 0


def test_a_convex_form_has_its_exact_minimum():
    rng = np.random.default_rng(2)
    root = rng.normal(size=(30, 4, 4))
    cells = BoxBatch.of(-np.ones((30, 4)), np.ones((30, 4)))
    total = np.matmul(root, root.transpose(0, 2, 1))
    forms = QuadraticForms(cells, np.zeros((30, 4)), np.zeros(30), total)
    assert (forms.least()[0] > -1e-9).all()
    assert (forms._least()[0] < -0.1).any(), "the diagonal alone is as good"


def test_a_level_cuts_a_ball_out_of_its_box():
    cells = BoxBatch.of(-np.ones((1, 2)), np.ones((1, 2)))
    forms = QuadraticForms(cells, np.zeros((1, 2)), np.zeros(1), np.eye(2)[None])
    start, end = forms.below(np.array([0.25]), -np.ones((1, 2)), np.ones((1, 2)))
    np.testing.assert_allclose([start, end], [[[-0.5, -0.5]], [[0.5, 0.5]]], atol=0.13)
    assert (start <= -0.5).all() and (end >= 0.5).all()


def lens(curves):
    """Build two disjoint discs that each meet every quarter between them."""
    b = Builder([Slot("x", (2,))])
    (x,) = b.input_values()

    def disc(center):
        moved = b.affine_map(x, 1.0, -np.array([[center, center]]))
        if curves:
            square = b.curve("square", moved)
        else:
            square = b.multiply(moved, b.dense(moved, np.array([[1.0, 1.0], [-1.0, 1.0]])))
        return b.affine_map(b.reduce("sum", square, [1], keepdims=True), 1.0, -0.9)

    parts = b.concat([disc(-0.7), disc(0.7)], axis=1)
    return b.finish([b.largest(parts, np.array([[0, 1]]), (1, 1))], ["y"])


def engines(curves):
    graph, box = lens(curves), Box(-2.0 * np.ones(2), 2.0 * np.ones(2))
    parts, windows = conjunction(graph)
    plain = ArrayEngine(graph, np.eye(1), np.zeros(1), box, refine=SECOND_ORDER.hook)
    return ConjunctionEngine(parts, windows, box), plain, graph


@pytest.mark.parametrize("curves", [False, True])
def test_parts_that_exclude_each_other_are_closed_at_once(curves):
    joint, _, _ = engines(curves)
    lo, hi = -2.0 * np.ones((1, 2)), 2.0 * np.ones((1, 2))
    status = np.zeros((1, joint.units), np.int8)
    result = joint.bound(lo, hi, status, np.ones((1, 1), bool), np.zeros(1))
    assert result.least[0, 0] > 0.0


@pytest.mark.parametrize("curves", [False, True])
def test_bounds_of_conjunctions_lie_below_them(curves):
    rng = np.random.default_rng(3)
    joint, plain, graph = engines(curves)
    lo = rng.uniform(-2, 1.5, (60, 2))
    hi = np.minimum(lo + rng.uniform(0, 2, lo.shape), 2.0)
    status, wanted = np.zeros((60, joint.units), np.int8), np.ones((60, 1), bool)
    cutoff = np.array([0.3])
    result = joint.bound(lo, hi, status, wanted, cutoff)
    x = rng.uniform(lo, hi, (300, 60, 2))
    y = graph.run(x.reshape(-1, 2)).reshape(300, 60)
    np.testing.assert_allclose(joint.evaluate(x.reshape(-1, 2)).reshape(300, 60), y)
    # A box that is cut to nothing is only known to be above the cutoff.
    assert (y >= result.least[:, 0] - 1e-9).all()
    form = np.einsum("bd,sbd->sb", result.slopes[:, 0], x) + result.offset[:, 0]
    assert (form <= y + 1e-9).all()
    start, end = (ends[:, 0] for ends in result.within)
    outside = ((x < start) | (x > end)).any(axis=2)
    assert outside.any() and (y[outside] > 0.3).all()
    status = np.zeros((60, plain.units), np.int8)
    alone = plain.bound(lo, hi, status, wanted, np.full(1, np.inf))
    assert (result.least >= cutoff).sum() > (alone.least >= cutoff).sum()
    k = np.zeros(300, np.int64)
    _, slope = joint.gradient(x[:, 0], k)
    step = 1e-6 * rng.normal(size=slope.shape)
    change = joint.evaluate(x[:, 0] + step) - joint.evaluate(x[:, 0] - step)
    np.testing.assert_allclose(2 * (slope * step).sum(axis=1), change[:, 0], atol=1e-9)


def test_forms_of_extreme_size_are_no_errors():
    cells = BoxBatch.of(-np.ones((4, 2)), np.ones((4, 2)))
    total = np.array([1e300, np.inf, np.nan, 1e-300])[:, None, None] * np.ones((4, 2, 2))
    with np.errstate(all="ignore"):
        least, form, _ = QuadraticForms(cells, np.zeros((4, 2)), np.zeros(4), total).least()
    assert not np.isnan(least).any() and np.isneginf(least[1:3]).all()
    assert (least <= 1e-200).all() and np.isfinite(form.rows).all()


def test_forms_of_many_inputs_fit_into_memory():
    b = Builder([Slot("x", (32,))])
    (x,) = b.input_values()
    wide = b.finish([b.multiply(x, b.dense(x, np.ones((x.shape[1], x.shape[1]))))], ["y"])
    for rows in (1, 1000):
        boxes = boxes_at_once(CrownPlan.of(wide), rows)
        assert boxes >= 1 and boxes * rows * 32 * 64 <= max(PAIRS, rows * 32 * 64)
    b = Builder([Slot("x", (33,))])
    (x,) = b.input_values()
    assert not affords_tangents(
        CrownPlan.of(
            b.finish([b.multiply(x, b.dense(x, np.ones((x.shape[1], x.shape[1]))))], ["y"])
        )
    )


def test_only_a_largest_is_a_conjunction():
    b = Builder([Slot("x", (2,))])
    (x,) = b.input_values()
    assert conjunction(b.finish([b.multiply(x, x)], ["y"])) is None


def test_shares_of_cuts_end_with_all():
    assert quadratic_forms.SHARES[-1] == 1.0 and (np.diff(quadratic_forms.SHARES) > 0).all()
