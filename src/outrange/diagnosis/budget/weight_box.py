"""Ranges of every value of a network over a box of weights, at given inputs.

The graph is lowered three times: with the stored weights, with 1 and with 0 in the place of each
trainable entry. Only operations that are linear in their weights read any, so an affine op is
`A x + b` with `A = A_0 + L(w)`, `b = b_0 + l(w)`, `L` and `l` selections of entries. Either it has
no fixed part in `A` (`A_0 = 0`: a kernel), or no weights in it (a bias). If `w` changes by at most
`far + part |w|`, entry by entry, then for `|x| <= h`

    |change of the result| <= far (L(1) h + l(1)) + part (|A| h + |b|).

Sound: for every `x` in the box given and every weight in its own box, independently: weights that
are read twice are taken to differ. Complete: no. Cost: an interval pass with one or two more
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
"""Operations that are linear in the weights they read, for fixed inputs."""

CONVOLUTIONS = ("Conv", "DepthwiseConv")
"""Those of them to whose results a bias is added that was reshaped before."""


@dataclass(frozen=True, eq=False)
class Perturbed:
    """What the weights do in one affine op.

    Args:
        ones: The op with 1 in the place of each weight.
        bias: `l(1)`.
        kernel: Whether its matrix holds weights.
    """

    ones: Affine
    bias: np.ndarray
    kernel: bool


@dataclass(frozen=True, eq=False)
class WeightBox:
    """A network whose trainable weights may move.

    Args:
        graph: With the stored weights, operation by operation.
        moved: Node index to what its weights can do.
        tables: Nodes each entry of whose result is an entry of a table of weights.
    """

    graph: Graph
    moved: dict[int, Perturbed]
    tables: frozenset[int] = frozenset()

    def ends(self, x: np.ndarray, reach: Reach) -> list[Bounds]:
        """Ranges of every value, `(rows, size)` each.

        Args:
            x: `(rows, inputs)`, the inputs.
            reach: How far the weights can move.

        Raises:
            InputError: An op may be asked where it is not defined.
        """
        values: list[Bounds] = [(x, x)]
        for i, node in enumerate(self.graph.nodes):
            values.append(self.step(i, node, [values[j] for j in node.inputs], reach))
        return values

    def step(self, i: int, node: Node, before: Sequence[Bounds], reach: Reach) -> Bounds:
        """Range of one node's result."""
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
    """How much the weights can change `A x + b`, for `|x|` up to `size`."""
    far, part = far_and_part(reach)
    out = far * moved.bias
    if np.any(moved.bias):
        out = out + part * np.abs(op.bias)
    if moved.kernel:
        out = out + far * moved.ones.apply(size, True) + part * op.apply(size, True)
    return out * (1.0 + 4.0 * gamma(2 * op.terms + 8)) + 1e-300


def far_and_part(reach: Reach) -> tuple[float, float]:
    """An entry `w` moves by at most `far + part |w|`."""
    return (
        reach.far * (1.0 + reach.stored) * (1.0 + 1e-9),
        (reach.stored + 1.0 - reach.shrunk) * (1.0 + 1e-9),
    )


def weight_box(program: Program) -> WeightBox | str:
    """The network of a program with movable weights, or why it has no such box."""
    part = program.whole
    if part is None or part.unknown or program.varied is None:
        return "the model cannot be written as a graph"
    reason = _unsteady(program) or _not_linear(program)
    if reason:
        return reason
    if any(type(node.op) not in RULES for node in part.written.nodes):
        return "an operation has no interval rule"
    trainable = {i: w.shape for i, w in enumerate(program.weights) if w.trainable}
    found = [
        program.varied({i: np.full(shape, fill) for i, shape in trainable.items()})
        for fill in (1.0, 0.0)
    ]
    if found[0] is None or found[1] is None:
        return "the model cannot be written as a graph"
    biases = _hidden_biases(program)
    if biases is None:
        return "some weights are read where it cannot be followed"
    moved = _compared(part.written, found[0].written, found[1].written, biases)
    tables = frozenset(
        part.places[step.gives[0]] - 1 for step in program.steps if _looks_up(program, step, part)
    )
    return moved if isinstance(moved, str) else WeightBox(part.written, moved, tables)


