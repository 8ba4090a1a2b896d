"""Conversion of graphs to ONNX models, and sessions that run them in onnxruntime."""

from collections.abc import Callable
from typing import Any

import numpy as np

from outrange.ops import Affine, Largest, Product, Rearrange
from small_graphs import matrices


NAMES = {
    "abs": "Abs", "atan": "Atan", "celu": "Celu", "cos": "Cos", "cosh": "Cosh", "elu": "Elu",
    "erf": "Erf", "exp": "Exp", "gelu": "Gelu", "hard_silu": "HardSwish", "mish": "Mish",
    "relu": "Relu", "selu": "Selu", "sigmoid": "Sigmoid", "sign": "Sign", "sin": "Sin",
    "sinh": "Sinh", "softplus": "Softplus", "softsign": "Softsign", "tanh": "Tanh",
    "gelu_tanh": "Gelu", "hard_sigmoid": "HardSigmoid", "leaky_relu": "LeakyRelu",
    "hard_shrink": "Shrink", "soft_shrink": "Shrink",
}  # fmt: skip
ATTRIBUTES = {
    "gelu_tanh": {"approximate": "tanh"}, "leaky_relu": {"alpha": float(np.float32(0.2))},
    "hard_sigmoid": {"alpha": float(np.float32(1 / 6)), "beta": 0.5},
    "hard_shrink": {"lambd": 0.5}, "soft_shrink": {"lambd": 0.5, "bias": 0.5},
}  # fmt: skip
LEVELS = ("ORT_DISABLE_ALL", "ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED", "ORT_ENABLE_ALL")


class _Writer:
    """A writer of an ONNX model, which collects its nodes and constants."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, array: Any, dtype: Any = np.float32) -> str:
        from onnx import numpy_helper

        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array, dtype), name))
        return name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        from onnx import helper

        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def op(self, op: Any, xs: list[str]) -> str | None:
        """Write an op; return the name of its value, or None if there is no operator for it."""
        if isinstance(op, Affine):
            return self.affine(op, xs)
        if isinstance(op, Product):
            return self.node("Mul", self.taken(xs[0], op.left), self.taken(xs[1], op.right))
        if isinstance(op, Rearrange):
            flat = xs[0] if len(xs) == 1 else self.node("Concat", *xs, axis=1)
            picked = self.taken(flat, np.maximum(op.index, 0))
            if (op.index >= 0).all():
                return picked
            absent = self.constant(op.index < 0, bool)
            return self.node("Where", absent, self.constant(op.fill), picked)
        if isinstance(op, Largest):
            picked = self.taken(xs[0], np.maximum(op.windows, 0))
            absent = self.constant(op.windows < 0, bool)
            picked = self.node("Where", absent, self.constant(-np.inf), picked)
            return self.node("ReduceMax", picked, self.constant([2], np.int64), keepdims=0)
        return self.curve(*op.origin, xs[0])

    def curve(self, name: str, attributes: Any, x: str) -> str | None:
        if name in NAMES:
            return self.node(NAMES[name], x, **ATTRIBUTES.get(name, {}))
        if name == "clip":
            ends = [self.constant(v) if np.isfinite(v) else "" for _, v in attributes]
            return self.node("Clip", x, *ends)
        if name == "square":
            return self.node("Mul", x, x)
        if name in ("heaviside", "is_zero"):
            kind = "GreaterOrEqual" if name == "heaviside" else "Equal"
            return self.node("Cast", self.node(kind, x, self.constant(0.0)), to=1)
        if name == "log_sigmoid":
            return self.node("Neg", self.node("Softplus", self.node("Neg", x)))
        if name == "tanh_shrink":
            return self.node("Sub", x, self.node("Tanh", x))
        if name == "sparse_sigmoid":
            half = self.node("Mul", self.node("Add", x, self.constant(1.0)), self.constant(0.5))
            return self.node("Clip", half, self.constant(0.0), self.constant(1.0))
        return None

    def affine(self, op: Any, xs: list[str]) -> str:
        total = ""
        if op.factor is not None or op.coefficients is not None:
            numbers = [op.factor] if op.factor is not None else op.coefficients
            for c, x in zip(numbers, xs, strict=True):
                plain = bool(np.all(np.asarray(c) == 1))
                term = x if plain else self.node("Mul", x, self.constant(c))
                total = self.node("Add", total, term) if total else term
        else:
            for weight, x in zip(matrices(op), xs, strict=True):
                term = self.node("MatMul", x, self.constant(weight))
                total = self.node("Add", total, term) if total else term
        return self.node("Add", total, self.constant(op.bias)) if op.bias.any() else total

    def taken(self, x: str, index: np.ndarray) -> str:
        return self.node("Gather", x, self.constant(index, np.int64), axis=1)


def onnx_runners(graph: Any) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Return sessions for a graph, by name; {} if the graph cannot be written as a model."""
    from onnx import TensorProto, helper

    writer = _Writer()
    values: list[str] = ["x"]
    for node in graph.nodes:
        name = writer.op(node.op, [values[j] for j in node.inputs])
        if name is None:
            return {}
        values.append(name)
    out = writer.node("Identity", values[graph.output])
    kinds = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size])
        for name, size in (("x", graph.size), (out, graph.value_size(graph.output)))
    ]
    whole = helper.make_graph(writer.nodes, "g", kinds[:1], kinds[1:], writer.constants)
    opsets = [helper.make_opsetid("", 22)]
    model = helper.make_model(whole, opset_imports=opsets, ir_version=10).SerializeToString()
    return sessions(model)


def sessions(model: bytes) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Return sessions for a model at each level of optimization, with one thread and two."""
    import onnxruntime

    found = {}
    for level in LEVELS:
        for threads in (1, 2) if level == "ORT_ENABLE_ALL" else (1,):
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = threads
            options.log_severity_level = 3
            options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
            session = onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"]
            )
            found[f"{level[4:].lower()} {threads}"] = _run(session)
    return found


def _run(session: Any) -> Callable[[np.ndarray], np.ndarray]:
    return lambda v: session.run(None, {"x": v})[0]
