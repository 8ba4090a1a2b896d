"""Conversion of a temporal specification to a formula over the trajectory of a loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import And, Atom, Formula, InputError, Or, did_you_mean
from ..core.formula import FALSE, TRUE, atoms, clauses, negate
from ..questions.expressions import Temporal, as_temporal
from ..questions.expressions.evaluate import evaluate
from ..questions.expressions.forms import AffineForm, object_array
from ..questions.expressions.formulas import all_of, any_of
from ..questions.expressions.order import in_order


@dataclass(frozen=True)
class Trajectory:
    """The layout of states and controls in the vector `[inputs, outputs]` of an unrolled loop.

    Args:
        inputs: Number of inputs, the first of which are the initial state.
        states: Names of the states.
        controls: Names of the controls.
        hidden: Number of states that conditions cannot use; these come last.
    """

    inputs: int
    steps: int
    states: tuple[str, ...]
    controls: tuple[str, ...]
    hidden: int = 0

    def state(self, k: int) -> np.ndarray:
        """Return the indices of the variables of the state after `k` steps."""
        n = len(self.states)
        return np.arange(n) + (0 if k == 0 else self.inputs + (k - 1) * n)

    def control(self, k: int) -> np.ndarray:
        """Return the indices of the variables of the control in step `k`."""
        n, m = len(self.states), len(self.controls)
        return np.arange(m) + self.inputs + self.steps * n + k * m

    def step(self, variable: int) -> int:
        """Return the step to which the variable with this index belongs."""
        n, m = len(self.states), len(self.controls)
        if variable < self.inputs:
            return 0
        place = variable - self.inputs
        return place // n + 1 if place < self.steps * n else (place - self.steps * n) // m

    def last(self, formula: Formula) -> int:
        """Return the last step that a formula mentions."""
        return max((self.step(i) for atom in atoms(formula) for i, _ in atom.terms), default=0)


class _StepScope:
    """The scope in which conditions are evaluated: the states and controls at one step."""

    def __init__(self, where: Trajectory, k: int) -> None:
        self._where, self._k = where, k
        self.terms = None
        """None, because specifications are linear."""

    def variables(self, kind: str, name: str | None) -> np.ndarray:
        """Return the states `x` or the controls `u` at this step, as an array of affine forms.

        Args:
            kind: `"x"` for the states, `"u"` for the controls.
            name: Name of a single state or control; None for all that conditions may use.

        Raises:
            InputError: The loop has no variable of that kind or name.
        """
        if kind not in ("x", "u"):
            raise InputError(
                "A specification of a closed loop may use its states `x` and its controls `u`. "
                f"Received: `{kind}`."
            )
        names = self._names(kind)
        word = "state" if kind == "x" else "control"
        places = self._where.state(self._k) if kind == "x" else self._where.control(self._k)
        places = places[: len(names)]
        forms = object_array([AffineForm({int(i): 1}, 0) for i in places], (len(places),))
        if name is None:
            return forms
        if name not in names:
            raise InputError(
                f"The loop has no {word} with this name; it has {', '.join(names)}."
                f'{did_you_mean(name, names)} Received: `{kind}["{name}"]`.'
            )
        return object_array([forms[names.index(name)]], ())

    def _names(self, kind: str) -> tuple[str, ...]:
        """Return the names of the states (kind "x") or controls that conditions may use."""
        where = self._where
        shown = where.states[: len(where.states) - where.hidden]
        return shown if kind == "x" else where.controls

    def place(self, kind: str, name: str | None) -> str:
        """Return a phrase that lists the available names, used in a message about an index."""
        names = self._names(kind)
        word = "states" if kind == "x" else "controls"
        return f"The loop has {len(names)} {word}, {', '.join(names)}"


def to_formula(spec: Any, where: Trajectory) -> Formula:
    """Convert a specification to a formula over `[inputs, outputs]` of the unrolled loop.

    Args:
        spec: A condition, a temporal condition, or several joined by `&`, `|` and `~`.
        where: Layout of the trajectory.

    Raises:
        InputError: The specification uses an unknown name, or a step beyond the horizon.
    """
    return _formula(as_temporal(spec), where)


def _formula(spec: Temporal, where: Trajectory) -> Formula:
    if spec.op == "~":
        return negate(_formula(spec.parts[0], where))
    if spec.op in ("&", "|"):
        parts = [_formula(part, where) for part in spec.parts]
        return all_of(parts) if spec.op == "&" else any_of(parts)
    (condition,) = spec.parts
    conditions = [condition_at(condition, where, k) for k in times(spec, where)]
    return all_of(conditions) if spec.op == "always" else any_of(conditions)


def times(spec: Temporal, where: Trajectory) -> range:
    """Return the steps that a temporal condition covers.

    Raises:
        InputError: A step lies beyond the horizon, or is not an integer.
    """
    (condition,) = spec.parts
    controls = any(n.op == "variable" and n.detail[0] == "u" for n in in_order(condition))
    last = where.steps - controls
    ends = (0 if spec.start is None else spec.start, last if spec.stop is None else spec.stop)
    if any(end != int(end) for end in ends):
        raise InputError(
            "Without `dt=`, a loop is in discrete time, and its times must be step numbers. "
            "For a plant in continuous time, pass its period, such as `dt=0.1`. Received: "
            f"{spec!r}, where {next(e for e in ends if e != int(e)):g} is not an integer."
        )
    if ends[1] > last or ends[0] > last:
        why = ", because a control is known only while its step runs" * controls
        raise InputError(
            f"A condition must not refer to steps after {last}{why}, because the loop runs for "
            f"{where.steps} steps. Increase `steps=`, or use an earlier time. Received: "
            f"{spec!r} about step {int(max(ends))}."
        )
    return range(int(ends[0]), int(ends[1]) + 1)


def condition_at(condition: Any, where: Trajectory, k: int) -> Formula:
    """Return the formula of a condition at one step.

    Raises:
        InputError: The condition does not have exactly one entry, or uses an unknown name.
    """
    value = evaluate(condition, _StepScope(where, k))  # pyright: ignore[reportArgumentType]
    if value.size != 1:
        raise InputError(
            f"A condition must have one truth value, but this one has {value.size} entries: "
            f"write `({condition!r}).all()` or `.any()`. Received: {condition!r}."
        )
    return value.item()


def spec_warnings(spec: Any, unsafe: Formula) -> list[str]:
    """Return warnings about a specification that is always, or never, satisfied.

    Args:
        spec: The specification as the user wrote it.
        unsafe: The negated specification as a formula.
    """
    if unsafe == FALSE or all(map(_is_empty, clauses(unsafe))):
        return [
            f"`{spec!r}` holds whatever the loop does: no state violates it, so it "
            "says nothing about the loop. Look for a bound with the wrong sign, or an empty set to "
            "avoid."
        ]
    if unsafe == TRUE:
        return [f"`{spec!r}` is false whatever the loop does."]
    warnings = []
    parts = unsafe.parts if isinstance(unsafe, Or) else (unsafe,)
    if any(part == TRUE for part in parts):
        warnings.append(f"`{spec!r}` is false whatever the loop does.")
    return warnings


def _is_empty(clause: Sequence[Formula]) -> bool:
    """Return whether the bounds that a clause sets on single variables contradict each other."""
    lo: dict[int, float] = {}
    hi: dict[int, float] = {}
    for atom in conjunction(clause):
        if len(atom.terms) != 1:
            continue
        ((i, c),) = atom.terms
        end = -atom.offset / c
        if c > 0:
            hi[i] = min(hi.get(i, np.inf), end)
        else:
            lo[i] = max(lo.get(i, -np.inf), end)
    return any(lo[i] > hi.get(i, np.inf) for i in lo)


def conjunction(clause: Sequence[Formula]) -> list[Atom]:
    """Return the inequalities among the parts of a nested conjunction; skip its disjunctions."""
    inequalities: list[Atom] = []
    for part in clause:
        if isinstance(part, Atom):
            inequalities.append(part)
        elif isinstance(part, And):
            inequalities += conjunction(part.parts)
    return inequalities
