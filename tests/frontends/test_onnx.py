"""Every ONNX operator against `onnxruntime`, an independent evaluator."""

from importlib.util import find_spec

import numpy as np
import pytest


pytest.importorskip("onnx")

from frontends.onnx_models import f32, model, node, save_model
from frontends.onnx_quantized import OPERATORS
from frontends.real import real_files
from frontends.test_onnx_element_types import CASES as KINDS
from outrange.core import InputError, ModelError
from outrange.frontends.check import check_same
from outrange.frontends.load import load
from outrange.frontends.onnx import load_onnx
from outrange.frontends.onnx.rules.table import TABLE


RUNTIME = pytest.mark.skipif(find_spec("onnxruntime") is None, reason="needs onnxruntime")
I64 = np.int64
IMAGE = {"x": (1, 2, 5, 6)}


def ints(*values):
    return np.array(values, I64)


def scalar(v):
    return np.array(v, np.float32)


def one(op, constants=None, rest="", *, inputs=None, opset=13, outputs="y", **attributes):
    """Build a model of one node that reads `x` and the constants."""
    words = " ".join(["x", *(constants or {}), *rest.split()])
    names = tuple(outputs.split())
    return model(
        [node(op, words, outputs, **attributes)],
        constants,
        inputs=inputs,
        opset=opset,
        outputs=names,
    )


def positive(op, **attributes):
    """Build a model of one operator that is defined on positive numbers only."""
    return model([node("Exp", "x", "p"), node(op, "p", "y", **attributes)])


def chain(*nodes, constants=None, **options):
    return model([node(*n) if isinstance(n, tuple) else n for n in nodes], constants, **options)


