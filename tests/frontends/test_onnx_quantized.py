"""Quantized ONNX files: each value of the runtime lies in the bounds of the graph."""

from dataclasses import replace

import numpy as np
import pytest


pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx
from onnx import TensorProto, helper, numpy_helper

import outrange
from cases import some
from frontends.onnx_quantized import (
    NETS,
    OPERATORS,
    SCALE,
    operator_model,
    quantized_pair,
    run,
    saturating_products,
    save,
)
from outrange.core import Box, InputError, UnsupportedError
from outrange.domains import bounds
from outrange.frontends.onnx import load_onnx
from outrange.frontends.onnx.quantized.kernels import KERNELS, pair_loss
from outrange.frontends.onnx.quantized.roundings import ValueRoundings
from outrange.graph import Builder, Slot
from outrange.graph.difference import difference
from outrange.questions.common.aligned import align


def inputs(rng, count, shape):
    """Return points of [-1.2, 1.2]: random ones, and ones at or near multiples of a grid."""
    x = rng.uniform(-1.2, 1.2, (count, *shape)).astype(np.float32)
    x[::3] = np.rint(x[::3] / 0.0065) * np.float32(0.0065)
    x[1::7] = np.sign(x[1::7])
    return x


def check_points(network, x, y):
    """Check that the bounds of the graph at each point contain the runtime's output."""
    flat = x.reshape(len(x), -1).astype(np.float64)
    for domain in ("intervals", "linear"):
        few = slice(None) if domain == "intervals" else slice(0, 30)
        lo, hi = bounds(network.graph, flat[few], flat[few], domain)[network.graph.output]
        assert ((lo <= y[few]) & (y[few] <= hi)).all()


@pytest.mark.parametrize("name", some(sorted(OPERATORS), 4))
@pytest.mark.parametrize("activation", ["uint8", "int8"])
@pytest.mark.parametrize("weight", ["int8", "uint8"])
def test_an_operator_encloses_the_runtime(name, activation, weight, tmp_path, rng):
    path = operator_model(name, tmp_path / "model.onnx", 1, activation, weight)
    x = inputs(rng, 300, OPERATORS[name][0][1:])
    try:
        y = run(path, x)
    except Exception as error:  # onnxruntime lacks some combinations
        if "NOT_IMPLEMENTED" in str(error):
            return
        raise
    for kernel in KERNELS:
        check_points(load_onnx(path, kernel=kernel), x, y)


@pytest.mark.slow
@pytest.mark.parametrize("kind", NETS)
@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
def test_a_network_encloses_the_runtime(kind, form, tmp_path, rng):
    for seed in some(range(2), 1):
        _, path, shape = quantized_pair(tmp_path, kind, form, seed)
        x = inputs(rng, 1000, shape)
        network, y = load_onnx(path, kernel="float32"), run(path, x)
        check_points(network, x, y)
        ends = -np.full(network.graph.size, 1.2), np.full(network.graph.size, 1.2)
        lo, hi = bounds(network.graph, *ends)[network.graph.output]
        assert ((lo <= y) & (y <= hi)).all()


def test_a_search_encloses_the_runtime(tmp_path, rng):
    _, path, shape = quantized_pair(tmp_path, "dense", seed=2, reduced=True)
    network = outrange.load(path)
    assert network.name.endswith("(kernel any)")
    answer = outrange.output_range(network, (-1.2, 1.2), budget=0.5)
    y = run(path, inputs(rng, 20_000, shape))
    assert ((answer.lo <= y) & (y <= answer.hi)).all()
    assert (answer.hi - answer.lo <= 1.3 * (y.max(axis=0) - y.min(axis=0))).all()


