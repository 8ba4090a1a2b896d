"""Bounds of units: ranges known by hand, files, limits and refusals."""

import json

import numpy as np
import pytest

import outrange
from outrange.core import InputError
from outrange.questions.layer_bounds import layer_bounds
from outrange.questions.summary import summary
from questions.nets import dense_net, two_in_two_out


EQUAL_UNITS = [
    ([[1.0, 1.0]], [0.0, 0.0]),
    ([[1.0, -1.0, 1.0], [-1.0, 1.0, 1.0]], [0.1, -0.1, -1.0]),
    ([[1.0], [1.0], [1.0]], [0.0]),
]
"""Both hidden units are `relu(x)`, so two units of the next layer are constant."""


def test_branch_and_bound_fixes_phases_that_one_pass_leaves_open():
    net = dense_net((1, 2, 3, 1), ("relu", "relu", None), weights=EQUAL_UNITS)
    once, answer = summary(net, (-1, 1))["dense_1"], layer_bounds(net, (-1, 1))
    assert (once.count("always_on"), once.count("dead")) == (0, 0)
    layer = answer["dense_1"]
    assert layer.active.tolist() == [True, False, False]
    assert layer.inactive.tolist() == [False, True, False]
    assert layer.unstable.tolist() == [False, False, True]
    np.testing.assert_allclose(layer.pre[0][2], -1.0, atol=2e-3)
    np.testing.assert_allclose(layer.pre[1][2], 1.0, atol=2e-3)
    np.testing.assert_allclose(answer["dense_2"].post[1], [1.1], atol=2e-3)
    assert (answer.status, answer.total("active"), answer.total("unstable")) == ("exact", 1, 3)
    assert answer["dense_2"].count("active") is None


def test_few_seconds_give_valid_bounds_and_say_so():
    net = dense_net((6, 30, 30, 2), ("relu", "relu", None))
    short = layer_bounds(net, (-1, 1), time_limit=1e-3)
    assert short.status == "time" and "more time" in str(short)
    values = net.graph.run_all(np.random.default_rng(0).uniform(-1, 1, (500, 6)))
    for bounds, layer in zip(short, net.layers, strict=True):
        inside = (bounds.post[0] <= values[layer.after]) & (values[layer.after] <= bounds.post[1])
        assert bounds.name == layer.path and inside.all()


def test_a_budget_gives_the_same_bounds_again():
    net = dense_net((4, 8, 8, 1), ("relu", "relu", None)).graph
    first, again = (outrange.layer_bounds(net, (-1, 1), budget=0.5).as_dict() for _ in range(2))
    assert first == again


def test_a_file_is_read_again_and_has_the_documented_form(tmp_path):
    net = dense_net((2, 4, 1), ("relu", None))
    answer = layer_bounds(net, (0, 1))
    answer.save(tmp_path / "bounds.json")
    again = outrange.answers.read(tmp_path / "bounds.json")
    assert again.as_dict() == answer.as_dict() and repr(again) == repr(answer)
    record = json.loads((tmp_path / "bounds.json").read_text())
    assert record["kind"] == "outrange.layer_bounds"
    first = record["answer"]["layers"][0]
    assert (first["name"], first["pre"][0]["shape"]) == ("dense_0", [4])
    assert first["pre"][0]["data"] == answer["dense_0"].pre[0].tolist()
    pytest.importorskip("pandas")
    assert answer.to_frame().loc["dense_0", "units"] == 4


def test_several_inputs_and_outputs():
    answer = layer_bounds(two_in_two_out(), {"x": (0, 1), "u": 0.5})
    assert answer.status == "exact" and not answer.layers and "Layer bounds" in answer.html()


@pytest.mark.parametrize(
    ("box", "limit", "message"),
    [
        ((0, 1), -1.0, "time_limit"),
        (None, None, "input set"),
        ((0, np.nan), None, "finite"),
        ((1, 0), None, "lo"),
        (outrange.L2Ball([0.0, 0.0], 1.0), None, "L2Ball"),
    ],
)
def test_wrong_arguments_are_refused(box, limit, message):
    net = dense_net((2, 4, 1), ("relu", None))
    with pytest.raises(InputError, match=message):
        outrange.layer_bounds(net.graph, box, time_limit=limit)
    with pytest.raises(InputError, match="must be one of"):
        layer_bounds(net, (0, 1))["dense_7"]
