"""Control flow (`If`, `Loop`) with constant conditions, resolved while the file is lowered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ....core import ModelError, UnsupportedError
from ....graph import Builder, Value
from ..element_types import Tensor
from ..records import OnnxNode, Subgraph


MOST_ROUNDS = 10_000

RANDOM = ("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial",
          "Bernoulli")  # fmt: skip

QUANTIZED = ("Quantize", "Dequantize", "DynamicQuantize", "QLinear", "QGemm")
"""First parts of the names of quantized operators."""

Env = dict[str, Tensor]

Run = Callable[[Sequence[OnnxNode], Env], None]
"""Function that lowers nodes in order, and stores their results by name in an `Env`."""


def _unsupported_node(node: OnnxNode, reason: str) -> UnsupportedError:
    return UnsupportedError(
        f"Node `{node.name}` ({node.op}) is not supported: {reason}; "
        f"export the model without this form of {node.op}. Received: {node.op}."
    )


def _constant(node: OnnxNode, env: Env, i: int, default: Any) -> Any:
    """Return input `i` as a single constant number, or `default` if it is absent.

    Raises:
        UnsupportedError: The input depends on the network's input.
    """
    if i >= len(node.inputs) or not node.inputs[i]:
        return default
    operand = env[node.inputs[i]].operand
    if isinstance(operand, Value):
        raise _unsupported_node(
            node, f"input {i} must be a constant, but depends on the network's input"
        )
    return np.asarray(operand).reshape(-1)[0]


def _subgraph(node: OnnxNode, name: str) -> Subgraph:
    graph = node.attributes.get(name)
    if not isinstance(graph, Subgraph):
        raise ModelError(
            f"Node `{node.name}` ({node.op}) must have the subgraph `{name}`; correct the "
            "exporter, or export the model again if the file is damaged. Received: a node "
            "without this subgraph."
        )
    return graph


def _lower_subgraph(graph: Subgraph, inputs: Sequence[Tensor], env: Env, run: Run) -> list[Tensor]:
    """Lower a subgraph, which may read tensors of the enclosing graph, and return its results.

    Raises:
        UnsupportedError: The subgraph has quantized operators. Runtimes rewrite them, and the rules
            that cover these rewrites read the main graph only.
    """
    for inner in graph.nodes:
        if inner.op.startswith(QUANTIZED) or inner.op.endswith("Integer"):
            raise UnsupportedError(
                "Quantized operators must not lie inside `If` or `Loop`; export the model without "
                f"control flow. Received: node `{inner.name}` ({inner.op}) inside a subgraph."
            )
    inner_env = env | {name: Tensor.of(array) for name, array in graph.constants.items()}
    inner_env.update(zip(graph.inputs, inputs, strict=True))
    run(graph.nodes, inner_env)
    return [inner_env[name] for name in graph.outputs]


def conditional(b: Builder, node: OnnxNode, env: Env, run: Run) -> list[Tensor]:
    """Lower an `If` node whose condition does not depend on the network's input."""
    holds = bool(_constant(node, env, 0, True))
    return _lower_subgraph(_subgraph(node, "then_branch" if holds else "else_branch"), [], env, run)


def loop(b: Builder, node: OnnxNode, env: Env, run: Run) -> list[Tensor]:
    """Unroll a `Loop` node whose number of iterations does not depend on the network's input."""
    body = _subgraph(node, "body")
    rounds = int(_constant(node, env, 0, MOST_ROUNDS + 1))
    continues = bool(_constant(node, env, 1, True))
    state = [env[name] for name in node.inputs[2:]]
    rows: list[list[Tensor]] = []
    i = 0
    while continues and i < rounds:
        if i >= MOST_ROUNDS:
            raise _unsupported_node(node, f"a loop may have at most {MOST_ROUNDS} iterations")
        count, holds = Tensor.of(np.array(i, np.int64)), Tensor.of(np.array(True))
        results = _lower_subgraph(body, [count, holds, *state], env, run)
        if isinstance(results[0].operand, Value):
            raise _unsupported_node(
                node,
                "the number of iterations must be a constant, but depends on the network's input",
            )
        continues = bool(np.asarray(results[0].operand).reshape(-1)[0])
        rows.append(results[1 + len(state) :])
        state = results[1 : 1 + len(state)]
        i += 1
    if not rows and len(node.outputs) > len(state):
        raise _unsupported_node(
            node,
            "a loop that returns a result of every iteration must run at least once, but "
            "runs 0 times",
        )
    stacked = [
        Tensor(
            b.structural(lambda a: np.stack(a), [t.operand for t in column], name="loop"),
            column[0].kind,
        )
        for column in zip(*rows, strict=True)
    ]
    return [*state, *stacked]


CONTROL: dict[str, Callable[[Builder, OnnxNode, Env, Run], list[Tensor]]] = {
    "If": conditional,
    "Loop": loop,
}