def test_saturated_pairs_lie_within_the_loss(rng):
    for _ in some(range(40), 5):
        terms = int(rng.integers(1, 12))
        w = rng.integers(-128, 128, (terms, 3))
        a = np.where(rng.random((200, terms)) < 0.7, 255, rng.integers(0, 256, (200, terms)))
        change = np.abs(saturating_products(a, w) - a @ w).max(axis=0)
        assert (change <= pair_loss(w.astype(float))).all()
    assert not pair_loss(np.full((8, 2), 64.0)).any()
    assert pair_loss(np.array([[127.0], [127.0]])) == 2 * 255 * 127 - 32767


def test_any_kernel_encloses_saturated_pairs(tmp_path, rng):
    path = operator_model("MatMulInteger", tmp_path / "model.onnx", 3)
    loose, tight = (load_onnx(path, check=None, kernel=k) for k in ("any", "float32"))
    constants = {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
    w, z = (constants[name].astype(np.int64) for name in ("w", "z"))
    q = np.where(rng.random((100, 7)) < 0.6, 255, 0)
    x = (q - z) * np.float64(constants["s"])
    y = saturating_products(q, w) - z * w.sum(axis=0)
    lo, hi = bounds(loose.graph, x, x, "intervals")[loose.graph.output]
    assert ((lo <= y) & (y <= hi)).all()
    lo, hi = bounds(tight.graph, x, x, "intervals")[tight.graph.output]
    assert not ((lo <= y) & (y <= hi)).all()


WAYS = {
    "as it is": (lambda w: w, None, {}),
    "scaled": (lambda w: w, None, {"alpha": -2.0}),
    "transposed": (lambda w: w.T, ("Transpose", ["W"], {"perm": [1, 0]}), {}),
    "reshaped": (lambda w: w[None], ("Squeeze", ["W", "zero"], {}), {}),
    "cut": (lambda w: np.concatenate([w, w]), ("Slice", ["W", "zero", "rows"], {}), {}),
    "a vector": (lambda w: w[:, 0], None, None),
}
"""How weights of a product are stored, the node that restores them, and attributes of `Gemm`."""


@pytest.mark.parametrize("way", some(sorted(WAYS), 3))
def test_any_kernel_encloses_saturated_pairs_of_dequantized_weights(way, tmp_path, rng):
    store, move, attributes = WAYS[way]
    w = rng.integers(100, 128, (6, 3)).astype(np.int8)
    constants = {"s": np.float32(0.25), "z": np.uint8(3), "t": np.float32(0.5), "w": store(w)}
    constants |= {"zero": np.array([0]), "rows": np.array([6])}
    nodes = [_node("QuantizeLinear", ["x", "s", "z"], "q")]
    nodes += [_node("DequantizeLinear", ["q", "s", "z"], "a")]
    nodes += [_node("DequantizeLinear", ["w", "t"], "W")]
    if move is not None:
        nodes.append(_node(move[0], move[1], "V", **move[2]))
    product = "MatMul" if attributes is None else "Gemm"
    nodes.append(_node(product, ["a", "W" if move is None else "V"], "y", **attributes or {}))
    path = save(tmp_path / "model.onnx", nodes, constants, (1, 6), "y")
    q = np.where(rng.random((100, 6)) < 0.7, 255, 0)
    x, w = (q - 3) * 0.25, w.astype(np.int64)
    y = (saturating_products(q, w) - 3 * w.sum(axis=0)) * 0.125 * (attributes or {}).get("alpha", 1)
    for kernel, holds in (("any", True), ("pairs", True), ("float32", False)):
        graph = load_onnx(path, check=None, kernel=kernel).graph
        lo, hi = bounds(graph, x, x, "intervals")[graph.output]
        seen = y[:, : lo.shape[1]]
        assert ((lo <= seen) & (seen <= hi)).all() == holds


def test_relative_errors_of_many_scalings_have_no_bound():
    b = Builder([Slot("x", (2,))])
    b.operation = "Mul"
    few = many = b.affine_map(b.input_values()[0], 1.5)
    for _ in range(700):
        many = b.affine_map(many, 1.0)
    roundings = ValueRoundings(b)
    assert roundings.largest(few.index, -128.0, 127.0) < 1e-3
    assert roundings.largest(many.index, -128.0, 127.0) == np.inf


def test_two_kernels_may_use_the_slack_in_different_ways(tmp_path):
    _, path, _ = quantized_pair(tmp_path, "dense", reduced=True)
    graph = load_onnx(path).graph
    both = difference(graph, graph)
    ends = np.full((1, 3), 0.3)
    lo, hi = bounds(both, -ends, ends)[both.output]
    assert (lo < 0.0).all() and (hi > 0.0).all()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["dense", "strides"])
