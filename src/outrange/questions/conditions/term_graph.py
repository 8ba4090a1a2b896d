"""Extension of a network by the nonlinear terms of a condition, which become further outputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np

from ...core import Formula, InputError
from ...core.formula import different_atoms
from ...graph import Graph, Node, Slot
from ...graph.builder import Builder
from ...graph.composites.products import product
from ...graph.composites.splice import renumber_nodes
from ...graph.domain import is_restricted
from ...graph.values import Value
from ...ops import Rearrange, curve
from ..expressions.forms import is_float
from ..expressions.nonlinear.terms import Operation, Terms


MOST_PARTS = 4
"""Maximum number of float64 numbers whose sum is one coefficient."""

MOST_DIVISOR = 1 << 1000
"""Maximum divisor that the coefficients of a form share: the reciprocal of a larger one may be
subnormal, so its rounding error is no longer relative."""

N = TypeVar("N", bound=Any)


def extend_network(network: N, terms: Terms, formulas: Sequence[Formula]) -> N:
    """Append the terms that `formulas` use to a network, as outputs after those of the model.

    Args:
        network: The network whose inputs `x` and outputs `y` the formulas use.
        terms: The terms; their first variable follows the network's inputs and outputs.
        formulas: Formulas over `[x, y, terms]`.

    Returns:
        The network itself if the formulas are linear. Otherwise, a network whose flat outputs are
        those of the model and then the terms; a term that no formula needs is 0. The named outputs
        are still those of the model.

    Raises:
        InputError: A coefficient inside a term has no exact float64 value, or a function that is
            not defined everywhere cancels out.
    """
    used = sorted(
        {i for f in formulas for atom in different_atoms(f) for i, _ in atom.terms}
        - set(range(terms.first))
    )
    _check_cancelled(terms, used)
    if not used:
        return network
    appended = term_graph(terms, used)
    run = network.predict
    return replace(
        network,
        graph=_append(network.graph, appended),
        plain=None if network.plain is None else _append(network.plain, appended),
        predict=None if run is None else _predict(run, appended),
        terms=appended,
        model=network,
        products=terms.products,
    )


def _predict(
    run: Callable[[np.ndarray], np.ndarray], terms: Graph
) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that runs the model and appends the terms to its outputs.

    The terms are computed in float64 from the model's input and output.
    """

    def predict(x: np.ndarray) -> np.ndarray:
        y = np.asarray(run(x), np.float64).reshape(len(x), -1)
        point = np.concatenate([np.asarray(x, np.float64).reshape(len(x), -1), y], axis=1)
        return np.concatenate([y, terms.run(point)], axis=1)

    return predict


def _append(graph: Graph, terms: Graph) -> Graph:
    """Append the graph of the terms, whose input is `[x, y]`, to a graph."""
    nodes = list(graph.nodes)
    inputs, outputs = graph.size, graph.value_size(graph.output)

    def join(sizes: tuple[int, ...], read: tuple[int, ...]) -> int:
        size = sum(sizes)
        op = Rearrange("concat", np.arange(size), sizes, np.zeros(size))
        nodes.append(Node(op, read, size, (1, size)))
        return len(nodes)

    start = join((inputs, outputs), (0, graph.output))
    nodes += renumber_nodes(terms, start, start, "")
    count = terms.value_size(terms.output)
    output = join((outputs, count), (graph.output, start + terms.output))
    return replace(graph, nodes=tuple(nodes), output=output)


def _ancestors(terms: Terms, used: Sequence[int]) -> set[int]:
    """Return the variables on which the used terms depend, including these terms."""
    needed = set(used)
    for i in range(terms.first + len(terms.operations) - 1, terms.first - 1, -1):
        if i in needed:
            needed.update(terms.operations[i - terms.first].operands)
    return needed


def _check_cancelled(terms: Terms, used: Sequence[int]) -> None:
    """Reject a condition like `0 * log(x[0]) <= 1`, whose domain no bound would check.

    Raises:
        InputError: A function that is not defined everywhere has no effect on the condition.
    """
    needed = _ancestors(terms, used)
    for i, operation in enumerate(terms.operations, terms.first):
        if operation.kind == "curve" and i not in needed:
            name, attributes = operation.detail
            if is_restricted(curve(name, **dict(attributes))):
                raise InputError(
                    "A function that is not defined everywhere must not cancel out of a "
                    f"condition; remove this function from the condition. Received: `{name}`, "
                    "which has no effect."
                )


def term_graph(terms: Terms, used: Sequence[int]) -> Graph:
    """Build the graph from `[x, y]` to all terms; those that `used` does not need are 0.

    Args:
        terms: Nonlinear terms of a question, in the order of their variables.
        used: Variables of the terms that conditions use.
    """
    first, needed = terms.first, _ancestors(terms, used)
    builder = Builder([Slot("v", (first,))])
    writer = _Writer(builder, first)
    waves: dict[tuple, list[int]] = {}
    depth = [0] * first
    for i, operation in enumerate(terms.operations, first):
        depth.append(1 + max((depth[j] for j in operation.operands), default=0))
        if i in needed:
            group = operation.detail if operation.kind == "curve" else ()
            waves.setdefault((depth[i], operation.kind, group), []).append(i)
    for (_, kind, _), members in sorted(waves.items(), key=lambda item: item[0][:2]):
        writer.write(kind, members, [terms.operations[i - first] for i in members])
    # Unused terms are outputs that are 0, so that the others keep their indices.
    wanted = [i if i in needed else None for i in range(first, first + len(terms.operations))]
    return builder.finish([writer.gather(wanted)], ["terms"], fused=False)


