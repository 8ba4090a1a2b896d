"""Laws of every registered domain: enclosure, monotonicity in the box, payment for rounding."""

import mpmath
import numpy as np
import pytest

from cases import cases, combine, function_name
from outrange.core import InputError, OutrangeError
from outrange.domains import DOMAINS, bounds, register, zonotopes
from outrange.domains.backward import BoxBatch
from outrange.domains.crown import CrownPlan, run as run_linear
from outrange.domains.forward_crown import ForwardCrownPass
from outrange.domains.intervals import RULES
from outrange.graph import Builder, Slot
from outrange.ops import Curve, curve
from small_graphs import NETS, PIECEWISE, dense_net, describable, normal, run_exactly, wild_graph


BOXES = 6


def boxes(rng, graph, width):
    center = rng.uniform(-1.5, 1.5, (BOXES, graph.size))
    half = width * rng.uniform(0, 1, center.shape) * (rng.random(center.shape) > 0.2)
    return center - half, center + half


def points(rng, lo, hi, count=300):
    inner = rng.uniform(lo, hi, (count, *lo.shape))
    corners = np.where(rng.random((count, *lo.shape)) < 0.5, lo, hi)
    return np.concatenate([inner, corners])


@pytest.mark.parametrize(
    ("domain", "net", "act"),
    combine(sorted(DOMAINS), NETS, describable(), rounds=3),
    ids=function_name,
)
def test_encloses_every_value_at_samples(domain, net, act):
    rng = np.random.default_rng(7)
    graph = net(rng, act)
    for width in (0.01, 0.6):
        lo, hi = boxes(rng, graph, width)
        x = points(rng, lo, hi)
        values = graph.run_all(x.reshape(-1, graph.size))
        for (least, most), seen in zip(bounds(graph, lo, hi, domain), values, strict=True):
            seen = seen.reshape(*x.shape[:2], -1)
            slack = 1e-13 * (1 + np.abs(seen))
            assert (least <= seen + slack).all() and (seen - slack <= most).all()


@pytest.mark.parametrize(("net", "act"), combine(NETS, describable()), ids=function_name)
def test_linear_is_no_looser_than_intervals(net, act):
    rng = np.random.default_rng(3)
    graph = net(rng, act)
    lo, hi = boxes(rng, graph, 0.5)
    plain, linear = bounds(graph, lo, hi, "intervals"), bounds(graph, lo, hi, "linear")
    for (a, b), (c, d) in zip(plain, linear, strict=True):
        slack = 1e-12 * (1 + np.abs(a) + np.abs(b))
        assert (c >= a - slack).all() and (d <= b + slack).all()


@pytest.mark.parametrize(("net", "act"), combine(NETS, describable()), ids=function_name)
def test_a_smaller_box_never_loosens_intervals(net, act):
    rng = np.random.default_rng(5)
    graph = net(rng, act)
    lo, hi = boxes(rng, graph, 0.5)
    part = rng.uniform(0, 0.5, (2, *lo.shape))
    inner = bounds(graph, lo + part[0] * (hi - lo), hi - part[1] * (hi - lo), "intervals")
    for (a, b), (c, d) in zip(bounds(graph, lo, hi, "intervals"), inner, strict=True):
        slack = 1e-12 * (1 + np.abs(a) + np.abs(b))
        assert (c >= a - slack).all() and (d <= b + slack).all()


@pytest.mark.parametrize(("net", "act"), combine(NETS, describable()), ids=function_name)
def test_forward_is_no_looser_than_intervals_and_tight_in_small_boxes(net, act):
    rng = np.random.default_rng(5)
    graph = net(rng, act)
    lo, hi = boxes(rng, graph, 1e-5)
    plain, forward = (bounds(graph, lo, hi, domain) for domain in ("intervals", "forward"))
    for (a, b), (c, d) in zip(plain, forward, strict=True):
        slack = 1e-12 * (1 + np.abs(a) + np.abs(b))
        assert (c >= a - slack).all() and (d <= b + slack).all()
    x = points(rng, lo, hi)
    seen = graph.run(x.reshape(-1, graph.size)).reshape(*x.shape[:2], -1)
    width = [end[graph.output][1] - end[graph.output][0] for end in (plain, forward)]
    is_wide = np.isfinite(width[0]) & (width[0] > 1e-9)
    if is_wide.any():
        assert np.median(width[1][is_wide] / width[0][is_wide]) <= 1.0 + 1e-9
    assert (forward[graph.output][0] <= seen).all() and (seen <= forward[graph.output][1]).all()


