"""`If`, `Loop` and what only touches constants: decided and unrolled while the file is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ....core import ModelError, UnsupportedError
from ....graph import Builder, Value
from ..kinds import Tensor
from ..records import OnnxNode, Subgraph


MOST_ROUNDS = 10_000

RANDOM = ("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial",
          "Bernoulli")  # fmt: skip

Env = dict[str, Tensor]

Run = Callable[[Sequence[OnnxNode], Env], None]
"""Lowers nodes in order, reading from and adding to the tensors by name."""


def _refusal(node: OnnxNode, reason: str) -> UnsupportedError:
    return UnsupportedError(
        f"Node `{node.name}` ({node.op}) is not described: {reason}. Received: {node.op}."
    )


def _constant(node: OnnxNode, env: Env, i: int, default: Any) -> Any:
    """Input `i` as one constant; `default` where it is absent."""
    if i >= len(node.inputs) or not node.inputs[i]:
        return default
    found = env[node.inputs[i]].operand
    if isinstance(found, Value):
        raise _refusal(node, f"its input {i} depends on the network's input")
    return np.asarray(found).reshape(-1)[0]


def _inside(node: OnnxNode, name: str) -> Subgraph:
    found = node.attributes.get(name)
    if not isinstance(found, Subgraph):
        raise ModelError(f"Node `{node.name}` ({node.op}) must have a graph `{name}`.")
    return found


def _called(inside: Subgraph, inputs: Sequence[Tensor], env: Env, run: Run) -> list[Tensor]:
    """What a graph inside a node returns; it may read the tensors around it."""
    own = env | {name: Tensor.of(array) for name, array in inside.constants.items()}
    own.update(zip(inside.inputs, inputs, strict=True))
    run(inside.nodes, own)
    return [own[name] for name in inside.outputs]


def conditional(b: Builder, node: OnnxNode, env: Env, run: Run) -> list[Tensor]:
    """`If` with a condition that does not depend on the network's input."""
    holds = bool(_constant(node, env, 0, True))
    return _called(_inside(node, "then_branch" if holds else "else_branch"), [], env, run)


def loop(b: Builder, node: OnnxNode, env: Env, run: Run) -> list[Tensor]:
    """`Loop` whose number of rounds does not depend on the network's input."""
    body = _inside(node, "body")
    rounds = int(_constant(node, env, 0, MOST_ROUNDS + 1))
    goes_on = bool(_constant(node, env, 1, True))
    state = [env[name] for name in node.inputs[2:]]
    rows: list[list[Tensor]] = []
    i = 0
    while goes_on and i < rounds:
        if i >= MOST_ROUNDS:
            raise _refusal(node, f"it runs more than {MOST_ROUNDS} rounds")
        count, holds = Tensor.of(np.array(i, np.int64)), Tensor.of(np.array(True))
        found = _called(body, [count, holds, *state], env, run)
        if isinstance(found[0].operand, Value):
            raise _refusal(node, "its number of rounds depends on the network's input")
        goes_on = bool(np.asarray(found[0].operand).reshape(-1)[0])
        rows.append(found[1 + len(state) :])
        state = found[1 : 1 + len(state)]
        i += 1
    if not rows and len(node.outputs) > len(state):
        raise _refusal(node, "it runs no round, and collects the results of its rounds")
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
