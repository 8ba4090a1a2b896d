"""The answer of `outrange.sample_range`: values at finitely many inputs, without a proof."""

from dataclasses import dataclass

import numpy as np

from ..core import Warrant
from .answer import Answer
from .render.document import MOST_ROWS, Bar, Document, Table
from .render.text import entry_names, tidy, vector


@dataclass(frozen=True, eq=False)
class SampledRange(Answer):
    """The least and largest outputs at finitely many inputs. The true range may be wider.

    Args:
        model: The model's name.
        inputs: Input name to shape.
        outputs: Output name to shape.
        lo: Least values observed, in the output's shape (flat for several outputs).
        hi: Largest values observed, in the same shape.
        at_lo: The inputs that gave `lo`: `(*output shape, *input shape)`, a dict by input name if
            the model has several inputs.
        at_hi: The inputs that gave `hi`, in the same shape.
        samples: Number of inputs tried.
        seed: Of the random generator.
        seconds: Wall-clock time in seconds.
        warrant: `Warrant.SAMPLED`.
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

    FORMAT = "outrange.sampled"

    def shown(self) -> tuple[np.ndarray, np.ndarray]:
        """`lo` and `hi` rounded for display."""
        scale = np.maximum(np.abs(self.lo), np.abs(self.hi))
        return tidy(self.lo, scale), tidy(self.hi, scale)

    def __repr__(self) -> str:
        lo, hi = map(vector, self.shown())
        return f"SampledRange(lo={lo}, hi={hi}, {self.samples} samples, {self.warrant.name})"

    def document(self) -> Document:
        """A row an output."""
        names = entry_names(self.outputs)
        lo, hi = (np.ravel(ends) for ends in self.shown())
        rows = [(name, lo[i], hi[i], Bar(lo[i], hi[i])) for i, name in enumerate(names[:MOST_ROWS])]
        head = ("output", "least seen", "largest seen", "range")
        return Document(
            f"Outputs of {self.model} seen",
            f"{self.samples:,} samples; {self.warrant.name}: the true range may be wider.",
            (Table(head, rows, "lrrl", len(names) - len(rows)),),
        )
