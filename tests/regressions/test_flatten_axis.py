"""ONNX `Flatten` with a negative axis, in the sizes that are known before a model is lowered."""

import math

import pytest

from outrange.frontends.onnx.declared_sizes import _flatten
from outrange.frontends.onnx.records import OnnxNode


@pytest.mark.parametrize("axis", range(-4, 5))
def test_a_negative_axis_counts_from_the_end(axis):
    shape = (2, 3, 5, 7)
    flat = OnnxNode("Flatten", "", "Flatten_0", ("x",), ("y",), {"axis": axis})
    split = axis if axis >= 0 else axis + 4
    assert _flatten(flat, [shape], []) == (math.prod(shape[:split]), math.prod(shape[split:]))
