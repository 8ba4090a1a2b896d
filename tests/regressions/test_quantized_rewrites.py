"""Rewrites of quantized graphs by `onnxruntime`: bounds contain their results, or are refused."""

import numpy as np
import pytest


pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from onnx import helper

import outrange
from frontends.onnx_quantized import run, save
from outrange.core import ModelError, UnsupportedError
from outrange.domains import bounds
from outrange.frontends.onnx import load_onnx
from outrange.frontends.onnx.api import read_onnx
from outrange.frontends.onnx.quantized.kernels import KERNELS
from outrange.frontends.onnx.runtime import session


STEP = np.float32(2 / 255)
CONSTANTS = {"s": STEP, "z": np.uint8(128), "w": np.int8([[60], [-50], [20], [7], [-1], [33]])}
CONSTANTS |= {"u": np.float32(0.5), "o": np.int8(0), "t": np.float32(0.001), "y": np.uint8(128)}


def _node(op, inputs, result, **attributes):
    return helper.make_node(op, inputs.split(), [result], **attributes)


def _quantizer(x, scale, zero, result):
    """Return a quantizer from `x` to the float `result`."""
    return [
        _node("QuantizeLinear", f"{x} {scale} {zero}", f"{result}_steps"),
        _node("DequantizeLinear", f"{result}_steps {scale} {zero}", result),
    ]


def _product(path, nodes, constants=None, shape=("N", 6)):
    """Write a model: an input quantizer that returns `a`, then `nodes` with the result `r`."""
    weights = _node("DequantizeLinear", "w u o", "W")
    last = _quantizer("r", "t", "y", "out")
    nodes = [*_quantizer("x", "s", "z", "a"), weights, *nodes, *last]
    return save(path, nodes, CONSTANTS | (constants or {}), shape, "out")


def _check(path, x):
    y = run(path, x)
    for kernel in KERNELS:
        graph = load_onnx(path, check=None, kernel=kernel).graph
        for domain, rows in (("intervals", slice(None)), ("linear", slice(0, 20))):
            at = x.reshape(len(x), -1)[rows].astype(float)
            lo, hi = bounds(graph, at, at, domain)[graph.output]
            assert ((lo <= y[rows]) & (y[rows] <= hi)).all()


MOVES = {
    "none": [], "Reshape": "a shape", "Relu": "a", "Clip": "a lo hi", "Cast": "a", "Dropout": "a",
    "Expand": "a one", "Add": "o a", "Sub": "a o", "Mul": "a l", "Div": "a l",
}  # fmt: skip
"""Operands of operators that a runtime moves or removes, by operator."""

LIMITS = {"shape": np.array([0, -1]), "lo": np.float32(-9), "hi": np.float32(9)}
LIMITS |= {"one": np.array([1]), "o": np.float32([0]), "l": np.float32([1])}


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("kind", ["uint8", "int8"])
def test_a_runtime_merges_two_quantizers(move, kind, tmp_path, rng):
    least = np.iinfo(kind).min
    for case in range(6):
        zeros = least, least + int(rng.integers(0, 200))
        zeros = zeros if move == "Relu" else zeros[::-1]
        steps = rng.uniform(0.002, 0.02, 2).astype(np.float32)
        constants = LIMITS | dict(zip(["s1", "s2"], steps, strict=True))
        constants |= {"z1": np.array(zeros[1], kind), "z2": np.array(zeros[0], kind)}
        to = {"to": 1} if move == "Cast" else {}
        between = [] if move == "none" else [_node(move, MOVES[move], "b", **to)]
        nodes = [
            *_quantizer("x", "s1", "z1", "a"), *between,
            *_quantizer("b" if between else "a", "s2", "z2", "out"),
        ]  # fmt: skip
        path = save(tmp_path / f"{case}.onnx", nodes, constants, ("N", 5), "out")
        _check(path, rng.uniform(-2, 2, (200, 5)).astype(np.float32))


def test_a_runtime_merges_in_front_of_a_maximum_and_quantizes_again_behind_it(tmp_path):
    constants = {"s1": np.float32(0.0037088), "s2": np.float32(0.0253908)}
    constants |= {"z1": np.uint8(177), "z2": np.uint8(21)}
    constants |= {"k": np.array([0, 1, 6]), "n": np.array([0, 6])}
    nodes = [
        *_quantizer("x", "s1", "z1", "a"),
        _node("Transpose", "a", "b", perm=[1, 0]), _node("Transpose", "b", "c", perm=[1, 0]),
        _node("Reshape", "c k", "d"), _node("MaxPool", "d", "e", kernel_shape=[3], pads=[1, 1]),
        _node("Reshape", "e n", "f"), *_quantizer("f", "s2", "z2", "out"),
    ]  # fmt: skip
    path = save(tmp_path / "model.onnx", nodes, constants, ("N", 6), "out")
    rows = np.linspace(-0.65, 0.29, 2000, dtype=np.float32)
    _check(path, np.repeat(rows[:, None], 6, axis=1))


