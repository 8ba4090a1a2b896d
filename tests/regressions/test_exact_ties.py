"""Outputs of units that are all off are exactly equal: a tie there is decided, not "rounding"."""

import numpy as np

from outrange.domains import bounds
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
    import outrange
    from outrange.core.formula import negate
    from outrange.questions.expressions import resolve
    from outrange.questions.inputs.sets import regions
    from outrange.questions.verify import verify

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
