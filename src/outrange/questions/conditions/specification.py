"""A property read from a file, matched with a model."""

from collections.abc import Iterator, Sequence

import numpy as np

from ...core import And, Atom, Box, Formula, InputError, Region, Specification
from ...graph import Graph


def matched(specification: Specification, graph: Graph) -> Specification:
    """The specification, if it has as many inputs and outputs as the model.

    Raises:
        InputError: It has not.
    """
    outputs = graph.value_size(graph.output)
    if (specification.inputs, specification.outputs) != (graph.size, outputs):
        raise InputError(
            f"The property must be about as many inputs and outputs as the model has: {graph.size} "
            f"and {outputs}. Received: `{specification.name}`, about {specification.inputs} and "
            f"{specification.outputs}."
        )
    for word, declared, slots in zip(
        ("inputs", "outputs"),
        specification.shapes or (),
        (graph.inputs, graph.outputs),
        strict=False,
    ):
        theirs, ours = [_long(shape) for shape in declared], [_long(slot.shape) for slot in slots]
        # A file whose variables are flat names entries in the model's own order.
        if theirs != ours and any(len(shape) > 1 for shape in theirs):
            raise InputError(
                f"The property declares the {word} of the model in their shapes, "
                f"{[slot.shape for slot in slots]} (axes of length 1 apart), or flat. "
                f"Received: `{specification.name}`, {list(declared)}."
            )
    return specification


def _long(shape: Sequence[int]) -> tuple[int, ...]:
    """A shape without its axes of length 1."""
    return tuple(length for length in shape if length != 1)


def assumed(specification: Specification) -> Formula:
    """The constraints on inputs alone that a property implies wherever it can be unsafe."""
    return And(tuple(demands(specification.unsafe, specification.inputs)))


def demands(formula: Formula, inputs: int) -> Iterator[Atom]:
    """The inequalities of inputs alone that hold wherever the formula does."""
    if isinstance(formula, Atom):
        if all(i < inputs for i, _ in formula.terms):
            yield formula
    elif isinstance(formula, And):
        for part in formula.parts:
            yield from demands(part, inputs)


def own_box(specification: Specification) -> Region:
    """The smallest box of float64 numbers that holds every input the property is about.

    Rounding errors are bounded over the inputs that there are; over all of space there is no bound.
    """
    lo, hi = (np.full(specification.inputs, end) for end in (-np.inf, np.inf))
    for atom in demands(specification.unsafe, specification.inputs):
        if len(atom.terms) == 1:
            ((i, c),) = atom.terms
            end = -atom.offset / c
            exact = abs(c) == 1.0
            if c > 0:
                hi[i] = min(hi[i], end if exact else np.nextafter(end, np.inf))
            else:
                lo[i] = max(lo[i], end if exact else np.nextafter(end, -np.inf))
    if np.any(lo > hi):
        lo, hi = np.minimum(lo, hi), np.maximum(lo, hi)  # empty; the formula says so itself
    return Region(Box(lo, hi))


def whole_space(graph: Graph) -> Region:
    """Every input: for a property that brings its own bounds."""
    ends = np.full(graph.size, np.inf)
    return Region(Box(-ends, ends))
