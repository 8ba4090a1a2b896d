"""The answer of `outrange.summary`: ranges and states of units, layer by layer."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core import Bounds, Warrant
from ..core.messages import count_noun
from .answer import Answer
from .render.diagrams import plot_strips
from .render.document import Bar, Document, Interval, Paragraph
from .render.jsonable import field_dict, jsonable
from .render.text import cell_text, short
from .tables.layers import find_layer, label_layer, tabulate_layers


COLORS = {"dead": "#b3312c", "saturated": "#d4a72c", "always_on": "#1a7f37", "constant": "#8a8a8a"}


COUNTS = ("dead", "always_on", "saturated", "constant")


@dataclass(frozen=True, eq=False)
class LayerRow:
    """Proved ranges and states of the units of one layer.

    Args:
        name: Path of the layer.
        kind: Class of the layer, such as `"Dense"`.
        shape: Output shape without the batch axis.
        parameters: Number of weights of the layer.
        before: `(lo, hi)` of each unit before the activation, in the layer's shape; None if the
            layer has no activation.
        after: `(lo, hi)` of each unit's output.
        dead: Bool array in the layer's shape: units whose activation is constant on their range, so
            that no gradient passes.
        always_on: Same shape: units whose range lies on one sloped linear piece of the activation.
        saturated: Same shape: units whose range lies in the flat tail of a smooth activation.
        constant: Same shape: units whose output is a single number, up to rounding.
        calls: Number of times that the model calls the layer. Ranges cover all calls, and a unit is
            in a state only if it is in that state at every call.
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
    calls: int = field(default=1, kw_only=True)

    def count(self, what: str) -> int | None:
        """Return the number of units of the layer in a state.

        Args:
            what: `"dead"`, `"always_on"`, `"saturated"` or `"constant"`.

        Returns:
            The number of units; None if the layer has no activation and the state is not
            `"constant"`.
        """
        if self.before is None and what != "constant":
            return None
        return int(np.count_nonzero(getattr(self, what)))

    def as_dict(self) -> dict[str, Any]:
        """Return all fields as JSON values; states are listed as flat unit indices."""
        units = {name: jsonable(np.flatnonzero(getattr(self, name))) for name in COUNTS}
        return field_dict(self, without=COUNTS) | units


