"""Binding of conditions on several networks to variables that are numbered together."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core import InputError
from ..expressions.nodes import ExpressionNode
from ..expressions.nonlinear.terms import FUNCTIONS
from ..expressions.order import in_order
from ..expressions.scope import Scope
from ..expressions.variables import NetworkVariables, Variable
from ..inputs.boxes import describe_value


if TYPE_CHECKING:
    from ...graph import Graph


RESERVED = ("x", "y", "u", "layer", "max", "min", "implies", *FUNCTIONS)
"""Names that no network may have, because they have another meaning in a condition."""


def check_name(name: Any) -> str:
    """Return the name of a network if a condition can use it.

    Raises:
        InputError: The name is not an identifier, or has another meaning.
    """
    if not isinstance(name, str) or not name.isidentifier() or name in RESERVED:
        raise InputError(
            "The name of a network must be an identifier, such as `f`, because conditions "
            f"write `f.y`; {', '.join(RESERVED)} have another meaning. Received: {name!r}."
        )
    return name


def names_networks(condition: Any) -> bool:
    """Return whether a condition names a network or a layer."""
    if not isinstance(condition, ExpressionNode):
        return False
    variables = (node.detail for node in in_order(condition) if node.op == "variable")
    return any(kind == "layer" or network for kind, _, _, network in variables)


def named_layers(conditions: Sequence[Any], names: Sequence[str]) -> dict[str, list[str]]:
    """Return the layers that conditions name, for each network.

    Args:
        conditions: Conditions; other values, such as None, are ignored.
        names: Names of the networks; a layer without a network belongs to the first.
    """
    layers: dict[str, list[str]] = {name: [] for name in names}
    for condition in conditions:
        for node in in_order(condition) if isinstance(condition, ExpressionNode) else ():
            if node.op != "variable" or node.detail[0] != "layer":
                continue
            layer, network = node.detail[1], node.detail[3]
            here = layers.get(network or names[0], [])
            if layer not in here:
                here.append(layer)
    return layers


def joint_scopes(
    graphs: Mapping[str, Graph], index: np.ndarray, hidden: Mapping[str, Sequence[str]]
) -> dict[str, Scope]:
    """Return the scope of each network; its variables are those of the combined network.

    Args:
        graphs: Map from the name of each network to its graph, in the order of composition.
        index: `(inputs,)`: position of each flat input of the networks in the joint input.
        hidden: Map from the name of a network to the layers whose values are the last outputs of
            its graph.
    """
    inputs, outputs = 0, int(index.max(initial=-1)) + 1
    scopes = {}
    for name, graph in graphs.items():
        size = graph.value_size(graph.output)
        positions = index[inputs : inputs + graph.size]
        places = np.concatenate([positions, np.arange(outputs, outputs + size)])
        layers = hidden.get(name, ())
        count = len(graph.outputs) - len(layers)
        inner = [
            replace(slot, name=layer)
            for slot, layer in zip(graph.outputs[count:], layers, strict=True)
        ]
        scopes[name] = Scope(graph.inputs, graph.outputs[:count], places, name, layers=inner)
        inputs, outputs = inputs + graph.size, outputs + size
    return scopes


def apply_to_networks(condition: Any, scopes: Mapping[str, Scope], is_shared: bool) -> Any:
    """Call a function of networks, `lambda f, g: ...`; return any other condition unchanged.

    Args:
        condition: A condition, an expression, or a function that returns one.
        scopes: Scope of each network; see `joint_scopes`.
        is_shared: Whether all networks have the same input, which `x` then denotes.

    Raises:
        InputError: A parameter is neither the name of a network nor, for a shared input, `x`.
    """
    if isinstance(condition, ExpressionNode) or not callable(condition):
        return condition
    return _apply(condition, scopes, is_shared)


def bind_networks(condition: Any, scopes: Mapping[str, Scope], is_shared: bool) -> Any:
    """Bind the variables of a condition to the networks that they name.

    Args:
        condition: A condition or an expression; anything else is returned unchanged.
        scopes: Scope of each network; see `joint_scopes`.
        is_shared: Whether all networks have the same input, which `x` then denotes.

    Raises:
        InputError: A variable names no network, or a network that is not part of the question.
    """
    if not isinstance(condition, ExpressionNode):
        return condition
    bound: dict[int, ExpressionNode] = {}
    for node in in_order(condition):
        parts = tuple(bound[id(part)] for part in node.parts)
        if node.op == "variable":
            bound[id(node)] = _bind(node, scopes, is_shared)
        else:
            bound[id(node)] = type(node)(node.op, parts, node.detail)
    return bound[id(condition)]


def _bind(node: ExpressionNode, scopes: Mapping[str, Scope], is_shared: bool) -> ExpressionNode:
    kind, name, _, network = node.detail
    if not network and (len(scopes) == 1 or (kind == "x" and is_shared)):
        return Variable(kind, name, next(iter(scopes.values())))
    if network not in scopes:
        first = next(iter(scopes))
        if len(scopes) == 1:
            raise InputError(
                f"A condition on the single network `{first}` must use `x` and `y`, or "
                f"`{first}.x` and `{first}.y`. For a condition on several networks, pass a "
                f"dict of models. Received: {node!r}."
            )
        raise InputError(
            "A condition on several networks must name the network of each variable, such as "
            f"`{first}.y[0]`; the networks are {', '.join(scopes)}. Received: {node!r}."
        )
    return Variable(kind, name, scopes[network], network)


def _apply(function: Any, scopes: Mapping[str, Scope], is_shared: bool) -> Any:
    """Call a function with the variables of the networks that its parameters name."""
    variables: dict[str, Any] = {
        name: NetworkVariables(name, scope) for name, scope in scopes.items()
    }
    if is_shared:
        variables["x"] = Variable("x", None, next(iter(scopes.values())))
    try:
        parameters = list(inspect.signature(function).parameters)
        arguments = {name: variables[name] for name in parameters}
        inspect.signature(function).bind(**arguments)
    except (KeyError, TypeError, ValueError):
        raise InputError(
            "A function that states a condition on several networks must have their names as "
            f"its parameters: `lambda {', '.join(scopes)}: ...`. Received: "
            f"{describe_value(function)}."
        ) from None
    return function(**arguments)
