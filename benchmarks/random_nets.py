"""Random networks of ReLU layers, written as ONNX files."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx


Layers = list[tuple[np.ndarray, np.ndarray]]


def layers(widths: Sequence[int], seed: int, bias: float) -> Layers:
    """Return He-normal weights and normal biases with standard deviation `bias`, in float32."""
    rng = np.random.default_rng(seed)
    return [
        (
            rng.normal(0.0, np.sqrt(2.0 / n), (n, m)).astype(np.float32),
            rng.normal(0.0, bias, m).astype(np.float32),
        )
        for n, m in pairwise(widths)
    ]


def written(parts: Layers, path: Path) -> Path:
    """Write a network as an ONNX file; return the path."""
    nodes, constants, value = [], [], "x"
    for k, (weight, bias) in enumerate(parts):
        constants.append(onnx.numpy_helper.from_array(weight, f"w{k}"))
        constants.append(onnx.numpy_helper.from_array(bias, f"b{k}"))
        nodes.append(onnx.helper.make_node("Gemm", [value, f"w{k}", f"b{k}"], [f"y{k}"]))
        value = f"y{k}"
        if k < len(parts) - 1:
            nodes.append(onnx.helper.make_node("Relu", [value], [f"z{k}"]))
            value = f"z{k}"
    ends = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, size])
        for name, size in (("x", len(parts[0][0])), (value, len(parts[-1][1])))
    ]
    graph = onnx.helper.make_graph(nodes, "random", ends[:1], ends[1:], constants)
    opset = onnx.helper.make_opsetid("", 17)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8), path)
    return path
