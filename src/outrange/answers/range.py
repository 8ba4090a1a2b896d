"""The answer to "what can it output?"."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..core import OutrangeError, UnknownKeyError, Warrant
from .render.jsonable import jsonable
from .render.text import number, tidy, vector


STATUSES = {
    "exact": "exact to {tol:g}",
    "time": "time ran out",
    "interrupted": "interrupted",
    "rounding": "stopped where float64 rounding decides, not exact to {tol:g}",
}
"""Why a search stopped, as told; the bounds are valid in every case."""

STATEMENT = "real-valued network with the stored weights"
"""What `lo` and `hi` are bounds of."""


@dataclass(frozen=True)
class Cost:
    """What an answer took: wall-clock `seconds`, and `boxes`, the sub-problems bounded."""

    seconds: float
    boxes: int


@dataclass(frozen=True, eq=False)
class Range:
    """What every output can be over an input set: a claim, its evidence, and why it stopped.

    The claim: over the whole input set, each output of the real-valued network with the stored
    weights lies in `[lo, hi]`. It is true whatever the status says.
    The evidence: at the inputs `at_lo` and `at_hi` the network was evaluated in interval
    arithmetic; its least value over the set is at most `seen_lo`, its largest at least `seen_hi`.
    So `lo <= least value <= seen_lo`, and `gap` says what is not known. Where an output is constant
    but for rounding, `seen_lo` may lie above `seen_hi` by that rounding.

    Arrays have the output's own shape (no batch axis). With several outputs they are flat, all
    outputs one after the other, and `answer["name"]` or `by_name` gives each in its own shape.

    Args:
        model: The model's name.
        inputs: Input name to shape.
        outputs: Output name to shape, in the order of the flat arrays.
        lo: Proved lower bounds.
        hi: Proved upper bounds.
        seen_lo: The least values reached, each rounded up by its evaluation error.
        seen_hi: The largest values reached, each rounded down by its evaluation error.
        at_lo: The inputs that reach `seen_lo`: shape `(*output shape, *input shape)`, or for
            several inputs a dict from input name to such arrays.
        at_hi: The same for `seen_hi`.
        model_lo: What the model itself returned at `at_lo` in its own float32; None where no
            runtime could run it, or where the question is not about its outputs.
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

    def __post_init__(self):
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
        with np.errstate(invalid="ignore"):
            gap = np.maximum(self.seen_lo - self.lo, self.hi - self.seen_hi)
        return np.where(np.isnan(gap), np.inf, gap)

    @property
    def relative_gap(self) -> np.ndarray:
        """`gap` as a multiple of the range seen (of 1e-6 of its magnitude, if that is more)."""
        return relative(self.gap, self.seen_lo, self.seen_hi)

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
        def cut(values):
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

    def as_dict(self) -> dict[str, Any]:
        """Everything, in lists, strings and numbers ready for JSON; `version` names the layout."""
        names = (
            "model",
            "inputs",
            "outputs",
            "lo",
            "hi",
            "seen_lo",
            "seen_hi",
            "at_lo",
            "at_hi",
            "model_lo",
            "model_hi",
            "gap",
            "relative_gap",
            "tol",
            "status",
        )
        record = {"format": "outrange.range", "version": 1, "statement": STATEMENT}
        record |= {name: jsonable(getattr(self, name)) for name in names}
        cost = {"seconds": self.cost.seconds, "boxes": self.cost.boxes}
        return record | {"warrant": self.warrant.name, "cost": cost, "methods": list(self.methods)}

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

    def _repr_html_(self) -> str:
        from .render.html import range_html

        return range_html(self)

    def plot(self, ax=None):
        """Draw one bar an output: the claim, and inside it the range seen. Needs matplotlib.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.

        Returns:
            The axes.
        """
        from .render.plot import plot_range

        return plot_range(self, ax)


def relative(gap, seen_lo, seen_hi) -> np.ndarray:
    """`gap` over the range seen, or over 1e-6 of its magnitude where the range is smaller."""
    with np.errstate(invalid="ignore", over="ignore"):
        size = np.maximum(seen_hi - seen_lo, 1e-6 * np.maximum(np.abs(seen_lo), np.abs(seen_hi)))
        share = np.where(size > 1e-300, gap / np.maximum(size, 1e-300), np.inf)
    return np.where(gap <= 1e-300, 0.0, np.where(np.isnan(share), np.inf, share))