CASES = {
    "relu": one("Relu"),
    "leaky": one("LeakyRelu", alpha=0.3),
    "leaky default": one("LeakyRelu"),
    "prelu": one("PRelu", {"s": f32(4)}),
    "prelu scalar": one("PRelu", {"s": f32(1)}),
    "prelu channel": one("PRelu", {"s": f32(2, 1, 1)}, inputs=IMAGE),
    "elu": one("Elu", alpha=0.7),
    "selu": one("Selu"),
    "selu own": one("Selu", alpha=1.5, gamma=1.25),
    "celu": one("Celu", alpha=2.0),
    "sigmoid": one("Sigmoid"),
    "hard sigmoid": one("HardSigmoid", alpha=0.4, beta=0.3),
    "hard swish": one("HardSwish", opset=14),
    "tanh": one("Tanh"),
    "softplus": one("Softplus"),
    "softsign": one("Softsign"),
    "gelu": one("Gelu", opset=20),
    "gelu tanh": one("Gelu", opset=20, approximate="tanh"),
    "mish": one("Mish", opset=18),
    "erf": one("Erf"),
    "exp": one("Exp"),
    "log": positive("Log"),
    "sqrt": positive("Sqrt"),
    "reciprocal": positive("Reciprocal"),
    "abs": one("Abs"),
    "sin": one("Sin"),
    "cos": one("Cos"),
    "atan": one("Atan"),
    "thresholded": one("ThresholdedRelu", alpha=0.5),
    "hard shrink": one("Shrink", lambd=0.5),
    "soft shrink": one("Shrink", lambd=0.5, bias=0.5),
    "neg": one("Neg"),
    "pow 2": one("Pow", {"p": scalar(2)}),
    "pow 3": one("Pow", {"p": scalar(3)}),
    "pow half": chain(("Exp", "x", "e"), ("Pow", "e p", "y"), constants={"p": scalar(0.5)}),
    "pow of": chain(("Pow", "b x", "y"), constants={"b": scalar(1.5)}),
    "matmul": one("MatMul", {"w": f32(4, 3)}),
    "matmul left": chain(("MatMul", "w x", "y"), constants={"w": f32(3, 4)}, inputs={"x": (4, 2)}),
    "matmul batch": one("MatMul", {"w": f32(2, 6, 3)}, inputs=IMAGE),
    "matmul vector": one("MatMul", {"w": f32(6)}, inputs=IMAGE),
    "matmul vector left": chain(("MatMul", "w x", "y"), constants={"w": f32(5)}, inputs=IMAGE),
    "matmul add": chain(("MatMul", "x w", "h"), ("Add", "b h", "y"),
                        constants={"w": f32(4, 3), "b": f32(1, 3)}),
    "matmul add row": chain(("MatMul", "x w", "h"), ("Add", "h b", "y"),
                            constants={"w": f32(6, 3), "b": f32(5, 3)}, inputs=IMAGE),
    "gemm": one("Gemm", {"w": f32(3, 4), "b": f32(3)}, alpha=0.5, beta=2.0, transB=1),
    "gemm trans a": one("Gemm", {"w": f32(4, 3)}, transA=1, inputs={"x": (4, 2)}),
    "gemm scalar bias": one("Gemm", {"w": f32(4, 3), "b": scalar(1.5)}),
    "gemm rows bias": one("Gemm", {"w": f32(4, 3), "b": f32(2, 1)}, inputs={"x": (2, 4)}),
    "gemm value bias": chain(("Gemm", "x w x", "y"), constants={"w": f32(4, 4)}),
    "add": one("Add", {"k": f32(2, 4)}),
    "add values": chain(("Relu", "x", "r"), ("Add", "x r", "y")),
    "sub": chain(("Sub", "k x", "y"), constants={"k": f32(4)}),
    "mul": one("Mul", {"k": f32(4)}),
    "mul self": chain(("Mul", "x x", "y")),
    "div": one("Div", {"k": f32(4)}),
    "div by value": chain(("Exp", "x", "e"), ("Div", "k e", "y"), constants={"k": f32(4)}),
    "sum": chain(("Relu", "x", "r"), ("Sum", "x r k", "y"), constants={"k": f32(4)}),
    "mean": chain(("Relu", "x", "r"), ("Mean", "x r k", "y"), constants={"k": f32(4)}),
    "max": chain(("Neg", "x", "n"), ("Max", "x n k", "y"), constants={"k": f32(4)}),
    "min scalar": one("Min", {"k": scalar(0.25)}),
    "max vector": one("Max", {"k": f32(4)}),
    "min vector": one("Min", {"k": f32(4)}),
    "clip 6": one("Clip", opset=6, min=-0.5, max=0.75),
    "clip": one("Clip", {"a": scalar(-0.5), "b": scalar(0.75)}),
    "clip low": one("Clip", {"a": scalar(-0.5)}),
    "clip high": chain(("Clip", "x _ b", "y"), constants={"b": scalar(0.5)}),
    "reduce max": one("ReduceMax", inputs=IMAGE, axes=[2, -1]),
    "reduce min": one("ReduceMin", inputs=IMAGE, keepdims=0, axes=[1]),
    "reduce sum": one("ReduceSum", {"a": ints(-2)}, inputs=IMAGE),
    "reduce sum 11": one("ReduceSum", inputs=IMAGE, axes=[3], keepdims=0, opset=11),
    "reduce mean": one("ReduceMean", inputs=IMAGE),
    "reduce mean 18": one("ReduceMean", {"a": ints(2, 3)}, inputs=IMAGE, opset=18),
    "reduce noop": one("ReduceSum", noop_with_empty_axes=1),
    "reduce l1": one("ReduceL1", axes=[1]),
    "reduce squares": one("ReduceSumSquare", axes=[1]),
    "log sum exp": one("ReduceLogSumExp", inputs=IMAGE, axes=[1, 3]),
    "softmax": one("Softmax", inputs=IMAGE),
    "softmax axis": one("Softmax", inputs=IMAGE, axis=1),
    "softmax 11": one("Softmax", inputs={"x": (1, 2, 3)}, opset=11),
    "softmax many": one("Softmax", inputs={"x": (1, 40)}),
    "log softmax": one("LogSoftmax", inputs=IMAGE, axis=-2),
    "log softmax 11": one("LogSoftmax", inputs={"x": (2, 2, 3)}, opset=11),
    "batch norm": one("BatchNormalization", {"s": f32(2), "b": f32(2, seed=1),
                      "m": f32(2, seed=2), "v": np.abs(f32(2, seed=3))}, inputs=IMAGE,
                      epsilon=1e-3),
    "max pool": one("MaxPool", inputs=IMAGE, kernel_shape=[2, 3], strides=[2, 1]),
    "max pool pads": one("MaxPool", inputs=IMAGE, kernel_shape=[3, 3], pads=[1, 0, 1, 2],
                         strides=[2, 2]),
    "max pool dilated": one("MaxPool", inputs=IMAGE, kernel_shape=[2, 2], dilations=[2, 3]),
    "max pool ceil": one("MaxPool", inputs=IMAGE, kernel_shape=[2, 4], strides=[3, 3],
                         ceil_mode=1),
    "max pool same": one("MaxPool", inputs=IMAGE, kernel_shape=[3, 2], auto_pad="SAME_UPPER",
                         strides=[2, 2]),
    "max pool 1d": one("MaxPool", inputs={"x": (1, 2, 7)}, kernel_shape=[3]),
    "average pool": one("AveragePool", inputs=IMAGE, kernel_shape=[2, 3], pads=[1, 1, 0, 1]),
    "average pool all": one("AveragePool", inputs=IMAGE, kernel_shape=[2, 3], pads=[1, 1, 0, 1],
                            count_include_pad=1, strides=[2, 2]),
    "average pool lower": one("AveragePool", inputs=IMAGE, kernel_shape=[2, 3],
                              auto_pad="SAME_LOWER"),
    "average pool ceil": one("AveragePool", inputs=IMAGE, kernel_shape=[2, 2], strides=[2, 4],
                             ceil_mode=1, opset=19),
    "global average": one("GlobalAveragePool", inputs=IMAGE),
    "global max": one("GlobalMaxPool", inputs=IMAGE),
    "flatten": one("Flatten", inputs=IMAGE),
    "flatten 0": one("Flatten", inputs=IMAGE, axis=0),
    "flatten negative": one("Flatten", inputs=IMAGE, axis=-1),
    "reshape": one("Reshape", {"s": ints(0, -1, 4)}, inputs=IMAGE),
    "transpose": one("Transpose", inputs=IMAGE, perm=[0, 3, 1, 2]),
    "transpose default": one("Transpose", inputs=IMAGE),
    "squeeze 11": one("Squeeze", inputs=IMAGE, axes=[0], opset=11),
    "squeeze": one("Squeeze", {"a": ints(-4)}, inputs=IMAGE),
    "squeeze all": one("Squeeze", inputs={"x": (1, 3, 1)}),
    "unsqueeze": one("Unsqueeze", {"a": ints(0, -1)}),
    "unsqueeze 11": one("Unsqueeze", axes=[1], opset=11),
    "concat": chain(("Relu", "x", "r"), node("Concat", "x k r", "y", axis=1),
                    constants={"k": f32(1, 2)}),
    "split": one("Split", inputs=IMAGE, axis=3, outputs="y z"),
    "split sizes": one("Split", {"s": ints(1, 2, 3)}, inputs=IMAGE, axis=3, outputs="y z w"),
    "split 11": one("Split", inputs=IMAGE, axis=2, split=[2, 3], opset=11, outputs="y z"),
    "split uneven": one("Split", inputs=IMAGE, axis=2, num_outputs=2, opset=18, outputs="y z"),
    "slice 9": one("Slice", inputs=IMAGE, starts=[1, -4], ends=[3, 100], axes=[2, 3], opset=9),
    "slice": one("Slice", {"s": ints(4, 1), "e": ints(0, -1), "a": ints(2, 3),
                           "t": ints(-2, 2)}, inputs=IMAGE),
    "slice back": one("Slice", {"s": ints(-1), "e": ints(-1000), "a": ints(3), "t": ints(-1)},
                      inputs=IMAGE),
    "gather": one("Gather", {"i": np.array([[0, -1], [2, 2]], I64)}, inputs=IMAGE, axis=2),
    "gather scalar": one("Gather", {"i": np.array(1, I64)}, inputs=IMAGE, axis=1),
    "gather elements": one("GatherElements", {"i": np.array([[3, 0, 0]], I64)}, axis=1),
    "pad": one("Pad", {"p": ints(0, 1, 0, 2), "v": scalar(1.5)}),
    "pad cut": one("Pad", {"p": ints(0, -1, 0, 2)}),
    "pad reflect": one("Pad", {"p": ints(0, 0, 1, 2, 0, 0, 2, 0)}, inputs=IMAGE, mode="reflect"),
    "pad edge 9": one("Pad", inputs=IMAGE, pads=[0, 0, 1, 2, 0, 0, 2, 0], mode="edge", opset=9),
    "identity": chain(("Identity", "x", "i"), ("Relu", "i", "y")),
    "dropout": one("Dropout", outputs="y"),
    "constant": chain(node("Constant", "", "k", value_floats=[1.0, 2.0, 3.0, 4.0]),
                      ("Add", "x k", "y")),
    "constant of shape": chain(("Shape", "x", "s"), ("ConstantOfShape", "s", "z"),
                               ("Sub", "z x", "y")),
    "cast": chain(node("Cast", "k", "f", to=1), ("Add", "x f", "y"),
                  constants={"k": ints(1, 2, 3, 4)}),
    "cast double": chain(node("Cast", "x", "d", to=11), node("Cast", "d", "f", to=1),
                         ("Tanh", "f", "y")),
    "expand": one("Expand", {"s": ints(3, 1)}),
    "tile": one("Tile", {"r": ints(2, 3)}),
    "where": chain(("Where", "c x k", "y"),
                   constants={"c": np.array([True, False, True, True]), "k": f32(4)}),
    "depth": one("DepthToSpace", inputs={"x": (1, 8, 2, 3)}, blocksize=2),
    "depth crd": one("DepthToSpace", inputs={"x": (1, 8, 2, 3)}, blocksize=2, mode="CRD"),
    "space": one("SpaceToDepth", inputs={"x": (1, 2, 4, 6)}, blocksize=2),
    "einsum": one("Einsum", {"w": f32(2, 6, 3)}, inputs=IMAGE, equation="bchw,cwk->bhk"),
    "einsum implicit": one("Einsum", {"w": f32(4, 3)}, equation="ij,jk"),
    "einsum one": one("Einsum", inputs=IMAGE, equation="bchw->wb"),
    "shape logic": chain(
        ("Shape", "x", "s"), node("Gather", "s i", "n", axis=0), node("Concat", "m n", "t", axis=0),
        ("Reshape", "x t", "y"), constants={"i": ints(3), "m": ints(-1)}, inputs=IMAGE,
    ),
    "two inputs": chain(("Sub", "b a", "y"), inputs={"a": (1, 2), "b": (1, 2)}),
    "two outputs": chain(("Relu", "x", "y"), node("ReduceSum", "y", "z", keepdims=0),
                         outputs=("y", "z")),
    "constant output": chain(("Relu", "x", "y"), ("Identity", "k", "z"), outputs=("y", "z"),
                             constants={"k": f32(1, 2)}),
    "input is output": chain(("Relu", "x", "y"), outputs=("y", "x")),
    "no batch": one("MatMul", {"w": f32(4, 3)}, inputs={"x": (4,)}),
    "open batch": one("MatMul", {"w": f32(4, 3)}, inputs={"x": ("N", 4)}),
}  # fmt: skip


