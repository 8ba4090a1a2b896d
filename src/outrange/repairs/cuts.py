"""Linear constraints on the logits at one input that make a property hold there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core import And, Atom, Formula
from ..core.formula import value
from .activations import ACTIVATIONS, SOFTMAX, softmax
from .heads import Heads, OutputHead


STEP = 1e-5
"""Step of the central differences that estimate derivatives of activations."""


@dataclass(frozen=True, eq=False)
class WeightCut:
    """A linear constraint `form . logits <= most` on the flat logits at one input.

    Args:
        form: Coefficients of the flat logits, `(outputs,)`.
        most: Upper limit of the linear form.
    """

    form: np.ndarray
    most: float


class CutRules:
    """Rules that translate a property at one input into linear constraints on the logits.

    Constraints are exact for linear outputs, for the order of two softmax outputs, and for single
    outputs of elementwise activations. Others are linearized at the current logits.

    Args:
        heads: The last layers of the model.
        inputs: Number of flat inputs of the model.
    """

    def __init__(self, heads: Heads, inputs: int) -> None:
        self._inputs = inputs
        self._heads = heads
        self._place: list[tuple[OutputHead, int]] = []
        self._start: list[int] = []
        start = 0
        for head in heads.heads:
            self._place += [(head, i) for i in range(head.size)]
            self._start += [start] * head.size
            start += head.size
        self._size = start

    def cuts(
        self, formula: Formula, x: np.ndarray, logits: np.ndarray, usual: np.ndarray
    ) -> list[WeightCut] | None:
        """Return constraints that make a formula hold at an input.

        They imply the formula exactly or to first order (see the class). For a disjunction, they
        enforce only one part: of the parts that logits can satisfy, the one that the original
        outputs are closest to satisfying. The result is None if an inequality that the formula
        needs fails for all logits.

        Args:
            formula: A condition over the flat `[x, y]`.
            x: The flat input of the model, `(inputs,)`.
            logits: The candidate's logits at the input, `(outputs,)`.
            usual: The original model's outputs at the input, `(outputs,)`.
        """
        if isinstance(formula, Atom):
            return self._cut_atom(formula, x, logits)
        if isinstance(formula, And):
            parts = [self.cuts(part, x, logits, usual) for part in formula.parts]
            if any(part is None for part in parts):
                return None
            return [cut for part in parts for cut in part or ()]
        point = np.concatenate([x, usual])[None]
        for part in sorted(formula.parts, key=lambda part: float(value(part, point)[0])):
            cuts = self.cuts(part, x, logits, usual)
            if cuts is not None:
                return cuts
        return None

    def _cut_atom(self, atom: Atom, x: np.ndarray, logits: np.ndarray) -> list[WeightCut] | None:
        """Return the constraints for one inequality; None if no logits satisfy it."""
        terms = {i - self._inputs: c for i, c in atom.terms if i >= self._inputs}
        rest = atom.offset + sum(c * float(x[i]) for i, c in atom.terms if i < self._inputs)
        if not terms:
            return [] if rest < 0 or (rest == 0 and not atom.strict) else None
        kinds = {self._place[k][0].activation for k in terms}
        form = np.zeros(self._size)
        if kinds == {"linear"} or self._is_softmax_order(terms, rest):
            form[list(terms)] = list(terms.values())
            return [WeightCut(form, -rest)]
        if len(terms) == 1:
            ((k, c),) = terms.items()
            if kinds == {SOFTMAX}:
                return self._bound_odds(k, c, -rest / c, logits)
            return self._bound_logit(k, c, -rest / c)
        return [self._linearize_atom(terms, rest, logits)]

    def _is_softmax_order(self, terms: dict[int, float], rest: float) -> bool:
        """Return whether an inequality compares two entries of the same softmax."""
        if len(terms) != 2 or rest != 0 or sum(terms.values()) != 0:
            return False
        (head, i), (other, j) = (self._place[k] for k in terms)
        return head is other and head.activation == SOFTMAX and i // head.units == j // head.units

    def _bound_logit(self, k: int, c: float, bound: float) -> list[WeightCut] | None:
        """Constrain a logit so that its activation is <= `bound` if `c > 0`, else >= `bound`.

        The list is empty if every logit satisfies this. The result is None if no logit does.
        """
        activation = ACTIVATIONS[self._place[k][0].activation]
        most = activation.logit_at_most(bound) if c > 0 else -activation.logit_at_least(bound)
        if most == np.inf:
            return []
        form = np.zeros(self._size)
        form[k] = np.sign(c)
        return None if most == -np.inf else [WeightCut(form, most)]

    def _bound_odds(
        self, k: int, c: float, bound: float, logits: np.ndarray
    ) -> list[WeightCut] | None:
        """Bound the log-odds of a softmax entry, linearized at the current logits.

        The probability is at most `bound` if `c > 0`, and at least `bound` otherwise.
        """
        if not 0 < bound < 1:
            return [] if (bound >= 1) == (c > 0) else None
        head, i = self._place[k]
        first = self._start[k] + i // head.units * head.units
        others = [j for j in range(first, first + head.units) if j != k]
        if not others:
            return None
        form = np.zeros(self._size)
        form[k] = 1.0
        form[others] = -softmax(logits[others])
        top = float(logits[others].max())
        odds = logits[k] - top - float(np.log(np.exp(logits[others] - top).sum()))
        limit = float(np.log(bound) - np.log1p(-bound)) - odds + float(form @ logits)
        return [WeightCut(form, limit) if c > 0 else WeightCut(-form, -limit)]

    def _linearize_atom(
        self, terms: dict[int, float], rest: float, logits: np.ndarray
    ) -> WeightCut:
        """Linearize an inequality between outputs at the current logits."""
        coefficients = np.zeros(self._size)
        coefficients[list(terms)] = list(terms.values())
        moved = np.repeat(logits[None], 2 * self._size, axis=0)
        index = np.arange(self._size)
        moved[index, index] += STEP
        moved[self._size + index, index] -= STEP
        values = self._heads.outputs(moved) @ coefficients
        form = (values[: self._size] - values[self._size :]) / (2 * STEP)
        now = float(self._heads.outputs(logits[None])[0] @ coefficients) + rest
        return WeightCut(form, float(form @ logits) - now)
