"""Search for the operation by which a module mixes the rows of a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ...core import ModelError
from .api import evaluating, quiet, torch
from .export import export_module
from .places import operation_place


_ROWS = 3


def mixing_operation(module: Any, inputs: Callable[[int], Sequence[np.ndarray]]) -> str:
    """Describe the first operation that mixes rows, or that computes with the number of rows.

    Args:
        inputs: Function from a number of rows to the input arrays of a batch of that size.

    Returns:
        The operation's name, submodule and line of code. The result is `""` if no such operation
        was found, or if the module cannot be exported for a batch of several rows.
    """
    try:
        program = export_module(module, inputs(_ROWS))
        node = _mixing_node(program.module(), inputs(_ROWS))
        if node is None:
            node = _counting_node(program, export_module(module, inputs(_ROWS - 1)))
    except ModelError:
        return ""
    if node is None:
        return ""
    return ", ".join(filter(None, (f"`{_name(node)}`", operation_place(node))))


def _name(node: Any) -> str:
    return str(node.target).removeprefix("aten.")


def _mixing_node(program: Any, parts: Sequence[np.ndarray]) -> Any:
    """Return the first node that mixes rows; None if there is none.

    An entry of its result depends on several rows, but no entry of its operands does.

    Args:
        program: A module of `torch.fx`.
        parts: Input arrays of the module.
    """
    base = _values(program, parts)
    changes: dict[Any, list[np.ndarray]] = {}
    for row in range(_ROWS):
        other = [np.array(p) for p in parts]
        for p in other:
            p[row] = 100.0 * p[row] + 1.0
        values = _values(program, other)
        for node, entries in base.items():
            changed = [a != b for a, b in zip(entries, values[node], strict=True)]
            changes.setdefault(node, []).append(
                np.concatenate([c.ravel() for c in changed] or [np.zeros(0, bool)])
            )
    mixed = {node for node, rows in changes.items() if (np.sum(rows, axis=0) > 1).any()}
    for node in base:
        if node in mixed and not mixed.intersection(node.all_input_nodes):
            return node
    return None


def _values(program: Any, parts: Sequence[np.ndarray]) -> dict[Any, list[np.ndarray]]:
    """Run a program, and return a map from each operation to the arrays that it computes."""
    t = torch()
    arrays: dict[Any, list[np.ndarray]] = {}

    class Recorder(t.fx.Interpreter):
        def run_node(self, n: Any) -> Any:
            result = super().run_node(n)
            if n.op == "call_function":
                leaves = t.utils._pytree.tree_leaves(result)
                arrays[n] = [np.array(x.detach()) for x in leaves if t.is_tensor(x)]
            return result

    with quiet(), t.no_grad(), evaluating(program):
        Recorder(program).run(*(t.from_numpy(np.array(p)) for p in parts))
    return arrays


def _counting_node(program: Any, other: Any) -> Any:
    """Return the first operation in which programs for two batch sizes differ; None if none does.

    Operations differ if they have different kinds, or different numbers as arguments that are not
    sizes.
    """
    for node, counterpart in zip(_operations(program), _operations(other), strict=False):
        if node.target != counterpart.target:
            return node
        schema = getattr(node.target, "_schema", None)
        if schema is None:
            continue
        numbers = zip(schema.arguments, node.args, counterpart.args, strict=False)
        for argument, here, there in numbers:
            is_size = "SymInt" in str(argument.real_type) or "List" in str(argument.type)
            if isinstance(here, int | float) and here != there and not is_size:
                return node
    return None


def _operations(program: Any) -> Iterator[Any]:
    return (n for n in program.graph_module.graph.nodes if n.op == "call_function")
