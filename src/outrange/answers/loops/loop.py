"""The answer of `outrange.closed_loop`."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...core import Warrant
from ..answer import Answer, Cost
from ..render.document import Block, Document, Listing, Paragraph
from ..render.frame import frame
from ..render.jsonable import field_dict
from ..render.loops import plot_phase, plot_times
from ..render.text import clipped_name, number
from ..verdict import HOLDS, LONGEST_CLAIM, REASONS, TONE, UNKNOWN, Decided
from .drawn import picture_of
from .pipe import Invariant, Pipe
from .table import table_of
from .trajectory import LoopTrajectory, LoopZone


@dataclass(frozen=True, eq=False)
class Loop(Decided, Answer):
    """Where a closed loop can be at every time, and whether it does what was specified.

    `HOLDS` is a proof for every trajectory from the initial set, whatever the disturbance does.
    `VIOLATED` comes with a trajectory. `UNKNOWN` says how far the proof came. A loop counts as true
    only where its specification is proved; without one (`status` is `REACHED`) there is only the
    pipe.

    Args:
        model: The controller's name.
        claim: The specification as it was written; empty without one.
        status: `"HOLDS"`, `"VIOLATED"`, `"UNKNOWN"`, or `"REACHED"` without a specification.
        pipe: The reachable sets.
        counterexample: With `VIOLATED`.
        margin: Proved: every trajectory keeps at least this distance from breaking the
            specification, in the unit of its inequalities; infinite or negative if not known.
        nearest: The distance of the trajectory that came nearest; negative means broken.
        reason: `"decided"`, `"time"`, `"memory"`, `"interrupted"`, `"error"` or
            `"rounding"`.
        safe_until: The last step (in continuous time: the time) up to which the specification is
            proved not to be broken; -1 if not even at the start, None without a specification.
        covered: The share of the initial set for which the specification is proved.
        helps: Where it is not decided: what would help, in sentences.
        warnings: What is odd about the question, in sentences.
        warrant: What stands behind the verdict.
        cost: Seconds and boxes.
        methods: The methods that were used, with references.
        trajectories: `(runs, steps + 1, states)` some of those seen, to be drawn.
        zones: What the specification names, to be drawn.
        dt: The period of a loop in continuous time; None in discrete time.
        invariant: Where it stays for ever; None where a number of steps was asked about.
        runs_at: `(times,)` of the trajectories; empty in discrete time, where they count from 0.
        sources: The models it is about, each with its hash.
        over: The initial set; None if that is not known.
        provenance: What was asked, of which release; None where it was not recorded.
        certificate: Empty: there are no certificates of loops.
        late: By how much a time limit was exceeded, or which effort ended the search.

    Raises:
        OutrangeError: Verdict and evidence do not fit.
    """

    model: str
    claim: str
    status: str
    pipe: Pipe
    counterexample: LoopTrajectory | None
    margin: float
    nearest: float | None
    reason: str
    safe_until: float | None
    covered: float
    helps: tuple[str, ...]
    warnings: tuple[str, ...]
    warrant: Warrant
    cost: Cost
    methods: tuple[str, ...] = ()
    trajectories: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 0)), kw_only=True)

    zones: tuple[LoopZone, ...] = field(default=(), kw_only=True)
    dt: float | None = field(default=None, kw_only=True)
    invariant: Invariant | None = field(default=None, kw_only=True)
    runs_at: np.ndarray = field(default_factory=lambda: np.zeros(0), kw_only=True)

    FORMAT = "outrange.loop"
    INDEX = ("step",)
    OMITTED = ("trajectories", "runs_at")

    @property
    def looseness(self) -> float:
        """The largest of proved width over seen width, over all times and states."""
        return float(self.pipe.looseness.max())

    @property
    def last(self) -> int:
        """The number of the last step."""
        return round(float(self.pipe.stop.max()))

    @property
    def _span(self) -> str:
        """How long the loop runs, in words."""
        if self.invariant is not None:
            return "all time"
        return f"{self.last} steps" if self.dt is None else f"{self.pipe.stop.max():g} time units"

    @property
    def sentence(self) -> str:
        """The answer in a few plain sentences."""
        if self.status == HOLDS:
            return (
                f"It holds for every trajectory from the initial set, for {self._span}"
                f"{self._margin()}.{self._stays()}"
            )
        if self.counterexample is not None:
            return self._broken(self.counterexample)
        if self.status != UNKNOWN:
            told = f"Every trajectory from the initial set stays in these boxes ({self._span})."
            return " ".join([told + self._stays(), *self._unbounded(), *self.helps])
        until = "nothing is proved of the initial state itself"
        if self.safe_until is not None and self.safe_until >= 0:
            when = f"step {self.safe_until}" if self.dt is None else f"t = {self.safe_until:.4g}"
            until = f"proved until {when} for the whole initial set"
        share = f"; to the end for {self.covered:.1%} of it" * (0 < self.covered < 1)
        advice = " ".join(self.helps)
        first = ""
        if self.safe_until is not None and self.dt is None:
            first = f" Step {self.safe_until + 1} is the first open."
        return f"Unknown: {REASONS[self.reason]}; {until}{share}.{first} {advice}".strip()

    def _stays(self) -> str:
        """Where it stays for ever."""
        kept = self.invariant
        if kept is None:
            return ""
        told = kept.told(self.pipe.states)
        return f" From {self._when(kept.start)} on it stays, for ever, at {told}."

    def _unbounded(self) -> list[str]:
        """From when on nothing is known of some state."""
        bounded = np.isfinite(self.pipe.lo).all(axis=1) & np.isfinite(self.pipe.hi).all(axis=1)
        if bounded.all():
            return []
        first = int(np.argmin(bounded))
        return [f"They are bounded until {self._when(float(self.pipe.start[first]))} only."]

    def _when(self, time: float) -> str:
        return f"step {time:g}" if self.dt is None else f"t = {time:.4g}"

    def _margin(self) -> str:
        if not np.isfinite(self.margin) or self.margin <= 0:
            return ""
        seen = f"; the nearest seen is {number(self.nearest)}" if self.nearest is not None else ""
        return f", with a margin of {number(self.margin)}{seen}"

    def _broken(self, found: LoopTrajectory) -> str:
        told = {
            None: "the controller itself was not run",
            True: "the model itself, run along it, breaks it too",
            False: "in the model's own float32 rounding decides it the other way",
        }[found.reproduced]
        start = ", ".join(
            f"{name} = {v:.9g}" for name, v in zip(self.pipe.states, found.x, strict=True)
        )
        if found.time == 0:
            return f"The initial set itself breaks it, at {start}, before any step ({told})."
        when = f"step {found.step}" if self.dt is None else f"t = {found.time:.6g}"
        return f"It is broken at {when} by the trajectory from {start} ({told})."

    def __repr__(self) -> str:
        what = f", {clipped_name(self.claim, LONGEST_CLAIM)!r}" if self.claim else ""
        return f"Loop({self.status}{what}, {self._span}, {self.warrant.name})"

    def records(self) -> list[dict[str, Any]]:
        """One dict a time: the ends of every state, proved and seen, and of every control."""
        pipe, rows = self.pipe, []
        for k in range(len(pipe)):
            row: dict[str, Any] = {"step": float(pipe.start[k])}
            if self.dt is not None:
                row = {"start": float(pipe.start[k]), "stop": float(pipe.stop[k])}
            for i, name in enumerate(pipe.states):
                ends = pipe.lo, pipe.hi, pipe.seen_lo, pipe.seen_hi
                words = "lo", "hi", "seen_lo", "seen_hi"
                row |= {f"{name}_{w}": float(e[k, i]) for w, e in zip(words, ends, strict=True)}
            rows.append(row)
        return rows

    def to_frame(self) -> Any:
        """Tabulate the pipe.

        Returns:
            A `pandas.DataFrame`, a row a step; in continuous time a row an interval, by its
            `start` and `stop`.

        Raises:
            InputError: pandas is not installed.
        """
        return frame(self.records(), self.INDEX if self.dt is None else ("start", "stop"))

    @property
    def standing(self) -> str:
        """What stands behind the answer, and what it cost."""
        return f"{self.warrant.name}, {self.cost}."

    def document(self) -> Document:
        """The sentence, what is odd, and the pipe at some of its times."""
        blocks: list[Block] = [Paragraph(self.sentence)] if self.claim or self.helps else []
        if self.warnings:
            blocks.append(Listing("Warning:", self.warnings))
        blocks.append(table_of(self.pipe, self.dt is not None))
        loose = self.looseness
        width = f"The pipe is at most {number(loose)} times as wide as what was seen. "
        if not np.isfinite(loose):
            bounded = np.isfinite(self.pipe.lo).all() and np.isfinite(self.pipe.hi).all()
            width = "" if bounded else "The pipe is not bounded everywhere. "
        blocks.append(Paragraph(f"{width}{self.standing} Controller: {self.model}."))
        title = self.claim or f"{self._span} of a closed loop"
        return Document(self.status, title, blocks, TONE.get(self.status, ""))

    def as_dict(self) -> dict[str, Any]:
        """Everything, in lists, strings and numbers ready for JSON."""
        told = super().as_dict() | {"pipe": field_dict(self.pipe)}
        found = self.counterexample
        kept = None if self.invariant is None else field_dict(self.invariant)
        return told | {
            "counterexample": None if found is None else field_dict(found),
            "invariant": kept,
        }

    def plot(
        self, ax: Any = None, *, x: str | int | None = None, y: str | int | None = None
    ) -> Any:
        """Draw one state against another, or one over time. Needs matplotlib.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.
            x: The state to draw across, by its name or place; None for the time.
            y: The state to draw up. Neither: the first two states.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed, or there is no such state.
        """
        if x is None and y is None and len(self.pipe.states) > 1:
            x, y = 0, 1
        up = self.pipe.index(0 if y is None else y)
        if x is None:
            return plot_times(*picture_of(self), [up], ax)[0]
        return plot_phase(*picture_of(self), [self.pipe.index(x), up], ax)

    def plot_times(self, *states: str | int) -> list[Any]:
        """Draw states over time, one below the other. Needs matplotlib.

        Args:
            *states: By their names or places; all of them without any.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed, or there is no such state.
        """
        places = [self.pipe.index(state) for state in states or range(len(self.pipe.states))]
        return plot_times(*picture_of(self), places)

    def page(self, path: str | os.PathLike) -> None:
        """Write a page with a picture to look around in: axes to choose, a slider through time.

        Other than `html` it has a script, its own; nothing comes from outside.

        Args:
            path: The file, replaced if it exists.

        Raises:
            InputError: It cannot be written there.
        """
        from ..storage.write import write_text
        from .page import loop_page

        write_text("page", loop_page(self, self._in_full()), path)

    def csv(self, path: str | os.PathLike) -> None:
        """Write the pipe as a table, one row a time.

        Args:
            path: The file, replaced if it exists.

        Raises:
            InputError: It cannot be written there.
        """
        from ..storage.write import write_text

        rows = self.records()
        lines = [",".join(rows[0])] + [",".join(repr(v) for v in row.values()) for row in rows]
        write_text("table", "\n".join(lines) + "\n", path)
