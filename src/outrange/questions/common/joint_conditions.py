"""Conditions on several networks: their variables are bound to the networks' joint numbering."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
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


RESERVED = ("x", "y", "u", "max", "min", "implies", *FUNCTIONS)
"""Names that have another meaning in a condition."""


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


def joint_scopes(graphs: Mapping[str, Graph], index: np.ndarray) -> dict[str, Scope]:
    """Return the scope of each network, with variables of the network that combines them.

    Args:
        graphs: Map from the name of each network to its graph, in the order of composition.
        index: `(inputs,)`: position of each flat input of the networks in the joint input.
    """
    inputs, outputs = 0, int(index.max(initial=-1)) + 1
    scopes = {}
    for name, graph in graphs.items():
        size = graph.value_size(graph.output)
        positions = index[inputs : inputs + graph.size]
        places = np.concatenate([positions, np.arange(outputs, outputs + size)])
        scopes[name] = Scope(graph.inputs, graph.outputs, places, name)
        inputs, outputs = inputs + graph.size, outputs + size
    return scopes


def bind_networks(condition: Any, scopes: Mapping[str, Scope], is_shared: bool) -> Any:
    """Bind the variables of a condition to the networks that they name.

    Args:
        condition: A condition or an expression with variables such as `f.y`, or a function that
            takes the networks by name, `lambda f, g: ...`. Anything else is returned unchanged.
        scopes: Scope of each network; see `joint_scopes`.
        is_shared: Whether all networks have the same input, which `x` then denotes.

    Raises:
        InputError: A variable names no network, or one that is not in the question.
    """
    if not isinstance(condition, ExpressionNode):
        if not callable(condition):
            return condition
        condition = _apply(condition, scopes, is_shared)
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
    if not network and kind == "x" and is_shared:
        return node
    if network not in scopes:
        first = next(iter(scopes))
        raise InputError(
            f"A condition on several networks must name the network of each variable, such as "
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
            "A function that states a condition on several networks must take them by name: "
            f"`lambda {', '.join(scopes)}: ...`. Received: {describe_value(function)}."
        ) from None
    return function(**arguments)
