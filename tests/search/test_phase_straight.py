"""A net of unstable units only is the same function, up to a stated error that is accounted for."""

from fractions import Fraction

import numpy as np
import pytest

from outrange.core import Box
from outrange.graph import Builder, Slot
from outrange.graph.rewrites.rewrite import fold
from outrange.search.neuron_split.drop_inactive import drop_inactive
from outrange.search.neuron_split.drop_stable import _StableElimination, drop_stable
from outrange.search.neuron_split.relaxed_net import RelaxedNet


def _net(seed, *, radius=0.02, curve="relu", wild=False):
    """Build three layers, the second with a skip connection and rearranged entries."""
    rng = np.random.default_rng((5, seed))
    b = Builder([Slot("x", (20,))])
    (x,) = b.input_values()

    def layer(x, n):
        size = x.shape[-1]
        spread = 10.0 ** rng.uniform(-3, 3, (size, n)) if wild else 1.0
        weight = rng.normal(size=(size, n)) * spread * np.sqrt(2 / size)
        return b.dense(x, weight, rng.normal(size=n))

    first = b.curve(curve, layer(x, 24))
    second = b.curve(curve, layer(first, 24))
    turned = b.structural(lambda a: a[0][..., ::-1], [second])
    y = b.dense(b.add(first, turned), rng.normal(size=(24, 3)))
    middle = rng.normal(size=20)
    graph = fold(b.finish([y], ["y"]))
    return RelaxedNet.of(graph, Box(middle - radius, middle + radius)), rng


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("curve", ["relu", "leaky_relu"])
def test_the_reduced_net_has_the_same_function_and_bounds(seed, curve):
    net, rng = _net(seed, curve=curve)
    small = _StableElimination(net).build()
    assert small.units < net.units and small.unstable(small.lo, small.hi).all()
    assert drop_stable(net).units == small.units
    x = net.box.sample(rng, 500)
    assert np.allclose(small.graph.run(x), net.graph.run(x), rtol=1e-10, atol=1e-10)
    least = []
    for each in (net, small, drop_stable(small), drop_inactive(small)):
        start = {each.graph.output: np.eye(3)}
        proof = each.proof(start, np.tile(each.start(), (3, 1)), None, each.unsplit(3))
        least.append(proof.least)
        assert (proof.least <= net.graph.run(x).min(axis=0)).all()
    assert np.allclose(least, least[0], rtol=1e-9, atol=1e-9)


def _exact(graph, x):
    """Return every value at a point in rational arithmetic; matrices come from the ops."""
    values = [[Fraction(float(e)) for e in x]]
    for node in graph.nodes:
        before = [values[j] for j in node.inputs]
        if hasattr(node.op, "f"):
            values.append([max(e, 0) for e in before[0]])
            continue
        sizes = [len(part) for part in before]
        parts = node.op.adjoint(np.eye(node.size))
        bias = getattr(node.op, "bias", np.zeros(node.size))
        out = []
        for row in range(node.size):
            total = Fraction(float(bias[row]))
            for part, value, size in zip(parts, before, sizes, strict=True):
                total += sum(Fraction(float(part[row, i])) * value[i] for i in range(size))
            out.append(total)
        values.append(out)
    return values


@pytest.mark.parametrize("seed", range(4))
def test_the_stated_error_covers_rounding_of_the_matrices(seed):
    net, rng = _net(seed, wild=True, radius=1e-3)
    elimination = _StableElimination(net)
    small = elimination.build()
    some = 0
    for x in net.box.sample(rng, 3):
        truth = _exact(net.graph, x)[net.graph.output]
        values = [[Fraction(float(e)) for e in x]]
        slack = [[Fraction(0)] * x.size]
        for v, node in enumerate(small.graph.nodes, 1):
            before = [values[j] for j in node.inputs]
            if hasattr(node.op, "f"):
                values.append([max(e, 0) for e in before[0]])
                slack.append(slack[node.inputs[0]])
                continue
            parts = node.op.adjoint(np.eye(node.size))
            value, error = [], []
            for row in range(node.size):
                total = Fraction(float(node.op.bias[row]))
                loose = Fraction(float(small.errors[v][row]))
                for part, base, j in zip(parts, before, node.inputs, strict=True):
                    for i, entry in enumerate(base):
                        factor = Fraction(float(part[row, i]))
                        total += factor * entry
                        loose += abs(factor) * slack[j][i]
                value.append(total)
                error.append(loose)
            values.append(value)
            slack.append(error)
        for a, b, e in zip(truth, values[-1], slack[-1], strict=True):
            assert abs(a - b) <= e
            some += a != b
    assert some > 0, "nothing was rounded: the test shows nothing"


def test_errors_are_carried_on():
    net, _ = _net(1)
    once = drop_stable(net)
    again = _StableElimination(once).build()
    assert (again.errors[len(again.graph.nodes)] >= once.errors[len(once.graph.nodes)]).all()
    assert (once.errors[len(once.graph.nodes)] > 0).all()
