"""The answer of `outrange.sample_range`: values at finitely many inputs, without a proof."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..core import Warrant
from .answer import Answer
from .render.document import MOST_PRINTED, Bar, Block, Cell, Document, Table
from .render.plot import plot_bars
from .render.text import entry_names, number, tidy, vector
from .tables.entries import check_entries, entry_index, part_name, pick_entries
from .tables.overview import bars, constant, overview


@dataclass(frozen=True, eq=False)
class SampledRange(Answer):
    """The smallest and largest outputs at finitely many inputs. The true range may be wider.

    Args:
        model: Name of the model.
        inputs: Dict from input name to shape.
        outputs: Dict from output name to shape.
        lo: Smallest values observed, in the output's shape (flat for several outputs).
        hi: Largest values observed, in the same shape.
        at_lo: Inputs at which `lo` was observed: `(*output shape, *input shape)`, or a dict from
            input name to such arrays if the model has several inputs.
        at_hi: Inputs at which `hi` was observed, in the same shape.
        samples: Number of inputs tried.
        seed: Seed of the random generator.
        seconds: Wall-clock time in seconds.
        warrant: Always `Warrant.SAMPLED`, no proof.
        labels: Names of all output entries; empty if they are derived from `outputs`.
        sources: Models analyzed, each with its hash.
        over: Input set analyzed; None if unknown.
        provenance: The question, its arguments and the outrange version; None if not recorded.
        certificate: Path of the certificate, or why none was written; empty if none was requested.
        late: A note that a time limit was exceeded or that the default limit ended the search;
            empty if neither happened.
    """

    model: str
    inputs: dict[str, tuple[int, ...]]
    outputs: dict[str, tuple[int, ...]]
    lo: np.ndarray
    hi: np.ndarray
    at_lo: np.ndarray | dict[str, np.ndarray]
    at_hi: np.ndarray | dict[str, np.ndarray]
    samples: int
    seed: int
    seconds: float
    warrant: Warrant = Warrant.SAMPLED
    labels: tuple[str, ...] = field(default=(), kw_only=True)

    FORMAT = "outrange.sampled"
    INDEX = ("output",)

    def __post_init__(self) -> None:
        check_entries(self.outputs, self.labels, self.lo, self.hi)

    @cached_property
    def names(self) -> list[str]:
        """Names of all output entries, as a flat list."""
        return list(self.labels) or entry_names(self.outputs)

    def __getitem__(self, key: Any) -> SampledRange:
        """Return the range of selected outputs, as for a `Range`.

        Args:
            key: Name of an output or of an entry, or an index as in NumPy.
        """
        if isinstance(key, str) and key in self.outputs and key not in self.names:
            if len(self.outputs) == 1:
                return self
            start = 0
            for name, shape in self.outputs.items():
                stop = start + int(np.prod(shape, dtype=np.int64))
                if name == key:
                    return self._pick(np.arange(start, stop).reshape(shape), name)
                start = stop
        where = entry_index(key, self.lo.shape, self.names)
        return self._pick(where, part_name(self.names, where))

    def _pick(self, where: np.ndarray, name: str) -> SampledRange:
        parts = {
            n: pick_entries(getattr(self, n), where, self.lo.shape)
            for n in ("lo", "hi", "at_lo", "at_hi")
        }
        labels = tuple(self.names[i] for i in where.ravel())
        return replace(self, outputs={name: where.shape}, labels=labels, **parts)

    def __iter__(self) -> Iterator[SampledRange]:
        """Iterate over the outputs along the first axis."""
        return (self[i] for i in range(len(self.lo)))

    def display_bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Return `lo` and `hi` rounded for display."""
        scale = np.maximum(np.abs(self.lo), np.abs(self.hi))
        return tidy(self.lo, scale), tidy(self.hi, scale)

    def __repr__(self) -> str:
        lo, hi = self.display_bounds()
        ends = f"lo={vector(lo)}, hi={vector(hi)}"
        if lo.size > 4 or lo.ndim > 2:
            ends = (
                f"{lo.size:,} outputs within [{number(float(lo.min()))}, {number(float(hi.max()))}]"
            )
        return f"SampledRange({ends}, {self.samples} samples, {self.warrant.name})"

    def records(self) -> list[dict[str, Any]]:
        """Return one dict per output: smallest and largest value seen."""
        flat = zip(self.names, np.ravel(self.lo).tolist(), np.ravel(self.hi).tolist(), strict=True)
        return [{"output": name, "lo": lo, "hi": hi} for name, lo, hi in flat]

    @property
    def sentence(self) -> str:
        """The range seen, as one plain sentence."""
        lo, hi = self.display_bounds()
        ends = f"[{number(float(lo.min()))}, {number(float(hi.max()))}]" if lo.size else "nothing"
        seen = f"In {self.samples:,} samples, all outputs lay in {ends}"
        return f"{seen}; the true range may be wider"

    def document(self) -> Document:
        """Return a document with a table of the outputs, or a summary if there are many."""
        lo, hi = (np.ravel(ends) for ends in self.display_bounds())
        head, names = ("output", "least seen", "largest seen", "range"), self.names

        def row(i: int) -> tuple[Cell, ...]:
            return (names[i], lo[i], hi[i], Bar(lo[i], hi[i]))

        shown = range(min(len(names), MOST_PRINTED))
        blocks: list[Block] = [Table(head, list(map(row, shown)), "lrrl")]
        if len(names) > MOST_PRINTED:
            still = int(constant(self.lo, self.hi).sum())
            counts = [(still, "constant in all samples"), (len(names) - still, "that vary")]
            ends = np.ravel(self.lo), np.ravel(self.hi)
            blocks = overview(head, row, ends, names, counts, "lrrl")
        return Document(
            f"Outputs of {self.model} seen",
            f"{self.samples:,} samples; {self.warrant.name}: the true range may be wider.",
            blocks,
        )

    def plot(self, ax: Any = None, *, unit: str = "") -> Any:
        """Draw one bar per output, from the smallest to the largest value seen.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.
            unit: Unit of the outputs, for the axis.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed.
        """
        label = f"output [{unit}]" if unit else "output"
        return plot_bars(self.sentence, self.names, bars(self.lo, self.hi), label, ax, seen=True)
