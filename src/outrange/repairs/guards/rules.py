"""Translation of properties into layers whose outputs satisfy them for all weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import InputError, UnsupportedError
from ...core.formula import And, Atom, Formula, Or


MARGIN = 1e-6
"""Distance that outputs keep from the limits of a rule, since float32 inference rounds. It is
relative to the size of the outputs, and for half-spaces also to the size of the limits."""


@dataclass(frozen=True, eq=False)
class OutputRule:
    """A condition on one output tensor that a layer can enforce.

    Args:
        output: Index of the output tensor.
        used: Indices of the rule's variables in the flat vector `[x, y]`.
        layer: Function that creates the layer from the size of the outputs and layer options.
        text: The property, for messages.
    """

    output: int
    used: frozenset[int]
    layer: Callable[..., Any]
    text: str

    def build(self, size: float, **options: Any) -> Any:
        """Create the layer.

        Args:
            size: Largest magnitude of the outputs, to which margins are relative.
            **options: Further arguments of the layer, such as `name` and `dtype`.

        Raises:
            UnsupportedError: The layer has no closed form for these rows or limits.
        """
        try:
            return self.layer(size, **options)
        except InputError as error:
            raise _no_guard(self.text, str(error)) from error


def rules_of(safe: Formula, places: Sequence[tuple[int, int]], text: str) -> list[OutputRule]:
    """Return rules that together imply a property.

    The supported properties are limits of outputs, "output k is (not) the largest", linearly
    independent inequalities, and disjunctions whose inequalities all become true along one
    direction of the outputs.

    Args:
        safe: The property, over the flat vector `[x, y]` of inputs and outputs.
        places: Start and end of each output tensor in this vector.
        text: The property, for messages.

    Raises:
        UnsupportedError: The property has another form, or two of its parts read the same output.
    """
    conjuncts = _conjuncts(safe)
    plain = [part for part in conjuncts if isinstance(part, Atom)]
    groups: dict[int, list[Atom]] = {}
    for atom in plain:
        groups.setdefault(_output_of([atom], places, text), []).append(atom)
    rules = [_all_of(group, output, places[output], text) for output, group in groups.items()]
    for part in conjuncts:
        if isinstance(part, Atom):
            continue
        if not isinstance(part, Or) or not all(isinstance(a, Atom) for a in part.parts):
            raise _no_guard(text, "This property has an `and` inside an `or`.")
        atoms = [atom for atom in part.parts if isinstance(atom, Atom)]
        output = _output_of(atoms, places, text)
        rules.append(_one_of(atoms, output, places[output], text))
    for i, rule in enumerate(rules):
        if any(rule.used & other.used for other in rules[:i]):
            raise _no_guard(text, "Two parts of this property read the same output.")
    return rules


def _no_guard(text: str, why: str) -> UnsupportedError:
    return UnsupportedError(
        "A guard needs limits of outputs, linearly independent inequalities, an output that is or "
        "is not the largest, or alternatives that one direction of change satisfies. "
        f'{why} Use `method="weights"`. Received: {text!r}.'
    )


def _conjuncts(formula: Formula) -> list[Formula]:
    """Return the parts of nested conjunctions; flatten the nested disjunctions among them."""
    if isinstance(formula, And):
        return [inner for part in formula.parts for inner in _conjuncts(part)]
    if isinstance(formula, Or):
        parts = _disjuncts(formula)
        return [parts[0] if len(parts) == 1 else Or(tuple(parts))]
    return [formula]


def _disjuncts(formula: Formula) -> list[Formula]:
    """Return the parts of nested disjunctions."""
    if isinstance(formula, Or):
        return [inner for part in formula.parts for inner in _disjuncts(part)]
    if isinstance(formula, And) and len(formula.parts) == 1:
        return _disjuncts(formula.parts[0])
    return [formula]


def _output_of(atoms: Sequence[Atom], places: Sequence[tuple[int, int]], text: str) -> int:
    """Return the index of the output tensor that contains all variables of some inequalities.

    Raises:
        UnsupportedError: There is no such tensor.
    """
    used = {i for atom in atoms for i, _ in atom.terms}
    for k, (start, end) in enumerate(places):
        if used and all(start <= i < end for i in used):
            return k
    why = "Each inequality must read the entries of one output, and no inputs."
    raise _no_guard(text, why)


def _matrix(atoms: Sequence[Atom], place: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the matrix `a` and the right-hand sides `c` of the inequalities `a y <= c`."""
    rows = np.zeros((len(atoms), place[1] - place[0]))
    for k, atom in enumerate(atoms):
        for i, c in atom.terms:
            rows[k, i - place[0]] = c
    return rows, np.array([-atom.offset for atom in atoms])