def test_forward_forms_meet_values_that_have_none():
    rng = np.random.default_rng(4)
    b = Builder([Slot("x", (3,))])
    (x,) = b.input_values()
    square = b.multiply(x, x)
    y = b.subtract(b.dense(b.concat([x, square], axis=1), normal(rng, 6, 3)), square)
    graph = b.finish([y, b.subtract(b.add(square, x), x)], ["y", "square"])
    lo, hi = np.array([0.5, -1.0, -0.2]), np.array([1.5, 1.0, 0.3])
    least, most = bounds(graph, lo, hi, "forward")[graph.output]
    seen = graph.run(points(rng, lo, hi))
    assert (least <= seen).all() and (seen <= most).all()
    # What the square leaves open stays open, what the inputs add cancels.
    np.testing.assert_allclose(most[0, 3:], np.maximum(lo**2, hi**2), rtol=1e-12)


def test_forward_forms_that_carry_nothing_are_given_up():
    b = Builder([Slot("x", (2,))])
    (x,) = b.input_values()
    small = b.affine_map(b.subtract(b.curve("relu", x), b.affine_map(x, 0.5)), 1e4)
    y = b.add(small, b.affine_map(x, 0.125))
    graph = b.finish([y], ["y"])
    lo, hi = -np.ones(2), np.ones(2)
    form = zonotopes.form_of_boxes(lo[None], hi[None])
    forms, ends = [form], [(lo[None], hi[None])]
    for node in graph.nodes:
        inputs = [[part[j] for j in node.inputs] for part in (forms, ends)]
        form, bounds_of_node = zonotopes.forward_step(node, *inputs)
        forms.append(form)
        ends.append(bounds_of_node)
    assert forms[-1].count == 0
    x = points(np.random.default_rng(0), lo, hi)
    least, most = ends[-1]
    assert (least <= graph.run(x)).all() and (graph.run(x) <= most).all()


def test_linear_is_exact_where_nothing_bends():
    rng = np.random.default_rng(0)
    b = Builder([Slot("x", (3,))])
    (x,) = b.input_values()
    y = b.subtract(b.add(x, x), b.affine_map(x, 2.0))
    z = b.dense(b.concat([x, y], axis=1), normal(rng, 6, 2))
    graph = b.finish([y, z], ["y", "z"])
    least, most = bounds(graph, [-1] * 3, [1] * 3)[graph.output]
    assert np.abs(least[0, :3]).max() < 1e-14 and np.abs(most[0, :3]).max() < 1e-14


@pytest.mark.parametrize("domain", sorted(DOMAINS))
def test_infinite_boxes_give_infinite_ends_and_never_nan(domain):
    rng = np.random.default_rng(1)
    for net in NETS:
        graph = net(rng, "relu")
        lo, hi = boxes(rng, graph, 1.0)
        lo[0, 0], hi[1, 1], lo[2], hi[2] = -np.inf, np.inf, -np.inf, np.inf
        for least, most in bounds(graph, lo, hi, domain):
            assert not np.isnan(least).any() and not np.isnan(most).any()
            assert (least <= most).all() and (least < np.inf).all() and (most > -np.inf).all()


@pytest.mark.parametrize("domain", sorted(DOMAINS))
def test_infinity_spreads_only_along_coefficients(domain):
    b = Builder([Slot("x", (2,))])
    (x,) = b.input_values()
    y = b.dense(x, [[1.0, 0.0, -1e-300], [1.0, 1.0, 1.0]])
    graph = b.finish([b.curve("relu", y)], ["y"])
    least, most = bounds(graph, [-np.inf, -1], [1, 1], domain)[1]
    assert least[0, 0] == -np.inf and abs(most[0, 0] - 2) < 1e-9
    assert np.abs(least[0, 1] + 1) < 1e-9 and most[0, 2] == np.inf


def test_non_negative_sums_stay_non_negative():
    b = Builder([Slot("x", (3,))])
    (x,) = b.input_values()
    y = b.reduce("sum", b.curve("relu", x), [1])
    graph = b.finish([y], ["y"])
    least, _ = bounds(graph, [-1] * 3, [1] * 3, "intervals")[graph.output]
    assert least[0, 0] == 0.0


def test_bad_boxes_and_domains_are_errors():
    graph = dense_net(np.random.default_rng(0), "relu")
    for lo, hi in (([0] * 2, [1] * 2), ([1, 0, 0], [0, 1, 1]), ([np.nan, 0, 0], [1, 1, 1])):
        with pytest.raises(InputError, match="Received"):
            bounds(graph, lo, hi)
    with pytest.raises(InputError, match="intervals"):
        bounds(graph, [0] * 3, [1] * 3, "taylor")


