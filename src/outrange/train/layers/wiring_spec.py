"""Reads and checks a wiring: named nodes, the edges between them, and the number of passes."""

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
    """A node of a wiring; see `outrange.layers.wire`."""

    name: str
    units: int
    input: bool
    activation: Any
    use_bias: bool
    shared: str | None


@dataclass(frozen=True)
class EdgeSpec:
    """An edge of a wiring; see `outrange.layers.wire`."""

    source: str
    target: str
    feedback: bool
    mask: Any
    shared: str | None

    def __str__(self) -> str:
        return f"{self.source} -> {self.target}"


@dataclass(frozen=True)
class Wiring:
    """A checked list of the nodes and edges from which `outrange.layers.wire` builds a model.

    Args:
        nodes: Dict from name to node. Each node comes after all nodes whose values it reads in the
            same pass.
        edges: The edges, in the user's order.
        passes: The number of times that the nodes are computed.
        outputs: Names of the nodes whose values in the last pass are the outputs.
    """

    nodes: dict[str, NodeSpec]
    edges: tuple[EdgeSpec, ...]
    passes: int
    outputs: tuple[str, ...]

    def into(self, name: str) -> list[EdgeSpec]:
        """Return the edges that end at the node with the given name."""
        return [edge for edge in self.edges if edge.target == name]


def read_wiring(spec: Any) -> Wiring:
    """Convert a user's dict to a checked wiring, with its nodes in the order of computation.

    Raises:
        InputError: The wiring is invalid; the message identifies the node or edge.
    """
    rule = '`spec` must be a dict with "nodes", "edges", "outputs" and, with feedback, "passes".'
    if not isinstance(spec, Mapping):
        raise InputError(f"{rule} Received: {type(spec).__name__}.")
    unknown = set(spec) - {"nodes", "edges", "outputs", "passes"}
    missing = {"nodes", "edges", "outputs"} - set(spec)
    if unknown or missing:
        raise InputError(f"{rule} Received: keys {sorted(map(str, spec))}.")
    for key in ("nodes", "edges"):
        if not isinstance(spec[key], list | tuple):
            raise InputError(f"{rule} {key!r} must be a list. Received: {spec[key]!r}.")
    nodes = [_node(entry) for entry in spec["nodes"]]
    named: dict[str, NodeSpec] = {}
    for node in nodes:
        if node.name in named:
            raise InputError(f"Names of nodes must differ. Received: `{node.name}` twice.")
        named[node.name] = node
    edges = tuple(_edge(entry, named) for entry in spec["edges"])
    outputs = spec["outputs"]
    if not isinstance(outputs, str | list | tuple):
        raise InputError(
            f'{rule} "outputs" must be a name or a list of names. Received: {outputs!r}.'
        )
    outputs = tuple([outputs] if isinstance(outputs, str) else outputs)
    if len(set(map(str, outputs))) < len(outputs):
        raise InputError(f"Every output must be listed once. Received: outputs {list(outputs)}.")
    for name in outputs:
        if name not in named or named[name].input:
            raise InputError(f"An output must be a node that is not an input. Received: {name!r}.")
    if not outputs or not any(node.input for node in nodes):
        raise InputError(
            'A wiring needs an output, and a node with `"input": True`. '
            f"Received: outputs {list(outputs)}, nodes {list(named)}."
        )
    passes = _passes(spec.get("passes", 1), edges)
    _check_duplicates(edges)
    _check_shared_shapes(named, edges)
    order = _order(named, edges)
    wiring = Wiring({name: named[name] for name in order}, edges, passes, outputs)
    _check_all_used(wiring)
    return wiring


def _node(entry: Any) -> NodeSpec:
    if not isinstance(entry, Mapping) or not {"name", "units"} <= set(entry) <= NODE_KEYS:
        raise InputError(
            'A node must be a dict with "name" and "units", and may have "input", "activation", '
            f'"use_bias", "shared". Received: {entry!r}.'
        )
    name, units = entry["name"], entry["units"]
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
        raise InputError(
            "The name of a node must consist of letters, digits, `_`, `.` and `-`. "
            f"Received: {name!r}."
        )
    if isinstance(units, bool) or not isinstance(units, int) or units < 1:
        raise InputError(f"Node `{name}`: `units` must be an integer >= 1. Received: {units!r}.")
    is_input = bool(entry.get("input", False))
    extra = sorted(set(entry) & {"activation", "use_bias", "shared"})
    if is_input and extra:
        raise InputError(
            f"Node `{name}` is an input, so it can have only `units`. Received: {extra}."
        )
    activation_of(entry.get("activation"), f"Node `{name}`")
    return NodeSpec(
        name,
        units,
        is_input,
        entry.get("activation"),
        bool(entry.get("use_bias", True)),
        entry.get("shared"),
    )


