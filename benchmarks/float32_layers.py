"""Random models of layers that runtimes fuse: convolutions, batch norms, residuals, scales, pools.

`python benchmarks/float32_runtimes.py --layers` runs them as Keras models; with `--runtime
onnxruntime` they are ONNX models. Shifts, biases and other branches are large on purpose.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

import outrange


SIDE, OPSET = 5, 22


def keras_layers(seed: int) -> Any:
    """Return a random Keras model."""
    import keras
    from keras import layers as L

    rng = np.random.default_rng(seed)
    x = keras.Input((SIDE, SIDE, int(rng.integers(1, 4))))
    h = x
    for _ in range(int(rng.integers(1, 4))):
        n = int(rng.integers(1, 5))
        if rng.random() < 0.3:
            h = L.BatchNormalization()(h)
        kind = L.Conv2D if rng.random() < 0.8 else L.SeparableConv2D
        z = kind(n, 3, padding="same", use_bias=bool(rng.random() < 0.7))(h)
        if rng.random() < 0.6:
            z = L.BatchNormalization()(z)
        if rng.random() < 0.6:
            z = L.Add()([z, h if h.shape[-1] == n else L.Conv2D(n, 1)(h)])
        if rng.random() < 0.3:
            z = L.Rescaling(float(rng.normal()), float(rng.normal()))(z)
        h = L.Activation(str(rng.choice(["relu", "gelu", "sigmoid", "silu", "tanh", "linear"])))(z)
    h = L.MaxPooling2D(2)(h) if rng.random() < 0.5 else L.AveragePooling2D(2)(h)
    h = L.GlobalAveragePooling2D()(h) if rng.random() < 0.4 else L.Flatten()(h)
    if rng.random() < 0.4:
        h = L.BatchNormalization()(h)
    model = keras.Model(x, L.Dense(2)(L.Dense(4, activation="relu")(h)))
    big = 10.0 ** rng.uniform(0.0, 4.0)
    for weight in model.weights:
        shape = tuple(weight.shape)
        if "variance" in weight.path:
            value = rng.uniform(0.1, 3.0, shape)
        elif len(shape) == 1:
            value = rng.normal(0.0, rng.choice([1.0, big]), shape)
        else:
            value = rng.normal(0.0, 1.0 / np.sqrt(np.prod(shape[:-1])), shape)
        weight.assign(value.astype("float32"))
    return model


class _Onnx:
    """A writer of an ONNX model, node by node."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng, self.nodes, self.constants = rng, [], []
        self.big = 10.0 ** rng.uniform(0.0, 4.0)

    def constant(self, array: Any) -> str:
        from onnx import numpy_helper

        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array, np.float32), name))
        return name

    def vector(self, *shape: int) -> str:
        return self.constant(self.rng.normal(0.0, self.rng.choice([1.0, self.big]), shape))

    def matrix(self, *shape: int) -> str:
        return self.constant(self.rng.normal(0.0, 1.0 / np.sqrt(np.prod(shape[1:])), shape))

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        from onnx import helper

        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def norm(self, x: str, n: int) -> str:
        parts = [self.vector(n) for _ in range(3)]
        spread = self.constant(self.rng.uniform(0.1, 3.0, n))
        return self.node("BatchNormalization", x, *parts, spread)

    def block(self, h: str, m: int, n: int) -> str:
        rng = self.rng
        if rng.random() < 0.3:
            h = self.norm(h, m)
        bias = [self.vector(n)] if rng.random() < 0.7 else []
        z = self.node("Conv", h, self.matrix(n, m, 3, 3), *bias, pads=[1, 1, 1, 1])
        if rng.random() < 0.6:
            z = self.norm(z, n)
        if rng.random() < 0.6:
            other = h if m == n else self.node("Conv", h, self.matrix(n, m, 1, 1))
            z = self.node("Add", *([z, other] if rng.random() < 0.5 else [other, z]))
        if rng.random() < 0.3:
            z = self.node("Mul", z, self.constant(rng.normal(size=(1, n, 1, 1))))
            z = self.node("Add", z, self.vector(1, n, 1, 1))
        return self.activation(z)

    def activation(self, z: str) -> str:
        kind = self.rng.integers(0, 6)
        if kind == 0:  # written out, as exporters do
            inner = self.node("Erf", self.node("Div", z, self.constant(np.sqrt(2.0))))
            inner = self.node("Add", inner, self.constant(1.0))
            half = self.node("Mul", z, inner)
            return self.node("Mul", half, self.constant(0.5))
        if kind == 1:
            return self.node("Mul", z, self.node("Sigmoid", z))
        names = ("Relu", "Sigmoid", "Tanh", "LeakyRelu")
        return self.node(names[kind - 2], z)

    def model(self) -> tuple[bytes, tuple[int, ...]]:
        from onnx import TensorProto, helper

        rng, m, h = self.rng, int(self.rng.integers(1, 4)), "x"
        shape = (m, SIDE, SIDE)
        for _ in range(int(rng.integers(1, 4))):
            n = int(rng.integers(1, 5))
            h, m = self.block(h, m, n), n
        pool = "MaxPool" if rng.random() < 0.5 else "AveragePool"
        h = self.node(pool, h, kernel_shape=[2, 2], strides=[2, 2])
        size = m * 4
        if rng.random() < 0.4:
            h, size = self.node("GlobalAveragePool", h), m
        h = self.node("Flatten", h)
        if rng.random() < 0.4:
            h = self.node("Mul", h, self.constant(rng.normal()))
        h = self.node("Add", self.node("MatMul", h, self.matrix(size, 4)), self.vector(4))
        h = self.node("MatMul", self.activation(h), self.matrix(4, 2))
        out = self.node("Add", h, self.vector(2))
        kinds = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)
            for name, dims in (("x", ["n", *shape]), (out, ["n", 2]))
        ]
        graph = helper.make_graph(self.nodes, "g", kinds[:1], kinds[1:], self.constants)
        opsets = [helper.make_opsetid("", OPSET)]
        found = helper.make_model(graph, opset_imports=opsets, ir_version=10)
        return found.SerializeToString(), shape


def onnx_layers(seed: int, folder: str) -> tuple[Any, bytes, tuple[int, ...]]:
    """Return a random ONNX model: its graph as written, its bytes, and the shape of its input."""
    from pathlib import Path

    model, shape = _Onnx(np.random.default_rng(seed)).model()
    path = Path(folder) / f"{seed}.onnx"
    path.write_bytes(model)
    return outrange.load(path).written, model, shape


def reshaped(run: Callable[[np.ndarray], Any], shape: tuple[int, ...]) -> Callable:
    """Return a function of flat points from a function of inputs with the given shape."""
    return lambda v: np.asarray(run(v.reshape(-1, *shape))).reshape(len(v), -1)