def test_a_domain_without_a_rule_for_a_kind_is_refused():
    with pytest.raises(OutrangeError, match="Curve"):
        register("holey", {k: v for k, v in RULES.items() if k is not Curve}, lambda g, lo, hi: [])
    with pytest.raises(OutrangeError, match="registered only once"):
        register("intervals", RULES, lambda g, lo, hi: [])


# ---- rounding -------------------------------------------------------------------------------


def violations(count, run, acts=tuple(PIECEWISE), seed=0, products=False):
    """Count values that leave their ends at corners, over random graphs and boxes."""
    rng = np.random.default_rng(seed)
    outside = 0
    with mpmath.workprec(400):
        for _ in range(count):
            graph = wild_graph(rng, acts, products)
            center = rng.standard_normal((4, graph.size))
            center *= 10.0 ** rng.uniform(-3, 3, center.shape)
            half = np.abs(center) * 10.0 ** rng.uniform(-16, 0, (4, 1)) * (rng.random((4, 1)) < 0.8)
            lo, hi = center - half, center + half
            ends = run(graph, lo, hi)
            for i in range(4):
                x = np.where(rng.random(graph.size) < 0.5, lo[i], hi[i])
                exact = run_exactly(graph, x)
                for (least, most), values in zip(ends, exact, strict=True):
                    outside += any(
                        not a <= v <= b for a, v, b in zip(least[i], values, most[i], strict=True)
                    )
    return outside


@pytest.mark.parametrize("domain", sorted(DOMAINS))
def test_every_rounding_is_paid_for(domain):
    assert violations(cases(25, 150), lambda *args: bounds(*args, domain)) == 0


@pytest.mark.parametrize("domain", sorted(DOMAINS))
def test_the_roundings_of_bent_curves_are_paid_for(domain):
    # Bounded ones: a tower of exponentials is beyond any arithmetic.
    acts = [name for name in describable() if curve(name).beyond is not None]
    acts = [name for name in acts if np.isfinite(curve(name).beyond).all()] or ["tanh"]
    assert violations(cases(20, 60), lambda *args: bounds(*args, domain), acts) == 0


@pytest.mark.parametrize("domain", sorted(DOMAINS))
def test_the_roundings_of_products_are_paid_for(domain):
    assert violations(cases(15, 100), lambda *args: bounds(*args, domain), products=True) == 0


def test_the_rounding_law_fails_without_the_radii():
    assert violations(100, lambda *args: run_linear(*args, radii=False)) > 20


def test_underflow_is_paid_for():
    b = Builder([Slot("x", (2,))])
    (x,) = b.input_values()
    y = b.curve("relu", b.dense(x, [[1e-200], [3e-320]]))
    graph = b.finish([b.dense(y, [[-1e-160]])], ["y"])
    at = np.array([1.0, 1e3])
    with mpmath.workprec(4000):
        exact = run_exactly(graph, at)
        for domain in DOMAINS:
            for (least, most), values in zip(bounds(graph, at, at, domain), exact, strict=True):
                assert all(a <= v <= b for a, v, b in zip(least[0], values, most[0], strict=True))


@pytest.mark.parametrize(("net", "act"), combine(NETS, describable(), rounds=1), ids=function_name)
def test_rows_behind_forward_forms_are_no_looser_than_intervals(net, act):
    rng = np.random.default_rng(11)
    graph = net(rng, act)
    lo, hi = boxes(rng, graph, 0.2)
    plan, cells = CrownPlan.of(graph), BoxBatch.of(lo, hi)
    plain, forms = (bounds(graph, lo, hi, domain) for domain in ("intervals", "forward"))
    x = points(rng, lo, hi, 100)
    values = graph.run_all(x.reshape(-1, graph.size))
    for most in (0, 10**6):
        sweep = ForwardCrownPass(plan, cells, most=most)
        sweep.run()
        width = [ends[1] - ends[0] for ends in (forms[-1], sweep.ends[-1])]
        is_wide = np.isfinite(width[0]) & (width[0] > 1e-9)
        # Lines that tighter bounds ask for can be a little worse further on.
        assert not is_wide.any() or np.median(width[1][is_wide] / width[0][is_wide]) <= 1.0 + 1e-3
        for (a, b), (c, d), seen in zip(plain, sweep.ends, values, strict=True):
            slack = 1e-12 * (1 + np.abs(a) + np.abs(b))
            assert (c >= a - slack).all() and (d <= b + slack).all()
            seen = seen.reshape(*x.shape[:2], -1)
            slack = 1e-13 * (1 + np.abs(seen))
            assert (c <= seen + slack).all() and (seen - slack <= d).all()
        for _, share in sweep.shares.values():
            assert (share >= 0).all() and (share.sum(axis=-1) <= 1 + 1e-9).all()