@RUNTIME
@pytest.mark.parametrize("name", CASES)
def test_the_graph_is_the_file(name, tmp_path, rng):
    network = load_onnx(save_model(tmp_path, CASES[name]), check="runtime")
    x = rng.uniform(-2.0, 2.0, (4, network.graph.size)).astype(np.float32)
    expected = network.predict(x)
    values = network.graph.run(x.astype(np.float64))
    np.testing.assert_allclose(values, expected, rtol=2e-6, atol=4e-6)


def test_every_operator_is_tested():
    used = {n.op_type for proto in (*CASES.values(), *KINDS.values()) for n in proto.graph.node}
    constants_only = {"Range", "ReduceProd", "Size"}
    elsewhere = {"MatMul+Add", "Swish", "CastLike", "Sinh", "Cosh", "ReduceL2", "RMSNormalization"}
    images = {"Conv", "ConvTranspose", "Resize", "Upsample"}  # test_onnx_images.py
    assert set(TABLE) - used - set(OPERATORS) == constants_only | elsewhere | images


DENSE = ("acasxu/onnx/*", "rl_benchmarks/onnx/*", "reach_prob_density/onnx/*", "mnist_fc/onnx/*",
         "eran/nets/*.onnx", "mlp/*.onnx", "oval21/onnx/*")  # fmt: skip