def test_a_runtime_treats_tiny_scales_as_equal(tmp_path, rng):
    constants = {"s1": np.float32(1e-21), "s2": np.float32(5e-21), "z": np.uint8(0)}
    nodes = [*_quantizer("x", "s1", "z", "a"), *_quantizer("a", "s2", "z", "out")]
    path = save(tmp_path / "model.onnx", nodes, constants, ("N", 5), "out")
    _check(path, rng.uniform(0, 3e-19, (50, 5)).astype(np.float32))


@pytest.mark.parametrize("between", ["Clip", "Relu and Clip", "Clip and Reshape"])
def test_a_runtime_removes_a_clip_with_about_the_limits_of_the_quantizer(between, tmp_path, rng):
    least = -1.0 if "Relu" in between else 1e-7
    constants = {"s": STEP, "z": np.uint8(128), "f": np.float32([6e-7]), "t": np.float32(2e-9)}
    constants |= {"y": np.uint8(50 if "Relu" in between else 0), "shape": np.array([0, -1])}
    constants |= {"lo": np.float32(least), "hi": np.float32(6e-7)}
    nodes = [
        *_quantizer("x", "s", "z", "a"), _node("Mul", "a f", "b"),
        *([_node("Relu", "b", "r")] if "Relu" in between else []),
        _node("Clip", "r lo hi" if "Relu" in between else "b lo hi", "c"),
        *([_node("Reshape", "c shape", "d")] if "Reshape" in between else []),
        *_quantizer("d" if "Reshape" in between else "c", "t", "y", "out"),
    ]  # fmt: skip
    path = save(tmp_path / "model.onnx", nodes, constants, ("N", 5), "out")
    _check(path, rng.uniform(-1, 1, (100, 5)).astype(np.float32))


def test_three_quantizers_or_ranges_without_a_common_number_are_refused(tmp_path):
    constants = {"s1": np.float32(0.01), "s2": np.float32(0.02), "s3": np.float32(0.03)}
    constants |= {"z": np.uint8(100), "low": np.uint8(255), "high": np.uint8(0)}
    chain = [*_quantizer("x", "s1", "z", "a"), *_quantizer("a", "s2", "z", "b")]
    apart = [*_quantizer("x", "s1", "low", "a"), *_quantizer("a", "s2", "high", "out")]
    for nodes in ([*chain, *_quantizer("b", "s3", "z", "out")], apart):
        path = save(tmp_path / "model.onnx", nodes, constants, ("N", 5), "out")
        with pytest.raises(UnsupportedError, match="successive quantizers"):
            load_onnx(path, check=None)
    same = [*chain[:2], *_quantizer("a", "s1", "z", "b"), *_quantizer("b", "s1", "z", "out")]
    path = save(tmp_path / "model.onnx", same, constants, ("N", 5), "out")
    assert load_onnx(path).graph.nodes


@pytest.mark.parametrize("form", ["Gemm", "MatMul", "scaled"])
def test_a_runtime_rounds_float_biases(form, tmp_path, rng):
    constants = {"b": rng.normal(size=1).astype(np.float32)}
    gemm = _node("Gemm", "a W b", "r", **({"alpha": 0.7, "beta": 3.0} if form == "scaled" else {}))
    split = [_node("MatMul", "a W", "m"), _node("Add", "m b", "r")]
    nodes = split if form == "MatMul" else [gemm]
    for case in range(5):
        constants["b"] = (0.1 * rng.normal(size=1)).astype(np.float32)
        path = _product(tmp_path / f"{case}.onnx", nodes, constants)
        _check(path, rng.uniform(-0.005, 0.005, (300, 6)).astype(np.float32))


