"""The answer of `outrange.loop_reach_sets`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import InputError, OutrangeError, Warrant
from ..answer import Answer, Cost
from ..render.document import GOOD, OPEN, Document, Interval, Paragraph, Table
from ..tables.help import what_helps
from .pictures import plot_unions
from .star_union import StarUnion


STATUSES = {
    "exact": "every step is exact but for float64 rounding",
    "time": "time ran out",
    "interrupted": "interrupted",
    "pieces": "as many pieces as allowed",
}
"""Why sets after some step are covers, in words."""

MOST_STEPS, MOST_STATES = 12, 4
"""Of more some are shown."""


@dataclass(frozen=True, eq=False)
class LoopReachSets(Answer):
    """Where a closed loop can be after every step, as unions of polytopes.

    Rigorous (`FLOAT64_ROUNDED`, about the real-valued controller and the plant as written): each
    state that some trajectory from the initial set has after step `k` is in `at(k)`. Up to step
    `exact_until` no point of a set is farther than its `error` from such a state; from then on the
    sets cover what can be reached.

    Args:
        model: The controller's name.
        states: Names.
        sets: The union after each step; the first is the initial set.
        trajectories: `(runs, steps + 1, states)` some of those seen, to be drawn.
        status: `"exact"`, `"time"`, `"interrupted"` or `"pieces"`.
        warrant: What stands behind the sets.
        cost: Seconds and pieces, of all steps together.
        methods: The methods that were used, with references.
        sources: The models it is about, each with its hash.
        over: The initial set; None if that is not known.
        provenance: What was asked, of which release; None where it was not recorded.
        certificate: Empty: there are no certificates of reach sets.
        late: By how much a time limit was exceeded, or which effort ended the search.

    Raises:
        OutrangeError: The parts do not fit each other.
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
        fits = all(one.names == self.states for one in self.sets)
        if self.status not in STATUSES or not self.sets or not fits:
            raise OutrangeError(
                "Reach sets of a loop are about its states and say why they ended; this is a bug "
                f"in outrange. Received: {len(self.sets)} sets, status {self.status!r}."
            )

    def __len__(self) -> int:
        return len(self.sets)

    @property
    def exact_until(self) -> int:
        """The last step up to which every set is exact but for rounding."""
        exact = [one.is_exact for one in self.sets]
        return len(exact) - 1 if all(exact) else exact.index(False) - 1

    def at(self, step: int) -> StarUnion:
        """Where the state can be after a step: `.contains(x)`, `.lo`, `.hi`, `.pieces`.

        Args:
            step: Its number; 0 is the initial set.

        Returns:
            The set.

        Raises:
            InputError: There is no such step.
        """
        whole = isinstance(step, int | np.integer) and not isinstance(step, bool)
        if not whole or not 0 <= step < len(self.sets):
            raise InputError(f"The loop has the steps 0 to {len(self.sets) - 1}. Got: {step!r}.")
        return self.sets[step]

    @property
    def lo(self) -> np.ndarray:
        """`(steps + 1, states)` the least values, proved."""
        return np.array([one.lo for one in self.sets])

    @property
    def hi(self) -> np.ndarray:
        """`(steps + 1, states)` the largest values, proved."""
        return np.array([one.hi for one in self.sets])

    @property
    def reason(self) -> str:
        """Why it stopped, in words."""
        return STATUSES[self.status]

    @property
    def sentence(self) -> str:
        """The answer in a plain sentence."""
        steps, last = len(self.sets) - 1, self.exact_until
        if not self.sets[0].pieces:
            return "The initial set is empty, and so is all that is reached."
        if last == steps:
            return (
                f"Where the loop can be after each of {steps} steps, exactly: "
                f"{len(self.sets[-1]):,} pieces at the end, up to "
                f"{max(float(one.error.max()) for one in self.sets):.1e} of rounding."
            )
        return (
            f"Where the loop can be, exactly until step {last}; after it the sets cover what can "
            f"be reached ({self.reason})."
        )

    def __repr__(self) -> str:
        return (
            f"LoopReachSets({len(self.sets) - 1} steps, exact until step {self.exact_until}, "
            f"{len(self.sets[-1]):,} pieces at the end, {self.warrant.name})"
        )

    def records(self) -> list[dict[str, Any]]:
        """One dict a step: its pieces, whether it is exact, and the ends of every state."""
        rows = []
        for k, one in enumerate(self.sets):
            row: dict[str, Any] = {"step": k, "pieces": len(one), "exact": one.is_exact}
            for name, lo, hi in zip(self.states, one.lo, one.hi, strict=True):
                row |= {f"{name}_lo": float(lo), f"{name}_hi": float(hi)}
            rows.append(row)
        return rows

    def document(self) -> Document:
        """The sentence, and the ranges of the states at some steps."""
        some = np.unique(np.linspace(0, len(self.sets) - 1, MOST_STEPS).astype(int))
        names = self.states[:MOST_STATES]
        rows = []
        for k in some:
            one = self.sets[k]
            ends = zip(names, one.lo, one.hi, strict=False)
            cells = [Interval(float(lo), float(hi)) for _, lo, hi in ends]
            rows.append((str(k), f"{len(one):,}", "yes" if one.is_exact else "no", *cells))
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
        """Draw the sets in the plane of two states, a color a step. Needs matplotlib.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.
            x: The state to draw across, by its name or place.
            y: The state to draw up.
            seen: Whether to draw trajectories.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed, or there are no two such states.
        """
        if len(self.states) < 2:
            raise InputError(
                "Two states are drawn against each other; `closed_loop(...).plot_times()` draws "
                f"one over time. Received: a loop of {len(self.states)} state."
            )
        at = [self.sets[0].index(x), self.sets[0].index(y)]
        steps = [
            (k, [
                (piece.exact, shape)
                for piece, shape in zip(one.pieces, one.polygons(*at), strict=True)
            ])
            for k, one in enumerate(self.sets)
        ]  # fmt: skip
        runs = self.trajectories[:, :, at] if seen else self.trajectories[:0, :, at]
        labels = self.states[at[0]], self.states[at[1]]
        return plot_unions(self.sentence, labels, steps, runs, ax)
