"""The question about a loop in continuous time: attacks first, then flows of pieces."""

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
from ...core import Clock, OutOfTime, Warrant, check_stopped, deadline, seconds_left
from ...core.clock import read_clock
from ...core.progress import Stage, report_progress
from ..flow import Cover, Decide, decide_by_splits
from ..flow.spread.batches import Reporting
from ..seen import KEPT, NO_STATE
from ..specification import Trajectory
from ..zones import unreached, zones
from .advice import helps, safe_until
from .attack import enclosed, initial_points, more, nothing_seen, seen, sharper
from .claims import TimedClaim, claimed, warned, window
from .contradictions import check_claim, check_seen
from .decisions import deciding
from .hulls import pipe_of
from .system import FlowSystem


LEAST, SHARE = 1.0, 1.25
"""Seconds for a tighter pipe where no `tol` was asked for: at least, and as a share of what the
verdict took."""

AIMED = 120.0
"""Seconds at most for a pipe as narrow as `tol` says."""

BROKEN, BROKEN_SHARE = 1.0, 0.25
"""The same for a pipe where the specification is broken."""

REACH = 8.0
"""Seconds at most until the pipe of a broken specification reaches the time of the violation."""

TIGHT = 0.1
"""A pipe is near enough where remainders are this share of each width; `tol` says another one."""

SIMULATED, ENCLOSED = 0.4, 0.5
"""Shares of the time that is left that simulations, and the enclosure of some, may take."""

TURNS = 256, 4096, 1 << 14
"""Pipes that are tried at most before what is open is attacked again."""

OFTEN = 0.2
"""Seconds between two reports of progress."""

METHODS = (
    "validated Taylor models of the flow with symbolic remainders, and splits of the initial set "
    "(Makino and Berz 2003; Chen et al. 2012; Huang et al. 2022)",
    "the flow of one initial point, enclosed",
)


