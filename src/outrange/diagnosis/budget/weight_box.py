"""Ranges of every value of a network over a box of weights, for given inputs.

The graph is lowered three times: with the stored weights, with 1 in place of each trainable entry,
and with 0 in place of each trainable entry. Weights are read only by operations that are linear in
them, so an affine op is `A x + b` with `A = A_0 + L(w)`, `b = b_0 + l(w)`, where `L` and `l` select
entries. Either `A` has no fixed part (`A_0 = 0`: the weights are a kernel), or it has no weights
(they are a bias). If each entry of `w` changes by at most `far + part |w|`, then for `|x| <= h`

    |change of the result| <= far (L(1) h + l(1)) + part (|A| h + |b|).

Sound: for every `x` in its box and every weight in its box, independently; a weight that is read
twice may have two different values. Complete: no. Cost: an interval pass with one or two more
products per affine op.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...core import Bounds, InputError, gamma
from ...domains.intervals import RULES
from ...graph import Graph, Node
from ...ops import Affine
from ...program import PartialGraph, Program, RecordedStep
from .reach import Reach


LINEAR = ("Matmul", "Add", "Conv", "DepthwiseConv", "Einsum")
"""Operations that are affine in the weights they read, for fixed inputs."""

CONVOLUTIONS = ("Conv", "DepthwiseConv")
"""Linear operations whose bias Keras reshapes before adding it to the result."""


@dataclass(frozen=True, eq=False)
class Perturbed:
    """An affine op whose matrix or bias contains trainable weights.

    Args:
        ones: The op with 1 in place of each weight.
        bias: The number of weights in each entry of the bias, `l(1)`, `(op.size,)`.
        kernel: Whether the matrix of the op consists of weights.
    """

    ones: Affine
    bias: np.ndarray
    kernel: bool


@dataclass(frozen=True, eq=False)
class WeightBox:
    """A network whose trainable weights may vary within a box around their stored values.

    Args:
        graph: The unfused graph of the network with its stored weights.
        moved: Map from the index of each affine node with weights to the role of these weights in
            the node's matrix and bias.
        tables: Indices of nodes whose results consist of entries of a weight table (an embedding).
    """

    graph: Graph
    moved: dict[int, Perturbed]
    tables: frozenset[int] = frozenset()

    def ends(self, x: np.ndarray, reach: Reach) -> list[Bounds]:
        """Compute ranges of every value over the box of weights, `(rows, size)` each.

        Args:
            x: The inputs, `(rows, inputs)`.
            reach: Bounds on the movement of the weights.

        Raises:
            InputError: The input of an op may leave its domain.
        """
        values: list[Bounds] = [(x, x)]
        for i, node in enumerate(self.graph.nodes):
            values.append(self.step(i, node, [values[j] for j in node.inputs], reach))
        return values

    def step(self, i: int, node: Node, before: Sequence[Bounds], reach: Reach) -> Bounds:
        """Compute the range of one node's result over the box of weights.

        Args:
            i: Index of the node.
            node: The node.
            before: Ranges of the node's inputs, `(rows, size)` each.
            reach: Bounds on the movement of the weights.
        """
        rule = RULES[type(node.op)]
        lo, hi = rule(node.op, tuple(e[0] for e in before), tuple(e[1] for e in before))
        if i in self.tables:
            far, part = far_and_part(reach)
            out = far + part * np.maximum(np.abs(lo), np.abs(hi))
            lo, hi = lo - out * (1.0 + 1e-12), hi + out * (1.0 + 1e-12)
        moved = self.moved.get(i)
        if moved is not None and isinstance(node.op, Affine):
            size = tuple(np.maximum(np.abs(low), np.abs(high)) for low, high in before)
            out = change(node.op, moved, size, reach)
            lo, hi = lo - out, hi + out
            pad = 1e-15 * np.maximum(np.abs(lo), np.abs(hi))
            lo, hi = lo - pad, hi + pad
        if np.isnan(lo).any() or np.isnan(hi).any():
            lo, hi = np.where(np.isnan(lo), -np.inf, lo), np.where(np.isnan(hi), np.inf, hi)
        return lo, hi


def change(op: Affine, moved: Perturbed, size: tuple[np.ndarray, ...], reach: Reach) -> np.ndarray:
    """Bound how much the movement of the weights changes `A x + b`, for `|x| <= size`.

    Args:
        op: The affine op `A x + b` with the stored weights.
        moved: The role of the weights in the op.
        size: Bounds on the absolute values of each input of the op, `(rows, n)` each.
        reach: Bounds on the movement of the weights.

    Returns:
        Bounds on the absolute change of each entry of the result, `(rows, op.size)`.
    """
    far, part = far_and_part(reach)
    out = far * moved.bias
    if np.any(moved.bias):
        out = out + part * np.abs(op.bias)
    if moved.kernel:
        out = out + far * moved.ones.apply(size, True) + part * op.apply(size, True)
    return out * (1.0 + 4.0 * gamma(2 * op.terms + 8)) + 1e-300


def far_and_part(reach: Reach) -> tuple[float, float]:
    """Return `far` and `part` such that an entry `w` moves by at most `far + part |w|`."""
    return (
        reach.far * (1.0 + reach.stored) * (1.0 + 1e-9),
        (reach.stored + 1.0 - reach.shrunk) * (1.0 + 1e-9),
    )


def weight_box(program: Program) -> WeightBox | str:
    """Return a program's network with a box of weights, or the reason why there is none."""
    part = program.whole
    if part is None or part.unknown or program.varied is None:
        return "the model cannot be written as a graph"
    reason = _unsteady(program) or _not_linear(program)
    if reason:
        return reason
    if any(type(node.op) not in RULES for node in part.written.nodes):
        return "an operation has no interval rule"
    trainable = {i: w.shape for i, w in enumerate(program.weights) if w.trainable}
    variants = [
        program.varied({i: np.full(shape, fill) for i, shape in trainable.items()})
        for fill in (1.0, 0.0)
    ]
    if variants[0] is None or variants[1] is None:
        return "the model cannot be written as a graph"
    biases = _hidden_biases(program)
    if biases is None:
        return "code that could not be traced uses some weights"
    moved = _locate_weights(part.written, variants[0].written, variants[1].written, biases)
    tables = frozenset(
        part.places[step.gives[0]] - 1 for step in program.steps if _looks_up(program, step, part)
    )
    return moved if isinstance(moved, str) else WeightBox(part.written, moved, tables)


