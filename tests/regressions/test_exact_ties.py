"""Exact ties are decided, not "rounding": dead outputs, and limits that are attained."""

import numpy as np
import pytest

import outrange
from cases import cases
from outrange import x, y
from outrange.core import Box
from outrange.core.formula import Atom, negate
from outrange.domains import bounds
from outrange.questions.conditions.clause_groups import expand_clauses
from outrange.questions.evidence.exact_ties import never_below
from outrange.questions.expressions import resolve
from outrange.questions.inputs.sets import regions
from outrange.questions.verify import verify
from outrange.search.common.clause_groups import ClauseGroup
from outrange.search.common.domain_boxes import DomainBoxes
from outrange.search.decide import decide
from questions.nets import dense_net


def test_interval_of_a_sum_of_zeros_is_its_bias():
    weights = [(np.ones((2, 3)), [-1.0, -1.0, -1.0]), ([[1.0], [1e-30], [-1e30]], [0.3])]
    graph = dense_net([2, 3, 1], ["relu", None], weights=weights).graph
    bias = graph.nodes[-1].op.bias
    zero = np.zeros((1, 2))
    lo, hi = bounds(graph, zero, zero + 0.25, "intervals")[graph.output]
    np.testing.assert_array_equal(lo, bias[None])
    np.testing.assert_array_equal(hi, bias[None])
    lo, hi = bounds(graph, zero, zero + 0.75, "intervals")[graph.output]
    assert lo < bias < hi


def test_a_tie_of_dead_outputs_breaks_an_argmax(tmp_path):
    weights = [(np.ones((2, 2)), [0.0, 0.0]), ([[1.0, 2.0], [1.0, 1.0]], [0.0, 0.0])]
    net = dense_net([2, 2, 2], ["relu", None], weights=weights)
    graph = net.graph
    for label, status in ((1, "VIOLATED"), (0, "VIOLATED")):
        unsafe = negate(resolve(outrange.y.argmax() == label, graph.inputs, graph.outputs))
        for box in ((0, 1), (-1, 0), (0, 0)):
            if label == 0 and box != (0, 1):
                continue  # There both are 0 all over, and the first of equal entries wins.
            verdict = verify(net, unsafe, regions(graph.inputs, box), text="", time_limit=30)
            assert verdict.status == status, (label, box, verdict)


LINE = dense_net([1, 1], [None], weights=[([[2.0]], [1.0])])
FOLD = dense_net(
    [1, 2, 1], ["relu", None], weights=[([[1.0, -1.0]], [0, 0]), ([[1.0], [1.0]], [0])]
)
PLANE = dense_net([3, 2], [None], weights=[([[1.0, 0.5], [-1.0, 0.25], [0.0, 3.0]], [0.1, -7.0])])
TENTH = float(np.float32(0.1))
BOX = ([-1.0, 0.25, 2.0], [1.0, 0.25, 3.0])


@pytest.mark.parametrize(
    ("net", "claim", "box"),
    [
        (LINE, y[0] <= 21, (1, 10)),
        (LINE, y[0] >= 3, (1, 10)),
        (LINE, "3 <= y[0] <= 21", (1, 10)),
        (LINE, "abs(y[0] - 12) <= 9", (1, 10)),
        (LINE, y[0] <= 2 * x[0] + 1, (1, 10)),
        (FOLD, y[0] <= 3, (-3, 3)),
        (FOLD, y[0] >= 0, (-3, 3)),
        (FOLD, y[0] >= x[0], (-3, 3)),
        (PLANE, (y[0] <= 0.75 + TENTH) & (y[1] <= 2.5625), BOX),
        (PLANE, (y[1] <= 2.5625) | (y[0] >= 9), BOX),
    ],
    ids=lambda value: getattr(value, "name", None) or str(value),
)
def test_a_limit_that_is_attained_holds(net, claim, box):
    verdict = outrange.verify(net.graph, claim, box)
    assert verdict.status == "HOLDS" and verdict.margin == 0.0


@pytest.mark.parametrize(
    ("net", "end", "box"),
    [(LINE, 21.0, (1, 10)), (FOLD, 3.0, (-3, 3)), (FOLD, 3.0, (-3, -1))],
)
def test_a_limit_a_bit_below_does_not(net, end, box):
    assert outrange.verify(net.graph, y[0] <= np.nextafter(end, 0), box).status == "VIOLATED"
    assert outrange.verify(net.graph, y[0] < end, box).status == "VIOLATED"


def never(net, claim, box, seconds=None):
    graph = net.graph
    unsafe = negate(resolve(claim, graph.inputs, graph.outputs))
    question = expand_clauses(unsafe, regions(graph.inputs, box), str)
    return never_below(graph, question.groups, seconds)


def test_only_what_is_exact_is_settled_on_linear_regions():
    assert never(FOLD, y[0] <= 3, (-3, 3))
    # A third is no float64: 3 x = 1 is a point between two, beyond which this is broken.
    third = dense_net(
        [1, 2, 1], ["relu", None], weights=[([[3.0, -3.0]], [-1, 1]), ([[-1.0], [-1.0]], [0])]
    )
    assert never(third, y[0] <= 0, (0, 1))
    assert not never(third, y[0] <= -(2.0**-1000), (0, 1))
    smooth = dense_net([1, 1], ["tanh"], weights=[([[1.0]], [0.0])])
    jumps = dense_net([1, 1], ["sign"], weights=[([[1.0]], [0.0])])
    assert not never(smooth, y[0] <= np.tanh(3.0), (0, 3))
    assert not never(jumps, y[0] <= 1 - 2.0**-53, (0, 0.5))
    assert not never(FOLD, y[0] <= 3, (-3, 3), seconds=0.0)


def without_biases(seed):
    """A network of two inputs, and how far its two outputs are apart in the quadrant above 0."""
    rng = np.random.default_rng(seed)
    weights = [(rng.normal(size=(n, m)), np.zeros(m)) for n, m in ((2, 10), (10, 2))]
    net = dense_net([2, 10, 2], ["relu", None], weights=weights)
    angles = np.linspace(0, np.pi / 2, 2001)
    values = net.graph.run(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    return net, float((values[:, 0] - values[:, 1]).min())


@pytest.mark.parametrize("number", range(cases(2, 8)))
def test_a_network_without_biases_ties_at_the_origin(number):
    """All its units are exactly 0 there: no smaller box decides one."""
    apart = [made for seed in range(200) if abs((made := without_biases(seed))[1]) > 0.05]
    net, least = apart[number]
    graph = net.graph
    unsafe = negate(resolve(y[0] >= y[1], graph.inputs, graph.outputs))
    verdict = verify(net, unsafe, regions(graph.inputs, (0, 1)), text="", time_limit=60)
    assert verdict.status == ("HOLDS" if least > 0 else "VIOLATED")
    assert verdict.cost.boxes < 2000


def test_halves_about_a_tie_end():
    """Rounding scales with the box there: they would go on to the smallest numbers."""
    net, _ = next(made for seed in range(200) if (made := without_biases(seed))[1] > 0.05)
    box = DomainBoxes.of(Box(np.zeros(2), np.ones(2)))
    group = ClauseGroup(((Atom.of({2: 1.0, 3: -1.0}, 0.0, strict=True),),), np.array([True]), box)
    decided = decide(net.graph, [group], lambda x: False, time_limit=60)
    assert decided.status == "rounding" and decided.boxes < 2000