@pytest.mark.parametrize("path", real_files(*DENSE))
def test_real_networks(path, rng):
    network = load(path)
    x = rng.uniform(-1.0, 1.0, (8, network.graph.size)).astype(np.float32)
    expected = network.predict(x)
    scale = 1.0 + np.abs(expected).max()
    np.testing.assert_allclose(network.graph.run(x.astype(float)), expected, atol=2e-5 * scale)
    check_same(network, seed=1)
    assert network.layers[-1].after == network.graph.output


def test_layers_carry_the_names_of_the_nodes(tmp_path):
    nodes = [
        node("MatMul", "x w", "h", name="first"),
        node("Add", "h b", "g", name="bias"),
        node("Relu", "g", "r", name="bend"),
        node("Gemm", "r v", "y", name="last"),
    ]
    constants = {"w": f32(4, 3), "b": f32(3), "v": f32(3, 2)}
    network = load_onnx(save_model(tmp_path, model(nodes, constants), "small.net.onnx"))
    assert network.name == "small.net"
    assert [(r.path, r.kind, r.shape, r.parameters) for r in network.layers] == [
        ("first", "MatMul+Add", (3,), 15), ("bend", "Relu", (3,), 0), ("last", "Gemm", (2,), 6),
    ]  # fmt: skip
    first, bend, _ = network.layers
    assert bend.before == first.after
    assert network.graph.layers["bend"] == (bend.after,)


