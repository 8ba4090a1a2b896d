"""Laws of `layer_bounds` on models of the zoo: sound at any time, and no looser than `summary`."""

import numpy as np
import pytest

import outrange
from cases import cases, some
from outrange.core import Box
from outrange.questions.layer_bounds import bound_values
from outrange.search.value_bounds import ValueBounds, one_pass_bounds


zoo = pytest.importorskip("zoo")

ZOO = (
    "mlp", "residual", "kinked_activations", "tanh_softmax", "shared_loop", "pooling",
    "maximum_minimum", "activation_layers", "batch_normalization", "elementwise", "prelu",
)  # fmt: skip

MODELS = some(ZOO, 4)

BUDGETS = (0.01, 0.5)
"""Counted seconds: too few for one pass, and enough for some of the search."""


def unit_box(network):
    size = network.graph.size
    return Box(np.full(size, 0.25), np.full(size, 0.75))


@pytest.mark.slow
@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("model", MODELS)
def test_activations_never_leave_the_bounds(model, budget):
    network = outrange.load(zoo.build(model))
    box = unit_box(network)
    values = bound_values(network, box, budget)
    check_samples(network.graph, box, values)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_bounds_are_no_looser_than_those_of_summary(model):
    network = outrange.load(zoo.build(model))
    box = unit_box(network)
    bounds, table = outrange.layer_bounds(network, box, budget=1), outrange.summary(network, box)
    assert len(bounds.layers) == len(table.layers)
    for tight, loose in zip(bounds.layers, table.layers, strict=True):
        assert tight.name == loose.name
        for name, ends in (("pre", loose.before), ("post", loose.after)):
            if ends is None:
                assert getattr(tight, name) is None
                continue
            lo, hi = getattr(tight, name)
            assert (lo >= ends[0]).all() and (hi <= ends[1]).all()
        assert not (loose.always_on & ~tight.active).any()
        assert not (loose.dead & ~tight.inactive).any()


def check_samples(graph, box, values: ValueBounds):
    rng = np.random.default_rng(0)
    share = rng.uniform(size=(cases(200, 2000), box.size))
    share[: len(share) // 2] = np.round(share[: len(share) // 2])
    for (lo, hi), sampled in zip(
        values.ends, graph.run_all(box.lo + share * (box.hi - box.lo)), strict=True
    ):
        slack = 1e-9 * (1.0 + np.abs(sampled))
        assert (lo - slack <= sampled).all() and (sampled <= hi + slack).all()


def test_the_search_is_tighter_than_one_pass():
    network = outrange.load(zoo.build("mlp"))
    box = Box(np.full(5, -1.0), np.full(5, 1.0))
    _, once = one_pass_bounds(network.graph, box)
    values = bound_values(network, box, 2.0)
    widths = [sum((hi - lo).sum() for lo, hi in ends) for ends in (values.ends, once)]
    assert widths[0] < 0.8 * widths[1]
    check_samples(network.graph, box, values)
