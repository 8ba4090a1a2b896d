"""Fusion of a matrix product and the addition of its bias into one node."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ...graph import Operand
from .element_types import FLOATS
from .records import OnnxModel, OnnxNode, Subgraph
from .rules.table import OnnxCall, op


FUSED = "MatMul+Add"


def fuse_bias(model: OnnxModel) -> tuple[list[OnnxNode], dict[str, np.ndarray]]:
    """Fuse each `MatMul` with the `Add` of its bias into one node.

    The `MatMul` must multiply by a constant matrix of floats on the right. The `Add` must add a
    constant vector with one entry per column. Nothing else may read the product, and it must not be
    an output of the model.

    Returns:
        The nodes of the model, and its constants by name. Zeros of the same shape replace the
        values of dequantized constants.
    """
    uses = Counter(name for node in model.nodes for name in _reads(node))
    uses.update(info.name for info in model.outputs)
    constants = model.constants | _constants(model)
    producers = {
        node.outputs[0]: node
        for node in model.nodes
        if node.op == "MatMul" and not node.domain and len(node.inputs) == 2 and node.outputs
    }
    merged: dict[str, OnnxNode] = {}
    removed: set[str] = set()
    for node in model.nodes:
        pair = _product_and_bias(node, producers, constants)
        if pair is not None and uses[pair[0].outputs[0]] == 1 and not node.attributes:
            product, bias = pair
            inputs = (*product.inputs, bias)
            merged[node.name] = replace(product, op=FUSED, inputs=inputs, outputs=node.outputs)
            removed.add(product.name)
    nodes = [merged.get(node.name, node) for node in model.nodes if node.name not in removed]
    return nodes, constants


def _reads(node: OnnxNode) -> list[str]:
    """Return the names of all tensors that a node and its subgraphs read.

    The outputs of the subgraphs are included, since they may be tensors of the main graph.
    """
    subgraphs = [g for g in node.attributes.values() if isinstance(g, Subgraph)]
    inner = [name for g in subgraphs for part in g.nodes for name in _reads(part)]
    return [*node.inputs, *inner, *(name for g in subgraphs for name in g.outputs)]


def _constants(model: OnnxModel) -> dict[str, np.ndarray]:
    """Return the values of `Constant` nodes by output name, and zeros for dequantized constants."""
    values = {}
    for node in model.nodes:
        value = node.attributes.get("value")
        if node.op == "Constant" and isinstance(value, np.ndarray) and node.outputs:
            values[node.outputs[0]] = value
        source = node.inputs[0] if node.inputs else ""
        stored = model.constants.get(source, values.get(source))
        if node.op == "DequantizeLinear" and stored is not None and node.outputs:
            values[node.outputs[0]] = np.broadcast_to(np.float32(0.0), stored.shape)
    return values


def _product_and_bias(
    node: OnnxNode, producers: Mapping[str, OnnxNode], constants: Mapping[str, np.ndarray]
) -> tuple[OnnxNode, str] | None:
    if node.op != "Add" or node.domain or len(node.inputs) != 2:
        return None
    for first, second in (node.inputs, node.inputs[::-1]):
        product, bias = producers.get(first), constants.get(second)
        if product is None or bias is None:
            continue
        weight = constants.get(product.inputs[1])
        if weight is None or weight.ndim != 2 or product.inputs[0] in constants:
            continue
        if str(weight.dtype) not in FLOATS:
            continue
        # Leading axes of length 1 change nothing if the product has at least as many axes.
        if bias.ndim in (1, 2) and bias.size == weight.shape[1] == bias.shape[-1]:
            return product, second
    return None


@op(FUSED, types="T T T -> T", T=FLOATS)
def matmul_add(c: OnnxCall) -> Operand:
    from .rules.arithmetic import affine

    return affine(c, c.x, c.constant(1, "weights"), c.constant(2, "bias"))
