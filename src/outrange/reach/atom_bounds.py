"""Bounds on the left-hand sides of a specification's inequalities, from zonotopes at each step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core import And, Atom, Formula, Or, OutrangeError
from ..core.formula import FALSE
from ..domains.zonotopes import Zonotopes
from .specification import Trajectory


EPS = float(np.finfo(np.float64).eps)
"""Twice the unit roundoff."""


@dataclass(frozen=True, eq=False)
class UnsafePart:
    """One disjunct of the negated specification, that is, one way to violate it.

    Args:
        formula: A formula over the variables of a trajectory.
        last: The last step that the formula mentions.
    """

    formula: Formula
    last: int


def unsafe_parts(violation: Formula, where: Trajectory) -> list[UnsafePart]:
    """Return one record per disjunct of `violation`, ordered by the last step mentioned.

    Disjuncts equal to `FALSE` are left out.

    Args:
        violation: The negated specification.
        where: Layout of the trajectory.
    """
    parts = violation.parts if isinstance(violation, Or) else (violation,)
    unsafe = [UnsafePart(part, where.last(part)) for part in parts if part != FALSE]
    return sorted(unsafe, key=lambda part: part.last)


class AtomBounds:
    """Bounds on linear forms of the states and controls at each step."""

    def __init__(self, where: Trajectory) -> None:
        self._where = where
        self._forms: dict[int, tuple[Zonotopes, Zonotopes | None]] = {}
        self._computed_forms: dict[Atom, Zonotopes] = {}

    def add(self, k: int, state: Zonotopes, control: Zonotopes | None) -> None:
        self._forms[k] = (state, control)

    def keep(self, still: np.ndarray) -> None:
        """Keep only the boxes of the batch that the mask `still` selects."""
        self._forms = {
            k: (x.select(still), None if u is None else u.select(still))
            for k, (x, u) in self._forms.items()
        }
        self._computed_forms.clear()

    def of(self, atom: Atom) -> Zonotopes:
        """Return, for each box, an inequality's left-hand side as a zonotope with one entry."""
        if atom not in self._computed_forms:
            self._computed_forms[atom] = self._compute(atom)
        return self._computed_forms[atom]

    def _compute(self, atom: Atom) -> Zonotopes:
        total: Zonotopes | None = None
        for i, c in atom.terms:
            part = _with_slack(self._entry(i), np.abs(c))
            part = Zonotopes(c * part.center, c * part.rows, np.abs(c) * part.rest)
            total = _with_slack(part if total is None else _add(total, part))
        if total is None:
            raise OutrangeError("An inequality needs at least one term. Received: no terms.")
        return _with_slack(Zonotopes(total.center + atom.offset, total.rows, total.rest), 1.0, atom)

    def _entry(self, i: int) -> Zonotopes:
        where = self._where
        n, k = len(where.states), where.step(i)
        state, control = self._forms[k]
        if i < where.inputs or i < where.inputs + where.steps * n:
            place = i if i < where.inputs else (i - where.inputs) % n
            return state.take(np.array([place]))
        if control is None:
            raise OutrangeError(
                "A condition on a control must refer to a step of the loop. Received: a "
                "control after the last step."
            )
        return control.take(np.array([(i - where.inputs - where.steps * n) % len(where.controls)]))

    def refute(self, formula: Formula) -> tuple[np.ndarray, np.ndarray]:
        """Return which boxes are proved to refute a formula, and lower bounds on its value.

        Both are `(B,)`. A box refutes a formula if no trajectory that begins in the box satisfies
        it. The value of an inequality is its left-hand side. The value of a conjunction is the
        largest value of its parts, and the value of a disjunction is the smallest.
        """
        if isinstance(formula, Atom):
            lo = self.of(formula).ends()[0][:, 0]
            return (lo >= 0 if formula.strict else lo > 0), lo
        refuted = [self.refute(part) for part in formula.parts]
        if isinstance(formula, And):
            if not refuted:
                first = next(iter(self._forms.values()))[0]
                none = np.zeros(len(first.center), bool)
                return none, np.where(none, 0.0, -np.inf)
            return np.any([f for f, _ in refuted], axis=0), np.max([v for _, v in refuted], axis=0)
        return np.all([f for f, _ in refuted], axis=0), np.min([v for _, v in refuted], axis=0)

    def blame(self, formula: Formula, row: int, count: int) -> np.ndarray:
        """Return each initial variable's contribution to the inequality that keeps a formula open.

        Args:
            formula: The formula.
            row: Index of the box in the batch.
            count: Number of initial variables.
        """
        if isinstance(formula, Atom):
            return np.abs(self.of(formula).rows[row, :count, 0])
        if not formula.parts:
            return np.zeros(count)
        values = [self.refute(part)[1][row] for part in formula.parts]
        which = np.argmax(values) if isinstance(formula, And) else np.argmin(values)
        return self.blame(formula.parts[int(which)], row, count)


def _with_slack(form: Zonotopes, factor: float = 1.0, atom: Atom | None = None) -> Zonotopes:
    """Widen a form by the rounding error of one scaling, addition, or shift by an offset."""
    size = np.abs(form.center) + form.reach + (0.0 if atom is None else abs(atom.offset))
    tiny = 0.0 if factor == 0 else 1e-300 / factor
    return Zonotopes(form.center, form.rows, form.rest + 8 * EPS * size + tiny)


def _add(a: Zonotopes, b: Zonotopes) -> Zonotopes:
    count = max(a.count, b.count)
    rows = a.pad(count).rows + b.pad(count).rows
    return Zonotopes(a.center + b.center, rows, a.rest + b.rest)
