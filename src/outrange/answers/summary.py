"""The answer to "what does each layer do on this input set?"."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import UnknownKeyError, Warrant
from .render.jsonable import jsonable
from .render.text import number, table


Ends = tuple[np.ndarray, np.ndarray]

COUNTS = ("dead", "always_on", "saturated", "constant")


@dataclass(frozen=True, eq=False)
class LayerRow:
    """One layer; ranges are proved outer bounds, counts are proved.

    Args:
        name: The layer's name.
        kind: Its class, `"Dense"`.
        shape: Output shape without the batch axis.
        parameters: Number of weights.
        before: `(lo, hi)` of each unit before the activation, in the layer's shape; None if the
            layer has no activation.
        after: `(lo, hi)` of each unit's output.
        dead: Units whose activation is flat on all they can get: no input moves them, and no
            gradient passes.
        always_on: Units that stay on one sloped straight piece of a bent activation: they act as
            linear ones.
        saturated: Units that stay in the flat tail of a smooth activation.
        constant: Units whose output is one number, up to rounding.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    before: Ends | None
    after: Ends
    dead: np.ndarray
    always_on: np.ndarray
    saturated: np.ndarray
    constant: np.ndarray

    def count(self, what: str) -> int | None:
        """How many units are `what` (one of `COUNTS`); None where the question has no sense."""
        if self.before is None and what != "constant":
            return None
        return int(np.count_nonzero(getattr(self, what)))

    def as_dict(self) -> dict[str, Any]:
        names = ("name", "kind", "shape", "parameters", "before", "after")
        record = {name: jsonable(getattr(self, name)) for name in names}
        return record | {name: jsonable(np.flatnonzero(getattr(self, name))) for name in COUNTS}


@dataclass(frozen=True, eq=False)
class Summary:
    """Like Keras's `model.summary()`, with what each layer can do on an input set.

    Args:
        model: The model's name.
        layers: One row a layer, in order.
        domain: How the ranges were bounded, `"linear"` or `"intervals"`.
        seconds: Wall-clock time.
        warrant: What stands behind ranges and counts.
    """

    model: str
    layers: tuple[LayerRow, ...]
    domain: str
    seconds: float
    warrant: Warrant = Warrant.FLOAT64_ROUNDED

    def __getitem__(self, name: str) -> LayerRow:
        for row in self.layers:
            if row.name == name:
                return row
        raise UnknownKeyError(
            f"The layers are {[row.name for row in self.layers]}. Received: {name!r}."
        )

    def total(self, what: str) -> int:
        """How many units of the whole model are `what` (one of `COUNTS`)."""
        return sum(row.count(what) or 0 for row in self.layers)

    @property
    def parameters(self) -> int:
        """Number of weights of all layers."""
        return sum(row.parameters for row in self.layers)

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON; the counts are listed as flat unit indices."""
        return {
            "format": "outrange.summary",
            "version": 1,
            "model": self.model,
            "domain": self.domain,
            "seconds": self.seconds,
            "warrant": self.warrant.name,
            "layers": [row.as_dict() for row in self.layers],
        }

    def __repr__(self) -> str:
        counts = ", ".join(f"{self.total(c)} {c.replace('_', ' ')}" for c in COUNTS)
        return (
            f"Summary({self.model!r}, {len(self.layers)} layers, units: {counts}, "
            f"{self.warrant.name})"
        )

    def cells(self) -> tuple[list[str], list[list[str]]]:
        """Head and rows of the table, as text."""
        head = [
            "Layer (type)",
            "Output shape",
            "Params",
            "Before activation",
            "After",
            "Dead",
            "Always on",
            "Saturated",
            "Constant",
        ]
        return head, [
            [
                f"{row.name} ({row.kind})",
                str((None, *row.shape)),
                f"{row.parameters:,}",
                span(row.before),
                span(row.after),
                *("-" if (n := row.count(c)) is None else str(n) for c in COUNTS),
            ]
            for row in self.layers
        ]

    def __str__(self) -> str:
        head, rows = self.cells()
        return "\n".join(
            [
                f'Model: "{self.model}"',
                "",
                table(head, rows, left=2),
                "",
                f"Total params: {self.parameters:,}. Ranges are proved outer bounds over all units "
                f"of a layer; counts are proved ({self.warrant.name}).",
            ]
        )

    def _repr_html_(self) -> str:
        from .render.html import summary_html

        return summary_html(self)


def span(ends: Ends | None) -> str:
    """The hull of all units, `[lo, hi]`."""
    if ends is None or ends[0].size == 0:
        return "-"
    lo, hi = float(ends[0].min()), float(ends[1].max())
    return f"[{_short(lo)}, {_short(hi)}]"


def _short(value: float) -> str:
    return number(float(f"{value:.4g}") + 0.0)
