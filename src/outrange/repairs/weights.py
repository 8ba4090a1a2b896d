"""Weights mode of a repair: cutting planes change the last layers until a proof succeeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..answers.repairs.repair import Round
from ..answers.verdict import REASONS, Verdict
from ..core import Clock
from .anchors import Anchors
from .cuts import CutRules
from .demand import Demand
from .heads import Heads
from .pool import InputPool
from .program import WeightsProgram
from .task import TIME_ENDED


MOST_ROUNDS = 400
"""Maximum number of rounds, each with one quadratic program."""

AT_ONCE = 8
"""Maximum number of inputs per property that become constraints in one round."""

NEAR = 240
"""Number of inputs tried around a counterexample, and around all of the worst inputs together."""

MARGIN = 1e-4
"""Distance by which constraints are tightened, as a fraction of the logits' spread."""

STUCK = 4
"""Maximum number of undecided proofs. The constraints are tightened after each of them; one more
undecided proof ends the search."""

Oracle = Callable[[], "list[Verdict]"]
"""Function that verifies the model with its current weights. It returns one verdict per property,
ending with the first that does not hold."""


@dataclass
class WeightsOutcome:
    """Result of the search for weights.

    Args:
        status: `"HOLDS"` if all properties are proved, `"INFEASIBLE"` if the quadratic program has
            no solution up to rounding (which proves nothing), else `"UNKNOWN"`.
        reason: A sentence that says why the search ended; empty with `"HOLDS"`.
        verdicts: Verdicts on the last candidate that was verified; empty if none was verified.
        violation: Least violation of all candidates, each at its worst input tried; None without
            candidates.
        history: One record per candidate that was checked.
    """

    status: str = "UNKNOWN"
    reason: str = ""
    verdicts: list[Verdict] = field(default_factory=list)
    violation: float | None = None
    history: list[Round] = field(default_factory=list)


