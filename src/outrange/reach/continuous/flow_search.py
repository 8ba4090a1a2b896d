"""The search for a verdict on a loop in continuous time: attacks first, then flowpipes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import numpy as np

from ...answers.answer import Cost
from ...answers.loops import Loop, LoopTrajectory
from ...answers.progress import VerifyProgress
from ...answers.verdict import HOLDS, UNKNOWN, VIOLATED
from ...core import And, Clock, OutOfTime, Warrant, check_stopped, deadline, seconds_left
from ...core.clock import read_clock
from ...core.formula import remove_scale
from ...core.progress import Stage, report_progress
from ..flow import Cover, Decide, decide_by_splits
from ..flow.spread.batches import Reporting
from ..simulation import KEPT, NO_STATE
from ..specification import Trajectory
from ..zones import distant_zones, zones
from .advice import explain_undecided, safe_until
from .attack import (
    add_simulations,
    enclose_violation,
    initial_points,
    no_simulations,
    refine_nearest,
    simulate_worst,
)
from .claims import TimedClaim, claim_warnings, read_claim, window
from .contradictions import check_claim, check_seen
from .decisions import build_decision
from .hulls import answer_pipe
from .system import FlowSystem


LEAST, SHARE = 1.0, 1.25
"""Time allowed for computing and tightening the pipe if no `tol` was given: a minimum in seconds,
and a multiple of the time that the verdict took. The larger of the two applies."""

AIMED = 120.0
"""Time limit, in seconds, for making the pipe as narrow as `tol` requires."""

BROKEN, BROKEN_SHARE = 1.0, 0.25
"""Time allowed for the pipe if the specification is violated and no `tol` was given: a minimum in
seconds, and a fraction of the time that the verdict took. The larger of the two applies."""

REACH = 8.0
"""Time limit, in seconds, for a pipe that reaches the time of the violation."""

TIGHT = 0.1
"""Largest acceptable fraction of a pipe's width that is due to remainders. If it is exceeded, the
pieces of the initial set are cut further to narrow the pipe. The argument `tol` overrides this
fraction."""

SIMULATED, ENCLOSED = 0.4, 0.5
"""Fractions of the remaining time for simulations, and for proofs that simulated trajectories
violate the specification."""

TURNS = 256, 4096, 1 << 14
"""Largest number of pipes in each turn; after each turn, the open pieces are attacked again."""

OFTEN = 0.2
"""Minimum time between two progress reports, in seconds."""

METHODS = (
    "validated Taylor models of the flow with symbolic remainders, and splits of the initial set "
    "(Makino and Berz 2003; Chen et al. 2012; Huang et al. 2022)",
    "the flow of one initial point, enclosed",
)


@dataclass(eq=False)
class FlowSearch:
    """State of the search for a verdict on a loop in continuous time.

    Args:
        spec: The specification; None for the reachable sets alone.
        text: The specification as text.
        clock: The clock of the question.
        seed: Random seed of the simulations.
        progress: Called at intervals with the state of the search.
    """

    system: FlowSystem
    spec: Any
    text: str
    clock: Clock
    seed: int = 0
    progress: Callable[[VerifyProgress], None] | None = None
    claim: TimedClaim | None = None
    reason: str = "decided"
    witness: LoopTrajectory | None = None
    cover: Cover | None = None
    decided: Cover | None = None
    boxes: int = 0
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        system = self.system
        self.where = Trajectory(len(system.states), 0, system.states, system.controls)
        self._reported_at, self.nearest = 0.0, np.inf
        if self.spec is not None:
            self.claim = read_claim(self.spec, self.where, system.end)
            self.warnings = claim_warnings(self.spec, self.where, system.end)

    def run(self, tol: float | None) -> Loop:
        """Search for a violation, then for a proof, and return the answer.

        Unless the specification is proved, a pipe over the whole horizon is then computed.

        Args:
            tol: See `outrange.closed_loop`.
        """
        report_progress(Stage("simulating"))
        self.simulations = no_simulations(self.system)
        try:
            with deadline(SIMULATED * self.clock.left):
                self.simulations = simulate_worst(self.system, self.claim, self.seed)
                late = seconds_left() <= 0
            if not len(self.simulations.points) and not late:
                self.warnings.append(NO_STATE)
            self._search(tol)
        except KeyboardInterrupt:
            self.reason = "interrupted"
        check_stopped()
        return self._answer()

    @property
    def proved(self) -> bool:
        """Whether the specification is proved on every piece of the initial set."""
        cover = self.decided
        if self.witness is not None or cover is None or not cover.complete:
            return False
        # Every piece of a complete cover reached the final time; otherwise nothing is proved.
        return bool(cover.pipe.reached) and min(cover.pipe.reached) == self.system.end

    def _search(self, tol: float | None) -> None:
        claim = self.claim
        if claim is not None:
            self._attack_in_time(lambda: self._attack(claim))
            if self.witness is None:
                self._prove(claim, tol)
        if self.reason != "interrupted" and not self.proved:
            self._bound_pipe(tol)

    def _attack(self, claim: TimedClaim) -> None:
        """Store a witness if a simulated trajectory is proved to violate the claim."""
        if not self.simulations.robustness.size:
            return
        near = self.simulations
        if near.robustness[0] > 0:
            near = refine_nearest(self.system, claim, near)
            self.nearest = min(self.nearest, float(near.robustness[0]))
        if near.robustness[0] <= 0:
            report_progress(Stage("enclosing a trajectory"))
            self.witness = enclose_violation(self.system, claim, near, ENCLOSED * self.clock.left)

    def _attack_in_time(self, attack: Callable[[], None]) -> None:
        """Call `attack`; if the time runs out, record that as the reason for stopping."""
        try:
            with deadline(self.clock.left):
                attack()
        except OutOfTime:
            self.reason = "time"

    def _prove(self, claim: TimedClaim, tol: float | None) -> None:
        report_progress(Stage("splitting the initial set"))
        simulations, system = self.simulations, self.system
        if not len(simulations.points) and claim.chooses:
            # Simulations would choose the time and the alternative to prove.
            self.reason = "time" if self.clock.limit < np.inf else "splits"
            return
        decide = build_decision(
            claim, simulations.times, simulations.flat, system.dt, len(system.states)
        )
        for most in TURNS:
            self.reason = "decided"
            cover = self._cover(decide, tol, self._seconds_left(), most)
            if self.decided is None or cover.complete or cover.share >= self.decided.share:
                self.decided = self.cover = cover
            if cover.complete or self.reason == "interrupted":
                return
            self._attack_in_time(lambda cover=cover: self._attack_open(claim, cover))
            if self.witness is not None or self.reason == "time":
                return

    def _attack_open(self, claim: TimedClaim, cover: Cover) -> None:
        """Attack again with trajectories that begin in the middles of open pieces."""
        open_ = np.flatnonzero(~cover.proved)[:512]
        middles = 0.5 * cover.lo[open_] + 0.5 * cover.hi[open_]
        noise = self.system.noise
        middle = np.tile(0.5 * noise.lo + 0.5 * noise.hi, (len(open_), 1))
        points = initial_points(self.system, np.concatenate([middles, middle], axis=1))
        if len(points):
            self.simulations = add_simulations(self.system, claim, self.simulations, points)
            self._attack(claim)

    def _bound_pipe(self, tol: float | None) -> None:
        """Compute a pipe over the whole horizon, without deciding the specification.

        If this pipe stops before a known violation, compute another pipe up to the violation.
        """
        report_progress(Stage("bounding every time"))
        seconds = self._seconds_left()
        if self.claim is not None and tol is None:
            broken = self.witness is not None
            least, share = (BROKEN, BROKEN_SHARE) if broken else (LEAST, SHARE)
            seconds = max(least, share * self.clock.seconds)
            seconds = min(seconds, self.clock.left)
        self._keep(self._cover(None, tol, seconds))
        if self.witness is not None:
            self._bound_until(self.witness.time)

    def _bound_until(self, time: float) -> None:
        """Compute a pipe up to the violation, if the pipe over the horizon stops before it."""
        system, cover = self.system, self.cover
        periods = min(max(1, ceil(time / float(system.dt))), system.horizon)
        is_short = cover is None or min(cover.pipe.reached) < periods * system.dt
        if is_short and self.reason != "interrupted" and self.clock.left > 0:
            self._keep(self._cover(None, None, min(REACH, self.clock.left), periods=periods))

    def _keep(self, cover: Cover) -> None:
        """Store a new cover if its pipes reach at least as far in time as the stored pipes."""
        old = self.cover
        if old is None or min(cover.pipe.reached) >= min(old.pipe.reached):
            self.cover = cover

    def _cover(
        self,
        decide: Decide | None,
        tol: float | None,
        seconds: float | None,
        most: int = TURNS[-1],
        periods: int | None = None,
    ) -> Cover:
        def room(spent: float) -> float:
            if periods is not None:
                return 0.0
            return max(LEAST, SHARE * spent) if tol is None else AIMED

        system = self.system
        cover = decide_by_splits(
            system.plant, system.sampled, system.boxes(), system.dt, periods or system.horizon,
            None if decide is None else Reporting(decide, self.report), seconds,
            disturbance=system.disturbance, tighten=room, tight=TIGHT if tol is None else tol,
            most=most, since=None if decide is None else self.decided,
        )  # fmt: skip
        self.boxes += cover.tried
        if cover.interrupted:
            self.reason = "interrupted"
        elif not cover.complete and (decide is not None or self.claim is None):
            self.reason = "time" if self.clock.expired else "splits"
        return cover

    def _seconds_left(self) -> float | None:
        return self.clock.left if np.isfinite(self.clock.limit) else None

    def _nearest(self) -> float:
        """Return the least robustness of any simulated trajectory; infinity if there is none."""
        return min(
            self.nearest,
            float(self.simulations.robustness[0]) if self.simulations.robustness.size else np.inf,
        )

    def _remove_scale(self, distance: float) -> float:
        """Convert a distance from violating the specification to the units of its text."""
        claims = () if self.claim is None else self.claim.leaves()
        return remove_scale(distance, And(tuple(leaf.formula for leaf in claims if leaf.formula)))

    def report(self, boxes: int) -> None:
        """Report progress, at most every `OFTEN` seconds."""
        now = read_clock()
        if self.progress is None or now - self._reported_at < OFTEN:
            return
        self._reported_at = now
        self.progress(
            VerifyProgress(
                self.clock.seconds, self.boxes + boxes, None, self._nearest(), boxes
            )
        )  # fmt: skip

    def _answer(self) -> Loop:
        system, simulations, cover = self.system, self.simulations, self.decided
        has_spec = self.claim is not None
        status = VIOLATED if self.witness else HOLDS if self.proved else UNKNOWN
        chosen_runs = np.linspace(0, max(len(simulations.states) - 1, 0), KEPT).astype(int)
        pipe = answer_pipe(system, self.cover, simulations)
        check_seen(system, pipe, simulations)
        check_claim(system, self.claim if status == HOLDS else None, simulations)
        # Without a specification the pipe may stay open.
        open_ = status == UNKNOWN and (has_spec or not np.isfinite([pipe.lo, pipe.hi]).all())
        spec_zones = zones(self.spec, self.where, self._window) if has_spec else ()
        margin, near = -np.inf, None
        if status == HOLDS and cover is not None:
            margin = self._remove_scale(max(0.0, cover.margin))
        if has_spec and simulations.robustness.size:
            near = self._remove_scale(self._nearest())
        return Loop(
            model=system.name,
            claim=self.text if has_spec else "",
            status=status if has_spec else "REACHED",
            pipe=pipe,
            counterexample=self.witness,
            margin=margin,
            nearest=near,
            reason=self.reason,
            safe_until=safe_until(cover, self.proved, system.end) if has_spec else None,
            covered=1.0 if self.proved else 0.0 if cover is None else cover.share,
            helps=explain_undecided(
                system, cover if has_spec else self.cover, simulations, has_spec
            )
            if open_
            else (),
            warnings=(*self.warnings, *distant_zones(spec_zones, system.states, pipe)),
            warrant=Warrant.FLOAT64_ROUNDED,
            cost=Cost(self.clock.seconds, self.boxes),
            methods=METHODS[1:] if self.witness else METHODS[:1],
            trajectories=simulations.states[chosen_runs]
            if len(simulations.states)
            else simulations.states,
            zones=spec_zones,
            dt=float(system.dt),
            runs_at=np.array([float(t) for t in simulations.times]),
        )

    def _window(self, spec: Any) -> tuple[float, float]:
        start, stop = window(spec, self.system.end)
        return float(start), float(stop)
