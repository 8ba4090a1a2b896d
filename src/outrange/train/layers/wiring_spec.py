"""Reading a wiring: named nodes, the edges between them, and what a pass is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...core import InputError
from ..arguments import activation_of


NODE_KEYS = {"name", "units", "input", "activation", "use_bias", "shared"}
EDGE_KEYS = {"from", "to", "feedback", "mask", "shared"}


@dataclass(frozen=True)
class NodeSpec:
    """One node; see `outrange.layers.wire`."""

    name: str
    units: int
    input: bool
    activation: Any
    use_bias: bool
    shared: str | None


@dataclass(frozen=True)
class EdgeSpec:
    """One edge; see `outrange.layers.wire`."""

    source: str
    target: str
    feedback: bool
    mask: Any
    shared: str | None

    def __str__(self) -> str:
        return f"{self.source} -> {self.target}"


@dataclass(frozen=True)
class Wiring:
    """A wiring that makes sense.

    Args:
        nodes: By name, each after every node whose value it reads within one pass.
        edges: In the order given.
        passes: How often the nodes are computed.
        outputs: Names of the nodes whose last values are the outputs.
    """

    nodes: dict[str, NodeSpec]
    edges: tuple[EdgeSpec, ...]
    passes: int
    outputs: tuple[str, ...]

    def into(self, name: str) -> list[EdgeSpec]:
        """The edges that end at a node."""
        return [edge for edge in self.edges if edge.target == name]


def read_wiring(spec: Any) -> Wiring:
    """Check a wiring and put its nodes in order.

    Raises:
        InputError: Something in it makes no sense; the message names the node or edge.
    """
    rule = '`spec` is a dict with "nodes", "edges", "outputs" and, with feedback, "passes".'
    if not isinstance(spec, Mapping):
        raise InputError(f"{rule} Received: {type(spec).__name__}.")
    unknown = set(spec) - {"nodes", "edges", "outputs", "passes"}
    missing = {"nodes", "edges", "outputs"} - set(spec)
    if unknown or missing:
        raise InputError(f"{rule} Received: keys {sorted(map(str, spec))}.")
    for key in ("nodes", "edges"):
        if not isinstance(spec[key], list | tuple):
            raise InputError(f"{rule} {key!r} is a list. Received: {spec[key]!r}.")
    nodes = [_node(given) for given in spec["nodes"]]
    named: dict[str, NodeSpec] = {}
    for node in nodes:
        if node.name in named:
            raise InputError(f"Every node has a name of its own. Received: `{node.name}` twice.")
        named[node.name] = node
    edges = tuple(_edge(given, named) for given in spec["edges"])
    outputs = spec["outputs"]
    if not isinstance(outputs, str | list | tuple):
        raise InputError(f'{rule} "outputs" is a name or a list of names. Received: {outputs!r}.')
    outputs = tuple([outputs] if isinstance(outputs, str) else outputs)
    if len(set(map(str, outputs))) < len(outputs):
        raise InputError(f"Every output is listed once. Received: outputs {list(outputs)}.")
    for name in outputs:
        if name not in named or named[name].input:
            raise InputError(f"An output is a node that is no input. Received: {name!r}.")
    if not outputs or not any(node.input for node in nodes):
        raise InputError(
            'A wiring needs an output, and a node with `"input": True`. '
            f"Received: outputs {list(outputs)}, nodes {list(named)}."
        )
    passes = _passes(spec.get("passes", 1), edges)
    _twice(edges)
    _alike(named, edges)
    order = _order(named, edges)
    wiring = Wiring({name: named[name] for name in order}, edges, passes, outputs)
    _all_used(wiring)
    return wiring


def _node(given: Any) -> NodeSpec:
    if not isinstance(given, Mapping) or not {"name", "units"} <= set(given) <= NODE_KEYS:
        raise InputError(
            'A node is a dict with "name" and "units", and may have "input", "activation", '
            f'"use_bias", "shared". Received: {given!r}.'
        )
    name, units = given["name"], given["units"]
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
        raise InputError(
            f"The name of a node is made of letters, digits and `_`, `.`, `-`. Received: {name!r}."
        )
    if isinstance(units, bool) or not isinstance(units, int) or units < 1:
        raise InputError(f"Node `{name}`: `units` is an integer >= 1. Received: {units!r}.")
    is_input = bool(given.get("input", False))
    extra = sorted(set(given) & {"activation", "use_bias", "shared"})
    if is_input and extra:
        raise InputError(f"Node `{name}` is an input: it only has units. Received: {extra}.")
    activation_of(given.get("activation"), f"Node `{name}`")
    return NodeSpec(
        name,
        units,
        is_input,
        given.get("activation"),
        bool(given.get("use_bias", True)),
        given.get("shared"),
    )


def _edge(given: Any, nodes: Mapping[str, NodeSpec]) -> EdgeSpec:
    if isinstance(given, list | tuple) and len(given) == 2:
        given = {"from": given[0], "to": given[1]}
    if not isinstance(given, Mapping) or not {"from", "to"} <= set(given) <= EDGE_KEYS:
        raise InputError(
            'An edge is a pair `("A", "B")`, or a dict with "from" and "to" that may have '
            f'"feedback", "mask", "shared". Received: {given!r}.'
        )
    if not isinstance(given.get("feedback", False), bool):
        raise InputError(
            f'"feedback" of an edge is True or False. Received: {given["feedback"]!r} in '
            f"{given['from']} -> {given['to']}."
        )
    edge = EdgeSpec(
        given["from"],
        given["to"],
        bool(given.get("feedback", False)),
        given.get("mask"),
        given.get("shared"),
    )
    for end in (edge.source, edge.target):
        if end not in nodes:
            raise InputError(
                f"Edge `{edge}`: there is no node {end!r}; the nodes are {list(nodes)}. "
                f"Received: {end!r}."
            )
    if nodes[edge.target].input:
        raise InputError(f"An edge cannot end at an input. Received: `{edge}`.")
    if edge.feedback and nodes[edge.source].input:
        raise InputError(
            f"Feedback comes from a node computed in the pass before; `{edge.source}` is an "
            f"input. Received: `{edge}`."
        )
    return edge


def _passes(passes: Any, edges: tuple[EdgeSpec, ...]) -> int:
    back = [edge for edge in edges if edge.feedback]
    if isinstance(passes, bool) or not isinstance(passes, int) or passes < 1:
        raise InputError(f"`passes` is an integer >= 1. Received: passes={passes!r}.")
    if back and passes < 2:
        raise InputError(
            f"Feedback is read from the second pass on: with `{back[0]}` set `passes` to 2 or "
            f"more. Received: passes={passes}."
        )
    if not back and passes > 1:
        raise InputError(
            "Without feedback every pass computes the same: mark an edge "
            f'`"feedback": True`, or leave `passes` out. Received: passes={passes}.'
        )
    return passes


def _twice(edges: tuple[EdgeSpec, ...]) -> None:
    seen = set()
    for edge in edges:
        if (edge.source, edge.target, edge.feedback) in seen:
            raise InputError(f"Two nodes share one edge of a kind. Received: `{edge}` twice.")
        seen.add((edge.source, edge.target, edge.feedback))


def _alike(nodes: Mapping[str, NodeSpec], edges: tuple[EdgeSpec, ...]) -> None:
    """What shares weights must have the same shape."""
    shapes: dict[str, tuple] = {}
    labels: dict[str, tuple] = {}
    for edge in edges:
        if edge.shared is None:
            continue
        shape = (nodes[edge.source].units, nodes[edge.target].units, str(edge.mask))
        first = shapes.setdefault(edge.shared, shape)
        if first != shape:
            raise InputError(
                f"Edges with `shared={edge.shared!r}` have one matrix of weights, so the same "
                f"sizes and mask. Received: `{edge}`, {shape[0]} to {shape[1]} units, after one of "
                f"{first[0]} to {first[1]}."
            )
    for node in nodes.values():
        if node.shared is None:
            continue
        look = (node.units, str(node.activation), node.use_bias)
        first = labels.setdefault(node.shared, look)
        if first != look:
            raise InputError(
                f"Nodes with `shared={node.shared!r}` are one layer: the same units, activation "
                f"and bias. Received: `{node.name}`, {look} after {first}."
            )


def _order(nodes: Mapping[str, NodeSpec], edges: tuple[EdgeSpec, ...]) -> list[str]:
    """Names so that within a pass every edge leads forward."""
    waiting = {
        name: [e.source for e in edges if e.target == name and not e.feedback] for name in nodes
    }
    order: list[str] = []
    while waiting:
        ready = [n for n, sources in waiting.items() if not set(sources) & set(waiting)]
        if not ready:
            loop = _loop(waiting)
            raise InputError(
                "Edges within a pass must not close a loop; mark the one that leads back with "
                f'`"feedback": True`, to be read in the next pass. Received: {" -> ".join(loop)}.'
            )
        order += ready
        for name in ready:
            del waiting[name]
    return order


def _loop(waiting: Mapping[str, list[str]]) -> list[str]:
    path = [next(iter(waiting))]
    while True:
        before = next(s for s in waiting[path[-1]] if s in waiting)
        if before in path:
            return [before, *reversed(path[path.index(before) :])]
        path.append(before)


def _all_used(wiring: Wiring) -> None:
    for node in wiring.nodes.values():
        if not node.input and not any(not edge.feedback for edge in wiring.into(node.name)):
            raise InputError(
                f"Node `{node.name}` needs an edge that is not feedback: in the first pass nothing "
                "has come back yet. Received: no such edge."
            )
    reached = set(wiring.outputs)
    while True:
        more = {edge.source for edge in wiring.edges if edge.target in reached} - reached
        if not more:
            break
        reached |= more
    left = [name for name in wiring.nodes if name not in reached]
    if left:
        raise InputError(
            f"Every node leads to an output, or it has no effect. Received: {left}, which do not."
        )