class _Writer:
    """Writer of nonlinear terms to a graph, in groups of independent operations.

    Args:
        builder: The graph under construction.
        first: Length of the flat input.
    """

    def __init__(self, builder: Builder, first: int) -> None:
        self._builder = builder
        whole = Value(builder, 0, (1, first))
        self._places: dict[int, tuple[Value, int]] = {i: (whole, i) for i in range(first)}

    def gather(self, variables: Sequence[int | None]) -> Value:
        """Return a vector of variables; None stands for the constant 0."""
        places = [None if i is None else self._places[i] for i in variables]
        values = list({v.index: v for v, _ in filter(None, places)}.values())
        starts = dict(
            zip([v.index for v in values], np.cumsum([0, *(v.size for v in values)]), strict=False)
        )
        index = [-1 if p is None else int(starts[p[0].index]) + p[1] for p in places]
        return self._builder.rearrange(values, np.array([index], np.int64))

    def write(self, kind: str, members: Sequence[int], operations: Sequence[Operation]) -> None:
        """Add nodes for operations of one kind, whose operands the graph already contains."""
        value = getattr(self, f"_{kind}")(operations)
        for k, i in enumerate(members):
            self._places[i] = value, k

    def _curve(self, operations: Sequence[Operation]) -> Value:
        name, attributes = operations[0].detail
        operand = self.gather([operation.operands[0] for operation in operations])
        value: Any = self._builder.curve(name, operand, **dict(attributes))
        return value

    def _product(self, operations: Sequence[Operation]) -> Value:
        left, right = (self.gather([op.operands[k] for op in operations]) for k in (0, 1))
        index = np.arange(len(operations))[None]
        return product(self._builder, left, right, index, index)

    def _largest(self, operations: Sequence[Operation]) -> Value:
        variables = list(dict.fromkeys(i for op in operations for i in op.operands))
        width = max(len(op.operands) for op in operations)
        windows = np.full((len(operations), width), -1)
        column = {i: k for k, i in enumerate(variables)}
        for row, operation in zip(windows, operations, strict=True):
            row[: len(operation.operands)] = [column[i] for i in operation.operands]
        return self._builder.largest(self.gather(variables), windows, (1, len(operations)))

    def _form(self, operations: Sequence[Operation]) -> Value:
        variables = list(dict.fromkeys(i for op in operations for i in op.operands)) or [0]
        column = {i: k for k, i in enumerate(variables)}
        sums = [_exact_sums((*op.detail[0], op.detail[1])) for op in operations]
        count = max(len(parts) for numbers, _ in sums for parts in numbers)
        weights = np.zeros((count, len(variables), len(operations)))
        biases = np.zeros((count, len(operations)))
        for k, (operation, (numbers, _)) in enumerate(zip(operations, sums, strict=True)):
            for i, parts in zip(operation.operands, numbers, strict=False):
                weights[: len(parts), column[i], k] = parts
            biases[: len(numbers[-1]), k] = numbers[-1]
        operand = self.gather(variables)
        layers = [
            self._builder.dense(operand, *layer) for layer in zip(weights, biases, strict=True)
        ]
        value: Any = layers[0] if count == 1 else self._builder.combine([1.0] * count, layers)
        divisors = np.array([divisor for _, divisor in sums])
        if np.any(divisors != 1):
            value = self._builder.affine_map(value, 1.0 / divisors, ulps=1)
        return value


def _exact_sums(numbers: Sequence[int | Fraction]) -> tuple[list[tuple[float, ...]], float]:
    """Write numbers exactly as sums of float64 numbers, divided by one common divisor.

    For example, the product of two float64 numbers is usually a sum of two float64 numbers.

    Returns:
        The summands of each number, and the divisor.

    Raises:
        InputError: There are no such float64 numbers.
    """
    for divisor in (1, math.lcm(*(number.denominator for number in numbers))):
        sums = [_float_parts(Fraction(number) * divisor) for number in numbers]
        if all(sums) and divisor <= MOST_DIVISOR and is_float(divisor):
            return sums, float(divisor)
    raise InputError(
        "The coefficients inside a product or function must be float64 numbers, or quotients of "
        "float64 numbers by an integer up to 2^1000; round them. Received: coefficients with more "
        "digits."
    )


def _float_parts(number: Fraction) -> tuple[float, ...]:
    """Return float64 numbers whose sum is exactly `number`.

    The result is empty if there are none, or if more than `MOST_PARTS` of them would be needed.
    """
    parts, rest = [], number
    while rest or not parts:
        try:
            parts.append(float(rest))
        except OverflowError:
            return ()
        rest -= Fraction(parts[-1])
        if rest and (len(parts) == MOST_PARTS or not parts[-1]):
            return ()
    return tuple(parts)


def is_linear(formula: Formula, first: int) -> bool:
    """Return whether a formula uses no nonlinear terms, which are numbered from `first`."""
    return all(i < first for atom in different_atoms(formula) for i, _ in atom.terms)