class WeightsSearch:
    """Search for weights of the last layers that satisfy all properties.

    Args:
        heads: The last layers of the copy that is changed.
        demands: The properties that the weights must satisfy.
        anchors: Inputs at which the outputs should change little.
        verify: The oracle, which verifies the current weights.
        clock: Clock with the time limit of the repair.
        seed: Seed of the random inputs.
    """

    def __init__(
        self,
        heads: Heads,
        demands: Sequence[Demand],
        anchors: Anchors,
        verify: Oracle,
        clock: Clock,
        seed: int,
    ) -> None:
        self._heads, self._anchors, self._verify, self._clock = heads, anchors, verify, clock
        self._rng = np.random.default_rng(seed)
        self._original = heads.weights()
        self._pools = anchors.pools
        self._rules = CutRules(heads, demands[0].regions[0].box.size)
        self._margin = MARGIN * anchors.spread
        self._rows: list[np.ndarray] = []
        self._most: list[float] = []
        self._chosen = False
        self.outcome = WeightsOutcome()

    def run(self) -> WeightsOutcome:
        """Run the search, and leave the weights of the last candidate in the layers."""
        outcome, stuck = self.outcome, 0
        program = self._anchors.program(self._original, 0)
        for _ in range(MOST_ROUNDS):
            if self._clock.expired:
                outcome.reason = outcome.reason or TIME_ENDED
                break
            weights = program.solve(np.array(self._rows), np.array(self._most))
            if weights is None:
                outcome.status = "INFEASIBLE"
                outcome.reason = (
                    "the search found no weights of the last layer that satisfy the constraints "
                    f"at {len(self._rows)} inputs; try method='guard'."
                )
                break
            candidate = self._heads.assign(weights)
            worst = self._add_worst(candidate)
            if worst <= 0 and not self._chosen:
                program, self._chosen = self._choose_objective(program), True
                continue
            if worst > 0:
                self._record_round(worst, "")
                continue
            outcome.verdicts = self._verify()
            last = outcome.verdicts[-1]
            self._record_round(max(worst, -(last.nearest or 0.0)), last.status)
            if last.status == "HOLDS":
                outcome.status = "HOLDS"
                break
            if last.status == "UNKNOWN":
                if self._clock.expired or stuck >= STUCK:
                    outcome.reason = f"the proof did not finish: {REASONS[last.reason]}."
                    break
                stuck += 1
                self._tighten(10.0)
                continue
            example = last.counterexample
            if example is not None:
                self.learn(self._pools[len(outcome.verdicts) - 1], example.flat_x, candidate)
        else:
            outcome.reason = f"no candidate was proved in {MOST_ROUNDS} rounds; try method='guard'."
        return outcome

    def _record_round(self, violation: float, status: str) -> None:
        """Record a candidate: its largest violation, and its verdict (empty if not verified)."""
        least = self.outcome.violation
        self.outcome.violation = violation if least is None else min(least, violation)
        self.outcome.history.append(Round(len(self._rows), violation, status, self._clock.seconds))

    def _add_worst(self, weights: Sequence[np.ndarray]) -> float:
        """Add constraints at the worst inputs of each pool, and return the largest violation."""
        largest = -np.inf
        for pool in self._pools:
            for attempt in range(2):
                logits = pool.logits(weights)
                violations = pool.violations(logits)
                if attempt or not len(violations) or violations.max() > 0:
                    break
                # No input of the pool violates the property, so look around the worst ones.
                top = np.argsort(violations)[-AT_ONCE:]
                pool.add(pool.neighbors(pool.x[top], NEAR // AT_ONCE))
            if not len(violations):
                continue
            largest = max(largest, float(violations.max()))
            bad = np.flatnonzero(violations > 0)
            for i in bad[np.argsort(violations[bad])[::-1][:AT_ONCE]]:
                self._add_cuts(pool, int(i), logits[i])
        return largest

    def _add_cuts(self, pool: InputPool, i: int, logits: np.ndarray) -> None:
        """Add the constraints at input `i` of a pool, where a candidate has these logits."""
        cuts = self._rules.cuts(pool.demand.safe, pool.x[i], logits, pool.usual[i])
        if cuts is None:
            # A row of zeros that must be at most -1 makes the program infeasible.
            self._rows.append(np.zeros(sum(w.size for w in self._original)))
            self._most.append(-1.0)
            return
        features = [part[i] for part in pool.features]
        for cut in cuts:
            row, constant = self._heads.row(features, cut.form)
            self._rows.append(row)
            self._most.append(cut.most - constant - self._margin * np.abs(cut.form).max())

    def learn(self, pool: InputPool, x: np.ndarray, weights: Sequence[np.ndarray]) -> None:
        """Add constraints at a counterexample `(d,)` and at inputs near it.

        Args:
            pool: The pool of the violated property's inputs.
            x: The flat counterexample, `(d,)`.
            weights: The weights of each layer that violate the property there.
        """
        first = len(pool.x)
        pool.add(x[None])
        pool.add(pool.neighbors(x[None], NEAR))
        logits = pool.logits(weights)
        violations = pool.violations(logits)
        if violations[first] <= 0.5 * self._margin:
            self._tighten(2.0)
        self._add_cuts(pool, first, logits[first])
        near = first + np.argsort(violations[first:])[::-1][:AT_ONCE]
        for i in near[violations[near] > 0]:
            if i != first:
                self._add_cuts(pool, int(i), logits[i])

    def _tighten(self, factor: float) -> None:
        """Multiply the margin of all constraints by a factor."""
        extra = (factor - 1.0) * self._margin
        self._margin *= factor
        self._most = [most - extra for most in self._most]

    def _choose_objective(self, program: WeightsProgram) -> WeightsProgram:
        """Return the objective whose solution agrees best with the original at held-out anchors."""
        best, score = program, -np.inf
        for i in range(self._anchors.count):
            rival = program if i == 0 else self._anchors.program(self._original, i)
            weights = rival.solve(np.array(self._rows), np.array(self._most))
            if weights is not None and self._anchors.score(weights) > score:
                best, score = rival, self._anchors.score(weights)
        return best