@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
def test_a_quantization_is_close_to_its_network(kind, form, tmp_path, rng):
    original, quantized, shape = quantized_pair(tmp_path, kind, form, reduced=True, reach=3)
    first, second = (load_onnx(path, kernel="float32") for path in (original, quantized))
    answer = outrange.difference_range(first, second, (-1, 1), budget=2)
    x = inputs(rng, 5000, shape).clip(-1, 1)
    apart = run(original, x) - run(quantized, x)
    # The outputs of the original are float32 numbers.
    assert ((answer.lo - 1e-4 <= apart) & (apart <= answer.hi + 1e-4)).all()
    flipped = outrange.difference_range(second, first, (-1, 1), budget=0.2)
    assert ((-flipped.hi - 1e-4 <= apart) & (apart <= 1e-4 - flipped.lo)).all()
    ends = np.ones(first.graph.size)
    widths = [
        np.subtract(*bounds(n.graph, -ends, ends)[n.graph.output][::-1]) for n in (first, second)
    ]
    assert (8 * (answer.hi - answer.lo) <= widths[0] + widths[1]).all()


def test_clipped_units_lie_within_the_difference(tmp_path, rng):
    original, quantized, shape = quantized_pair(tmp_path, "residual", reach=0.4, seed=4)
    first, second = (load_onnx(path, kernel="float32") for path in (original, quantized))
    graph, box = align(first.graph, second.graph, Box(*(np.full(32, e) for e in (-1.2, 1.2))))
    lo, hi = bounds(graph, box.lo, box.hi)[graph.output]
    x = inputs(rng, 5000, shape)
    apart = run(original, x) - run(quantized, x)
    assert ((lo - 1e-4 <= apart) & (apart <= hi + 1e-4)).all()
    assert align(second.graph, first.graph, Box(box.lo[:32], box.hi[:32])) is None


def _node(op, inputs, result, **attributes):
    return helper.make_node(op, inputs, [result], **attributes)


