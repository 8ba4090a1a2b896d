"""Quantized ONNX models: one operator each, and networks made by `onnxruntime.quantization`."""

import itertools
import logging

import numpy as np
from onnx import TensorProto, helper, numpy_helper


DOMAINS = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]

SCALE = np.float32(0.013)


def save(path, nodes, constants, shape, outputs, kind=TensorProto.FLOAT):
    """Write a model with one input `x` to `path`, and return the path."""
    graph = helper.make_graph(
        nodes, "quantized",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(outputs, kind, None)],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=DOMAINS, ir_version=10)
    path.write_bytes(model.SerializeToString())
    return path


class Draft:
    """A model with one quantized operator, whose operands are drawn at random."""

    def __init__(self, rng, activation, weight, shape):
        self.rng, self.kinds, self.shape = rng, {"a": activation, "w": weight}, shape
        zero = self.zero(activation)
        self.constants = {"s": SCALE, "z": zero, "t": np.float32(0.09), "u": self.zero(activation)}
        self.nodes = [helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"])]

    def zero(self, kind):
        return np.array(self.rng.integers(3, 100), kind)

    def weights(self, *shape, channels=1, spread=127):
        """Add weights, their scale and their zero point, and return the names."""
        least = -spread if self.kinds["w"] == "int8" else 0
        weight = self.rng.integers(least, spread + 1, shape).astype(self.kinds["w"])
        scale = self.rng.uniform(0.002, 0.004, channels).astype(np.float32)
        scale = scale[0] if channels == 1 else scale
        zero = np.zeros(np.shape(scale), self.kinds["w"])
        self.constants |= {"w": weight, "ws": scale, "wz": zero}
        return ["w", "ws", "wz"]

    def bias(self, size):
        self.constants["b"] = self.rng.integers(-900, 900, size).astype(np.int32)
        return ["b"]

    def finish(self, path, op, inputs, domain="", **attributes):
        """Write the model, which dequantizes or casts the operator's result."""
        self.nodes.append(helper.make_node(op, inputs, ["r"], domain=domain, **attributes))
        last = (
            helper.make_node("Cast", ["r"], ["y"], to=TensorProto.FLOAT)
            if op.endswith("Integer")
            else helper.make_node("DequantizeLinear", ["r", "t", "u"], ["y"])
        )
        return save(path, [*self.nodes, last], self.constants, self.shape, "y")


def _linear(d, path):
    return save(
        path, [d.nodes[0], helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"])],
        d.constants, d.shape, "y",
    )  # fmt: skip


VECTOR, IMAGE = ("N", 7), ("N", 3, 4, 4)
ENDS = ["t", "u"]
FIRST = ["q", "s", "z"]
MICROSOFT = "com.microsoft"

OPERATORS = {
    "QuantizeLinear": (VECTOR, _linear),
    "DequantizeLinear": (VECTOR, _linear),
    "QLinearMatMul": (
        VECTOR, lambda d, p: d.finish(p, "QLinearMatMul", [*FIRST, *d.weights(7, 4), *ENDS])),
    "MatMulInteger": (
        VECTOR,
        lambda d, p: d.finish(p, "MatMulInteger", ["q", d.weights(7, 4)[0], "z", "wz"])),
    "QLinearConv": (
        IMAGE,
        lambda d, p: d.finish(
            p, "QLinearConv", [*FIRST, *d.weights(5, 3, 3, 3, channels=5), *ENDS, *d.bias(5)],
            pads=[1, 1, 1, 1], strides=[2, 1])),
    "ConvInteger": (
        IMAGE,
        lambda d, p: d.finish(
            p, "ConvInteger", ["q", d.weights(5, 3, 3, 3)[0], "z"], pads=[1, 0, 1, 0])),
    "com.microsoft.QGemm": (
        VECTOR,
        lambda d, p: d.finish(
            p, "QGemm", [*FIRST, *d.weights(4, 7, channels=4), *d.bias(4), *ENDS], MICROSOFT,
            transB=1)),
    "com.microsoft.QLinearAdd": (
        VECTOR, lambda d, p: d.finish(p, "QLinearAdd", [*FIRST, *FIRST, *ENDS], MICROSOFT)),
    "com.microsoft.QLinearMul": (
        VECTOR, lambda d, p: d.finish(p, "QLinearMul", [*FIRST, *FIRST, *ENDS], MICROSOFT)),
    "com.microsoft.QLinearGlobalAveragePool": (
        IMAGE,
        lambda d, p: d.finish(
            p, "QLinearGlobalAveragePool", [*FIRST, *ENDS], MICROSOFT, channels_last=0)),
}  # fmt: skip
"""The input shape of a model by quantized operator, and a function of a draft and a path."""


def operator_model(name, path, seed, activation="uint8", weight="int8"):
    """Write a model with the operator `name`, and return its path."""
    shape, build = OPERATORS[name]
    return build(Draft(np.random.default_rng(seed), activation, weight, shape), path)


class _Net:
    """A network of floats, layer by layer."""

    def __init__(self, rng):
        self.rng, self.nodes, self.constants, self.last = rng, [], {}, "x"

    def add(self, op, *arrays, reads=(), **attributes):
        names = [f"c{len(self.constants) + i}" for i in range(len(arrays))]
        self.constants |= dict(zip(names, arrays, strict=True))
        name = f"v{len(self.nodes)}"
        inputs = [self.last, *reads, *names]
        self.nodes.append(helper.make_node(op, inputs, [name], name=f"n_{name}", **attributes))
        self.last = name
        return name

    def normal(self, *shape, fan):
        return (1.4 * self.rng.normal(size=shape) / np.sqrt(fan)).astype(np.float32)

    def dense(self, rows, columns):
        bias = self.normal(columns, fan=100)
        return self.add("Gemm", self.normal(rows, columns, fan=rows), bias)

    def conv(self, rows, columns, stride=1):
        kernel = self.normal(columns, rows, 3, 3, fan=9 * rows)
        return self.add("Conv", kernel, self.normal(columns, fan=100), pads=[1] * 4,
                        strides=[stride] * 2)  # fmt: skip


def _dense(net, sizes=(3, 8, 8, 2)):
    for rows, columns in itertools.pairwise(sizes):
        if net.last != "x":
            net.add("Relu")
        net.dense(rows, columns)
    return ("N", sizes[0])


def _conv(net):
    net.conv(2, 4)
    net.add("Relu")
    net.conv(4, 4)
    net.add("Relu")
    net.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    net.add("Flatten")
    net.dense(16, 3)
    return ("N", 2, 4, 4)


def _strided(net):
    for rows, columns in ((2, 4), (4, 4)):
        net.conv(rows, columns, stride=2)
        net.add("Relu")
    net.add("Flatten")
    net.dense(4, 3)
    return ("N", 2, 4, 4)


def _residual(net):
    net.conv(2, 4)
    skip = net.add("Relu")
    net.conv(4, 4)
    net.add("Add", reads=(skip,))
    net.add("Relu")
    net.add("GlobalAveragePool")
    net.add("Flatten")
    net.dense(4, 3)
    return ("N", 2, 4, 4)


NETS = {"dense": _dense, "convolution": _conv, "strides": _strided, "residual": _residual}


def quantized_pair(folder, kind, form="QDQ", seed=0, reduced=False, activation="QUInt8", reach=1):
    """Write a random network and its static quantization; return both paths, and the input shape.

    Args:
        folder: The folder of the files.
        kind: A key of `NETS`.
        form: `"QDQ"` or `"QOperator"`.
        seed: Seed of the weights and of the calibration data, in [-1, 1].
        reduced: Whether weights have 7 bits, so that no pair saturates.
        activation: Name of the type of activations.
        reach: Magnitude of the largest calibration points.
    """
    from onnxruntime import quantization

    rng = np.random.default_rng(seed)
    net = _Net(rng)
    shape = NETS[kind](net)
    path = save(folder / f"{kind}.onnx", net.nodes, net.constants, shape, net.last)
    points = rng.uniform(-1, 1, (256, *shape[1:]))
    points[::2] = reach * np.sign(points[::2])
    data = iter([{"x": points.astype(np.float32)}])

    class Reader(quantization.CalibrationDataReader):
        def get_next(self):
            return next(data, None)

    quantized = folder / f"{kind} {form}.onnx"
    logging.disable(logging.WARNING)
    try:
        quantization.quantize_static(
            path, quantized, Reader(), quant_format=quantization.QuantFormat[form],
            activation_type=quantization.QuantType[activation],
            weight_type=quantization.QuantType.QInt8, reduce_range=reduced,
        )  # fmt: skip
    finally:
        logging.disable(logging.NOTSET)
    return path, quantized, shape[1:]


def run(path, x):
    """Run a model on a batch with `onnxruntime`."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    y = session.run(None, {session.get_inputs()[0].name: x.astype(np.float32)})[0]
    return np.asarray(y, np.float64).reshape(len(x), -1)


def saturating_products(a, w):
    """Add products in int16 pairs that saturate, as kernels without VNNI do; `(rows, sums)`."""
    terms = a[:, :, None].astype(np.int64) * w[None].astype(np.int64)
    if terms.shape[1] % 2:
        terms = np.concatenate([terms, np.zeros_like(terms[:, :1])], axis=1)
    return np.clip(terms[:, ::2] + terms[:, 1::2], -32768, 32767).sum(axis=1)