@dataclass(frozen=True, eq=False)
class Summary(Answer):
    """Ranges and unit states of each layer over an input set, tabulated like `model.summary()`.

    Args:
        model: Name of the model.
        layers: One row per layer, in the order of the model.
        domain: Abstract domain of the ranges, `"linear"` or `"intervals"`.
        seconds: Wall-clock time in seconds.
        warrant: Evidence for ranges and counts (see `Warrant`).
        sources: Models analyzed, each with its hash.
        over: Input set analyzed; None if unknown.
        provenance: The question, its arguments and the outrange version; None if not recorded.
        certificate: Path of the certificate, or why none was written; empty if none was requested.
        late: A note that a time limit was exceeded or that the default limit ended the search;
            empty if neither happened.
    """

    model: str
    layers: tuple[LayerRow, ...]
    domain: str
    seconds: float
    warrant: Warrant = Warrant.FLOAT64_ROUNDED

    FORMAT = "outrange.summary"
    INDEX = ("layer",)

    def __getitem__(self, name: str) -> LayerRow:
        return find_layer(self.layers, name)

    def total(self, what: str) -> int:
        """Return the number of units of the whole model in a state.

        Args:
            what: `"dead"`, `"always_on"`, `"saturated"` or `"constant"`.

        Returns:
            The number of units.
        """
        return sum(row.count(what) or 0 for row in self.layers)

    @property
    def parameters(self) -> int:
        """Total number of weights of the layers."""
        return sum(row.parameters for row in self.layers)

    def __repr__(self) -> str:
        counts = ", ".join(f"{self.total(c)} {c.replace('_', ' ')}" for c in COUNTS)
        return (
            f"Summary({self.model!r}, {count_noun(len(self.layers), 'layer')}, units: {counts}, "
            f"{self.warrant.name})"
        )

    def records(self) -> list[dict[str, Any]]:
        """Return one dict per layer: class, size, range, and number of units in each state."""
        return [
            {
                "layer": row.name, "kind": row.kind, "units": int(np.prod(row.shape)),
                "parameters": row.parameters, "calls": row.calls,
                **_ends("before", row.before), **_ends("after", row.after),
                **{what: row.count(what) for what in COUNTS},
            }
            for row in self.layers
        ]  # fmt: skip

    def document(self) -> Document:
        """Return a document with a table that has one row per layer."""
        head = ("Layer (type)", "Shape", "Params", "Before", "After")
        head += ("Dead", "On", "Sat.", "Const.", "Range")
        rows = [self._row(row) for row in self.layers]
        return Document(
            "Model",
            f'"{self.model}"',
            (
                tabulate_layers(head, rows, "llrrrrrrrl"),
                Paragraph(
                    f"Total params: {self.parameters:,}. Ranges before and after the activation "
                    "are proved outer bounds over all units of a layer. The numbers of dead, "
                    "always on, saturated and constant units are also proved "
                    f"({self.warrant.name})."
                ),
            ),
        )

    @staticmethod
    def _row(row: LayerRow) -> tuple:
        after = hull(row.after)
        return (
            label_layer(row),
            str((None, *row.shape)),
            row.parameters,
            hull(row.before),
            after,
            *map(row.count, COUNTS),
            "" if after is None else Bar(after.lo, after.hi),
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw one bar per layer: fractions of units in each state, and the layer's range as text.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed.
        """
        sizes = np.array([max(row.constant.size, 1) for row in self.layers])
        counts = {what: np.array([row.count(what) or 0 for row in self.layers]) for what in COUNTS}
        # Dead units are constant too; each unit is drawn once.
        both = [int(np.count_nonzero(_any(row) & _flags(row, "constant"))) for row in self.layers]
        counts["constant"] = np.maximum(counts["constant"] - both, 0)
        order = ("dead", "saturated", "constant", "always_on")
        shares = {w.replace("_", " "): (counts[w] / sizes, COLORS[w]) for w in order}
        rest = np.maximum(1.0 - sum(share for share, _ in shares.values()), 0.0)
        bent = np.array([row.before is not None for row in self.layers], bool)
        shares["not decided"] = (np.where(bent, rest, 0.0), "#d5dff0")
        shares["no activation"] = (np.where(bent, 0.0, rest), "#f1f1f1")
        shares = {what: part for what, part in shares.items() if part[0].any()}
        notes = [cell_text(hull(row.after)) for row in self.layers]
        names = [
            f"{row.name} ({row.kind}), {size:,}"
            for row, size in zip(self.layers, sizes, strict=True)
        ]
        return plot_strips(self.sentence, names, shares, notes, ax)

    @property
    def sentence(self) -> str:
        """Number of units in each state as one sentence, for all layers with an activation."""
        bent = [row for row in self.layers if row.before is not None]
        count = sum(row.constant.size for row in bent)
        counts = {what: sum(row.count(what) or 0 for row in bent) for what in COUNTS}
        parts = [f"{n:,} {what.replace('_', ' ')}" for what, n in counts.items() if n]
        units = f"{count:,} unit{'s' * (count != 1)} with an activation"
        if not parts:
            return (
                f"None of the {units} is proved dead, always on, saturated or constant for every "
                "input of the set"
            )
        counts = ", ".join(parts)
        return f"Among {units}, these counts are proved for every input of the set: {counts}"


def _flags(row: LayerRow, what: str) -> np.ndarray:
    flags = np.ravel(getattr(row, what)).astype(bool)
    return flags if flags.size == row.constant.size else np.zeros(row.constant.size, bool)


def _any(row: LayerRow) -> np.ndarray:
    """Return, as a flat mask, whether each unit is dead, saturated or always on."""
    return _flags(row, "dead") | _flags(row, "saturated") | _flags(row, "always_on")


def _ends(name: str, ends: Bounds | None) -> dict[str, float | None]:
    """Return a dict with the range over all units of a layer, in full precision, for a record."""
    lo, hi = None, None
    if ends is not None and ends[0].size:
        lo, hi = float(ends[0].min()), float(ends[1].max())
    return {f"{name}_lo": lo, f"{name}_hi": hi}


def hull(ends: Bounds | None) -> Interval | None:
    """Return the range over all units of a layer, rounded outward to three digits.

    The result is None if there are no units.
    """
    if ends is None or ends[0].size == 0:
        return None
    return Interval(short(float(ends[0].min()), 3, -1), short(float(ends[1].max()), 3, 1))
