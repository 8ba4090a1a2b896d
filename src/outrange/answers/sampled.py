"""What sampling saw: an answer without a proof, and labelled so."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import Warrant
from .render.jsonable import jsonable
from .render.text import tidy, vector


@dataclass(frozen=True, eq=False)
class SampledRange:
    """The least and largest outputs at finitely many inputs. The true range may be wider.

    Args:
        model: The model's name.
        inputs: Input name to shape.
        outputs: Output name to shape.
        lo: Least values seen, in the output's shape (flat for several outputs).
        hi: Largest values seen.
        at_lo: The inputs that gave `lo`: `(*output shape, *input shape)`, a dict by input name if
            the model has several inputs.
        at_hi: The inputs that gave `hi`.
        samples: Number of inputs tried.
        seed: Of the random generator.
        seconds: Wall-clock time.
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

    def as_dict(self) -> dict[str, Any]:
        """Everything, in lists, strings and numbers ready for JSON; `version` names the layout."""
        names = (
            "model",
            "inputs",
            "outputs",
            "lo",
            "hi",
            "at_lo",
            "at_hi",
            "samples",
            "seed",
            "seconds",
        )
        record = {name: jsonable(getattr(self, name)) for name in names}
        return {"format": "outrange.sampled", "version": 1, "warrant": self.warrant.name} | record

    def __repr__(self) -> str:
        scale = np.maximum(np.abs(self.lo), np.abs(self.hi))
        lo, hi = vector(tidy(self.lo, scale)), vector(tidy(self.hi, scale))
        return f"SampledRange(lo={lo}, hi={hi}, {self.samples} samples, {self.warrant.name})"

    def _repr_html_(self) -> str:
        from .render.html import sampled_html

        return sampled_html(self)
