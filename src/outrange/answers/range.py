"""The answer of `outrange.output_range`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..core import InputError, OutrangeError, UnknownKeyError, Warrant
from .answer import Answer, Cost
from .render.document import MOST_ROWS, Bar, Document, Paragraph, Table
from .render.plot import plot_bars
from .render.text import entry_names, number, point, short, tidy, vector


STATUSES = {
    "exact": "exact to {tol:g}",
    "time": "time ran out",
    "interrupted": "interrupted",
    "rounding": "stopped where float64 rounding decides, not exact to {tol:g}",
}
"""Why a search stopped, in words; the bounds are valid in every case."""

MOST_INPUTS, MOST_NAMED = 12, 10
"""The inputs that give the values seen are shown up to so many entries, and so many outputs."""


@dataclass(frozen=True, eq=False)
class Range(Answer):
    """The range of every output over an input set: a claim, its evidence, and why it stopped.

    The claim: over the whole input set, each output of the real-valued network with the stored
    weights lies in `[lo, hi]`. It is true whatever the status says.
    The evidence: at the inputs `at_lo` and `at_hi` the network was evaluated in interval
    arithmetic, with as many digits as it takes; its least value over the set is at most `seen_lo`,
    its largest at least `seen_hi`.
    So `lo <= least value <= seen_lo`, and `gap` says what is not known. Where an output is constant
    but for rounding, `seen_lo` may lie above `seen_hi` by that rounding.

    Arrays have the output's own shape (no batch axis). With several outputs they are flat, all
    outputs one after the other, and `answer["name"]` or `by_name` gives each in its own shape.

    Args:
        model: The model's name.
        inputs: Input name to shape.
        outputs: Output name to shape, in the order of the flat arrays.
        lo: Proved lower bounds, in the output's shape.
        hi: Proved upper bounds, in the output's shape.
        seen_lo: The least values attained, each rounded up by its evaluation error; same shape.
        seen_hi: The largest values attained, each rounded down likewise; same shape.
        at_lo: The inputs that reach `seen_lo`: shape `(*output shape, *input shape)`, or for
            several inputs a dict from input name to such arrays.
        at_hi: The same for `seen_hi`.
        model_lo: The outputs of the model itself at `at_lo` in float32, in the shape of `lo`; None
            where no runtime could run it, or where the question is not about its outputs.
        model_hi: The same at `at_hi`.
        tol: Tolerance asked for, relative to each output's range seen.
        status: `"exact"`, `"time"`, `"interrupted"` or `"rounding"`: why the search stopped.
        warrant: What stands behind the claim.
        cost: Seconds and boxes.
        methods: The methods that were used, with references.

    Raises:
        OutrangeError: The evidence contradicts the claim.
    """

    model: str
    inputs: dict[str, tuple[int, ...]]
    outputs: dict[str, tuple[int, ...]]
    lo: np.ndarray
    hi: np.ndarray
    seen_lo: np.ndarray
    seen_hi: np.ndarray
    at_lo: np.ndarray | dict[str, np.ndarray]
    at_hi: np.ndarray | dict[str, np.ndarray]
    model_lo: np.ndarray | None
    model_hi: np.ndarray | None
    tol: float
    status: str
    warrant: Warrant
    cost: Cost
    methods: tuple[str, ...] = ()

    FORMAT = "outrange.range"
    DERIVED = ("statement", "gap", "relative_gap")

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise OutrangeError(f"`status` is one of {list(STATUSES)}. Received: {self.status!r}.")
        held = (self.lo <= self.seen_lo) & (self.seen_lo <= self.hi)
        held = held & (self.lo <= self.seen_hi) & (self.seen_hi <= self.hi)
        if not np.all(held):
            i = tuple(int(k) for k in np.argwhere(~np.asarray(held))[0])
            raise OutrangeError(
                f"The evidence contradicts the claim at output {list(i)}; this is a bug in "
                f"outrange, please report it. Received: [{self.lo[i]!r}, {self.hi[i]!r}] claimed, "
                f"[{self.seen_lo[i]!r}, {self.seen_hi[i]!r}] seen."
            )

    @property
    def gap(self) -> np.ndarray:
        """What is not known of each output, in its own unit: the larger of the gaps at its ends."""
        with np.errstate(invalid="ignore", over="ignore"):
            gap = np.maximum(self.seen_lo - self.lo, self.hi - self.seen_hi)
        return np.where(np.isnan(gap), np.inf, gap)

    @property
    def relative_gap(self) -> np.ndarray:
        """`gap` as a multiple of the range seen (of 1e-6 of its magnitude, if that is more)."""
        return relative(self.gap, self.seen_lo, self.seen_hi)

    @property
    def closed_lo(self) -> np.ndarray:
        """Of each output, whether `seen_lo` is its least value to `tol`."""
        return self._closed(self.seen_lo, self.lo)

    @property
    def closed_hi(self) -> np.ndarray:
        """Of each output, whether `seen_hi` is its largest value to `tol`."""
        return self._closed(self.hi, self.seen_hi)

    def _closed(self, upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", over="ignore"):
            share = relative(upper - lower, self.seen_lo, self.seen_hi)
        return np.asarray((share <= self.tol) | self.is_exact)

    @property
    def is_exact(self) -> bool:
        """Whether every end is known to `tol`."""
        return self.status == "exact"

    @cached_property
    def by_name(self) -> dict[str, Range]:
        """One `Range` an output, each in that output's own shape."""
        if len(self.outputs) == 1:
            return {next(iter(self.outputs)): self}
        parts, start = {}, 0
        for name, shape in self.outputs.items():
            stop = start + int(np.prod(shape, dtype=np.int64))
            parts[name] = self._part(name, shape, slice(start, stop))
            start = stop
        return parts

    def _part(self, name: str, shape: tuple[int, ...], where: slice) -> Range:
        def cut(values: Any) -> Any:
            if values is None:
                return None
            if isinstance(values, dict):
                return {key: cut(value) for key, value in values.items()}
            return values[where].reshape(shape + values.shape[1:])

        names = ("lo", "hi", "seen_lo", "seen_hi", "at_lo", "at_hi", "model_lo", "model_hi")
        return replace(self, outputs={name: shape}, **{n: cut(getattr(self, n)) for n in names})

    def __getitem__(self, name: str) -> Range:
        if not isinstance(name, str) or name not in self.by_name:
            raise UnknownKeyError(f"The outputs are {list(self.outputs)}. Received: {name!r}.")
        return self.by_name[name]

    @property
    def reason(self) -> str:
        """Why the search stopped, in words."""
        return STATUSES[self.status].format(tol=self.tol)

    @property
    def statement(self) -> str:
        """What `lo` and `hi` are bounds of."""
        return "real-valued network with the stored weights"

    def shown(self) -> tuple[np.ndarray, np.ndarray]:
        """`lo` and `hi` rounded for display."""
        scale = np.maximum(np.abs(self.lo), np.abs(self.hi))
        return tidy(self.lo, scale), tidy(self.hi, scale)

    def __repr__(self) -> str:
        lo, hi = self.shown()
        worst = float(np.max(self.relative_gap, initial=0.0))
        open_gap = "" if self.is_exact else f", gap {number(worst)} of the range seen"
        if worst == np.inf:  # no range was seen to measure it by
            open_gap = f", gap {number(float(np.max(self.gap)))}"
        return (
            f"Range(lo={vector(lo)}, hi={vector(hi)}, {self.reason}{open_gap}, {self.warrant.name})"
        )

    def document(self) -> Document:
        """A row an output, then where its ends were seen if that is short."""
        names = entry_names(self.outputs)
        lo, hi = (np.ravel(ends) for ends in self.shown())
        gaps, seen_lo, seen_hi = map(np.ravel, (self.relative_gap, self.seen_lo, self.seen_hi))
        rows = [
            (name, lo[i], hi[i], short(gaps[i], 2), Bar(lo[i], hi[i], seen_lo[i], seen_hi[i]))
            for i, name in enumerate(names[:MOST_ROWS])
        ]
        head = ("output", "lo", "hi", "relative gap", "range (dark: seen)")
        return Document(
            f"Output range of {self.model}",
            f"{self.reason}; {self.warrant.name}, {self.cost}.",
            (
                Table(head, rows, "lrrrl", len(names) - len(rows)),
                Paragraph("\n".join(self._evidence(names))),
            ),
        )

    def _evidence(self, names: list[str]) -> list[str]:
        """One line an end: the value seen, its input, and whether no other goes beyond.

        That is said of an end that is closed to the tolerance; of others only that nothing beyond
        was seen.
        """
        closed_lo, closed_hi = np.ravel(self.closed_lo), np.ravel(self.closed_hi)
        width = sum(int(np.prod(shape, dtype=np.int64)) for shape in self.inputs.values())
        if width > MOST_INPUTS or len(names) > MOST_NAMED:
            closed = closed_lo.all() and closed_hi.all()
            what = "attain the ends" if closed else "give the least and the most seen"
            return [f"The inputs that {what} are in at_lo and at_hi (JSON has them)."]
        ends = (
            ("least", np.ravel(self.seen_lo), closed_lo, self.at_lo),
            ("most", np.ravel(self.seen_hi), closed_hi, self.at_hi),
        )
        return [
            f"{name} is {number(float(tidy(seen[i], abs(seen[i]))))} "
            f"({word if closed[i] else f'{word} seen'}) at {self._point(at, i)}"
            for i, name in enumerate(names)
            for word, seen, closed, at in ends
        ]

    def _point(self, at: np.ndarray | dict[str, np.ndarray], i: int) -> str:
        parts = at if isinstance(at, dict) else {next(iter(self.inputs)): at}
        rows = {name: part.reshape(self.lo.size, -1)[i] for name, part in parts.items()}
        return point(rows, most=MOST_INPUTS)

    def plot(self, ax: Any = None) -> Any:
        """Draw one bar an output: the claim, and inside it the range seen. Needs matplotlib.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.

        Returns:
            The axes.

        Raises:
            InputError: A bound is infinite, or matplotlib is not installed.
        """
        if not (np.isfinite(self.lo).all() and np.isfinite(self.hi).all()):
            raise InputError(
                "Some bounds are infinite and cannot be drawn; give the search more time."
            )
        bars = map(Bar, *map(np.ravel, (self.lo, self.hi, self.seen_lo, self.seen_hi)))
        return plot_bars(
            f"{self.model}: {self.reason}", entry_names(self.outputs), list(bars), "output", ax
        )


def relative(gap: np.ndarray, seen_lo: np.ndarray, seen_hi: np.ndarray) -> np.ndarray:
    """`gap` over the range seen, or over 1e-6 of its magnitude where the range is smaller."""
    # Halves, whose difference cannot overflow: beside an infinite range every gap would be nothing.
    least = np.maximum(np.abs(seen_lo), np.abs(seen_hi)) * 5e-7
    with np.errstate(invalid="ignore", over="ignore"):
        half = np.maximum(seen_hi / 2 - seen_lo / 2, least)
        share = np.where(half > 5e-301, gap / 2 / np.maximum(half, 5e-301), np.inf)
    return np.where(gap <= 1e-300, 0.0, np.where(np.isnan(share), np.inf, share))
