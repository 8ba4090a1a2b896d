"""The question about a closed loop: a verdict, and where it can be at every step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..answers.answer import Cost
from ..answers.loops import Loop, LoopTrajectory
from ..answers.loops.visible_states import first_states
from ..answers.progress import VerifyProgress
from ..answers.verdict import HOLDS, UNKNOWN, VIOLATED
from ..core import Clock, Formula, InputError, OutOfTime, Warrant, check_stopped, deadline
from ..core.formula import holds, negate, value
from ..core.progress import Stage, report_progress
from ..executors.seam import Workers, workers, working_on
from ..questions.common.network import GraphAlone
from ..questions.evidence.check_point import CounterexampleChecker, Witness
from ..questions.verify import verify
from ..search.common.failures import SearchFailedError, attempt
from ..search.common.tolerance import is_curved
from .atom_bounds import unsafe_parts
from .contradictions import check_pipe
from .pipes import Bounds, pipe_of
from .seen import KEPT, NO_STATE, check_defined, check_modes, trajectories, trajectory, worth
from .specification import Trajectory, remarks, specified
from .system import LoopSystem, simulated, unrolled
from .tubes import Tubes
from .zones import unreached, zones


FIRST_TURN = 1.0
"""Seconds of the first turn of either search; every round doubles it."""

CURVED_SHARE = 0.25
"""Of the turns of splits, how long those of a loop unrolled are that is not piecewise linear."""

METHODS = (
    "zonotopes in the initial variables with symbolic remainders, and splits of the initial set "
    "(Ghorbal et al. 2009; Huang et al. 2022)",
    "the loop unrolled as one network (branch and bound, linear bound propagation)",
)


@dataclass(eq=False)
class LoopSearch:
    """A question under way.

    Args:
        system: The loop.
        spec: What shall hold; None for the reachable sets alone.
        text: The same in words.
        clock: Of the question.
        seed: Of the random points.
        progress: Called now and then.
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
        self.graph = unrolled(self.system, steps)
        self.regions = self.system.regions(steps)
        self.where = Trajectory(
            self.graph.size, steps, self.system.states, self.system.controls, self.system.hidden
        )
        self.unsafe: Formula | None = None
        self.warnings: list[str] = []
        if self.spec is not None:
            self.unsafe = negate(specified(self.spec, self.where))
            self.warnings = remarks(self.spec, self.unsafe)
        parts = [] if self.unsafe is None else unsafe_parts(self.unsafe, self.where)
        self.tubes = Tubes(self.system, self.where, parts)
        self.network = GraphAlone(self.graph, self.system.name)

    def run(self, tol: float | None) -> Loop:
        """Decide, then bound every step.

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
                bounds = attempt(lambda: pipe_of(self, tol, spent), "the pipe")
            except SearchFailedError:
                bounds = Bounds.of(self.tubes)
            except KeyboardInterrupt:
                self.reason = self.reason if self.proved or self.witness else "interrupted"
        if self.unsafe is not None and self.proved:
            closed = -np.inf if self.tubes.waiting else self.tubes.margin
            self.margin = max(self.margin, closed, bounds.margin(self.unsafe, self.where))
        return self._answer(bounds)

    def _decide(self, unsafe: Formula) -> None:
        """The two searches in turns: one closes boxes, the other attacks and is exact."""
        if self._breaks(unsafe):
            return
        turn = FIRST_TURN
        while self.reason == "decided" and not (self.proved or self.witness):
            with deadline(self.clock.left):
                self._split(turn)
            if not self.proved:
                share = CURVED_SHARE if is_curved(self.graph) else 1.0
                self._unroll(unsafe, min(share * turn, self.clock.left))
            turn *= 2

    def _breaks(self, unsafe: Formula) -> bool:
        """Whether one of the simulated trajectories breaks it, without rounding."""
        report_progress(Stage("simulating"))
        checker = CounterexampleChecker(self.network, unsafe, self.regions)
        far = worth(unsafe, self.points, self.states, self.controls)
        any(map(checker, self.points[far <= 0][:3]))
        self.witness = checker.witness
        return self.witness is not None

    def _split(self, seconds: float) -> None:
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
        """Take some boxes through the loop; an internal error leaves it to the unrolled loop."""
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
        report_progress(Stage("searching the unrolled loop"))
        helpers = workers()
        try:
            # What workers do for this turn ends with it: the next one is for splits.
            with working_on(None if helpers is None else Workers(helpers.pool)):
                found = verify(
                    self.network, unsafe, self.regions, text=self.text, seed=self.seed,
                    time_limit=max(seconds, 1e-3), progress=self.progress,
                )  # fmt: skip
        except InputError:
            if not self.tubes.trouble:
                raise
            return  # The plant may not be defined somewhere: smaller boxes will tell.
        self.boxes += found.cost.boxes
        self.used[METHODS[1]] = None
        if found.holds:
            self.proved, self.margin, self.warrant = True, found.margin, found.warrant
        elif found.counterexample is not None:
            checker = CounterexampleChecker(self.network, unsafe, self.regions)
            checker(found.counterexample.flat_x)
            self.witness = checker.witness
        elif found.reason == "interrupted":
            raise KeyboardInterrupt
        elif not self.splits and found.reason != "time":
            self.reason = found.reason
        if not self.proved and self.witness is None and self.clock.expired:
            raise OutOfTime

    def nearest(self) -> float | None:
        """The distance of the trajectory that came nearest to breaking the specification."""
        if self.unsafe is None or not len(self.points):
            return None
        far = worth(self.unsafe, self.points[:1], self.states[:1], self.controls[:1])
        return float(far[0])

    def _answer(self, bounds: Bounds) -> Loop:
        check_pipe(self.graph, bounds, self.points, self.states)
        asked = self.unsafe is not None
        status = VIOLATED if self.witness else HOLDS if self.proved else UNKNOWN
        until = self.system.horizon if self.proved else self.tubes.safe_until
        found = None if self.witness is None else self._trajectory(self.witness)
        if found is not None:
            until = min(self.tubes.safe_until, found.step - 1)
        names = {"states": self.system.states, "controls": self.system.controls}
        kept = self.states
        if len(kept):
            kept = kept[np.linspace(0, len(kept) - 1, KEPT).astype(int)]
        pipe = bounds.pipe(names, self.states)
        named = zones(self.spec, self.where) if asked else ()
        answer = Loop(
            model=self.system.name,
            claim=self.text if asked else "",
            status=status if asked else "REACHED",
            pipe=pipe,
            counterexample=found,
            margin=self.margin if status == HOLDS else -np.inf,
            nearest=self.nearest(),
            reason=self.reason,
            safe_until=until if asked else None,
            covered=1.0 if self.proved else self.tubes.covered,
            helps=() if status != UNKNOWN or not asked else self._helps(bounds),
            warnings=(*self.warnings, *unreached(named, self.system.states, pipe)),
            warrant=self.warrant,
            cost=Cost(self.clock.seconds, self.boxes + self.tubes.boxes),
            methods=tuple(self.used),
            trajectories=kept,
            zones=named,
        )
        return first_states(answer, len(self.system.states) - self.system.hidden)

    def _helps(self, bounds: Bounds) -> tuple[str, ...]:
        """What would help: where the search stands, in sentences."""
        found = []
        if self.tubes.waiting:
            box = max(self.tubes.waiting, key=lambda one: one.share)
            i = int(np.argmax(box.gains[min(max(box.reached, 0) + 1, self.system.horizon)].sum(0)))
            n = len(self.system.states)
            name = self.system.states[i] if i < n else "a parameter or disturbance"
            found.append(f"What is open depends most on the initial {name}: narrow it first.")
        far = self.nearest()
        if far is not None and far <= 0:
            found.append(
                "A simulated trajectory breaks it, but by no more than rounding can explain."
            )
        if self.tubes.trouble:
            found.append(self.tubes.trouble)
        found.append("More time, or fewer steps, may decide it.")
        return tuple(found)

    def _trajectory(self, witness: Witness) -> LoopTrajectory:
        """The counterexample, enclosed, and as the user's own controller runs it."""
        system, steps = self.system, self.system.horizon
        n, w, p, c = system.sizes
        lo, hi = (end[: steps * n].reshape(steps, n) for end in (witness.lo, witness.hi))
        x = witness.x[:n]
        points = witness.x[None]
        _, controls = simulated(system, points, steps)
        model = reproduced = None
        if system.model_step is not None and self.unsafe is not None:
            with np.errstate(all="ignore"):
                run, pushed = simulated(system, points, steps, by_model=True)
            model = run[0]
            (flat,) = trajectory(points, run, pushed)
            reproduced = holds(self.unsafe, flat, flat) is True
        times = steps if system.varies else 1
        rest = np.split(witness.x[n:], np.cumsum([times * w, p]))
        return LoopTrajectory(
            x, np.concatenate([x[None], lo]), np.concatenate([x[None], hi]), controls[0],
            rest[0].reshape(times, w), rest[1], rest[2].reshape(steps, c) if c else rest[2],
            self.broken_at or 0, model, reproduced,
        )  # fmt: skip

    @property
    def broken_at(self) -> int | None:
        """First step at which the witness has broken the specification; None without one."""
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
