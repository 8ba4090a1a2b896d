"""Checks of a property file against a model, and the input bounds that the property implies."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from ...core import And, Atom, Box, Formula, InputError, Region, Specification
from ...graph import Graph
from ..expressions import Terms
from ..expressions.forms import AffineForm, add, total
from ..expressions.formulas import linear_atom


def check_sizes(specification: Specification, graph: Graph) -> Specification:
    """Check that a specification has the inputs and outputs of the model, and return it.

    Raises:
        InputError: The sizes or shapes differ.
    """
    outputs = graph.value_size(graph.output)
    if (specification.inputs, specification.outputs) != (graph.size, outputs):
        raise InputError(
            f"The property must have as many inputs and outputs as the model: {graph.size} "
            f"and {outputs}. Received: `{specification.name}`, with {specification.inputs} and "
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
                f"The property must declare the {word} of the model with their shapes, "
                f"{[slot.shape for slot in slots]} (except axes of length 1), or as flat tensors. "
                f"Received: `{specification.name}`, {list(declared)}."
            )
    return specification


def _long(shape: Sequence[int]) -> tuple[int, ...]:
    """Return a shape without its axes of length 1."""
    return tuple(length for length in shape if length != 1)


def add_products(specification: Specification, terms: Terms) -> Formula:
    """Return the unsafe formula with the products of the file as nonlinear terms.

    Args:
        specification: The property as read from its file.
        terms: Collection to which the products are added; its variables follow the inputs and
            outputs of the file.
    """
    if not specification.products:
        return specification.unsafe
    first = specification.inputs + specification.outputs
    forms = [AffineForm({i: 1}, 0) for i in range(first)]
    for factors in specification.products:
        product = forms[factors[0]]
        for i in factors[1:]:
            product = terms.multiply(product, forms[i])
        forms.append(product)

    def translate(formula: Formula) -> Formula:
        if not isinstance(formula, Atom):
            return type(formula)(tuple(map(translate, formula.parts)))
        if all(i < first for i, _ in formula.terms):
            return formula
        coefficients = [Fraction(c) for _, c in formula.terms]
        form = total([forms[i] for i, _ in formula.terms], coefficients)
        whole = terms.square_up(add(form, AffineForm({}, Fraction(formula.offset))))
        atom = linear_atom(whole, formula.strict)
        return replace(atom, scale=atom.scale * formula.scale)

    return translate(specification.unsafe)


def input_constraints(specification: Specification) -> Formula:
    """Return constraints on the inputs that every violation of the property satisfies.

    A constraint on a sum that float32 may round is omitted: because of rounding, the property may
    also cover inputs that slightly violate the constraint.
    """
    atoms = implied_atoms(specification.unsafe, specification.inputs)
    if specification.has_float32_sums:
        atoms = (atom for atom in atoms if len(atom.terms) == 1)
    return And(tuple(atoms))


def implied_atoms(formula: Formula, inputs: int) -> Iterator[Atom]:
    """Yield the conjuncts of a formula that are inequalities on inputs alone."""
    if isinstance(formula, Atom):
        if all(i < inputs for i, _ in formula.terms):
            yield formula
    elif isinstance(formula, And):
        for part in formula.parts:
            yield from implied_atoms(part, inputs)


def own_box(specification: Specification) -> Region:
    """Return a box with float64 bounds that contains every input that satisfies `unsafe`.

    The bounds are those that conjuncts of `unsafe` state for single inputs. Rounding errors can be
    bounded over a finite box; over the whole space they are unbounded.
    """
    lo, hi = (np.full(specification.inputs, end) for end in (-np.inf, np.inf))
    for atom in implied_atoms(specification.unsafe, specification.inputs):
        if len(atom.terms) == 1:
            ((i, c),) = atom.terms
            end = -atom.offset / c
            exact = abs(c) == 1.0
            if c > 0:
                hi[i] = min(hi[i], end if exact else np.nextafter(end, np.inf))
            else:
                lo[i] = max(lo[i], end if exact else np.nextafter(end, -np.inf))
    if np.any(lo > hi):
        lo, hi = np.minimum(lo, hi), np.maximum(lo, hi)  # The formula itself is infeasible.
    return Region(Box(lo, hi))


def whole_space(graph: Graph) -> Region:
    """Return the region of all inputs, for a property that states its own input bounds."""
    ends = np.full(graph.size, np.inf)
    return Region(Box(-ends, ends))