def _variables(atoms: Sequence[Atom]) -> frozenset[int]:
    return frozenset(i for atom in atoms for i, _ in atom.terms)


def _all_of(atoms: Sequence[Atom], output: int, place: tuple[int, int], text: str) -> OutputRule:
    """Return the rule that all of the inequalities hold."""
    from ... import layers

    rows, limits = _matrix(atoms, place)

    def layer(size: float, **options: Any) -> Any:
        if all(len(atom.terms) == 1 for atom in atoms):
            return layers.Bounded(*_compute_limits(rows, limits, size), **options)
        index = _rank_index(-rows, limits)
        if index is not None:
            return layers.ArgmaxIs(index, margin=MARGIN * size, **options)
        a, c = _tightest(rows, limits)
        return layers.Halfspaces(a, c, margin=MARGIN * max(size, 1.0), **options)

    return OutputRule(output, _variables(atoms), layer, text)


def _one_of(atoms: Sequence[Atom], output: int, place: tuple[int, int], text: str) -> OutputRule:
    """Return the rule that at least one of the inequalities holds."""
    from ... import layers

    rows, limits = _matrix(atoms, place)

    def layer(size: float, **options: Any) -> Any:
        index = _rank_index(rows, limits)
        if index is not None:
            return layers.ArgmaxIsNot(index, margin=MARGIN * size, **options)
        return layers.AnyHalfspace(rows, limits, margin=MARGIN * max(size, 1.0), **options)

    return OutputRule(output, _variables(atoms), layer, text)


def _compute_limits(
    rows: np.ndarray, limits: np.ndarray, size: float
) -> tuple[list[float | None], list[float | None]]:
    """Return the lower and upper limits of each output; None where there is no limit.

    The limits move inward by a margin, except where this would leave no interval.
    """
    lo, hi = np.full(rows.shape[1], -np.inf), np.full(rows.shape[1], np.inf)
    for row, limit in zip(rows, limits, strict=True):
        k = int(np.flatnonzero(row)[0])
        if row[k] > 0:
            hi[k] = min(hi[k], limit / row[k])
        else:
            lo[k] = max(lo[k], limit / row[k])
    room = MARGIN * size
    inner = lo + room, hi - room
    fits = inner[0] < inner[1]
    lo, hi = np.where(fits, inner[0], lo), np.where(fits, inner[1], hi)
    return _optional(lo), _optional(hi)


def _optional(ends: np.ndarray) -> list[float | None]:
    return [float(end) if np.isfinite(end) else None for end in ends]


def _tightest(rows: np.ndarray, limits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keep only the smallest limit of each distinct row."""
    best: dict[tuple[float, ...], float] = {}
    for row, limit in zip(rows.tolist(), limits.tolist(), strict=True):
        best[tuple(row)] = min(limit, best.get(tuple(row), np.inf))
    return np.array(list(best)), np.array(list(best.values()))


def _rank_index(rows: np.ndarray, limits: np.ndarray) -> int | None:
    """Return k if the left-hand sides are `s (y[k] - y[j])` with limit 0, once for every other j.

    The factor `s > 0` may differ from row to row. Return None if the rows have another form.
    """
    size = rows.shape[1]
    if limits.any() or len(rows) != size - 1 or size < 2:
        return None
    rows = rows / np.abs(rows).max(axis=1, keepdims=True)
    for k in np.flatnonzero((rows == 1).all(axis=0)):
        others = np.delete(rows, k, axis=1)
        pairs = sorted(map(tuple, (-others + 0.0).tolist()))
        if pairs == sorted(map(tuple, np.eye(size - 1).tolist())):
            return int(k)
    return None
