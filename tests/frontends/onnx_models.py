"""Small ONNX models, built in memory."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def node(op, inputs, outputs, name="", **attributes):
    """Build one node; inputs and outputs are words in a string, `_` for an absent one."""
    read = ["" if word == "_" else word for word in inputs.split()]
    return helper.make_node(op, read, outputs.split(), name=name, **attributes)


def model(nodes, constants=None, *, inputs=None, outputs=("y",), opset=13, kind=TensorProto.FLOAT):
    """Build a model; `inputs` maps name to shape, `{"x": (1, 4)}` by default."""
    inputs = {"x": (1, 4)} if inputs is None else inputs
    graph = helper.make_graph(
        list(nodes),
        "test",
        [helper.make_tensor_value_info(n, kind, shape) for n, shape in inputs.items()],
        [helper.make_tensor_value_info(n, kind, None) for n in outputs],
        [numpy_helper.from_array(np.asarray(v), n) for n, v in (constants or {}).items()],
    )
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8 if opset < 21 else 10)


def save_model(tmp_path: Path, proto, name="model.onnx") -> Path:
    """Write `proto` to a file, and return its path."""
    path = tmp_path / name
    path.write_bytes(proto.SerializeToString())
    return path


def f32(*shape, seed=0, scale=1.0):
    """Draw float32 normal numbers."""
    return (scale * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


__all__ = ["f32", "model", "node", "onnx", "save_model"]
