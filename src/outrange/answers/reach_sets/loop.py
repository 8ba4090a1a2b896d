"""The answer of `outrange.loop_reach_sets`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import InputError, OutrangeError, Warrant
from ...core.messages import count_noun
from ..answer import Answer, Cost
from ..render.document import GOOD, OPEN, Document, Interval, Paragraph, Table
from ..render.text import ends_text
from ..tables.help import ENDED_EARLY, what_helps
from .figures import plot_unions
from .star_union import StarUnion


STATUSES = {
    "exact": "every step is exact up to float64 rounding",
    "time": ENDED_EARLY,
    "interrupted": "interrupted",
    "pieces": "the limit on the number of pieces was reached",
}
"""Reasons why the computation stopped; only with `"exact"` are the sets of all steps exact."""

MOST_STEPS, MOST_STATES = 12, 4
"""Maximum numbers of steps and of states shown."""


@dataclass(frozen=True, eq=False)
class LoopReachSets(Answer):
    """The states that a closed loop can reach after every step, as unions of polytopes.

    Every state that a trajectory from the initial set reaches after step `k` is in `at(k)`. This is
    rigorous (`FLOAT64_ROUNDED`, for the controller and the plant in real arithmetic). Up to step
    `exact_until`, every point of a set is within the set's `error` of a reachable state. Later sets
    only enclose the reachable states.

    Args:
        model: Name of the controller.
        states: Names of the states.
        sets: The union after each step; the first is the initial set.
        trajectories: `(runs, steps + 1, states)`, a few simulated trajectories for figures.
        status: `"exact"`, `"time"`, `"interrupted"` or `"pieces"`.
        warrant: Evidence for the sets (see `Warrant`).
        cost: Time in seconds and number of pieces, over all steps.
        methods: Methods used, with references.
        sources: Models analyzed, each with its hash.
        over: The initial set; None if unknown.
        provenance: The question, its arguments and the outrange version; None if not recorded.
        certificate: Empty: certificates do not cover reach sets.
        late: A note that a time limit was exceeded or that the default limit ended the search;
            empty if neither happened.

    Raises:
        OutrangeError: The parts do not match.
    """

    model: str
    states: tuple[str, ...]
    sets: tuple[StarUnion, ...]
    trajectories: np.ndarray
    status: str
    warrant: Warrant
    cost: Cost
    methods: tuple[str, ...] = ()

    FORMAT = "outrange.loop_reach_sets"
    DERIVED = ("exact_until",)
    INDEX = ("step",)

    def __post_init__(self) -> None:
        fits = all(union.names == self.states for union in self.sets)
        if self.status not in STATUSES or not self.sets or not fits:
            raise OutrangeError(
                "Reach sets of a loop must be sets of its states and have a known status. This "
                "error is a bug in outrange; please report it. "
                f"Received: {len(self.sets)} sets, status {self.status!r}."
            )

    def __len__(self) -> int:
        return len(self.sets)

    @property
    def exact_until(self) -> int:
        """The last step up to which every set is exact except for rounding."""
        exact = [union.is_exact for union in self.sets]
        return len(exact) - 1 if all(exact) else exact.index(False) - 1

    def at(self, step: int) -> StarUnion:
        """Return the set of reachable states after a step.

        Args:
            step: Index of the step; 0 for the initial set.

        Returns:
            The set, with `contains`, `lo`, `hi` and `pieces`.

        Raises:
            InputError: The step does not exist.
        """
        whole = isinstance(step, int | np.integer) and not isinstance(step, bool)
        if not whole or not 0 <= step < len(self.sets):
            raise InputError(
                f"A step must be an integer from 0 to {len(self.sets) - 1}. Received: {step!r}."
            )
        return self.sets[step]

    @property
    def lo(self) -> np.ndarray:
        """`(steps + 1, states)`, proved lower bounds on the states after each step."""
        return np.array([union.lo for union in self.sets])

    @property
    def hi(self) -> np.ndarray:
        """`(steps + 1, states)`, proved upper bounds on the states after each step."""
        return np.array([union.hi for union in self.sets])

    @property
    def reason(self) -> str:
        """Reason why the computation stopped, as text."""
        return STATUSES[self.status]

    @property
    def sentence(self) -> str:
        """The answer as a plain sentence."""
        steps, last = len(self.sets) - 1, self.exact_until
        if not self.sets[0].pieces:
            return "The initial set is empty, and so are all later sets."
        if last == steps:
            return (
                f"The sets of reachable states after each of {steps} steps are exact up to "
                f"rounding errors of {max(float(union.error.max()) for union in self.sets):.1e}; "
                f"the last set consists of {len(self.sets[-1]):,} pieces."
            )
        return (
            f"The sets of reachable states are exact up to step {last}; later sets only enclose "
            f"the reachable states ({self.reason})."
        )

    def __repr__(self) -> str:
        last = self.sets[-1]
        ends = f" with {ends_text(last.lo, last.hi)}" if last.pieces else ""
        return (
            f"LoopReachSets({count_noun(len(self.sets) - 1, 'step')}, exact until step "
            f"{self.exact_until}, {count_noun(len(last), 'piece')} at the end{ends}, "
            f"{self.warrant.name})"
        )

    def records(self) -> list[dict[str, Any]]:
        """Return one dict per step: number of pieces, exactness, and bounds on every state."""
        rows = []
        for k, union in enumerate(self.sets):
            row: dict[str, Any] = {"step": k, "pieces": len(union), "exact": union.is_exact}
            for name, lo, hi in zip(self.states, union.lo, union.hi, strict=True):
                row |= {f"{name}_lo": float(lo), f"{name}_hi": float(hi)}
            rows.append(row)
        return rows

    def document(self) -> Document:
        """Return a document with the sentence and the ranges of the states at selected steps."""
        some = np.unique(np.linspace(0, len(self.sets) - 1, MOST_STEPS).astype(int))
        names = self.states[:MOST_STATES]
        rows = []
        for k in some:
            union = self.sets[k]
            ends = zip(names, union.lo, union.hi, strict=False)
            cells = [Interval(float(lo), float(hi)) for _, lo, hi in ends]
            rows.append((str(k), f"{len(union):,}", "yes" if union.is_exact else "no", *cells))
        head = ("step", "pieces", "exact", *names)
        exact = self.exact_until == len(self.sets) - 1
        blocks = (
            Paragraph(self.sentence),
            Table(head, rows, "rrlr", len(self.sets) - len(rows)),
            Paragraph(f"{self.warrant.name}, {self.cost}. Controller: {self.model}."),
            Paragraph("" if exact else what_helps(self.status)),
        )
        title = f"{len(self.sets) - 1} steps of a closed loop"
        return Document("Reach sets", title, blocks, GOOD if exact else OPEN)

    def plot(
        self,
        ax: Any = None,
        *,
        x: str | int = 0,
        y: str | int = 1,
        seen: bool = True,
    ) -> Any:
        """Draw the sets in the plane of two states, one color per step.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.
            x: State on the horizontal axis, by name or index.
            y: State on the vertical axis.
            seen: Whether to draw trajectories.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed, the loop has only one state, or a state does
                not exist.
        """
        if len(self.states) < 2:
            raise InputError(
                "A figure of reach sets needs a loop with at least two states; "
                "`closed_loop(...).plot_times()` draws a single state over time. "
                f"Received: a loop with {len(self.states)} state."
            )
        at = [self.sets[0].index(x), self.sets[0].index(y)]
        steps = [
            (k, [
                (piece.exact, shape)
                for piece, shape in zip(union.pieces, union.polygons(*at), strict=True)
            ])
            for k, union in enumerate(self.sets)
        ]  # fmt: skip
        runs = self.trajectories[:, :, at] if seen else self.trajectories[:0, :, at]
        labels = self.states[at[0]], self.states[at[1]]
        return plot_unions(self.sentence, labels, steps, runs, ax)
