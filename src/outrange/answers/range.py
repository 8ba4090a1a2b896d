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
from .render.images import draw_bounds, is_image
from .render.plot import MOST_BARS, new_axes, plot_bars, set_title
from .render.scaled import are_mixed, plot_scaled
from .render.text import clipped_name, ends_text, entry_names, number, outward, short
from .tables.entries import check_entries, entry_index, part_name, pick_entries
from .tables.help import ENDED_EARLY
from .tables.overview import bars
from .tables.range_document import MOST_GAP, SUBJECTS, range_document, steepest
from .tables.range_records import range_records, relative as relative


STATUSES = {
    "exact": "exact to {tol:g}",
    "time": ENDED_EARLY,
    "memory": "memory ran out",
    "interrupted": "interrupted",
    "error": "an internal error ended part of the search; please report it",
    "rounding": "float64 rounding stopped the search before the bounds were exact to {tol:g}",
    "float32": "float32 sums in the worst order leave a gap larger than the tolerance of {tol:g}",
}
"""Reasons why a search stopped; the bounds are valid in every case."""

MOST_SHORT = 4
"""Maximum number of outputs whose bounds `repr` shows."""


@dataclass(frozen=True, eq=False)
class Range(Answer):
    """Range of every output over an input set: a claim and its evidence.

    The claim: over the whole input set, each output of the real-valued network with the stored
    weights lies in `[lo, hi]`. It is true regardless of the status.

    The evidence: the network was evaluated at the inputs `at_lo` and `at_hi` in interval arithmetic
    with sufficient precision. This proves `lo <= least value <= seen_lo` and
    `seen_hi <= largest value <= hi`; `gap` is the part that remains unknown. If an output is
    constant except for rounding, `seen_lo` may exceed `seen_hi` by that rounding.

    Arrays have the output's own shape (no batch axis). With several outputs, the arrays are flat
    and concatenate all outputs; `answer["name"]` or `by_name` returns each in its own shape.

    Args:
        model: Name of the model.
        inputs: Dict from input name to shape.
        outputs: Dict from output name to shape, in the order of the flat arrays.
        lo: Proved lower bounds, in the output's shape.
        hi: Proved upper bounds, in the output's shape.
        seen_lo: Smallest values attained, each rounded up by its evaluation error; same shape.
        seen_hi: Largest values attained, each rounded down by its evaluation error; same shape.
        at_lo: Inputs that attain `seen_lo`, NaN where none is known: shape
            `(*output shape, *input shape)`, or for several inputs a dict from input name to such
            arrays.
        at_hi: Inputs that attain `seen_hi`, in the same shape.
        model_lo: Outputs of the model itself at `at_lo`, in the shape of `lo`; None if it was not
            run.
        model_hi: Outputs of the model itself at `at_hi`, in the same shape.
        tol: Requested tolerance, relative to the range of values seen for each output.
        status: Reason why the search stopped: `"exact"`, `"time"`, `"memory"`, `"interrupted"`,
            `"error"`, `"rounding"`, or `"float32"` (exact in real arithmetic, and the open gap is
            float32 rounding).
        warrant: Evidence for the claim (see `Warrant`).
        cost: Time in seconds, and number of boxes.
        methods: Methods used, with references.
        subject: Quantity that is bounded: `"output"`, `"gradient"`, `"lipschitz"` or
            `"difference"`.
        labels: Names of all output entries; empty if they are derived from `outputs`.
        remedies: Sentences about changes to the question that were tried and close an open gap.
        arithmetic: `"real"`, or `"float32"`: the claim is then about every float32 run with sums in
            any order, and `seen_lo`, `seen_hi` are outputs of the model itself (if the model is not
            available, values that every float32 run reaches).
        real_lo: With `"float32"`: lower bounds in real arithmetic, in the shape of `lo`.
        real_hi: With `"float32"`: upper bounds in real arithmetic, in the shape of `hi`.
        sources: Models analyzed, each with its hash.
        over: Input set analyzed; None if unknown.
        provenance: The question, its arguments and the outrange version; None if not recorded.
        certificate: Path of the certificate, or why none was written; empty if none was requested.
        late: A note that a time limit was exceeded or that the default limit ended the search;
            empty if neither happened.

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
            raise OutrangeError(
                f"`status` must be one of {list(STATUSES)}. Received: {self.status!r}."
            )
        check_entries(self.outputs, self.labels, self.lo, self.hi, self.seen_lo, self.seen_hi)
        held = (self.lo <= self.seen_lo) & (self.seen_lo <= self.hi)
        held = held & (self.lo <= self.seen_hi) & (self.seen_hi <= self.hi)
        if not np.all(held):
            i = tuple(int(k) for k in np.argwhere(~np.asarray(held))[0])
            raise OutrangeError(
                f"The evidence contradicts the claim for output {list(i)}. This is a bug in "
                f"outrange; please report it. Received: [{self.lo[i]!r}, {self.hi[i]!r}] claimed, "
                f"[{self.seen_lo[i]!r}, {self.seen_hi[i]!r}] seen."
            )

    @property
    def gap(self) -> np.ndarray:
        """Larger of the gaps at the two bounds of each output, in the output's unit."""
        with np.errstate(invalid="ignore", over="ignore"):
            gap = np.maximum(self.seen_lo - self.lo, self.hi - self.seen_hi)
        return np.where(np.isnan(gap), np.inf, gap)

    @property
    def relative_gap(self) -> np.ndarray:
        """`gap` divided by the width of the range seen.

        The divisor is at least 1e-6 times the largest absolute value seen.
        """
        return relative(self.gap, self._base, self.seen_hi)

    @property
    def widening(self) -> np.ndarray | None:
        """Larger shift of each output's two bounds due to float32; None in real arithmetic."""
        if self.real_lo is None or self.real_hi is None:
            return None
        return np.maximum(self.real_lo - self.lo, self.hi - self.real_hi)

    @property
    def _base(self) -> np.ndarray:
        """Lower bound of the range seen; 0 for Lipschitz constants, whose range starts at 0."""
        return np.zeros_like(self.seen_lo) if self.subject == "lipschitz" else self.seen_lo

    @property
    def closed_lo(self) -> np.ndarray:
        """For each output, whether `seen_lo` is its smallest value to within `tol`."""
        return self._is_closed(self.seen_lo, self.lo)

    @property
    def closed_hi(self) -> np.ndarray:
        """For each output, whether `seen_hi` is its largest value to within `tol`."""
        return self._is_closed(self.hi, self.seen_hi)

    def _is_closed(self, upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", over="ignore"):
            share = relative(upper - lower, self._base, self.seen_hi)
        return np.asarray((share <= self.tol) | self.is_exact)

    @property
    def is_exact(self) -> bool:
        """Whether every bound is known to within `tol`."""
        return self.status == "exact"

    @cached_property
    def by_name(self) -> dict[str, Range]:
        """Dict from output name to a `Range` in that output's own shape."""
        if len(self.outputs) == 1:
            return {next(iter(self.outputs)): self}
        parts, start = {}, 0
        for name, shape in self.outputs.items():
            stop = start + int(np.prod(shape, dtype=np.int64))
            parts[name] = self._pick(np.arange(start, stop).reshape(shape), name)
            start = stop
        return parts

    def _pick(self, where: np.ndarray, name: str) -> Range:
        """Return a `Range` of the outputs at the flat indices `where`, in the shape of `where`."""
        fields = ("lo", "hi", "seen_lo", "seen_hi", "at_lo", "at_hi", "model_lo", "model_hi")
        fields += ("real_lo", "real_hi")
        parts = {n: pick_entries(getattr(self, n), where, self.lo.shape) for n in fields}
        labels = tuple(self.names[i] for i in where.ravel())
        if labels == tuple(entry_names({name: where.shape})):
            labels = ()
        return replace(self, outputs={name: where.shape}, labels=labels, **parts)

    def __getitem__(self, key: Any) -> Range:
        """Return the range of selected outputs, so that `answer[key].lo` is `answer.lo[key]`.

        Args:
            key: Name of an output (`"force"`) or of an entry (`"force[2]"`); or an index as in
                NumPy: integers, slices, tuples of these, arrays of integers or booleans.

        Returns:
            A `Range` of these outputs, with the bounds, inputs and status of this one.

        Raises:
            UnknownKeyError, UnknownIndexError: The output does not exist. These errors are also a
                `KeyError` and an `IndexError`, respectively.
            InputError: `key` is not an index.
        """
        if isinstance(key, str) and key in self.by_name:
            return self.by_name[key]
        where = entry_index(key, self.lo.shape, self.names)
        return self._pick(where, part_name(self.names, where))

    def __iter__(self) -> Iterator[Range]:
        """Iterate over the outputs along the first axis."""
        return (self[i] for i in range(len(self.lo)))

    @cached_property
    def names(self) -> list[str]:
        """Names of all output entries, as a flat list."""
        return list(self.labels) or entry_names(self.outputs)

    @property
    def reason(self) -> str:
        """Reason why the search stopped, as text."""
        return STATUSES[self.status].format(tol=self.tol)

    @property
    def statement(self) -> str:
        """Description of the network whose outputs `lo` and `hi` bound."""
        if self.arithmetic == "float32":
            return "float32 network with the stored weights, with sums in any order"
        return "real-valued network with the stored weights"

    def display_bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Return `lo` and `hi` rounded outward for display, so that they remain bounds."""
        scale = np.maximum(np.abs(self.lo), np.abs(self.hi))
        return outward(self.lo, scale, -1), outward(self.hi, scale, 1)

    def __repr__(self) -> str:
        lo, hi = self.display_bounds()
        ends = ends_text(self.lo, self.hi)
        if lo.size > MOST_SHORT or (lo.size and lo.ndim > 2):
            least, most = (number(float(end)) for end in (lo.min(), hi.max()))
            ends = f"{lo.size:,} outputs within [{least}, {most}]"
        worst = float(np.max(self.relative_gap, initial=0.0))
        open_gap = "" if self.is_exact else f", gap {number(short(worst, 3))} times the range seen"
        if worst > MOST_GAP:  # The range seen is too small as a unit.
            open_gap = f", gap {number(float(np.max(self.gap)))}"
        return f"Range({ends}, {self.reason}{open_gap}, {self.warrant.name})"

    def records(self) -> list[dict[str, Any]]:
        """Return one dict per output: bounds, values seen, and whether each gap is closed."""
        return range_records(self)

    @property
    def sentence(self) -> str:
        """The proved range, as one plain sentence."""
        lo, hi = self.display_bounds()
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
        """Return a document with a table or a summary of the outputs, and the extreme inputs."""
        return range_document(self)

    def plot(self, ax: Any = None, *, unit: str = "") -> Any:
        """Draw one bar per output: the proved range, and inside it the range seen.

        More than 40 outputs are drawn as images of their lower and upper bounds if the output has
        the shape of an image, and otherwise as outlines over their indices. Up to 40 bounded
        derivatives get separate scales if the largest is more than 20 times the smallest that is
        not 0.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.
            unit: Unit of the outputs, for the axis.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed.
        """
        are_finite = bool(np.isfinite([self.lo, self.hi]).all())
        if self.lo.size > MOST_BARS and is_image(self.lo) and are_finite:
            ax = new_axes(figsize=(7.6, 3.2)) if ax is None else ax
            draw_bounds(ax, self.lo, self.hi)
            return set_title(ax, self.sentence)
        every = bars(self.lo, self.hi, self.seen_lo, self.seen_hi)
        word = SUBJECTS[self.subject][1] + f" [{unit}]" * bool(unit)
        draw = plot_scaled if self.subject == "gradient" and are_mixed(every) else plot_bars
        return draw(self.sentence, self.names, every, word, ax)