def _looks_up(program: Program, step: RecordedStep, part: PartialGraph) -> bool:
    """Return whether a step looks up entries of a weight table whose movement can be bounded.

    On TensorFlow the result is False. There the gradient of a table has one slice per look-up, and
    Keras takes one step per slice. An entry that a batch looks up several times moves several
    times, so its movement is not bounded.
    """
    if program.backend == "tensorflow":
        return False
    is_lookup = (
        step.kind == "Take" and len(step.weights) == 1 and not step.reads and not step.opaque
    )
    return is_lookup and step.inside and bool(step.blocked) and step.gives[0] in part.places


def _unsteady(program: Program) -> str:
    """Return why training may change more than the trainable weights; `""` if it cannot."""
    if program.own_chance:
        return "code outside Keras may set weights in training"
    for layer in program.layers:
        if layer.statistics:
            return f"`{layer.path}` may use batch statistics or run other code in training"
    for i, weight in enumerate(program.weights):
        if not weight.trainable and i not in program.steady:
            return f"`{weight.path}` is not trainable, but may change in training"
    return ""


def _not_linear(program: Program) -> str:
    """Return why some operation may not be linear in a weight it reads; `""` if all are linear."""
    part = program.whole
    trainable = {i for i, w in enumerate(program.weights) if w.trainable}
    if trainable & program.escaped - set(program.understood) or not program.steps:
        return "code that could not be traced uses some weights"
    for step in program.steps:
        read = trainable.intersection(step.weights) | trainable.intersection(step.blocked_weights)
        if not read or not step.inside or (part is not None and _looks_up(program, step, part)):
            continue
        plain = step.kind in LINEAR and not step.opaque and len(step.weights) == 1
        if not plain or len(step.reads) != 1 or part is None or step.reads[0] not in part.places:
            return f"layer `{step.layer}` uses its weights in `{step.kind}`, which is not supported"
    return ""