def _looks_up(program: Program, step: RecordedStep, part: PartialGraph) -> bool:
    """Whether a step picks entries of a table of weights by whole numbers from the data.

    On TensorFlow its gradient is one slice a look-up, and Keras steps once for each of them: an
    entry that is looked up often in a batch moves as often, and nothing bounds that.
    """
    if program.backend == "tensorflow":
        return False
    one = step.kind == "Take" and len(step.weights) == 1 and not step.reads and not step.opaque
    return one and step.inside and bool(step.blocked) and step.gives[0] in part.places


def _unsteady(program: Program) -> str:
    """Why something but the trainable weights may change in training, or `""`."""
    if program.own_chance:
        return "code that is not Keras's may set weights in training"
    for layer in program.layers:
        if layer.statistics:
            return f"`{layer.path}` may use statistics of a batch, or other code, in training"
    for i, weight in enumerate(program.weights):
        if not weight.trainable and i not in program.steady:
            return f"`{weight.path}` may change in training without being trained"
    return ""


def _not_linear(program: Program) -> str:
    """Why some weight is not read by a linear operation alone, or `""`."""
    part = program.whole
    trainable = {i for i, w in enumerate(program.weights) if w.trainable}
    if trainable & program.escaped - set(program.understood) or not program.steps:
        return "some weights are read where it cannot be followed"
    for step in program.steps:
        read = trainable.intersection(step.weights) | trainable.intersection(step.blocked_weights)
        if not read or not step.inside or (part is not None and _looks_up(program, step, part)):
            continue
        plain = step.kind in LINEAR and not step.opaque and len(step.weights) == 1
        if not plain or len(step.reads) != 1 or part is None or step.reads[0] not in part.places:
            return f"layer `{step.layer}` reads its weights in `{step.kind}`"
    return ""


def _hidden_biases(program: Program) -> set[int] | None:
    """Values that a convolution's bias is added to give; None where one is not found."""
    part, found = program.whole, set()
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
            found.add(part.places[step.gives[0]])
    return found


def _compared(
    graph: Graph, ones: Graph, zeros: Graph, biases: set[int]
) -> dict[int, Perturbed] | str:
    """Which nodes the weights are in; a reason if the graphs differ in more than numbers."""
    if not len(graph.nodes) == len(ones.nodes) == len(zeros.nodes):
        return "its graph depends on the values of the weights"
    moved: dict[int, Perturbed] = {}
    for i, (node, one, zero) in enumerate(zip(graph.nodes, ones.nodes, zeros.nodes, strict=True)):
        kinds = {type(n.op) for n in (node, one, zero)}
        if len(kinds) > 1 or not node.inputs == one.inputs == zero.inputs:
            return "its graph depends on the values of the weights"
        if not isinstance(one.op, Affine) or not isinstance(zero.op, Affine):
            continue
        if not isinstance(node.op, Affine) or not node.op.sizes == one.op.sizes == zero.op.sizes:
            return "its graph depends on the values of the weights"
        units = tuple(np.ones((1, n)) for n in one.op.sizes)
        with_ones, fixed = one.op.apply(units, True), zero.op.apply(units, True)
        kernel = not np.array_equal(with_ones, fixed)
        if kernel and fixed.any():
            return f"layer `{node.source}` mixes weights and constants in one operation"
        bias = np.abs(one.op.bias - zero.op.bias)
        if i + 1 in biases:
            bias = np.ones_like(bias)
        if kernel or bias.any():
            moved[i] = Perturbed(one.op, bias, kernel)
    missing = [v for v in biases if v - 1 not in moved]
    return "its graph depends on the values of the weights" if missing else moved


def box_or_reason(program: Program, x: np.ndarray, reach: Reach) -> list[Bounds] | str:
    """Ranges of every value of `whole.written` at rows of inputs, or why there are none."""
    box = weight_box(program)
    if isinstance(box, str):
        return box
    try:
        return box.ends(x, reach)
    except InputError as error:
        return str(error)
