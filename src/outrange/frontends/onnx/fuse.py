"""A matrix product and the addition of its bias as one node."""

from collections import Counter
from dataclasses import replace

import numpy as np

from .records import OnnxModel, OnnxNode, Subgraph
from .rules.table import OnnxCall, op


FUSED = "MatMul+Add"


def fuse_bias(model: OnnxModel) -> list[OnnxNode]:
    """The nodes of `model`, where `MatMul` by a matrix and `Add` of a vector become one.

    Only where nobody else reads the product, and the vector is one entry per column.
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
    gone: set[str] = set()
    for node in model.nodes:
        pair = _product_and_bias(node, producers, constants)
        if pair is not None and uses[pair[0].outputs[0]] == 1 and not node.attributes:
            product, bias = pair
            inputs = (*product.inputs, bias)
            merged[node.name] = replace(product, op=FUSED, inputs=inputs, outputs=node.outputs)
            gone.add(product.name)
    return [merged.get(node.name, node) for node in model.nodes if node.name not in gone]


def _reads(node: OnnxNode) -> list[str]:
    """The tensors that a node reads, and that graphs inside it do."""
    inside = [g for g in node.attributes.values() if isinstance(g, Subgraph)]
    inner = [name for g in inside for part in g.nodes for name in _reads(part)]
    return [*node.inputs, *inner, *(name for g in inside for name in g.outputs)]


def _constants(model: OnnxModel) -> dict[str, np.ndarray]:
    """What `Constant` nodes hold."""
    found = {}
    for node in model.nodes:
        value = node.attributes.get("value")
        if node.op == "Constant" and isinstance(value, np.ndarray) and node.outputs:
            found[node.outputs[0]] = value
    return found


def _product_and_bias(node: OnnxNode, producers, constants) -> tuple[OnnxNode, str] | None:
    if node.op != "Add" or node.domain or len(node.inputs) != 2:
        return None
    for first, second in (node.inputs, node.inputs[::-1]):
        product, bias = producers.get(first), constants.get(second)
        if product is None or bias is None:
            continue
        weight = constants.get(product.inputs[1])
        if weight is None or weight.ndim != 2 or product.inputs[0] in constants:
            continue
        # Leading axes of 1 change nothing as long as the product has at least as many.
        if bias.size == weight.shape[1] == bias.shape[-1:][0] and bias.ndim <= 2:
            return product, second
    return None


@op(FUSED)
def matmul_add(c: OnnxCall):
    from .rules.arithmetic import affine

    return affine(c, c.x, c.constant(1, "weights"), c.constant(2, "bias"))
