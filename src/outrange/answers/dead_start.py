"""The answer of `outrange.training.dead_start`: probabilities that units start dead."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .answer import Answer
from .render.diagrams import plot_chances
from .render.document import Document, Interval, Table
from .render.jsonable import field_dict
from .render.text import clipped_name, short
from .tables.layers import find_layer


CLOSED, SAMPLED = "closed form", "sampled"


@dataclass(frozen=True)
class DeadLayer:
    """Probabilities of dead units in one layer whose activation has a flat piece.

    Args:
        name: Path of the layer.
        kind: Class of the layer.
        units: Size of the last axis of the layer's output: units, or channels of a convolution.
        chance: Probability that a unit starts dead: its activation is flat on every row of the
            data, so that no gradient reaches its weights.
        lo: Lower bound of the confidence interval of `chance`; equal to `chance` if `method`
            is `"closed form"`.
        hi: Upper bound of that interval.
        all_dead: Probability that all units of the layer start dead, so that no signal passes.
        all_lo: Lower bound of the confidence interval of `all_dead`.
        all_hi: Upper bound of that interval.
        method: `"closed form"` or `"sampled"`.
        trials: Number of initializations drawn; 0 if `method` is `"closed form"`.
    """

    name: str
    kind: str
    units: int
    chance: float
    lo: float
    hi: float
    all_dead: float
    all_lo: float
    all_hi: float
    method: str
    trials: int


@dataclass(frozen=True)
class DeadStart(Answer):
    """Probabilities that units start dead, with weights drawn from the layers' initializers.

    Args:
        model: Name of the model.
        layers: One entry per analyzed layer whose activation has a flat piece.
        rows: Number of data rows.
        confidence: Confidence level of each interval.
        seed: Seed of the draws.
        kept: Names of weights without a known initializer, which were not redrawn.
        sources: Models analyzed, each with its hash.
        over: Input set analyzed; None if unknown.
        provenance: The question, its arguments and the outrange version; None if not recorded.
        certificate: Path of the certificate, or why none was written; empty if none was requested.
        late: A note that a time limit was exceeded or that the default limit ended the search;
            empty if neither happened.
    """

    model: str
    layers: tuple[DeadLayer, ...]
    rows: int
    confidence: float
    seed: int
    kept: tuple[str, ...] = ()

    FORMAT = "outrange.dead_start"
    INDEX = ("name",)

    def __getitem__(self, name: str) -> DeadLayer:
        return find_layer(self.layers, name)

    @property
    def worst(self) -> DeadLayer | None:
        """The layer whose units are most likely to start dead; None if `layers` is empty."""
        return max(self.layers, key=lambda layer: layer.chance, default=None)

    def __repr__(self) -> str:
        if self.worst is None:
            return f"DeadStart({clipped_name(self.model, 40)!r}, no activation with a flat piece)"
        w = self.worst
        span = "exact" if w.method == CLOSED else f"in [{w.lo:.4g}, {w.hi:.4g}]"
        what = f"{clipped_name(w.name, 40)}: a unit starts dead with "
        what += f"probability {w.chance:.4g}, {span}"
        return f"DeadStart({clipped_name(self.model, 40)!r}, {what})"

    def records(self) -> list[dict[str, Any]]:
        """Return one dict per layer: the probabilities and their intervals."""
        return [field_dict(layer) for layer in self.layers]

    def plot(self, ax: Any = None) -> Any:
        """Draw the probability that a unit starts dead, one row per layer.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed.
        """
        ends = np.array([(a.chance, a.lo, a.hi) for a in self.layers]).reshape(-1, 3)
        names = [f"{layer.name} ({layer.kind})" for layer in self.layers]
        title = "The model has no activation with a flat piece, so its units cannot be dead"
        if self.worst is not None:
            name, chance = self.worst.name, self.worst.chance
            title = f"A unit of `{name}` starts dead with probability {chance:.3g}"
        return plot_chances(title, names, ends, "probability that a unit starts dead", ax)

    def document(self) -> Document:
        """Return a document with a table that has one row per layer."""
        title = f"Dead starts of {self.model}"
        if not self.layers:
            lead = "the model has no activation with a flat piece, so its units cannot be dead."
            return Document(title, lead, ())
        head = ("Layer (type)", "Units", "Unit dead", "Interval", "All dead", "Interval", "Method")
        rows = [
            (
                f"{a.name} ({a.kind})",
                a.units,
                short(a.chance),
                _interval(a.method, a.lo, a.hi),
                short(a.all_dead),
                _interval(a.method, a.all_lo, a.all_hi),
                a.method if a.method == CLOSED else f"{a.trials} starts",
            )
            for a in self.layers
        ]
        weights = ""
        if self.kept:
            weights = f" Weights without a known initializer, not redrawn: {', '.join(self.kept)}."
        note = (
            f"a unit is dead if its activation is flat on all {self.rows} rows of the data. The "
            f"confidence level of each interval is {100 * self.confidence:g} %.{weights}"
        )
        return Document(title, note, (Table(head, rows, "lrrrrrl"),))


def _interval(method: str, lo: float, hi: float) -> str | Interval:
    return "exact" if method == CLOSED else Interval(short(lo), short(hi))
