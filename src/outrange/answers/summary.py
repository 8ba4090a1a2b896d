"""The answer to "what does each layer do on this input set?"."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import Bounds, UnknownKeyError, Warrant
from .answer import Answer
from .render.document import Bar, Document, Interval, Paragraph, Table
from .render.jsonable import field_dict, jsonable
from .render.text import short


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
        dead: Units whose activation is constant on their range, so that no gradient passes: bool,
            in the layer's shape, like all that follow.
        always_on: Stable units on one sloped linear piece of their activation; same shape.
        saturated: Units in the flat tail of a smooth activation; same shape.
        constant: Units whose output is one number, up to rounding; same shape.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    before: Bounds | None
    after: Bounds
    dead: np.ndarray
    always_on: np.ndarray
    saturated: np.ndarray
    constant: np.ndarray

    def count(self, what: str) -> int | None:
        """Count the units of the layer in a state.

        Args:
            what: `"dead"`, `"always_on"`, `"saturated"` or `"constant"`.

        Returns:
            Their number; None where the layer has no activation.
        """
        if self.before is None and what != "constant":
            return None
        return int(np.count_nonzero(getattr(self, what)))

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON; the counts are listed as flat unit indices."""
        units = {name: jsonable(np.flatnonzero(getattr(self, name))) for name in COUNTS}
        return field_dict(self, without=COUNTS) | units


@dataclass(frozen=True, eq=False)
class Summary(Answer):
    """The range of each layer on an input set, as a table like Keras's `model.summary()`.

    Args:
        model: The model's name.
        layers: One row a layer, in order.
        domain: How the ranges were bounded, `"linear"` or `"intervals"`.
        seconds: Wall-clock time in seconds.
        warrant: What stands behind ranges and counts.
    """

    model: str
    layers: tuple[LayerRow, ...]
    domain: str
    seconds: float
    warrant: Warrant = Warrant.FLOAT64_ROUNDED

    FORMAT = "outrange.summary"

    def __getitem__(self, name: str) -> LayerRow:
        for row in self.layers:
            if row.name == name:
                return row
        raise UnknownKeyError(
            f"The layers are {[row.name for row in self.layers]}. Received: {name!r}."
        )

    def total(self, what: str) -> int:
        """Count the units of the whole model in a state.

        Args:
            what: `"dead"`, `"always_on"`, `"saturated"` or `"constant"`.

        Returns:
            Their number.
        """
        return sum(row.count(what) or 0 for row in self.layers)

    @property
    def parameters(self) -> int:
        """Number of weights of all layers."""
        return sum(row.parameters for row in self.layers)

    def __repr__(self) -> str:
        counts = ", ".join(f"{self.total(c)} {c.replace('_', ' ')}" for c in COUNTS)
        return (
            f"Summary({self.model!r}, {len(self.layers)} layers, units: {counts}, "
            f"{self.warrant.name})"
        )

    def document(self) -> Document:
        """A row a layer."""
        head = ("Layer (type)", "Output shape", "Params", "Before activation", "After")
        head += tuple(name.replace("_", " ").capitalize() for name in COUNTS)
        rows = []
        for row in self.layers:
            after = hull(row.after)
            rows.append(
                (
                    f"{row.name} ({row.kind})",
                    str((None, *row.shape)),
                    row.parameters,
                    hull(row.before),
                    after,
                    *map(row.count, COUNTS),
                    "" if after is None else Bar(after.lo, after.hi),
                )
            )
        return Document(
            "Model",
            f'"{self.model}"',
            (
                Table((*head, "Range"), rows, "llrrrrrrrl"),
                Paragraph(
                    f"Total params: {self.parameters:,}. Ranges are proved outer bounds over all "
                    f"units of a layer; counts are proved ({self.warrant.name})."
                ),
            ),
        )


def hull(ends: Bounds | None) -> Interval | None:
    """The least and the largest end of all units, in a few digits."""
    if ends is None or ends[0].size == 0:
        return None
    return Interval(short(float(ends[0].min())), short(float(ends[1].max())))
