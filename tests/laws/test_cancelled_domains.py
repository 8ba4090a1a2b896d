"""A rewrite keeps the domain: where the graph as recorded is undefined, every rewrite is, too."""

import numpy as np
import pytest

from cases import cases
from outrange.core import InputError, ModelError
from outrange.domains import bounds
from outrange.graph import Builder, Slot
from outrange.graph.difference import difference
from outrange.graph.domain import is_inside
from outrange.graph.rewrites.gates import merge_gates, simplify
from outrange.graph.rewrites.order import reduce_to_logits
from outrange.graph.rewrites.rewrite import extract_subgraph, fold, piecewise_to_pairs
from outrange.ops import curve
from outrange.ops.pointwise import Expressions, analyze, apply_curve
from outrange.ops.pointwise.domain import apply_with_domain, needs
from outrange.ops.pointwise.nodes import PASSED
from outrange.testing import Oracle
from outrange.testing.facts import check_definition, check_range
from partial_formulas import draw_formula, points


REWRITES = {
    "curves": lambda graph: graph,
    "pairs": piecewise_to_pairs,
    "folded": fold,
    "gates": merge_gates,
    "for a search": simplify,
    "cut off": lambda graph: extract_subgraph(graph, [graph.output], graph.outputs),
    "in order": lambda graph: reduce_to_logits(graph, [[0]]),
    "difference": lambda graph: difference(graph, graph),
}
"""Rewrites of a graph, each of which may drop what it takes for idle."""

FORMULAS = cases(range(12), range(400))


def run(graph, x):
    """Return outputs at the points `x`, and at which of them the graph is defined."""
    with np.errstate(all="ignore"):
        values = graph.run_all(x)
    return values, is_inside(graph, values)


def test_no_rewrite_of_a_random_formula_is_defined_where_it_is_not():
    cancelled = 0
    for seed in FORMULAS:
        rng = np.random.default_rng(seed)
        graph, plain = draw_formula(rng, int(rng.integers(2, 7)))
        x = points(rng)
        values, _ = run(plain, x)
        lost = np.isnan(values[plain.output][:, 0])
        cancelled += bool(lost.any())
        for name, rewrite in REWRITES.items():
            _, inside = run(rewrite(graph), x)
            assert not (inside & lost).any(), (seed, name, x[inside & lost][:3])
    assert cancelled > len(FORMULAS) // 4


