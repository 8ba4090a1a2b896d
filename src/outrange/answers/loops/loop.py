"""The answer of `outrange.closed_loop`."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...core import Warrant
from ...core.messages import count_noun
from ..answer import Answer, Cost
from ..render.document import Block, Document, Listing, Paragraph
from ..render.frame import frame
from ..render.jsonable import field_dict
from ..render.loops import plot_phase, plot_times
from ..render.text import clipped_name, ends_text, number
from ..verdict import HOLDS, LONGEST_CLAIM, REASONS, TONE, UNKNOWN, Decided
from .figures import figure_data
from .pipe import Invariant, Pipe
from .table import table_of
from .trajectory import LoopTrajectory, LoopZone


@dataclass(frozen=True, eq=False)
class Loop(Decided, Answer):
    """The reachable states of a closed loop over time, and a verdict on its specification.

    `HOLDS` is a proof for every trajectory from the initial set, for every disturbance. `VIOLATED`
    comes with a violating trajectory. With `UNKNOWN`, the answer states how far the proof got. In a
    condition (`if answer:`) the answer is true only if the specification is proved. Without a
    specification (`status` is `REACHED`), the answer contains no verdict.

    Args:
        model: Name of the controller.
        claim: The specification, as text; empty without one.
        status: `"HOLDS"`, `"VIOLATED"`, `"UNKNOWN"`, or `"REACHED"` without a specification.
        pipe: The reachable sets over time.
        counterexample: A violating trajectory, with `VIOLATED`.
        margin: With `HOLDS`, proved lower bound on the distance of every trajectory from a
            violation, in the units of the specification's inequalities; it may be infinite.
            Otherwise minus infinity.
        nearest: Smallest distance of a simulated trajectory from a violation; negative for a
            violation, None if unknown.
        reason: Why the search stopped: `"decided"`, `"time"`, `"memory"`, `"interrupted"`,
            `"error"`, `"rounding"`, `"splits"` or `"forever"`.
        safe_until: Last step (in continuous time: last time) up to which a violation is excluded;
            -1 if not even the initial set is proved safe, None without a specification.
        covered: Fraction of the initial set for which the specification is proved.
        helps: Sentences of advice, for example if the specification is undecided.
        warnings: Sentences about unusual features of the question.
        warrant: Evidence for the verdict (see `Warrant`).
        cost: Time in seconds, and number of boxes.
        methods: Methods used, with references.
        trajectories: `(runs, steps + 1, states)`, a few simulated trajectories for figures.
        zones: Sets that the specification mentions, for figures.
        dt: Period of a loop in continuous time; None in discrete time.
        invariant: Set in which the loop is proved to stay forever; None if none is known.
        runs_at: `(times,)`, times of the trajectories; empty in discrete time, where they are the
            steps from 0.
        sources: Models analyzed, each with its hash.
        over: The initial set; None if unknown.
        provenance: The question, its arguments and the outrange version; None if not recorded.
        certificate: Empty: certificates do not cover loops.
        late: A note that a time limit was exceeded or that the default limit ended the search;
            empty if neither happened.

    Raises:
        OutrangeError: Verdict and evidence contradict each other.
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
        """Maximum ratio of proved to simulated width, over all times and states."""
        return float(self.pipe.looseness.max())

    @property
    def last(self) -> int:
        """Index of the last step, or in continuous time the last time, rounded to an integer."""
        return round(float(self.pipe.stop.max()))

    @property
    def _span(self) -> str:
        """Duration of the loop, as text."""
        if self.invariant is not None:
            return "all time"
        if self.dt is None:
            return count_noun(self.last, "step")
        return f"{self.pipe.stop.max():g} time units"

    @property
    def sentence(self) -> str:
        """The answer in a few plain sentences."""
        if self.status == HOLDS:
            return (
                "The specification holds for every trajectory from the initial set, for "
                f"{self._span}{self._margin()}.{self._stays()}"
            )
        if self.counterexample is not None:
            return self._broken(self.counterexample)
        if self.status != UNKNOWN:
            text = (
                f"Every trajectory from the initial set stays in the proved boxes for {self._span}."
            )
            return " ".join([text + self._stays(), *self._unbounded_sentence(), *self.helps])
        until = "nothing is proved, not even for the initial states"
        if self.safe_until is not None and self.safe_until >= 0:
            when = f"step {self.safe_until}" if self.dt is None else f"t = {self.safe_until:.4g}"
            until = f"proved until {when} for the whole initial set"
        share = f"; to the end for {self.covered:.1%} of it" * (0 < self.covered < 1)
        advice = " ".join(self.helps)
        first = ""
        if self.safe_until is not None and self.dt is None:
            first = f" Step {self.safe_until + 1} is the first undecided step."
        return f"Unknown: {REASONS[self.reason]}; {until}{share}.{first} {advice}".strip()

    def _stays(self) -> str:
        """Return a sentence about the set in which the loop stays forever."""
        invariant = self.invariant
        if invariant is None:
            return ""
        box = invariant.box_text(self.pipe.states)
        return f" From {self._when(invariant.start)} on, these bounds hold forever: {box}."

    def _unbounded_sentence(self) -> list[str]:
        """Return a list with a sentence that states when bounds become infinite; empty if never."""
        bounded = np.isfinite(self.pipe.lo).all(axis=1) & np.isfinite(self.pipe.hi).all(axis=1)
        if bounded.all():
            return []
        first = int(np.argmin(bounded))
        return [f"The boxes are bounded only until {self._when(float(self.pipe.start[first]))}."]

    def _when(self, time: float) -> str:
        return f"step {time:g}" if self.dt is None else f"t = {time:.4g}"

    def _margin(self) -> str:
        if not np.isfinite(self.margin) or self.margin <= 0:
            return ""
        seen = ""
        if self.nearest is not None:
            seen = f"; the smallest margin seen is {number(self.nearest)}"
        return f", with a margin of {number(self.margin)}{seen}"

    def _broken(self, example: LoopTrajectory) -> str:
        run = {
            None: "the controller itself was not run",
            True: "a run of the model itself breaks the specification, too",
            False: "the model's own float32 rounding reverses the result",
        }[example.reproduced]
        start = ", ".join(
            f"{name} = {v:.9g}" for name, v in zip(self.pipe.states, example.x, strict=True)
        )
        if example.time == 0:
            return f"The initial state {start} breaks the specification before any step ({run})."
        when = f"step {example.step}" if self.dt is None else f"t = {example.time:.6g}"
        return f"The specification is broken at {when} by the trajectory from {start} ({run})."

    def __repr__(self) -> str:
        what = f", {clipped_name(self.claim, LONGEST_CLAIM)!r}" if self.claim else ""
        ends = ""
        if not self.claim:
            ends = f", last states {ends_text(self.pipe.lo[-1], self.pipe.hi[-1])}"
        return f"Loop({self.status}{what}, {self._span}{ends}, {self.warrant.name})"

    def records(self) -> list[dict[str, Any]]:
        """Return one dict per time: proved bounds and simulated extremes of every state."""
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
        """Convert the bounds on the states over time to a table.

        Returns:
            A `pandas.DataFrame` with one row per step; in continuous time one row per interval,
            indexed by `start` and `stop`.

        Raises:
            InputError: pandas is not installed.
        """
        return frame(self.records(), self.INDEX if self.dt is None else ("start", "stop"))

    @property
    def standing(self) -> str:
        """The warrant and the cost of the answer, as text."""
        return f"{self.warrant.name}, {self.cost}."

    def document(self) -> Document:
        """Return a document with the sentence, the warnings, and a table of the pipe.

        The sentence is omitted if there is neither a specification nor advice. The last paragraph
        states the ratio of proved to simulated width, the warrant, the cost and the controller.
        """
        blocks: list[Block] = [Paragraph(self.sentence)] if self.claim or self.helps else []
        if self.warnings:
            blocks.append(Listing("Warning:", self.warnings))
        blocks.append(table_of(self.pipe, self.dt is not None))
        loose = self.looseness
        width = (
            f"The proved boxes are at most {number(loose)} times as wide as the ranges of the "
            "simulated states. "
        )
        if not np.isfinite(loose):
            bounded = np.isfinite(self.pipe.lo).all() and np.isfinite(self.pipe.hi).all()
            width = "" if bounded else "The proved boxes are not bounded everywhere. "
        blocks.append(Paragraph(f"{width}{self.standing} Controller: {self.model}."))
        title = self.claim or f"{self._span} of a closed loop"
        return Document(self.status, title, blocks, TONE.get(self.status, ""))

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values, without the simulated trajectories and their times."""
        fields = super().as_dict() | {"pipe": field_dict(self.pipe)}
        example, invariant = self.counterexample, self.invariant
        return fields | {
            "counterexample": None if example is None else field_dict(example),
            "invariant": None if invariant is None else field_dict(invariant),
        }

    def plot(
        self, ax: Any = None, *, x: str | int | None = None, y: str | int | None = None
    ) -> Any:
        """Draw one state against another, or one state over time.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.
            x: State on the horizontal axis, by name or index; None for time.
            y: State on the vertical axis; None for the first. If both are None, the first two
                states are drawn, or the only state over time.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed, or the state does not exist.
        """
        if x is None and y is None and len(self.pipe.states) > 1:
            x, y = 0, 1
        up = self.pipe.index(0 if y is None else y)
        if x is None:
            return plot_times(*figure_data(self), [up], ax)[0]
        return plot_phase(*figure_data(self), [self.pipe.index(x), up], ax)

    def plot_times(self, *states: str | int) -> list[Any]:
        """Draw states over time, one below the other.

        Args:
            *states: Names or indices of states; without arguments, all states.

        Returns:
            A list with the axes of each state.

        Raises:
            InputError: matplotlib is not installed, or a state does not exist.
        """
        places = [self.pipe.index(state) for state in states or range(len(self.pipe.states))]
        return plot_times(*figure_data(self), places)

    def page(self, path: str | os.PathLike) -> None:
        """Write an HTML page with an interactive figure: selectable axes and a time slider.

        Unlike the output of `html`, the page contains a script. It loads nothing external.

        Args:
            path: The file, replaced if it exists.

        Raises:
            InputError: The file cannot be written.
        """
        from ..storage.write import write_text
        from .page import loop_page

        write_text("page", loop_page(self, self._in_full()), path)

    def csv(self, path: str | os.PathLike) -> None:
        """Write the bounds on the states to a CSV file, with one row per step or interval.

        Args:
            path: The file, replaced if it exists.

        Raises:
            InputError: The file cannot be written.
        """
        from ..storage.write import write_text

        rows = self.records()
        lines = [",".join(rows[0])] + [",".join(repr(v) for v in row.values()) for row in rows]
        write_text("table", "\n".join(lines) + "\n", path)
