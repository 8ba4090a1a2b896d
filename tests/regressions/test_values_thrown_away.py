"""Values that a model computes and does not use: what has no value there, and what is constant."""

import numpy as np
import pytest

import outrange
from outrange.core import InputError
from outrange.frontends.check import check_same
from outrange.frontends.network import Network
from outrange.graph import Builder, Slot


keras = pytest.importorskip("keras")
ops = keras.ops


def model(function, size=1):
    x = keras.Input((size,))
    return keras.Model(x, function(x))


def onnx_file(path, nodes, weights=(), size=1):
    """Write a file of one input `x` and one output `y`.

    A node is its operator, what it reads, what it returns, and its attributes.
    """
    onnx = pytest.importorskip("onnx")
    make, floats = onnx.helper, onnx.TensorProto.FLOAT
    graph = make.make_graph(
        [make.make_node(op, reads, [to], **options) for op, reads, to, options in nodes],
        "net",
        [make.make_tensor_value_info("x", floats, [1, size])],
        [make.make_tensor_value_info("y", floats, [1, size])],
        [make.make_tensor(name, floats, np.shape(x), np.ravel(x)) for name, x in weights],
    )
    onnx.save(make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=9), path)
    return path


BRANCHES = {
    "log": (lambda x: ops.where(x > 0, ops.log(x), 0.0 * x), (1.0, 2.0), (0.0, np.log(2.0))),
    "sqrt": (lambda x: ops.where(x > 1, ops.sqrt(x), 1.0), (2.0, 4.0), (np.sqrt(2.0), 2.0)),
    "log1p": (lambda x: ops.where(x > -1, ops.log1p(x), -0.25), (0.0, 1.0), (0.0, np.log(2.0))),
}


@pytest.mark.parametrize("name", BRANCHES)
def test_a_branch_without_a_value_is_no_difference_from_the_model(name):
    """The comparison at load found NaN in the graph outside the box, and asked for a report."""
    function, box, ends = BRANCHES[name]
    network = model(keras.layers.Lambda(function))
    answer = outrange.output_range(network, box)
    np.testing.assert_allclose([answer.lo[0], answer.hi[0]], ends, atol=1e-6)
    with pytest.raises(InputError, match="is supported only on"):
        outrange.output_range(network, (-2.0, 2.0))


@pytest.mark.filterwarnings("ignore:You are using a softmax over axis")
def test_softmax_over_one_entry_is_defined_where_its_operand_is():
    """It became the constant 1, also where the model returns NaN."""
    network = model(lambda x: keras.layers.Softmax()(keras.layers.Lambda(ops.sqrt)(x)))
    answer = outrange.output_range(network, (1.0, 2.0))
    assert answer.status == "exact" and (answer.lo[0], answer.hi[0]) == (1.0, 1.0)
    with pytest.raises(InputError, match="is supported only on"):
        outrange.output_range(network, (-1.0, 1.0))


@pytest.mark.parametrize("weight", [1.6530662775039673, 0.1, -3.3])
def test_what_comes_after_a_constant_output_is_not_rounded_to_float32(weight, tmp_path):
    """A constant was multiplied in float32, and bounds of the product missed the real value."""
    weight, bias, beta = np.float32(weight), np.float32(0.7093923), -0.8757225275039673
    nodes = [
        ("Softmax", ["x"], "s", {"axis": 1}),
        ("Gemm", ["s", "w", "c"], "y", {"beta": beta}),
    ]
    weights = [("w", [[weight]]), ("c", [[bias]])]
    answer = outrange.output_range(onnx_file(tmp_path / "net.onnx", nodes, weights), (-1.0, 1.0))
    value = float(weight) + float(np.float32(beta)) * float(bias)
    assert answer.lo[0] <= value <= answer.hi[0] <= answer.lo[0] + 1e-12


def test_a_pole_within_the_roundings_of_the_model_is_no_difference():
    """Float32 rounds the sum to a multiple of 8, and small inputs to 0; the model is infinite."""
    b = Builder([Slot("x", (1,))])
    (x,) = b.input_values()
    moved = b.affine_map(b.affine_map(x, 1.0, 1e8), 1.0, -1e8)
    graph = b.finish([b.curve("reciprocal", moved)], ["y"])

    def predict(x):
        with np.errstate(divide="ignore"):
            return 1.0 / ((np.float32(x) + np.float32(1e8)) - np.float32(1e8))

    check_same(Network(graph, predict, "net", "test"))


def test_the_power_of_0_is_1_even_where_its_base_has_no_value(tmp_path):
    """The comparison at load is made there, too."""
    nodes = [
        ("Sqrt", ["x"], "s", {}),
        ("Pow", ["s", "zero"], "p", {}),
        ("Mul", ["p", "w"], "y", {}),
    ]
    path = onnx_file(tmp_path / "net.onnx", nodes, [("zero", [0.0]), ("w", [0.1])])
    answer = outrange.output_range(path, (0.0, 1.0))
    assert answer.lo[0] == answer.hi[0] == float(np.float32(0.1))


@pytest.mark.parametrize("exponent", [-3.0, -2.0, -2.5])
def test_a_negative_power_has_no_value_at_0(tmp_path, exponent):
    """A softmax of infinity was answered; and whole powers of negative numbers were refused."""
    nodes = [("Pow", ["x", "p"], "a", {}), ("Softmax", ["a"], "y", {})]
    path = onnx_file(tmp_path / "net.onnx", nodes, [("p", [exponent])], 2)
    with pytest.raises(InputError, match="is supported only on"):
        outrange.output_range(path, (0.0, 1.0))
    sign = -1.0 if exponent.is_integer() else 1.0
    ends = sorted((sign, 2.0 * sign))
    steepest = 1.0 - 2.0**exponent
    answer = outrange.output_range(path, tuple(ends))
    np.testing.assert_allclose(answer.hi, 1.0 / (1.0 + np.exp(-steepest)), rtol=1e-5)


def test_a_function_without_any_piece_in_the_box_is_refused(tmp_path):
    """An empty list of pieces was joined, and NumPy's error came out."""
    nodes = [("Log", ["x"], "a", {}), ("Reciprocal", ["a"], "b", {}), ("Sin", ["b"], "y", {})]
    with pytest.raises(InputError, match="is supported only on"):
        outrange.output_range(onnx_file(tmp_path / "net.onnx", nodes), (-1.00001, -0.99999))


POLES = {
    "0 * rsqrt": lambda x: 0.0 * ops.rsqrt(x),
    "log": ops.log,
    "tanh of log": lambda x: ops.tanh(ops.log(x)),
    "x * log": lambda x: x * ops.log(x),
    "softmax of log": lambda x: ops.softmax(ops.concatenate([ops.log(x), x], axis=-1)),
}


@pytest.mark.parametrize("name", POLES)
def test_a_box_that_ends_at_a_pole_is_refused(name):
    """`0 * rsqrt(x)` over [0, 1] was proved to be 0, and the model returns NaN at 0."""
    network = model(keras.layers.Lambda(POLES[name]))
    with pytest.raises(InputError, match=r"is supported only on \(0, inf\)"):
        outrange.output_range(network, (0.0, 1.0))
    answer = outrange.output_range(network, (0.5, 1.0))
    assert np.isfinite([answer.lo, answer.hi]).all()


def test_an_input_too_small_for_the_runtime_is_no_contradiction():
    """A runtime may flush 1e-45 to 0, where a logarithm has no value."""
    answer = outrange.output_range(model(keras.layers.Lambda(ops.log)), (1e-300, 1.0))
    assert answer.lo[0] == pytest.approx(np.log(1e-300)) and answer.hi[0] >= 0.0