def test_a_rewrite_is_defined_where_the_formula_is():
    """Exceptions are ranges far out or about a pole, where a curve is not analyzed."""
    less = 0
    for seed in FORMULAS:
        rng = np.random.default_rng(seed)
        graph, plain = draw_formula(rng, int(rng.integers(2, 7)))
        x = points(rng)
        values, inside = run(plain, x)
        inside &= np.all([np.isfinite(v).all(axis=1) for v in values], axis=0)
        results, still = run(graph, x)
        less += bool((inside & ~still).any())
        both = inside & still
        np.testing.assert_allclose(
            results[graph.output][both], values[plain.output][both], rtol=1e-6, atol=1e-9
        )
    assert less <= max(2, len(FORMULAS) // 8)


def test_bounds_of_a_set_with_a_point_that_has_no_value_are_refused():
    points_tried = 0
    for seed in cases(range(12), range(200)):
        rng = np.random.default_rng(seed)
        graph, plain = draw_formula(rng, int(rng.integers(2, 7)))
        x = points(rng)
        values, _ = run(plain, x)
        if not np.isnan(values[plain.output]).any():
            continue
        points_tried += 1
        with pytest.raises(InputError):
            bounds(graph, [-5.0], [5.0])
    assert points_tried > 2


IDENTITIES = {
    "x / x": lambda t, x: t.multiply(x, t.power(x, -1)),
    "x - x": lambda t, x: t.subtract(x, x),
    "0 x": lambda t, x: t.scale(x, 0),
    "sqrt(x) ** 2": lambda t, x: t.power(t.apply("sqrt", x), 2),
    "1 / 1 / x": lambda t, x: t.power(t.power(x, -1), -1),
    "x ** 2 / x": lambda t, x: t.multiply(t.power(x, 2), t.power(x, -1)),
    "log(1 + x)": lambda t, x: t.apply("log", t.scale(x, 1, 1)),
    "1 / sqrt(x)": lambda t, x: t.power(t.apply("sqrt", x), -1),
    "exp(x) / exp(x)": lambda t, x: t.divide(t.apply("exp", x), t.apply("exp", x)),
    "1 / (1 + exp(x))": lambda t, x: t.power(t.scale(t.apply("exp", x), 1, 1), -1),
    "log(1 + exp(x))": lambda t, x: t.apply("log", t.scale(t.apply("exp", x), 1, 1)),
    "exp(x) sigmoid(-x)": lambda t, x: t.multiply(
        t.apply("exp", x), t.apply("sigmoid", t.scale(x, -1))
    ),
    "1 - exp(x)": lambda t, x: t.scale(t.apply("exp", x), -1, 1),
    "1 + erf(x)": lambda t, x: t.scale(t.apply("erf", x), 1, 1),
    "x ** 0": lambda t, x: t.power(x, 0),
}
"""Identities of the table, each of one expression."""

INNER = ("identity", "log", "sqrt", "reciprocal", "rsqrt", "log1p", "exp", "relu")
"""What stands in the place of `x` in an identity."""


@pytest.mark.parametrize("name", IDENTITIES)
def test_an_identity_keeps_the_domain_of_what_it_is_applied_to(name):
    for inner in INNER:
        t = Expressions()
        u = t.x if inner == "identity" else apply_curve(t, curve(inner), t.x)
        e = apply_with_domain(t, lambda v, name=name, t=t: IDENTITIES[name](t, v), [u])
        held = needs(t, e)
        # A logarithm whose side of a knot alone counts may be minus infinity.
        assert {n for n in needs(t, u) if n._replace(sign=PASSED) not in held} <= held


PARTIAL = {
    "x / x": (["reciprocal"], lambda t, u, r: t.multiply(u, r), (-np.inf, np.inf), (0.0,)),
    "log(x) - log(x)": (["log"], lambda t, u, r: t.subtract(r, r), (0.0, np.inf), (0.0,)),
    "0 / x": (["reciprocal"], lambda t, u, r: t.scale(r, 0), (-np.inf, np.inf), (0.0,)),
    "sqrt(x) ** 2": (["sqrt"], lambda t, u, r: t.power(r, 2), (0.0, np.inf), ()),
    "max(sqrt(x), -1)": (
        ["sqrt"], lambda t, u, r: apply_curve(t, curve("clip", least=-1.0, most=np.inf), r),
        (0.0, np.inf), (),
    ),
    "relu(log(x))": (["log"], lambda t, u, r: apply_curve(t, curve("relu"), r), (0.0, np.inf), ()),
    "step of 1 / x": (
        ["reciprocal"], lambda t, u, r: t.switch(r, (0,), (t.zero, t.one), (t.zero,)),
        (-np.inf, np.inf), (0.0,),
    ),
    "relu(x) / relu(x)": (
        ["relu", "reciprocal"], lambda t, u, r: t.multiply(apply_curve(t, curve("relu"), u), r),
        (0.0, np.inf), (0.0,),
    ),
    "relu(log(x)) / relu(log(x))": (  # whose end, 1, is known within two numbers only
        ["log", "relu", "reciprocal"],
        lambda t, u, r: t.multiply(apply_curve(t, curve("relu"), t.apply("log", u)), r),
        (1.0, np.inf), (1.0,),
    ),
}  # fmt: skip
"""Formulas of `x` and of curves applied to it in turn: where they are defined, and their holes."""


@pytest.mark.parametrize("name", PARTIAL)
def test_facts_end_where_what_was_cancelled_does(name):
    curves, write, on, holes = PARTIAL[name]
    t = Expressions()
    inner = t.x
    for each in curves:
        inner = apply_with_domain(t, lambda e, each=each: apply_curve(t, curve(each), e), [inner])
    facts = analyze(t, apply_with_domain(t, lambda u, r: write(t, u, r), [t.x, inner]))
    assert (facts.on, facts.holes, facts.beyond) == (on, holes, None)
    with pytest.raises(InputError):
        facts.range(np.array([-1.0]), np.array([1.0]))
    oracle = Oracle(facts)
    for law in (check_definition, check_range):
        law(facts, oracle)
    outside = [p for p in (-1.0, *holes) if not on[0] <= p or p in holes]
    assert np.isnan(facts.f(np.array(outside))).all()


def test_the_inside_of_a_domain_is_exact():
    """On a set where no cancelled term is undefined, the answer is that of the simple formula."""
    t = Expressions()
    log = t.apply("log", t.x)
    assert apply_with_domain(t, t.subtract, [log, log]) != t.zero
    facts = analyze(t, apply_with_domain(t, t.subtract, [log, log]))
    least, most = facts.range(np.array([0.5]), np.array([2.0]))
    assert least[0] == most[0] == 0.0


def test_a_curve_is_its_formula_also_where_its_branches_are_not_followed():
    """Left of 1/4 the branch touches its knot, where the code of the right piece was used."""
    t = Expressions()
    u = apply_curve(t, curve("relu"), t.x)
    facts = analyze(t, apply_curve(t, curve("relu"), t.subtract(u, t.apply("tanh", u))))
    x = np.array([-4.0, -0.5, 0.0, 0.1, 0.5, 3.0])
    y = np.maximum(x, 0.0) - np.tanh(np.maximum(x, 0.0))
    np.testing.assert_allclose(facts.f(x), y, rtol=1e-12, atol=1e-12)


def test_a_value_at_the_end_of_a_domain_that_its_piece_has_not():
    """At 0 the root of `x + step(x) (1 - x)` is 0, right of it about 1."""
    t = Expressions()
    step = t.switch(t.x, (0,), (t.zero, t.one), (t.zero,))
    inner = t.add(t.x, t.multiply(step, t.scale(t.x, -1, 1)))
    facts = analyze(t, t.apply("sqrt", t.add(inner, t.apply("tanh", t.x))))
    assert facts.on[0] == 0.0 and facts.holes == (0.0,)


def test_a_constant_outside_of_a_domain_is_no_constant():
    """`0 * (1 / 0)` became a constant NaN, and bounds of it were meaningless."""
    b = Builder([Slot("x", (1,))])
    x = b.input_values()[0]
    zero = b.affine_map(b.subtract(x, x), 2.0)
    graph = b.finish([b.multiply(zero, b.curve("reciprocal", zero))], ["y"])
    with pytest.raises(InputError, match="without 0"):
        bounds(graph, [1.0], [2.0])


def test_constants_that_are_no_number_are_refused():
    b = Builder([Slot("x", (1,))])
    x = b.input_values()[0]
    end = b.curve("exp", b.constant_value(np.full((1, 1), 1e3)))
    with pytest.raises(ModelError, match="must be numbers"):
        b.finish([b.add(x, b.subtract(end, end))], ["y"])
