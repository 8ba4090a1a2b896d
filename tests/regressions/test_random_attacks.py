"""Faults that random networks, formulas, questions and loops have found."""

import warnings

import numpy as np
import pytest

import outrange
from outrange import x, y
from outrange.answers.render.document import Bar, Table
from outrange.answers.render.style import bar as html_bar
from outrange.answers.render.text import block_lines
from outrange.core import InternalErrorWarning, OutOfTime
from outrange.search.methods.norm_ball import search as ball_search


def test_entries_of_a_value_without_axes():
    """A delayed loop whose controls split into parts ended in an `InternalErrorWarning`."""

    def controller(state):
        seen = -0.48 * state[0] + 0.7 * state[1] + 0.27 * state[2]
        return [np.clip(np.tanh(seen), -0.5, 0.8)]

    def plant(t, x, u, w):
        first = 0.5 * (0.15 * np.maximum(x[0], np.sin(t)))
        second = 0.5 * (0.18 * np.sin(x[0]) - 0.05)
        return [first, second, x[2] + 0.1 * (-0.85 * u[0] + 0.82 * np.exp(-abs(w[0])))]

    with warnings.catch_warnings():
        warnings.simplefilter("error", InternalErrorWarning)
        answer = outrange.closed_loop(
            outrange.ControlLoop(
                controller,
                plant,
                ([0, -1, 0.5], [1, -0.7, 0.5]),
                delay=1,
                unknown={"w": (-0.018, 0.023)},
            ),
            steps=1,
            budget=1.5,
            spec=(x[2] <= 0.5809773).always(),
        )
    assert answer.status == "VIOLATED"


def test_linear_resizing_by_the_scale_as_it_is_stored(tmp_path):
    """The scale 7/10 was used in place of its float32 number: bounds were 1e-8 away."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    scale = np.array([1, 1, 1, 0.7], np.float32)
    graph = helper.make_graph(
        [helper.make_node("Resize", ["x", "", "scale"], ["y"], mode="linear")], "resize",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 1, 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(scale, "scale")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 16)], ir_version=8)
    onnx.save(model, tmp_path / "resize.onnx")
    row = np.array([0.0, 100, 0, 100, 0])
    answer = outrange.output_range(tmp_path / "resize.onnx", (row, row))
    places = (np.arange(3) + 0.5) / float(scale[3]) - 0.5
    expected = np.interp(places, np.arange(5), row)
    np.testing.assert_allclose(np.ravel(answer.lo), expected, atol=1e-10)
    np.testing.assert_allclose(np.ravel(answer.hi), expected, atol=1e-10)


@pytest.mark.parametrize("attributes", [{"output_shape": [13]}, {"auto_pad": "SAME_UPPER"}])
def test_transposed_convolutions_beyond_their_kernels_are_refused(tmp_path, attributes):
    """The graph differed from the model, and the message asked the user to report it."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[3], **attributes)
    graph = helper.make_graph(
        [node],
        "back",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.ones((1, 1, 2), np.float32), "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 16)], ir_version=8)
    onnx.save(model, tmp_path / "back.onnx")
    with pytest.raises(outrange.UnsupportedError, match="exceeds the area that the kernel covers"):
        outrange.load(tmp_path / "back.onnx")


def test_bars_on_the_narrowest_axis():
    """Printing a range from 0 to the least positive number raised a `ValueError`."""
    least = np.nextafter(0.0, 1.0)
    bar = Bar(np.float64(0.0), least, 0.0, 0.0)
    table = Table(("output", "range"), [("y", bar)])
    assert any("y" in line for line in block_lines(table))
    assert "nan" not in html_bar(bar, *table.axis)


@pytest.mark.parametrize("kind", [outrange.L1Ball, outrange.L2Ball])
def test_minimize_on_a_ball_whose_search_has_no_time(monkeypatch, kind):
    """An answer without a point was evaluated at NaN: "A box needs `lo <= hi`, and no NaN"."""

    def begin(*_, **__):
        raise OutOfTime

    monkeypatch.setattr(ball_search, "ArraySearch", begin)
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="ones")])
    least = outrange.minimize(model, y[0], kind([0, 0], 1))
    most = outrange.maximize(model, y[0], kind([0, 0], 1))
    assert least.at is most.at is None
    assert least.lo <= -1
    assert most.hi >= 1
    assert (least.hi, most.lo) == (np.inf, -np.inf)
    assert str(least)
    assert str(most)


@pytest.mark.parametrize("operator", ["TopK", "ArgMax", "Equal"])
def test_constants_that_are_computed_from_the_input(tmp_path, operator):
    """The only place of one entry is 0: sums of such constants were taken for exact."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    shapes = {"w": (1, 3), "a": (3, 60), "b": (60,), "c": (60, 8)}
    weights = {name: rng.uniform(-2, 2, shape) for name, shape in shapes.items()}
    arrays = {name: w.astype(np.float32) for name, w in weights.items()}
    arrays |= {"one": np.array([1]), "shape": np.array([1, 1])}
    operands, results = {
        "TopK": (["x", "one"], ["v", "i"]), "ArgMax": (["x"], ["i"]), "Equal": (["x", "x"], ["i"]),
    }[operator]  # fmt: skip
    nodes = [
        helper.make_node(operator, operands, results),
        helper.make_node("Cast", ["i"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["f", "shape"], ["r"]),
        helper.make_node("MatMul", ["r", "w"], ["m"]),
        helper.make_node("Gemm", ["m", "a", "b"], ["g"]),
        helper.make_node("MatMul", ["g", "c"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "constant",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=9)
    onnx.save(model, tmp_path / "constant.onnx")
    answer = outrange.output_range(tmp_path / "constant.onnx", (0, 1))
    factor = float(operator == "Equal")
    expected = (factor * arrays["w"].astype(float) @ arrays["a"] + arrays["b"]) @ arrays["c"]
    np.testing.assert_allclose(np.ravel(answer.lo), expected.ravel(), atol=1e-9)
    np.testing.assert_allclose(np.ravel(answer.hi), expected.ravel(), atol=1e-9)
