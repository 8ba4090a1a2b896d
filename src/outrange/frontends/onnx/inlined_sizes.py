"""Limits on an ONNX message, checked before tensors are read and functions are inlined."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...core import ModelError
from ...core.sizes import NODES, WEIGHTS, Tally


def check_declared(proto: Any) -> None:
    """Raise if a message has too many tensor entries, or too many nodes once functions are inlined.

    Raises:
        ModelError: There are more than `WEIGHTS` entries or `NODES` nodes, or a function calls
            itself.
    """
    weights = Tally(WEIGHTS)
    for tensor in _tensors(proto.graph):
        if min(tensor.dims, default=0) >= 0:  # reading the tensor reports negative sizes
            weights.add(tensor.dims, f"tensor `{tensor.name}`")
    functions = {(f.domain, f.name): f for f in proto.functions}
    sizes: dict[tuple[str, str], int] = {}
    for key in functions:
        _count_inlined(key, functions, sizes)
    nodes = Tally(NODES)
    nodes.add((_nodes(proto.graph.node, sizes),), "the end of the file")


def _count_inlined(
    first: tuple[str, str], functions: dict[tuple[str, str], Any], sizes: dict[tuple[str, str], int]
) -> None:
    """Store in `sizes` the inlined node count of a function and of each function that it calls."""
    stack, active = [first], {first}
    while stack:
        key = stack[-1]
        body = functions[key].node
        inner = [k for k in _calls(body) if k in functions and k not in sizes]
        if not inner:
            sizes[key] = _nodes(body, sizes)
            stack.pop()
            active.discard(key)
            continue
        if inner[0] in active:
            raise ModelError(
                "A function of an ONNX file must not call itself; the file is damaged or "
                f"malicious. Received: function `{inner[0][1]}`."
            )
        stack.append(inner[0])
        active.add(inner[0])


def _calls(nodes: Any) -> Iterator[tuple[str, str]]:
    for node in nodes:
        yield node.domain, node.op_type
        for attribute in node.attribute:
            yield from _calls(attribute.g.node)


def _nodes(nodes: Any, sizes: dict[tuple[str, str], int]) -> int:
    return sum(sizes.get(key, 1) for key in _calls(nodes))


def _tensors(graph: Any) -> Iterator[Any]:
    """Yield the initializers of a graph, and the tensors in its attributes and subgraphs."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            if attribute.HasField("g"):
                yield from _tensors(attribute.g)
