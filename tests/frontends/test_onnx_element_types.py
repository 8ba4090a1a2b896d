"""Recurrent operators, products, comparisons and sorting of ONNX against `onnxruntime`."""

from importlib.util import find_spec

import numpy as np
import pytest


pytest.importorskip("onnx")

from frontends.onnx_models import f32, model, node, save_model
from outrange.domains import bounds
from outrange.frontends.onnx import load_onnx


RUNTIME = pytest.mark.skipif(find_spec("onnxruntime") is None, reason="needs onnxruntime")
TO_FLOAT = 1


def chain(*nodes, constants=None, **options):
    return model([node(*n) if isinstance(n, tuple) else n for n in nodes], constants, **options)


def as_number(op, words="x", constants=None, **attributes):
    """Build one operator whose result is cast to float."""
    return chain(
        node(op, words, "h", **attributes), node("Cast", "h", "y", to=TO_FLOAT),
        constants=constants, opset=17,
    )  # fmt: skip


def recurrent(op, gates, outputs="s y", *, words="x w r b", directions=1, extra=None, **attributes):
    constants = {
        "w": f32(directions, gates * 3, 2, seed=1), "r": f32(directions, gates * 3, 3, seed=2),
        "b": f32(directions, gates * 6, seed=3), **(extra or {}),
    }  # fmt: skip
    read = set(words.split())
    return chain(
        node(op, words, outputs, hidden_size=3, **attributes),
        constants={name: v for name, v in constants.items() if name in read},
        inputs={"x": (4, 1, 2)}, outputs=tuple(v for v in outputs.split() if v != "_"),
    )  # fmt: skip


ZERO = np.zeros(1, np.float32)
CASES = {
    "multiply": chain(("Sigmoid", "x", "g"), ("Mul", "g x", "y")),
    "divide": chain(("Exp", "x", "p"), ("Div", "x p", "y")),
    "matmul": chain(("Transpose", "x", "t"), ("MatMul", "t x", "y"), inputs={"x": (2, 3)}),
    "softmax attention": chain(
        node("Transpose", "x", "t", perm=[0, 2, 1]), ("MatMul", "x t", "s"),
        node("Softmax", "s", "p", axis=-1), ("MatMul", "p x", "y"), inputs={"x": (1, 3, 2)},
    ),
    "layer norm": chain(
        node("LayerNormalization", "x s b", "y", epsilon=1e-3),
        constants={"s": f32(4, seed=1), "b": f32(4, seed=2)}, opset=17,
    ),
    "group norm": chain(
        node("GroupNormalization", "x s b", "y", num_groups=2), inputs={"x": (1, 4, 3)},
        constants={"s": f32(4, seed=1), "b": f32(4, seed=2)}, opset=21,
    ),
    "instance norm": chain(
        node("InstanceNormalization", "x s b", "y"), inputs={"x": (1, 2, 3)},
        constants={"s": f32(2, seed=1), "b": f32(2, seed=2)},
    ),
    "rnn": recurrent("RNN", 1),
    "gru": recurrent("GRU", 3),
    "gru after": recurrent("GRU", 3, linear_before_reset=1, direction="reverse"),
    "lstm": recurrent("LSTM", 4, "s y z"),
    "lstm both": recurrent("LSTM", 4, directions=2, direction="bidirectional"),
    "lstm peepholes": recurrent(
        "LSTM", 4, words="x w r b _ h _ p",
        extra={"h": f32(1, 1, 3, seed=4), "p": f32(1, 9, seed=5)},
    ),
    "greater": as_number("Greater", "x c", {"c": ZERO}),
    "greater or equal": as_number("GreaterOrEqual", "x c", {"c": ZERO}),
    "one hot": chain(
        node("Cast", "x", "i", to=7), node("OneHot", "i d v", "y"),
        constants={"d": np.array(3, np.int64), "v": np.array([-1, 2], np.float32)},
    ),
    "to bool": chain(node("Relu", "x", "r"), node("Cast", "r", "b", to=9),
                     node("Cast", "b", "y", to=1)),
    "less or equal": as_number("LessOrEqual", "x c", {"c": ZERO}),
    "equal": as_number("Equal", "x x"),
    "logic": chain(
        ("Greater", "x c", "p"), ("Less", "x d", "q"), ("And", "p q", "r"), ("Xor", "r p", "s"),
        ("Not", "s", "t"), ("Or", "t r", "u"), ("Where", "u x c", "y"),
        constants={"c": ZERO, "d": ZERO + 1},
    ),
    "sign": chain(("Sign", "x", "y")),
    "rounding": chain(
        ("Floor", "x", "a"), ("Ceil", "x", "b"), ("Round", "x", "c"), ("Sum", "a b c", "y")
    ),
    "mod": chain(node("Mod", "x c", "y", fmod=1), constants={"c": ZERO + 0.5}),
    "argmax": as_number("ArgMax", axis=1),
    "argmin": as_number("ArgMin", axis=1, keepdims=0),
    "top k": chain(
        node("TopK", "x k", "y i", axis=1), node("Cast", "i", "z", to=TO_FLOAT),
        constants={"k": np.array([2], np.int64)}, outputs=("y", "z"),
    ),
}  # fmt: skip


@RUNTIME
@pytest.mark.parametrize("name", CASES)
def test_is_what_the_runtime_computes(name, tmp_path):
    network = load_onnx(save_model(tmp_path, CASES[name]), check="runtime")
    graph = network.graph
    rng = np.random.default_rng(0)
    x = rng.uniform(-2.0, 2.0, (30, graph.size)).astype(np.float32)
    np.testing.assert_allclose(graph.run(x.astype(float)), network.predict(x), atol=2e-5)
    lo, hi = -0.5 * np.ones(graph.size), 0.5 * np.ones(graph.size)
    least, most = (end[0] for end in bounds(graph, lo, hi)[graph.output])
    seen = graph.run(rng.uniform(lo, hi, (500, graph.size)))
    assert (least <= seen + 1e-9).all() and (seen <= most + 1e-9).all()
