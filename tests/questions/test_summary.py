"""Counts of a summary on layers with known counts."""

import json
from dataclasses import replace

import numpy as np
import pytest

import outrange
from outrange.core import InputError, ModelSource
from outrange.frontends.network import Network
from outrange.questions.output_range import output_range
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


def test_calls_of_one_layer_are_one_row():
    net = dense_net((2, 3, 3), ("relu", "relu"))
    first, second = net.layers
    loop = replace(net, layers=(first, replace(second, path=first.path, parameters=0)))
    each, (row,) = summary(net, (-1, 1)).layers, summary(loop, (-1, 1)).layers
    assert (row.calls, row.parameters) == (2, each[0].parameters)
    for name in ("before", "after"):
        ends = [getattr(record, name) for record in each]
        np.testing.assert_array_equal(getattr(row, name)[0], np.minimum(ends[0][0], ends[1][0]))
        np.testing.assert_array_equal(getattr(row, name)[1], np.maximum(ends[0][1], ends[1][1]))
    for name in ("dead", "always_on", "saturated"):
        flags = [getattr(record, name) for record in each]
        np.testing.assert_array_equal(getattr(row, name), flags[0] & flags[1])
    assert f"{first.path} x 2" in str(summary(loop, (-1, 1)))


def test_two_constants_are_no_constant():
    weights = [([[0.0]], [1.0]), ([[0.0]], [2.0])]
    net = dense_net((1, 1, 1), (None, None), weights=weights)
    first, second = net.layers
    loop = replace(net, layers=(first, replace(second, path=first.path)))
    assert [row.count("constant") for row in summary(net, (0, 1)).layers] == [1, 1]
    assert [row.count("constant") for row in summary(loop, (0, 1)).layers] == [0]


def test_the_last_layer_has_the_range_that_is_known():
    net = dense_net((2, 6, 2), ("relu", None))
    exact, loose = output_range(net, (-1, 1)), summary(net, (-1, 1))
    tight = summary(net, (-1, 1), exact)
    lo, hi = tight.layers[-1].after
    np.testing.assert_array_equal(lo, np.maximum(loose.layers[-1].after[0], exact.lo))
    np.testing.assert_array_equal(hi, np.minimum(loose.layers[-1].after[1], exact.hi))
    assert (hi - lo < np.subtract(*loose.layers[-1].after[::-1])).any()
    np.testing.assert_array_equal(tight.layers[0].after, loose.layers[0].after)


def sum_of_two():
    return dense_net((2, 1), (None,), weights=[([[1.0], [1.0]], [0.0])])


@pytest.mark.parametrize(
    "other", [(0, 1), ([0, 0], [5, 4.99]), ([0.01, 0], [5, 5]), outrange.L2Ball([2.5, 2.5], 2.5)],
    ids=["smaller", "higher below", "lower above", "ball"],
)  # fmt: skip
def test_a_range_of_a_set_that_leaves_a_part_out_is_refused(other, tmp_path):
    net = sum_of_two()
    bounds = outrange.output_range(net.graph, other)
    with pytest.raises(InputError, match="or on a box around it"):
        summary(net, (0, 5), bounds)
    bounds.save(tmp_path / "range.json")
    with pytest.raises(InputError, match="`known` must be"):
        summary(net, (0, 5), outrange.answers.read(tmp_path / "range.json"))


@pytest.mark.parametrize("box", [(0, 5), (-1, 5), (-100, 100)], ids=str)
def test_a_range_of_a_box_around_it_is_taken(box, tmp_path):
    net = sum_of_two()
    bounds = outrange.output_range(net.graph, box)
    bounds.save(tmp_path / "range.json")
    for record in (bounds, outrange.answers.read(tmp_path / "range.json")):
        (row,) = summary(net, (0, 5), record).layers
        lo, hi = row.after
        assert lo <= 0 and lo == pytest.approx(0)
        assert hi >= 10 and hi == pytest.approx(10)


def test_a_range_of_something_else_is_refused():
    net = dense_net((2, 6, 2), ("relu", None))
    bounds = output_range(net, (-1, 1))
    source = ModelSource("net", "ab", "weights")
    for other, model in (
        (replace(bounds, subject="gradient"), net),
        (output_range(dense_net((2, 3), (None,)), (0, 1)), net),
        (replace(bounds, **{n: getattr(bounds, n) + 1e6
                            for n in ("lo", "hi", "seen_lo", "seen_hi")}),
         net),
        (replace(bounds, sources=(source,)),
         Network(net.graph, None, "net", "test", net.layers, source=replace(source, sha256="cd"))),
    ):  # fmt: skip
        with pytest.raises(InputError, match="`known` must be"):
            summary(model, (-1, 1), other)
