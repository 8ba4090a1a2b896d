"""Counts of a summary on layers where they are known."""

import json

import numpy as np
import pytest

from outrange.questions.sample_range import sample_range
from outrange.questions.summary import summary
from questions.nets import dense_net, two_in_two_out


ONE_INPUT = [([[1.0, 1.0, 1.0, 1.0, 0.0]], [0.0, 2.0, -2.0, -1.5, 3.0])]


def test_counts_of_relu_units():
    # On [-1, 1]: undecided; always on; dead; dead; constant and on.
    row = summary(dense_net((1, 5), ("relu",), weights=ONE_INPUT), (-1, 1)).layers[0]
    assert row.dead.tolist() == [False, False, True, True, False]
    assert row.always_on.tolist() == [False, True, False, False, True]
    assert row.constant.tolist() == [False, False, True, True, True]
    assert row.count("saturated") == 0
    np.testing.assert_allclose(row.before[0], [-1, 1, -3, -2.5, 3], atol=1e-9)


def test_counts_of_tanh_units():
    net = dense_net((1, 5), ("tanh",), weights=[([[1.0] * 5], [0.0, 10.0, -10.0, 0.5, 3.0])])
    row = summary(net, (-1, 1)).layers[0]
    assert row.saturated.tolist() == [False, True, True, False, False]
    assert row.count("dead") == row.count("always_on") == 0


def test_summary_prints_one_row_a_layer():
    answer = summary(dense_net((2, 4, 3), ("relu", None)), (0, 1))
    text = str(answer)
    assert 'Model: "toy"' in text
    assert "dense_0 (Dense)" in text
    assert "(None, 3)" in text
    assert "Total params: 27" in text
    assert answer["dense_1"].before is None
    assert answer["dense_1"].count("dead") is None
    assert len(repr(answer)) < 200
    json.dumps(answer.as_dict(), allow_nan=False)


def test_samples_lie_inside_and_corners_are_tried():
    net = dense_net((2, 1), (None,), weights=[([[1.0], [1.0]], [0.0])])
    answer = sample_range(net, (0, 1), samples=1000)
    assert (answer.lo.tolist(), answer.hi.tolist()) == ([0.0], [2.0])
    assert answer.samples == 1000
    assert answer.warrant.name == "SAMPLED"
    assert repr(answer) == "SampledRange(lo=[0.], hi=[2.], 1000 samples, SAMPLED)"
    json.dumps(answer.as_dict(), allow_nan=False)


def test_samples_of_several_inputs():
    answer = sample_range(two_in_two_out(), (0, 1), samples=7)
    assert answer.at_lo["x"].shape == (3, 2)
    assert answer.samples == 7
    for samples in (0, 1.5, True):
        with pytest.raises(ValueError, match="samples"):
            sample_range(two_in_two_out(), (0, 1), samples=samples)