def _edge(entry: Any, nodes: Mapping[str, NodeSpec]) -> EdgeSpec:
    if isinstance(entry, list | tuple) and len(entry) == 2:
        entry = {"from": entry[0], "to": entry[1]}
    if not isinstance(entry, Mapping) or not {"from", "to"} <= set(entry) <= EDGE_KEYS:
        raise InputError(
            'An edge must be a pair `("A", "B")`, or a dict with "from" and "to" that may have '
            f'"feedback", "mask", "shared". Received: {entry!r}.'
        )
    if not isinstance(entry.get("feedback", False), bool):
        raise InputError(
            f'"feedback" of an edge must be True or False. Received: {entry["feedback"]!r} in '
            f"{entry['from']} -> {entry['to']}."
        )
    edge = EdgeSpec(
        entry["from"],
        entry["to"],
        bool(entry.get("feedback", False)),
        entry.get("mask"),
        entry.get("shared"),
    )
    for end in (edge.source, edge.target):
        if end not in nodes:
            raise InputError(
                f"Edge `{edge}`: both ends must be nodes: {list(nodes)}. Received: {end!r}."
            )
    if nodes[edge.target].input:
        raise InputError(f"An edge must not end at an input. Received: `{edge}`.")
    if edge.feedback and nodes[edge.source].input:
        raise InputError(
            "A feedback edge must start at a node that is computed, not at an input. "
            f"Received: `{edge}`."
        )
    return edge


def _passes(passes: Any, edges: tuple[EdgeSpec, ...]) -> int:
    back = [edge for edge in edges if edge.feedback]
    if isinstance(passes, bool) or not isinstance(passes, int) or passes < 1:
        raise InputError(f"`passes` must be an integer >= 1. Received: passes={passes!r}.")
    if back and passes < 2:
        raise InputError(
            f"`passes` must be at least 2 with the feedback edge `{back[0]}`, which is read from "
            f"the second pass on. Received: passes={passes}."
        )
    if not back and passes > 1:
        raise InputError(
            "`passes` must be omitted without a feedback edge, because all passes then compute "
            'the same values. Mark an edge `"feedback": True`, or omit `passes`. Received: '
            f"passes={passes}."
        )
    return passes


def _check_duplicates(edges: tuple[EdgeSpec, ...]) -> None:
    seen = set()
    for edge in edges:
        if (edge.source, edge.target, edge.feedback) in seen:
            raise InputError(
                "Two nodes can have at most one edge and one feedback edge in each direction. "
                f"Received: `{edge}` twice."
            )
        seen.add((edge.source, edge.target, edge.feedback))


def _check_shared_shapes(nodes: Mapping[str, NodeSpec], edges: tuple[EdgeSpec, ...]) -> None:
    """Check that edges with the same label, and nodes with the same label, can share one layer.

    Raises:
        InputError: Edges with the same label differ in their sizes or mask, or nodes with the same
            label differ in their units, activation or bias.
    """
    shapes: dict[str, tuple] = {}
    labels: dict[str, tuple] = {}
    for edge in edges:
        if edge.shared is None:
            continue
        shape = (nodes[edge.source].units, nodes[edge.target].units, str(edge.mask))
        first = shapes.setdefault(edge.shared, shape)
        if first != shape:
            raise InputError(
                f"Edges with `shared={edge.shared!r}` share a matrix of weights, so they must have "
                f"the same sizes and mask. Received: `{edge}` from {shape[0]} to {shape[1]} units, "
                f"after an edge from {first[0]} to {first[1]} units."
            )
    for node in nodes.values():
        if node.shared is None:
            continue
        look = (node.units, str(node.activation), node.use_bias)
        first = labels.setdefault(node.shared, look)
        if first != look:
            raise InputError(
                f"Nodes with `shared={node.shared!r}` are one layer, so they must have the same "
                f"units, activation and bias. Received: `{node.name}`, {look} after {first}."
            )


def _order(nodes: Mapping[str, NodeSpec], edges: tuple[EdgeSpec, ...]) -> list[str]:
    """Sort the node names so that every edge within a pass leads from an earlier to a later node.

    Raises:
        InputError: The edges within a pass form a loop.
    """
    waiting = {
        name: [e.source for e in edges if e.target == name and not e.feedback] for name in nodes
    }
    order: list[str] = []
    while waiting:
        ready = [n for n, sources in waiting.items() if not set(sources) & set(waiting)]
        if not ready:
            loop = _loop(waiting)
            raise InputError(
                "Edges within a pass must not form a loop. "
                f"Received: {' -> '.join(loop)}. Mark the edge that leads back with "
                '`"feedback": True`, so that it is read in the next pass.'
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


def _check_all_used(wiring: Wiring) -> None:
    for node in wiring.nodes.values():
        if not node.input and not any(not edge.feedback for edge in wiring.into(node.name)):
            raise InputError(
                f"Node `{node.name}` must have an incoming edge that is not a feedback edge, "
                "because feedback edges carry no values in the first pass. Received: no such "
                "edge."
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
            f"Every node must lead to an output. Received: {left}, which have no effect."
        )