@dataclass(eq=False)
class FlowSearch:
    """A question under way.

    Args:
        system: The loop.
        spec: What shall hold; None for the reachable sets alone.
        text: The same in words.
        clock: Of the question.
        seed: Of the random points.
        progress: Called now and then.
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
        self._told, self.nearest = 0.0, np.inf
        if self.spec is not None:
            self.claim = claimed(self.spec, self.where, system.end)
            self.warnings = warned(self.spec, self.where, system.end)

    def run(self, tol: float | None) -> Loop:
        """Attack, then prove, then bound.

        Args:
            tol: See `outrange.closed_loop`.
        """
        report_progress(Stage("simulating"))
        self.found = nothing_seen(self.system)
        try:
            with deadline(SIMULATED * self.clock.left):
                self.found = seen(self.system, self.claim, self.seed)
                late = seconds_left() <= 0
            if not len(self.found.points) and not late:
                self.warnings.append(NO_STATE)
            self._search(tol)
        except KeyboardInterrupt:
            self.reason = "interrupted"
        check_stopped()
        return self._answer()

    @property
    def proved(self) -> bool:
        """Whether every piece of the initial set keeps what is asked."""
        cover = self.decided
        if self.witness is not None or cover is None or not cover.complete:
            return False
        # Every piece of a complete cover came to the end: if not, nothing is proved.
        return bool(cover.pipe.reached) and min(cover.pipe.reached) == self.system.end

    def _search(self, tol: float | None) -> None:
        claim = self.claim
        if claim is not None:
            self._attacked(lambda: self._attack(claim))
            if self.witness is None:
                self._prove(claim, tol)
        if self.reason != "interrupted" and not self.proved:
            self._bound(tol)

    def _attack(self, claim: TimedClaim) -> None:
        """Enclose a simulated trajectory that breaks it."""
        if not self.found.far.size:
            return
        near = self.found
        if near.far[0] > 0:
            near = sharper(self.system, claim, near)
            self.nearest = min(self.nearest, float(near.far[0]))
        if near.far[0] <= 0:
            report_progress(Stage("enclosing a trajectory"))
            self.witness = enclosed(self.system, claim, near, ENCLOSED * self.clock.left)

    def _attacked(self, attack: Callable[[], None]) -> None:
        """Attack until the time is over."""
        try:
            with deadline(self.clock.left):
                attack()
        except OutOfTime:
            self.reason = "time"

    def _prove(self, claim: TimedClaim, tol: float | None) -> None:
        report_progress(Stage("splitting the initial set"))
        found, system = self.found, self.system
        if not len(found.points) and claim.chooses:
            # Which time, and which way, is to be tried is not known.
            self.reason = "time" if self.clock.limit < np.inf else "splits"
            return
        asked = deciding(claim, found.times, found.flat, system.dt, len(system.states))
        for most in TURNS:
            self.reason = "decided"
            cover = self._cover(asked, tol, self._left(), most)
            if self.decided is None or cover.complete or cover.share >= self.decided.share:
                self.decided = self.cover = cover
            if cover.complete or self.reason == "interrupted":
                return
            self._attacked(lambda cover=cover: self._attack_open(claim, cover))
            if self.witness is not None or self.reason == "time":
                return

    def _attack_open(self, claim: TimedClaim, cover: Cover) -> None:
        """Attack once more, from the middles of what stayed open."""
        open_ = np.flatnonzero(~cover.proved)[:512]
        middles = 0.5 * cover.lo[open_] + 0.5 * cover.hi[open_]
        noise = self.system.noise
        middle = np.tile(0.5 * noise.lo + 0.5 * noise.hi, (len(open_), 1))
        points = initial_points(self.system, np.concatenate([middles, middle], axis=1))
        if len(points):
            self.found = more(self.system, claim, self.found, points)
            self._attack(claim)

    def _bound(self, tol: float | None) -> None:
        """A pipe to the end, where the question has none: of it, or of nothing but the loop."""
        report_progress(Stage("bounding every time"))
        seconds = self._left()
        if self.claim is not None and tol is None:
            broken = self.witness is not None
            least, share = (BROKEN, BROKEN_SHARE) if broken else (LEAST, SHARE)
            seconds = max(least, share * self.clock.seconds)
            seconds = min(seconds, self.clock.left)
        self._keep(self._cover(None, tol, seconds))
        if self.witness is not None:
            self._bound_until(self.witness.time)

    def _bound_until(self, time: float) -> None:
        """Bound the states up to the violation, if the pipe to the end stops before it."""
        system, cover = self.system, self.cover
        periods = min(max(1, ceil(time / float(system.dt))), system.horizon)
        is_short = cover is None or min(cover.pipe.reached) < periods * system.dt
        if is_short and self.reason != "interrupted" and self.clock.left > 0:
            self._keep(self._cover(None, None, min(REACH, self.clock.left), periods=periods))

    def _keep(self, cover: Cover) -> None:
        """Take over a cover whose pipes are at least as long as those of the present one."""
        old = self.cover
        if old is None or min(cover.pipe.reached) >= min(old.pipe.reached):
            self.cover = cover

    def _cover(
        self,
        asked: Decide | None,
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
            None if asked is None else Reporting(asked, self.report), seconds,
            disturbance=system.disturbance, tighten=room, tight=TIGHT if tol is None else tol,
            most=most, since=None if asked is None else self.decided,
        )  # fmt: skip
        self.boxes += cover.tried
        if cover.interrupted:
            self.reason = "interrupted"
        elif not cover.complete and (asked is not None or self.claim is None):
            self.reason = "time" if self.clock.expired else "splits"
        return cover

    def _left(self) -> float | None:
        return self.clock.left if np.isfinite(self.clock.limit) else None

    def _nearest(self) -> float:
        """The distance of the trajectory that came nearest."""
        return min(self.nearest, float(self.found.far[0]) if self.found.far.size else np.inf)

    def report(self, boxes: int) -> None:
        """Tell how far it is, now and then."""
        now = read_clock()
        if self.progress is None or now - self._told < OFTEN:
            return
        self._told = now
        self.progress(
            VerifyProgress(
                self.clock.seconds, self.boxes + boxes, None, self._nearest(), boxes
            )
        )  # fmt: skip

    def _answer(self) -> Loop:
        system, found, cover = self.system, self.found, self.decided
        asked = self.claim is not None
        status = VIOLATED if self.witness else HOLDS if self.proved else UNKNOWN
        kept = np.linspace(0, max(len(found.states) - 1, 0), KEPT).astype(int)
        pipe = pipe_of(system, self.cover, found)
        check_seen(system, pipe, found)
        check_claim(system, self.claim if status == HOLDS else None, found)
        # Without a specification it is the pipe that may stay open.
        open_ = status == UNKNOWN and (asked or not np.isfinite([pipe.lo, pipe.hi]).all())
        named = zones(self.spec, self.where, self._window) if asked else ()
        margin = -np.inf
        if status == HOLDS and cover is not None:
            margin = max(0.0, cover.margin)
        return Loop(
            model=system.name,
            claim=self.text if asked else "",
            status=status if asked else "REACHED",
            pipe=pipe,
            counterexample=self.witness,
            margin=margin,
            nearest=self._nearest() if asked and found.far.size else None,
            reason=self.reason,
            safe_until=safe_until(cover, self.proved, system.end) if asked else None,
            covered=1.0 if self.proved else 0.0 if cover is None else cover.share,
            helps=helps(system, cover if asked else self.cover, found, asked) if open_ else (),
            warnings=(*self.warnings, *unreached(named, system.states, pipe)),
            warrant=Warrant.FLOAT64_ROUNDED,
            cost=Cost(self.clock.seconds, self.boxes),
            methods=METHODS[1:] if self.witness else METHODS[:1],
            trajectories=found.states[kept] if len(found.states) else found.states,
            zones=named,
            dt=float(system.dt),
            runs_at=np.array([float(t) for t in found.times]),
        )

    def _window(self, spec: Any) -> tuple[float, float]:
        start, stop = window(spec, self.system.end)
        return float(start), float(stop)
