"""What a message of ONNX declares, added up before tensors are read and functions written out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...core import ModelError
from ...core.sizes import NODES, WEIGHTS, Tally


def check_declared(proto: Any) -> None:
    """Refuse a message whose tensors, or whose nodes with all functions in place, are too many.

    Raises:
        ModelError: They are, or a function calls itself.
    """
    weights = Tally(WEIGHTS)
    for tensor in _tensors(proto.graph):
        if min(tensor.dims, default=0) >= 0:  # whoever reads the tensor says what is wrong
            weights.add(tensor.dims, f"tensor `{tensor.name}`")
    functions = {(f.domain, f.name): f for f in proto.functions}
    sizes: dict[tuple[str, str], int] = {}
    for key in functions:
        _written_out(key, functions, sizes)
    nodes = Tally(NODES)
    nodes.add((_nodes(proto.graph.node, sizes),), "the end of the file")


def _written_out(
    first: tuple[str, str], functions: dict[tuple[str, str], Any], sizes: dict[tuple[str, str], int]
) -> None:
    """Enter in `sizes` how many nodes a function is, and those it calls, innermost first."""
    stack, around = [first], {first}
    while stack:
        key = stack[-1]
        body = functions[key].node
        inner = [k for k in _calls(body) if k in functions and k not in sizes]
        if not inner:
            sizes[key] = _nodes(body, sizes)
            stack.pop()
            around.discard(key)
            continue
        if inner[0] in around:
            raise ModelError(
                "No function of an ONNX file may call itself; the file is damaged or hostile. "
                f"Received: function `{inner[0][1]}`."
            )
        stack.append(inner[0])
        around.add(inner[0])


def _calls(nodes: Any) -> Iterator[tuple[str, str]]:
    for node in nodes:
        yield node.domain, node.op_type
        for attribute in node.attribute:
            yield from _calls(attribute.g.node)


def _nodes(nodes: Any, sizes: dict[tuple[str, str], int]) -> int:
    return sum(sizes.get(key, 1) for key in _calls(nodes))


def _tensors(graph: Any) -> Iterator[Any]:
    """Every tensor that a graph stores, those in attributes and graphs inside it included."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            if attribute.HasField("g"):
                yield from _tensors(attribute.g)