def test_a_product_read_twice_keeps_its_own_value(tmp_path):
    nodes = [
        node("MatMul", "x w", "h"), node("Add", "h b", "g"), node("Sub", "g h", "d"),
        node("Relu", "d", "y"),
    ]  # fmt: skip
    network = load_onnx(save_model(tmp_path, model(nodes, {"w": f32(4, 3), "b": f32(3)})))
    assert [row.kind for row in network.layers] == ["MatMul", "Add", "Sub", "Relu"]


@RUNTIME
def test_reference_and_runtime_agree(tmp_path, rng):
    nodes = [node("Gemm", "x w b", "h", transB=1), node("Tanh", "h", "y")]
    path = save_model(tmp_path, model(nodes, {"w": f32(3, 4), "b": f32(3)}))
    x = rng.standard_normal((5, 4)).astype(np.float32)
    for check in ("runtime", "reference", "auto", None):
        values = load_onnx(path, check=check).predict(x)
        assert values.dtype == np.float32
        np.testing.assert_allclose(values, load_onnx(path).graph.run(x.astype(float)), atol=1e-6)
    with pytest.raises(InputError, match="check"):
        load_onnx(path, check="maybe")


def test_a_wrong_graph_is_not_returned(tmp_path, monkeypatch):
    path = save_model(tmp_path, model([node("Relu", "x", "h", name="bend"), node("Neg", "h", "y")]))
    monkeypatch.setitem(TABLE, "Relu", lambda c: c.b.clip(c.x, 0.0, 6.0))
    for check in ("auto", "reference"):
        with pytest.raises(ModelError, match="first in layer `bend`"):
            load_onnx(path, check=check)


def test_without_the_runtime_the_reference_judges(tmp_path, monkeypatch):
    monkeypatch.setattr("outrange.frontends.onnx.run.has_runtime", lambda: False)
    monkeypatch.setattr("outrange.frontends.onnx.load.has_runtime", lambda: False)
    assert load_onnx(save_model(tmp_path, CASES["gemm"])).predict(f32(2, 4)).shape == (2, 3)
    with pytest.raises(ModelError, match="onnxruntime"):
        load_onnx(save_model(tmp_path, CASES["softmax 11"]))  # which the reference misinterprets
