"""The search for a verdict on a closed loop in discrete time, and for bounds at every step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from ..answers.answer import Cost
from ..answers.loops import Loop, LoopTrajectory
from ..answers.loops.visible_states import first_states
from ..answers.progress import VerifyProgress
from ..answers.verdict import HOLDS, UNKNOWN, VIOLATED
from ..core import Clock, Formula, InputError, OutOfTime, Warrant, check_stopped, deadline
from ..core.formula import TRUE, holds, negate, remove_scale, value
from ..core.progress import Stage, report_progress
from ..executors.ambient_pool import Workers, ambient_workers, use_workers
from ..questions.common.network import GraphAlone
from ..questions.evidence.check_point import CounterexampleChecker, Witness
from ..questions.verify import verify
from ..search.common.failures import SearchFailedError, attempt
from ..search.common.portfolio import Rounds
from ..search.common.tolerance import is_curved
from .atom_bounds import unsafe_parts
from .contradictions import check_pipe
from .pipes import Bounds, bound_pipe
from .simulation import (
    KEPT,
    NO_STATE,
    check_defined,
    check_modes,
    flatten_trajectories,
    robustness,
    trajectories,
)
from .specification import Trajectory, spec_warnings, to_formula
from .system import LoopSystem, simulate, unroll
from .tubes import Tubes
from .zones import distant_zones, zones


FIRST_TURN = 1.0
"""Duration of the first turn that splits the initial set, in seconds; it doubles in every round."""

CURVED_SHARE = 0.25
"""Duration of a turn that searches the unrolled loop, relative to a turn that splits the initial
set, if the loop is not piecewise linear."""

METHODS = (
    "zonotopes in the initial variables with symbolic remainders, and splits of the initial set "
    "(Ghorbal et al. 2009; Huang et al. 2022)",
    "the loop unrolled as one network (branch and bound, linear bound propagation)",
)


@dataclass(eq=False)
class LoopSearch:
    """State of the search for a verdict on a closed loop.

    Args:
        spec: The specification; None for the reachable sets alone.
        text: The specification as text.
        clock: The clock of the question.
        seed: Random seed of the simulations.
        progress: Called at intervals with the state of the search.
    """

    system: LoopSystem
    spec: Any
    text: str
    clock: Clock
    seed: int = 0
    progress: Callable[[VerifyProgress], None] | None = None
    reason: str = "decided"
    witness: Witness | None = None
    proved: bool = False
    margin: float = -np.inf
    warrant: Warrant = Warrant.FLOAT64_ROUNDED
    boxes: int = 0
    splits: bool = True
    used: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        steps = self.system.horizon
        self.graph = unroll(self.system, steps)
        self.regions = self.system.regions(steps)
        self.where = Trajectory(
            self.graph.size, steps, self.system.states, self.system.controls, self.system.hidden
        )
        self.unsafe: Formula | None = None
        self.warnings: list[str] = []
        if self.spec is not None:
            self.unsafe = negate(to_formula(self.spec, self.where))
            self.warnings = spec_warnings(self.spec, self.unsafe)
        parts = [] if self.unsafe is None else unsafe_parts(self.unsafe, self.where)
        self.tubes = Tubes(self.system, self.where, parts)
        self.network = GraphAlone(self.graph, self.system.name)

    def run(self, tol: float | None) -> Loop:
        """Decide the specification, then bound the states at every step; return the answer.

        Args:
            tol: See `outrange.closed_loop`.
        """
        self.points, self.states, self.controls = trajectories(
            self.system, self.regions, self.system.horizon, self.seed, self.unsafe
        )
        check_defined(self.system, self.points, self.states)
        check_modes(self.system, self.states)
        if not len(self.points):
            self.warnings.append(NO_STATE)
        try:
            if self.unsafe is None:
                with deadline(self.clock.left):
                    self._advance()
            else:
                self._decide(self.unsafe)
        except OutOfTime:
            self.reason = "time"
        except KeyboardInterrupt:
            self.reason = "interrupted"
        check_stopped()
        spent = self.clock.seconds
        bounds = Bounds.of(self.tubes)
        if self.reason != "interrupted":
            report_progress(Stage("bounding every step"))
            try:
                bounds = attempt(lambda: bound_pipe(self, tol, spent), "the pipe")
            except SearchFailedError:
                bounds = Bounds.of(self.tubes)
            except KeyboardInterrupt:
                self.reason = self.reason if self.proved or self.witness else "interrupted"
        if self.unsafe is not None and self.proved:
            closed = -np.inf if self.tubes.waiting else self.tubes.margin
            self.margin = max(self.margin, closed, bounds.margin(self.unsafe, self.where))
        return self._answer(bounds)

    def _decide(self, unsafe: Formula) -> None:
        """Alternate between splits of the initial set and a search of the unrolled loop."""
        if self._simulation_violates(unsafe):
            return
        rounds = Rounds((self._split_set, partial(self._unroll, unsafe)), FIRST_TURN)
        while self.reason == "decided" and not (self.proved or self.witness):
            rounds.current(rounds.turn)
            rounds.end_turn()

    def _simulation_violates(self, unsafe: Formula) -> bool:
        """Return whether one of up to three simulated trajectories is proved to be a violation."""
        report_progress(Stage("simulating"))
        checker = CounterexampleChecker(self.network, unsafe, self.regions)
        far = robustness(unsafe, self.points, self.states, self.controls)
        any(map(checker, self.points[far <= 0][:3]))
        self.witness = checker.witness
        return self.witness is not None

    def _split_set(self, seconds: float) -> None:
        with deadline(self.clock.left):
            report_progress(Stage("splitting the initial set"))
            tubes, clock = self.tubes, Clock(seconds)
            self.used[METHODS[0]] = None
            while self.splits and tubes.waiting and not clock.expired:
                if self.clock.expired:
                    raise OutOfTime
                self._advance()
                self._report()
        self.proved = self.splits and not tubes.waiting

    def _advance(self) -> None:
        """Propagate a batch of boxes; after an internal error, give up on splits."""
        try:
            attempt(self.tubes.advance, "the splits of the initial set")
        except SearchFailedError:
            self.splits = False

    def _report(self) -> None:
        if self.progress is not None:
            tubes = self.tubes
            margin = None if tubes.waiting else min(tubes.margin, 0.0)
            now = VerifyProgress(
                self.clock.seconds, tubes.boxes, margin, self.nearest() or np.inf,
                len(tubes.waiting),
            )  # fmt: skip
            self.progress(now)

    def _unroll(self, unsafe: Formula, seconds: float) -> None:
        share = CURVED_SHARE if is_curved(self.graph) else 1.0
        seconds = min(share * seconds, self.clock.left)
        report_progress(Stage("searching the unrolled loop"))
        helpers = ambient_workers()
        try:
            # Workers stop at the end of this turn: the next one is for splits.
            with use_workers(None if helpers is None else Workers(helpers.pool)):
                verdict = verify(
                    self.network, unsafe, self.regions, text=self.text, seed=self.seed,
                    time_limit=max(seconds, 1e-3), progress=self.progress,
                )  # fmt: skip
        except InputError:
            if not self.tubes.trouble:
                raise
            return  # The plant may be undefined somewhere: smaller boxes decide.
        self.boxes += verdict.cost.boxes
        self.used[METHODS[1]] = None
        if verdict.holds:
            self.proved, self.margin, self.warrant = True, verdict.margin, verdict.warrant
        elif verdict.counterexample is not None:
            checker = CounterexampleChecker(self.network, unsafe, self.regions)
            checker(verdict.counterexample.flat_x)
            self.witness = checker.witness
        elif verdict.reason == "interrupted":
            raise KeyboardInterrupt
        elif not self.splits and verdict.reason != "time":
            self.reason = verdict.reason
        if not self.proved and self.witness is None and self.clock.expired:
            raise OutOfTime

    def nearest(self) -> float | None:
        """Return the least robustness of the simulated trajectories.

        The result is None without a specification or a trajectory.
        """
        if self.unsafe is None or not len(self.points):
            return None
        return float(robustness(self.unsafe, self.points, self.states, self.controls).min())

    def _answer(self, bounds: Bounds) -> Loop:
        check_pipe(self.graph, bounds, self.points, self.states)
        has_spec = self.unsafe is not None
        status = VIOLATED if self.witness else HOLDS if self.proved else UNKNOWN
        until = self.system.horizon if self.proved else self.tubes.safe_until
        counterexample = None if self.witness is None else self._trajectory(self.witness)
        if counterexample is not None:
            until = min(self.tubes.safe_until, counterexample.step - 1)
        names = {"states": self.system.states, "controls": self.system.controls}
        trajectories, near = self.states, self.nearest()
        if len(trajectories):
            trajectories = trajectories[np.linspace(0, len(trajectories) - 1, KEPT).astype(int)]
        pipe = bounds.pipe(names, self.states)
        spec_zones = zones(self.spec, self.where) if has_spec else ()
        answer = Loop(
            model=self.system.name,
            claim=self.text if has_spec else "",
            status=status if has_spec else "REACHED",
            pipe=pipe,
            counterexample=counterexample,
            margin=remove_scale(self.margin, self.unsafe or TRUE) if status == HOLDS else -np.inf,
            nearest=None if near is None else remove_scale(near, self.unsafe or TRUE),
            reason=self.reason,
            safe_until=until if has_spec else None,
            covered=1.0 if self.proved else self.tubes.covered,
            helps=() if status != UNKNOWN or not has_spec else self._remedies(bounds),
            warnings=(*self.warnings, *distant_zones(spec_zones, self.system.states, pipe)),
            warrant=self.warrant,
            cost=Cost(self.clock.seconds, self.boxes + self.tubes.boxes),
            methods=tuple(self.used),
            trajectories=trajectories,
            zones=spec_zones,
        )
        return first_states(answer, len(self.system.states) - self.system.hidden)

    def _remedies(self, bounds: Bounds) -> tuple[str, ...]:
        """Return sentences that explain an undecided verdict and suggest remedies."""
        sentences = []
        if self.tubes.waiting:
            box = max(self.tubes.waiting, key=lambda box: box.share)
            i = int(np.argmax(box.gains[min(max(box.reached, 0) + 1, self.system.horizon)].sum(0)))
            n = len(self.system.states)
            name = "a parameter or disturbance"
            name = f"the initial {self.system.states[i]}" if i < n else name
            sentences.append(
                f"The undecided part depends most on the range of {name}: narrow this range first."
            )
        far = self.nearest()
        if far is not None and far <= 0:
            sentences.append(
                "A simulated trajectory violates the specification, but by no more than rounding "
                "can explain."
            )
        if self.tubes.trouble:
            sentences.append(self.tubes.trouble)
        sentences.append("More time, or fewer steps, may decide the specification.")
        return tuple(sentences)

    def _trajectory(self, witness: Witness) -> LoopTrajectory:
        """Return the counterexample: its enclosure, and a simulation with the user's controller."""
        system, steps = self.system, self.system.horizon
        n, w, p, c = system.sizes
        lo, hi = (end[: steps * n].reshape(steps, n) for end in (witness.lo, witness.hi))
        x = witness.x[:n]
        points = witness.x[None]
        _, controls = simulate(system, points, steps)
        model = reproduced = None
        if system.model_step is not None and self.unsafe is not None:
            with np.errstate(all="ignore"):
                run, pushed = simulate(system, points, steps, by_model=True)
            model = run[0]
            (flat,) = flatten_trajectories(points, run, pushed)
            reproduced = holds(self.unsafe, flat, flat) is True
        rest = np.split(witness.x[n:], np.cumsum([steps * w, p]))
        return LoopTrajectory(
            x, np.concatenate([x[None], lo]), np.concatenate([x[None], hi]), controls[0],
            rest[0].reshape(steps, w), rest[1], rest[2].reshape(steps, c) if c else rest[2],
            self.broken_at or 0, model, reproduced,
        )  # fmt: skip

    @property
    def broken_at(self) -> int | None:
        """Number of steps until the witness violates the specification; None without a witness."""
        witness = self.witness
        if witness is None:
            return None
        with np.errstate(invalid="ignore"):  # Later states may overflow.
            middle = 0.5 * witness.lo + 0.5 * witness.hi
        flat = np.concatenate([witness.x, middle])[None]
        for part in self.tubes.parts:
            if value(part.formula, flat)[0] <= 0:
                return part.last
        return self.system.horizon
