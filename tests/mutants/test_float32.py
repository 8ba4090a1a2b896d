"""The law of float32 fails once a rounding is left out."""

from functools import partial

import numpy as np
import pytest

from laws.test_float32 import outside
from outrange.domains.float32 import rules
from outrange.graph import Builder, Slot
from outrange.graph.float32 import FLOAT32


BIG = 2.0**22


def cancelling():
    """Large terms that cancel, and a bend behind them."""
    rng = np.random.default_rng(0)
    b = Builder([Slot("x", (4,))])
    (x,) = b.input_values()
    weight = rng.normal(0.0, 1e4, (4, 8))
    h = b.curve("relu", b.dense(x, np.concatenate([weight, -weight], axis=1)))
    return b.finish([b.dense(h, np.ones((16, 1)))], ["y"])


def biased_sum():
    """Return the graph of a sum whose one large term is its bias."""
    b = Builder([Slot("x", (4,))])
    (x,) = b.input_values()
    return b.finish([b.dense(x, np.eye(4), np.full(4, BIG))], ["y"])


def input_products():
    """Return a graph of products of inputs, which no earlier sum has rounded."""
    b = Builder([Slot("x", (4,))])
    (x,) = b.input_values()
    left, right = b.rearrange([x], [[0, 1]]), b.rearrange([x], [[2, 3]])
    return b.finish([b.multiply(left, right)], ["y"])


def share(graph):
    return max(outside(graph, seed, 1.0, seeds=2)[0] for seed in range(3))


def test_the_law_holds():
    assert share(cancelling()) <= 1.0
    assert share(biased_sum()) <= 1.0
    assert share(input_products()) <= 1.0


def change_rule(monkeypatch, kind, change):
    rule = rules.RULES[kind]

    def mutant(op, before, own, reads, **more):
        return change(partial(rule, **more), op, before, own, reads)

    table = {**rules.RULES, kind: mutant}
    monkeypatch.setattr(rules, "RULES", table)


def without_rounding(rule, op, before, own, reads):
    found = rule(op, before, own, reads)
    return rules.OutputErrors(0.0 * found.local, found.off - found.local, found.lines)


def without_bias(rule, op, before, own, reads):
    from dataclasses import replace

    return rule(replace(op, bias=0.0 * op.bias), before, own, reads)


def one_term(rule, op, before, own, reads):
    found = rule(op, before, own, reads)
    local = FLOAT32.unit * np.abs(own[1])
    return rules.OutputErrors(local, found.off - found.local + local, found.lines)


@pytest.mark.parametrize(
    ("kind", "change", "graph"),
    [
        (rules.Affine, without_rounding, cancelling()),
        (rules.Affine, without_bias, biased_sum()),
        (rules.Affine, one_term, cancelling()),
        (rules.Product, without_rounding, input_products()),
    ],
    ids=["no gamma", "no bias", "result only", "product"],
)
def test_a_rounding_that_is_left_out_is_noticed(monkeypatch, kind, change, graph):
    change_rule(monkeypatch, kind, change)
    assert share(graph) > 1.0
