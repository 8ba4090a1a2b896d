"""The answer of `outrange.output_range`, `gradient_range`, `lipschitz` and `difference_range`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..core import OutrangeError, Warrant
from .answer import Answer, Cost
from .render.document import Document
from .render.plot import plot_bars
from .render.scaled import are_mixed, plot_scaled
from .render.text import clipped_name, entry_names, number, outward, short, vector
from .tables.entries import check_entries, entry_index, part_name, picked
from .tables.overview import bars
from .tables.range_document import MOST_GAP, SUBJECTS, range_document, steepest
from .tables.range_records import range_records, relative as relative


STATUSES = {
    "exact": "exact to {tol:g}",
    "time": "time ran out",
    "memory": "memory ran out",
    "interrupted": "interrupted",
    "error": "an internal error ended a part of the search, please report it",
    "rounding": "stopped where float64 rounding decides, not exact to {tol:g}",
    "float32": "open by what float32 may round in the worst order, not exact to {tol:g}",
}
"""Why a search stopped, in words; the bounds are valid in every case."""

MOST_SHORT = 4
"""`repr` shows the ends of so many."""


@dataclass(frozen=True, eq=False)
class Range(Answer):
    """The range of every output over an input set: a claim, its evidence, and why it stopped.

    The claim: over the whole input set, each output of the real-valued network with the stored
    weights lies in `[lo, hi]`. It is true whatever the status says.
    The evidence: at the inputs `at_lo` and `at_hi` the network was evaluated in interval
    arithmetic, with as many digits as it takes: `lo <= least value <= seen_lo`,
    `seen_hi <= largest value <= hi`, and `gap` says what is not known. Where an output is constant
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
        model_lo: What the model itself returned at `at_lo`, in the shape of `lo`; None if not run.
        model_hi: The same at `at_hi`.
        tol: Tolerance asked for, relative to each output's range seen.
        status: Why the search stopped: `"exact"`, `"time"`, `"memory"`, `"interrupted"`, `"error"`,
            `"rounding"`, `"float32"` (closed in real arithmetic: what float32 may round is left).
        warrant: What stands behind the claim.
        cost: Seconds and boxes.
        methods: The methods that were used, with references.
        subject: Of what: `"output"`, `"gradient"`, `"lipschitz"` or `"difference"`.
        labels: What each output is called, flat; empty: after `outputs`.
        remedies: Where a gap is open: what was tried and closes it, in sentences.
        arithmetic: `"real"`, or `"float32"`: the claim is then about every float32 run, its sums in
            any order; `seen_lo`, `seen_hi` are what the model returned (or any run reaches).
        real_lo: With `"float32"`: the lower ends in real arithmetic, in the shape of `lo`.
        real_hi: With `"float32"`: the upper ends, in the shape of `hi`.
        sources: The models it is about, each with its hash.
        over: The input set it is about; None if that is not known.
        provenance: What was asked, of which release; None where it was not recorded.
        certificate: Where one was asked for: which file holds it, or why there is none.
        late: By how much a time limit was exceeded, or which effort ended the search.

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
    subject: str = field(default="output", kw_only=True)
    labels: tuple[str, ...] = field(default=(), kw_only=True)
    remedies: tuple[str, ...] = field(default=(), kw_only=True)
    arithmetic: str = field(default="real", kw_only=True)
    real_lo: np.ndarray | None = field(default=None, kw_only=True)
    real_hi: np.ndarray | None = field(default=None, kw_only=True)

    FORMAT = "outrange.range"
    DERIVED = ("statement", "gap", "relative_gap")
    INDEX = ("output",)

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise OutrangeError(f"`status` is one of {list(STATUSES)}. Received: {self.status!r}.")
        check_entries(self.outputs, self.labels, self.lo, self.hi, self.seen_lo, self.seen_hi)
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
        return relative(self.gap, self._base, self.seen_hi)

    @property
    def widening(self) -> np.ndarray | None:
        """How far float32 moves the ends of each output outward; None in real arithmetic."""
        if self.real_lo is None or self.real_hi is None:
            return None
        return np.maximum(self.real_lo - self.lo, self.hi - self.real_hi)

    @property
    def _base(self) -> np.ndarray:
        """From where the range seen counts: a Lipschitz constant is a range from 0 on."""
        return np.zeros_like(self.seen_lo) if self.subject == "lipschitz" else self.seen_lo

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
            share = relative(upper - lower, self._base, self.seen_hi)
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
            parts[name] = self._picked(np.arange(start, stop).reshape(shape), name)
            start = stop
        return parts

    def _picked(self, where: np.ndarray, name: str) -> Range:
        """Some of the outputs, in the shape of their flat numbers."""
        kept = ("lo", "hi", "seen_lo", "seen_hi", "at_lo", "at_hi", "model_lo", "model_hi")
        kept += ("real_lo", "real_hi")
        parts = {n: picked(getattr(self, n), where, self.lo.shape) for n in kept}
        labels = tuple(self.names[i] for i in where.ravel())
        if labels == tuple(entry_names({name: where.shape})):
            labels = ()
        return replace(self, outputs={name: where.shape}, labels=labels, **parts)

    def __getitem__(self, key: Any) -> Range:
        """Some of the outputs: `answer[key].lo` is `answer.lo[key]`, by name also.

        Args:
            key: The name of an output (`"force"`) or of an entry (`"force[2]"`); or an index as
                NumPy takes it: a number, a slice, a tuple or an array of these.

        Returns:
            A `Range` of these outputs alone, with the ends, inputs and status of this one.

        Raises:
            UnknownKeyError, UnknownIndexError: There is no such output; also a `KeyError`, an
                `IndexError`.
            InputError: `key` is no index.
        """
        if isinstance(key, str) and key in self.by_name:
            return self.by_name[key]
        where = entry_index(key, self.lo.shape, self.names)
        return self._picked(where, part_name(self.names, where))

    def __iter__(self) -> Iterator[Range]:
        """Along the first axis."""
        return (self[i] for i in range(len(self.lo)))

    @cached_property
    def names(self) -> list[str]:
        """What each output is called, flat."""
        return list(self.labels) or entry_names(self.outputs)

    @property
    def reason(self) -> str:
        """Why the search stopped, in words."""
        return STATUSES[self.status].format(tol=self.tol)

    @property
    def statement(self) -> str:
        """What `lo` and `hi` are bounds of."""
        if self.arithmetic == "float32":
            return "float32 network with the stored weights, its sums in any order"
        return "real-valued network with the stored weights"

    def shown(self) -> tuple[np.ndarray, np.ndarray]:
        """`lo` and `hi` rounded for display: outward, so that they are bounds still."""
        scale = np.maximum(np.abs(self.lo), np.abs(self.hi))
        return outward(self.lo, scale, -1), outward(self.hi, scale, 1)

    def __repr__(self) -> str:
        lo, hi = self.shown()
        ends = f"lo={vector(lo)}, hi={vector(hi)}"
        if lo.size > MOST_SHORT or (lo.size and lo.ndim > 2):
            least, most = (number(float(end)) for end in (lo.min(), hi.max()))
            ends = f"{lo.size:,} outputs within [{least}, {most}]"
        worst = float(np.max(self.relative_gap, initial=0.0))
        open_gap = "" if self.is_exact else f", gap {number(short(worst, 3))} of the range seen"
        if worst > MOST_GAP:  # hardly a range was seen to measure it by
            open_gap = f", gap {number(float(np.max(self.gap)))}"
        return f"Range({ends}, {self.reason}{open_gap}, {self.warrant.name})"

    def records(self) -> list[dict[str, Any]]:
        """One dict an output: its ends, the values seen, and whether each end is closed."""
        return range_records(self)

    @property
    def sentence(self) -> str:
        """What is proved, in one plain sentence."""
        lo, hi = self.shown()
        _, word = SUBJECTS[self.subject]
        if not lo.size:
            return "There are no outputs."
        ends = f"[{number(float(lo.min()))}, {number(float(hi.max()))}]"
        standing = self.reason if self.is_exact else f"proved, not exact: {self.reason}"
        if self.subject == "lipschitz":
            return f"{steepest(self.names, float(hi.max()))} ({standing})"
        if lo.size == 1:
            what = f"{word.capitalize()} `{clipped_name(self.names[0], 40)}` lies"
        else:
            what = f"All {lo.size:,} {word}s lie"
        how = " in float32, whatever the order of its sums," * (self.arithmetic == "float32")
        return f"{what} in {ends}{how} for every input of the set ({standing})"

    def document(self) -> Document:
        """A row an output, or of many the outstanding ones; then where the ends were seen."""
        return range_document(self)

    def plot(self, ax: Any = None, *, unit: str = "") -> Any:
        """Draw one bar an output: the claim, and inside it the range seen. Needs matplotlib.

        Of more than 40, the outlines of all by number. Derivatives in mixed units: a scale each.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.
            unit: Of the outputs, to write at the axis.

        Returns:
            The axes.

        Raises:
            InputError: A bound is infinite, or matplotlib is not installed.
        """
        every = bars(self.lo, self.hi, self.seen_lo, self.seen_hi)
        word = SUBJECTS[self.subject][1] + f" [{unit}]" * bool(unit)
        draw = plot_scaled if self.subject == "gradient" and are_mixed(every) else plot_bars
        return draw(self.sentence, self.names, every, word, ax)