REFUSED = {
    "float weights": (
        [_node("Gemm", "a v", "r")], {"v": np.ones((6, 1), np.float32)}, "dequantized weights"),
    "float weights behind a maximum": (
        [_node("Gemm", "a v", "g"), _node("Relu", "g", "r")],
        {"v": np.ones((6, 1), np.float32)}, "dequantized weights"),
    "float weights behind an addition of 0": (
        [_node("Gemm", "a v", "g"), _node("Sub", "g n", "r")],
        {"v": np.ones((6, 1), np.float32), "n": np.float32([0])}, "dequantized weights"),
    "float weights behind a cast": (
        [_node("Gemm", "a v", "g"), _node("Cast", "g", "r", to=1)],
        {"v": np.ones((6, 1), np.float32)}, "dequantized weights"),
    "float weights of dequantized sums": (
        [_node("MatMulInteger", "a_steps m z o", "q"), _node("DequantizeLinear", "q t", "b"),
         _node("Gemm", "b v", "r")],
        {"v": np.ones((6, 1), np.float32), "m": np.ones((6, 6), np.int8)}, "dequantized weights"),
    "a stored bias behind two quantizers": (
        [*_quantizer("a", "s2", "y", "b"), _node("DequantizeLinear", "c sc", "C"),
         _node("Gemm", "b W C", "r")],
        {"s2": np.float32(0.01), "c": np.int32([9]), "sc": np.float32(0.005)},
        "successive quantizers"),
    "a float bias beyond int32": (
        [_node("Gemm", "a W b", "r")], {"b": np.float32([1e8])}, "int32"),
    "a stored bias beyond int32": (
        [_node("DequantizeLinear", "b c", "B"), _node("Gemm", "a W B", "r")],
        {"b": np.int32([2**31 - 1]), "c": np.float32(STEP * np.float32(0.5))}, "int32"),
    "a bias of another scale": (
        [_node("DequantizeLinear", "b c", "B"), _node("MatMul", "a W", "m"),
         _node("Add", "m B", "r")],
        {"b": np.int32([90]), "c": np.float32(0.3)}, "scale of a dequ"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_product_that_a_runtime_computes_otherwise_is_refused(name, tmp_path):
    nodes, constants, words = REFUSED[name]
    path = _product(tmp_path / "model.onnx", nodes, constants)
    with pytest.raises(UnsupportedError, match=words):
        load_onnx(path, check=None, kernel="float32")


def test_a_runtime_ignores_the_scale_of_a_bias(tmp_path):
    """The bias cancels the product, up to the difference of the scales."""
    unit = STEP * np.float32(0.5)
    constants = {"b": np.int32([-6 * 127 * 60]), "c": np.float32(unit * np.float32(1 + 9.5e-6))}
    constants |= {"w": np.full((6, 1), 60, np.int8), "t": np.float32(0.15 * unit)}
    nodes = [_node("DequantizeLinear", "b c", "B"), _node("Gemm", "a W B", "r")]
    _check(_product(tmp_path / "model.onnx", nodes, constants), np.ones((2, 6), np.float32))


def test_sums_of_integer_operators_beyond_int32_are_refused(tmp_path):
    constants = {"s": STEP, "z": np.uint8(128), "w": np.full((1, 6), 127, np.int8), "o": np.int8(0)}
    constants |= {"b": np.int32([2**31 - 1]), "t": np.float32(1e5)}
    nodes = [
        _node("QuantizeLinear", "x s z", "q"),
        helper.make_node(
            "QGemm", "q s z w s o b t z".split(), ["r"], domain="com.microsoft", transB=1
        ),
        _node("DequantizeLinear", "r t z", "out"),
    ]
    path = save(tmp_path / "model.onnx", nodes, constants, ("N", 6), "out")
    with pytest.raises(UnsupportedError, match="int32"):
        load_onnx(path, check=None)


def test_float_weights_without_a_quantizer_behind_them_are_read(tmp_path, rng):
    constants = {name: CONSTANTS[name] for name in ("s", "z")} | {
        "v": rng.normal(size=(6, 2)).astype(np.float32)
    }
    nodes = [*_quantizer("x", "s", "z", "a"), _node("MatMul", "a v", "out")]
    path = save(tmp_path / "model.onnx", nodes, constants, ("N", 6), "out")
    _check(path, rng.uniform(-1, 1, (100, 6)).astype(np.float32))


def test_a_difference_gets_an_answer_within_any_budget(tmp_path):
    path = _product(tmp_path / "model.onnx", [_node("MatMul", "a W", "r")])
    network = load_onnx(path, kernel="float32")
    answer = outrange.difference_range(network, network, (-1, 1), budget=1e-5)
    assert (answer.lo <= 0).all() and (answer.hi >= 0).all()


def test_a_node_that_fails_in_the_runtime_is_a_model_error(tmp_path):
    nodes = [_node("Reshape", "x shape", "y")]
    path = save(tmp_path / "model.onnx", nodes, {"shape": np.array([1, 4])}, ("N", 4), "y")
    execute = session(read_onnx(path))
    assert execute({"x": np.zeros((1, 4), np.float32)})[0].shape == (1, 4)
    with pytest.raises(ModelError, match="must be able to run"):
        execute({"x": np.zeros((2, 4), np.float32)})


def test_weights_that_a_branch_dequantizes_are_refused(tmp_path):
    branch = helper.make_graph(
        [_node("DequantizeLinear", "w u o", "v")],
        "branch",
        [],
        [helper.make_tensor_value_info("v", 1, [6, 1])],
    )
    nodes = [
        *_quantizer("x", "s", "z", "a"),
        _node("If", "c", "V", then_branch=branch, else_branch=branch),
        _node("MatMul", "a V", "r"),
        *_quantizer("r", "t", "y", "out"),
    ]
    path = save(tmp_path / "model.onnx", nodes, CONSTANTS | {"c": np.bool_(True)}, ("N", 6), "out")
    with pytest.raises(UnsupportedError, match="inside `If` or `Loop`"):
        load_onnx(path, check=None)