S, Z = {"s": np.float32(0.1)}, {"z": np.uint8(3)}
QUANTIZE = _node("QuantizeLinear", ["x", "s", "z"], "q")
MEAN = _node("ReduceMean", ["x"], "m")
REFUSED = {
    "dynamic": ([helper.make_node("DynamicQuantizeLinear", ["x"], ["y", "a", "b"])], {}, "Dynamic"),
    "no bound": ([MEAN, _node("QuantizeLinear", ["m", "s", "z"], "y")], S | Z, "Quantize the inp"),
    "zero scale": ([_node("QuantizeLinear", ["x", "s"], "y")], {"s": np.float32(0)}, "positive"),
    "a block": (
        [_node("QuantizeLinear", ["x", "s"], "y", block_size=2)],
        {"s": np.full((1, 2), 0.1, np.float32)}, "block"),
    "float8": ([_node("QuantizeLinear", ["x", "s"], "y", output_dtype=17)], S, "output_dtype"),
    "weights alone": (
        [_node("DequantizeLinear", ["w", "s"], "d"), _node("MatMul", ["x", "d"], "y")],
        S | {"w": np.ones((4, 2), np.int8)}, "8-bit activations"),
    "a bias": (
        [QUANTIZE, _node("DequantizeLinear", ["q", "s", "z"], "d"),
         _node("DequantizeLinear", ["w", "s"], "e"), _node("DequantizeLinear", ["b", "s"], "f"),
         _node("Gemm", ["d", "e", "f"], "y")],
        S | Z | {"w": np.ones((4, 2), np.int8), "b": np.ones(2, np.int32)}, "scale of a dequ"),
    "two factors": (
        [QUANTIZE, _node("DequantizeLinear", ["q", "s", "z"], "d"),
         _node("QuantizeLinear", ["x", "s", "o"], "p"),
         _node("DequantizeLinear", ["p", "s", "o"], "e"),
         _node("Transpose", ["e"], "f"), _node("MatMul", ["d", "f"], "y")],
        S | Z | {"o": np.int8(0)}, "float32"),
    "a cast": (
        [_node("Cast", ["x"], "q", to=TensorProto.UINT8), _node("MatMulInteger", ["q", "w"], "y")],
        {"w": np.full((4, 2), 127, np.int8)}, "without such a bound"),
    "a softmax": (
        [QUANTIZE, _node("DequantizeLinear", ["q", "s", "z"], "d"), _node("Softmax", ["d"], "y")],
        S | Z, "without such a bound"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_is_refused_by_name(name, tmp_path):
    nodes, constants, words = REFUSED[name]
    path = save(tmp_path / "model.onnx", nodes, constants, (1, 4), "y", TensorProto.UINT8)
    with pytest.raises(UnsupportedError, match=words):
        load_onnx(path, check=None)


@pytest.mark.parametrize("name", ["two factors", "a cast"])
def test_kernels_without_saturation_accept_it(name, tmp_path):
    nodes, constants, _ = REFUSED[name]
    path = save(tmp_path / "model.onnx", nodes, constants, (1, 4), "y", TensorProto.UINT8)
    assert load_onnx(path, check=None, kernel="float32").graph.nodes


def test_float32_arithmetic_is_refused_by_name(tmp_path):
    network = load_onnx(operator_model("com.microsoft.QGemm", tmp_path / "model.onnx", 0))
    with pytest.raises(UnsupportedError, match="Received"):
        outrange.output_range(network, (-1, 1), arithmetic="float32")


def test_a_point_holds_only_for_every_kernel(tmp_path):
    path = operator_model("QuantizeLinear", tmp_path / "model.onnx", 0)
    network, half = load_onnx(path), float(SCALE) / 2
    point = np.full(7, half)
    assert network.predict(point[None].astype(np.float32)).max() <= half
    assert outrange.verify(network, outrange.y[0] <= half, (half, half)).status != "HOLDS"
    assert outrange.verify(network, outrange.y[0] <= 2.1 * half, (half, half)).status == "HOLDS"


def test_a_kernel_is_refused_by_name(tmp_path):
    path = operator_model("QuantizeLinear", tmp_path / "model.onnx", 0)
    with pytest.raises(InputError, match="float32"):
        outrange.load(path, kernel="float23")
    with pytest.raises(InputError, match="kernel"):
        outrange.load(path, kernel=["any"])
    with pytest.raises(InputError, match="ONNX"):
        outrange.load(replace(load_onnx(path)), kernel="float32")


def test_constant_quantizers_are_the_runtime(tmp_path, rng):
    weight = rng.normal(size=(4, 3)).astype(np.float32)
    nodes = [
        _node("QuantizeLinear", ["w", "s", "z"], "q", axis=1),
        _node("DequantizeLinear", ["q", "s", "z"], "d", axis=1),
        _node("Mul", ["x", "d"], "y"),
    ]
    scales = np.array([0.01, 0.02, 0.03], np.float32)
    constants = {"w": weight, "s": scales, "z": np.zeros(3, np.int8)}
    path = save(tmp_path / "model.onnx", nodes, constants, ("N", 4, 3), "y")
    network, x = load_onnx(path), rng.normal(size=(50, 4, 3)).astype(np.float32)
    y = network.graph.run(x.reshape(50, -1).astype(float))
    np.testing.assert_allclose(y, run(path, x), atol=1e-5)
    assert network.name == "model"