def _hidden_biases(program: Program) -> set[int] | None:
    """Return the indices of the graph values that are a convolution's result plus its bias.

    Keras reshapes such a bias first, so the recorded addition does not show which weight it reads.
    Returns None if the addition of some bias cannot be found.
    """
    part, values = program.whole, set()
    trainable = {i for i, w in enumerate(program.weights) if w.trainable}
    for i in trainable & program.escaped:
        if program.understood.get(i) != "bias":
            continue
        name = program.weights[i].layer
        inside = [s for s in program.steps if s.inside and s.layer.split("/")[-1] == name]
        convolved = {t for s in inside if s.kind in CONVOLUTIONS for t in s.gives}
        added = [s for s in inside if s.kind == "Add" and convolved.intersection(s.reads)]
        if part is None or not added or len(added) != len(convolved):
            return None
        for step in added:
            if step.weights or len(step.reads) != 1 or step.gives[0] not in part.places:
                return None
            values.add(part.places[step.gives[0]])
    return values


def _locate_weights(
    graph: Graph, ones: Graph, zeros: Graph, biases: set[int]
) -> dict[int, Perturbed] | str:
    """Return a map from the index of each affine node with weights to the role of its weights.

    If the weights cannot be located, returns the reason instead.

    Args:
        graph: The graph with the stored weights.
        ones: The graph with 1 in place of each trainable entry.
        zeros: The graph with 0 in place of each trainable entry.
        biases: Indices of the values that are a convolution's result plus its bias. The graphs may
            not show that these values depend on a weight.
    """
    if not len(graph.nodes) == len(ones.nodes) == len(zeros.nodes):
        return "the graph of the model depends on the values of the weights"
    moved: dict[int, Perturbed] = {}
    for i, (node, unit, zero) in enumerate(zip(graph.nodes, ones.nodes, zeros.nodes, strict=True)):
        kinds = {type(n.op) for n in (node, unit, zero)}
        if len(kinds) > 1 or not node.inputs == unit.inputs == zero.inputs:
            return "the graph of the model depends on the values of the weights"
        if not isinstance(unit.op, Affine) or not isinstance(zero.op, Affine):
            continue
        if not isinstance(node.op, Affine) or not node.op.sizes == unit.op.sizes == zero.op.sizes:
            return "the graph of the model depends on the values of the weights"
        units = tuple(np.ones((1, n)) for n in unit.op.sizes)
        with_ones, fixed = unit.op.apply(units, True), zero.op.apply(units, True)
        kernel = not np.array_equal(with_ones, fixed)
        if kernel and fixed.any():
            return f"layer `{node.source}` mixes weights and constants in one operation"
        bias = np.abs(unit.op.bias - zero.op.bias)
        if i + 1 in biases:
            bias = np.ones_like(bias)
        if kernel or bias.any():
            moved[i] = Perturbed(unit.op, bias, kernel)
    missing = [v for v in biases if v - 1 not in moved]
    return "the graph of the model depends on the values of the weights" if missing else moved


def box_or_reason(program: Program, x: np.ndarray, reach: Reach) -> list[Bounds] | str:
    """Compute ranges of all values of `program.whole.written` over a box of weights.

    If that is impossible, returns the reason instead.

    Args:
        x: The inputs, `(rows, inputs)`.
        reach: Bounds on the movement of the weights.
    """
    box = weight_box(program)
    if isinstance(box, str):
        return box
    try:
        return box.ends(x, reach)
    except InputError as error:
        return str(error)
