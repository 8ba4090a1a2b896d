"""Noise instead of quantizers: every deviation of the quantized network is covered."""

import numpy as np

from outrange.core import Box
from outrange.domains import bounds
from outrange.graph import Builder, Slot
from outrange.questions.common.aligned import align


def network(scale=1.0, steps=None):
    """Build `scale * relu(2^-20 x + 1000)`, with a quantizer of `x` if its steps are given."""
    b = Builder([Slot("x", (1,))])
    (v,) = b.input_values()
    if steps is not None:
        rounded = b.curve("round", b.affine_map(v, steps), slack=2.0**-20)
        v = b.affine_map(rounded, 1.0 / steps)
    v = b.curve("relu", b.dense(v, [[2.0**-20]], [1000.0]))
    if scale != 1.0:
        v = b.affine_map(v, scale)
    return b.finish([b.dense(v, [[1.0]])], ["y"], fused=False)


def test_a_scale_close_to_1_is_covered_where_there_is_no_noise():
    first, second = network(), network(1.0 + 2.0**-41, steps=2.0**40)
    graph, box = align(first, second, Box(np.zeros(1), np.ones(1)))
    lo, hi = bounds(graph, box.lo, box.hi)[graph.output]
    # At the input 0, the quantizer has no error.
    assert lo[0, 0] <= -1000.0 * 2.0**-41 <= hi[0, 0] <= 1e-6
