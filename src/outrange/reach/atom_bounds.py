"""Bounds of the inequalities of a specification, from zonotopes of every step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core import And, Atom, Formula, Or, OutrangeError
from ..core.formula import FALSE
from .specification import Trajectory
from .symbols import some
from .zonotopes import Zonotopes


EPS = float(np.finfo(np.float64).eps)
"""Twice the unit roundoff."""


@dataclass(frozen=True, eq=False)
class UnsafePart:
    """One way to break the specification: a formula, as bounds of its inequalities.

    Args:
        formula: Over the trajectory.
        last: The last time it is about.
    """

    formula: Formula
    last: int


def unsafe_parts(unsafe: Formula, where: Trajectory) -> list[UnsafePart]:
    """The ways to break a specification, the earliest first."""
    parts = unsafe.parts if isinstance(unsafe, Or) else (unsafe,)
    found = [UnsafePart(part, where.last(part)) for part in parts if part != FALSE]
    return sorted(found, key=lambda part: part.last)


class AtomBounds:
    """Bounds of linear forms of the states and controls of each step."""

    def __init__(self, where: Trajectory) -> None:
        self._where = where
        self._forms: dict[int, tuple[Zonotopes, Zonotopes | None]] = {}
        self._known: dict[Atom, Zonotopes] = {}

    def add(self, k: int, state: Zonotopes, control: Zonotopes | None) -> None:
        self._forms[k] = (state, control)

    def keep(self, still: np.ndarray) -> None:
        """Go on with some of the boxes."""
        self._forms = {
            k: (some(x, still), None if u is None else some(u, still))
            for k, (x, u) in self._forms.items()
        }
        self._known.clear()

    def of(self, atom: Atom) -> Zonotopes:
        """The left side of an inequality, as a form."""
        if atom not in self._known:
            self._known[atom] = self._computed(atom)
        return self._known[atom]

    def _computed(self, atom: Atom) -> Zonotopes:
        total: Zonotopes | None = None
        for i, c in atom.terms:
            part = _slack(self._entry(i), np.abs(c))
            part = Zonotopes(c * part.center, c * part.rows, np.abs(c) * part.rest)
            total = _slack(part if total is None else _sum(total, part))
        if total is None:
            raise OutrangeError("An inequality has terms. Received: one without.")
        return _slack(Zonotopes(total.center + atom.offset, total.rows, total.rest), 1.0, atom)

    def _entry(self, i: int) -> Zonotopes:
        where = self._where
        n, k = len(where.states), where.step(i)
        state, control = self._forms[k]
        if i < where.inputs or i < where.inputs + where.steps * n:
            place = i if i < where.inputs else (i - where.inputs) % n
            return state.take(np.array([place]))
        if control is None:
            raise OutrangeError("A control is known while a step runs. Received: the last step.")
        return control.take(np.array([(i - where.inputs - where.steps * n) % len(where.controls)]))

    def refuted(self, formula: Formula) -> tuple[np.ndarray, np.ndarray]:
        """In which boxes nothing satisfies a formula, and the least of its value there."""
        if isinstance(formula, Atom):
            lo = self.of(formula).ends()[0][:, 0]
            return (lo >= 0 if formula.strict else lo > 0), lo
        found = [self.refuted(part) for part in formula.parts]
        if isinstance(formula, And):
            if not found:
                first = next(iter(self._forms.values()))[0]
                none = np.zeros(len(first.center), bool)
                return none, np.where(none, 0.0, -np.inf)
            return np.any([f for f, _ in found], axis=0), np.max([v for _, v in found], axis=0)
        return np.all([f for f, _ in found], axis=0), np.min([v for _, v in found], axis=0)

    def blame(self, formula: Formula, row: int, count: int) -> np.ndarray:
        """How much each initial variable contributes to what keeps a formula open in a box."""
        if isinstance(formula, Atom):
            return np.abs(self.of(formula).rows[row, :count, 0])
        if not formula.parts:
            return np.zeros(count)
        values = [self.refuted(part)[1][row] for part in formula.parts]
        which = np.argmax(values) if isinstance(formula, And) else np.argmin(values)
        return self.blame(formula.parts[int(which)], row, count)


def _slack(form: Zonotopes, factor: float = 1.0, atom: Atom | None = None) -> Zonotopes:
    """The form, with room for the roundings that a factor, a sum or an offset made."""
    size = np.abs(form.center) + form.reach + (0.0 if atom is None else abs(atom.offset))
    tiny = 0.0 if factor == 0 else 1e-300 / factor
    return Zonotopes(form.center, form.rows, form.rest + 8 * EPS * size + tiny)


def _sum(a: Zonotopes, b: Zonotopes) -> Zonotopes:
    count = max(a.rows.shape[1], b.rows.shape[1])
    return Zonotopes(a.center + b.center, a.of(count) + b.of(count), a.rest + b.rest)
