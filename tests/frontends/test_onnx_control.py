"""ONNX control flow on constants, which is resolved and unrolled while reading."""

import numpy as np
import pytest
from onnx import TensorProto, helper

from frontends.onnx_models import f32, model, node, save_model
from outrange.core import UnsupportedError
from outrange.frontends.onnx import load_onnx


def graph(nodes, inputs, outputs, kinds=()):
    """Build a subgraph; `inputs` maps name to `(element type, shape)`."""
    kinds = dict.fromkeys(outputs, TensorProto.FLOAT) | dict(kinds)
    return helper.make_graph(
        nodes, "inside",
        [helper.make_tensor_value_info(n, kind, shape) for n, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info(n, kinds[n], None) for n in outputs],
    )  # fmt: skip


def branch(op):
    return graph([node(op, "x", "r")], {}, ["r"])


@pytest.mark.parametrize("holds", [True, False])
def test_if_of_a_constant(tmp_path, holds):
    nodes = [node("If", "c", "y", then_branch=branch("Relu"), else_branch=branch("Neg"))]
    network = load_onnx(save_model(tmp_path, model(nodes, {"c": np.array(holds)})))
    x = np.array([[-1.0, 2.0, 0.5, -3.0]])
    assert np.array_equal(network.graph.run(x), np.maximum(x, 0) if holds else -x)


def test_if_of_the_shape(tmp_path):
    nodes = [
        node("Shape", "x", "s"), node("Gather", "s one", "n"), node("Greater", "n three", "c"),
        node("If", "c", "y", then_branch=branch("Relu"), else_branch=branch("Neg")),
    ]  # fmt: skip
    constants = {"one": np.array(1), "three": np.array(3)}
    network = load_onnx(save_model(tmp_path, model(nodes, constants)))
    x = np.array([[-1.0, 2.0, 0.5, -3.0]])
    assert np.array_equal(network.graph.run(x), np.maximum(x, 0))


def test_if_of_the_input_is_refused(tmp_path):
    nodes = [
        node("ReduceSum", "x", "s", keepdims=0), node("Greater", "s zero", "c"),
        node("If", "c", "y", then_branch=branch("Relu"), else_branch=branch("Neg")),
    ]  # fmt: skip
    with pytest.raises(UnsupportedError, match=r"without this form of If\. Received"):
        load_onnx(save_model(tmp_path, model(nodes, {"zero": np.array(0.0, np.float32)})))


def test_loop_of_three_rounds(tmp_path):
    weight = f32(4, 4, scale=0.5)
    body = graph(
        [
            node("MatMul", "state w", "p"), node("Tanh", "p", "next"), node("Identity", "go", "on"),
            node("Identity", "next", "row"),
        ],
        {
            "i": (TensorProto.INT64, []), "go": (TensorProto.BOOL, []),
            "state": (TensorProto.FLOAT, [1, 4]),
        },
        ["on", "next", "row"],
        {"on": TensorProto.BOOL},
    )  # fmt: skip
    nodes = [
        node("Loop", "rounds _ x", "last rows", body=body),
        node("ReduceMax", "rows", "top", axes=[0], keepdims=0), node("Add", "last top", "y"),
    ]  # fmt: skip
    constants = {"rounds": np.array(3), "w": weight}
    network = load_onnx(save_model(tmp_path, model(nodes, constants)))
    x = np.array([[0.3, -2.0, 0.5, 1.0]])
    states = [np.tanh(x @ weight)]
    for _ in range(2):
        states.append(np.tanh(states[-1] @ weight))
    expected = states[-1] + np.max(states, axis=0)
    assert np.allclose(network.graph.run(x), expected, atol=1e-6)


def test_operators_of_constants_need_no_rule(tmp_path):
    """Check `NonZero`, `CumSum` and the like, which compute positions only."""
    nodes = [
        node("NonZero", "mask", "places"), node("Squeeze", "places axes", "flat"),
        node("Gather", "x flat", "y", axis=1),
    ]  # fmt: skip
    constants = {"mask": np.array([1.0, 0.0, 1.0, 1.0], np.float32), "axes": np.array([0])}
    network = load_onnx(save_model(tmp_path, model(nodes, constants)))
    x = np.array([[-1.0, 2.0, 0.5, -3.0]])
    assert np.array_equal(network.graph.run(x), x[:, [0, 2, 3]])


def test_random_constants_are_refused(tmp_path):
    nodes = [node("RandomUniform", "", "r", shape=[4]), node("Add", "x r", "y")]
    with pytest.raises(UnsupportedError, match="RandomUniform"):
        load_onnx(save_model(tmp_path, model(nodes)))


def test_a_gate_of_one_tensor_is_one_curve(tmp_path):
    """Check `x * sigmoid(x)` and `max(x, 0.1 x)`, as exporters write them."""
    nodes = [
        node("Sigmoid", "x", "s"), node("Mul", "x s", "g"), node("Mul", "g tenth", "small"),
        node("Max", "g small", "y"),
    ]  # fmt: skip
    network = load_onnx(save_model(tmp_path, model(nodes, {"tenth": np.array(0.1, np.float32)})))
    last = network.graph.nodes[network.graph.output - 1]
    assert last.inputs == (0,)
    x = np.random.default_rng(0).normal(0, 3, (50, 4))
    silu = x / (1 + np.exp(-x))
    assert np.allclose(network.graph.run(x), np.maximum(silu, np.float32(0.1) * silu), atol=1e-12)
