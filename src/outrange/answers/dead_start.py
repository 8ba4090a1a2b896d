"""The answer of `outrange.expected`."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import UnknownKeyError
from .answer import Answer
from .render.diagrams import plot_chances
from .render.document import Document, Interval, Table
from .render.jsonable import field_dict
from .render.text import clipped_name, short


CLOSED, SAMPLED = "closed form", "sampled"


@dataclass(frozen=True)
class DeadLayer:
    """One layer with an activation that has a flat piece.

    Args:
        name: The layer's path.
        kind: Its class.
        units: How many units it has, per position.
        chance: That a unit starts dead: its activation is flat at every row of the data, so that
            no gradient reaches its weights.
        lo: Lower end of the confidence interval of `chance`; `chance` itself in closed form.
        hi: Upper end.
        all_dead: The chance that all its units start dead: nothing passes.
        all_lo: Lower end of its interval.
        all_hi: Upper end.
        method: `"closed form"` or `"sampled"`.
        trials: Fresh starts drawn.
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
    """Chances of a dead start, over the layers' own initializers.

    Args:
        model: Its name.
        layers: One entry per layer with an activation that has a flat piece.
        rows: Rows of data.
        confidence: Of every interval by itself.
        seed: Of the draws.
        kept: Weights that no known initializer makes: they kept their present values.
        sources: The models it is about, each with its hash.
        over: The input set it is about; None if that is not known.
        provenance: What was asked, of which release; None where it was not recorded.
        certificate: Where one was asked for: which file holds it, or why there is none.
        late: By how much a time limit was exceeded, or which effort ended the search.
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
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise UnknownKeyError(
            f"The layers are {[layer.name for layer in self.layers]}. Received: {name!r}."
        )

    @property
    def worst(self) -> DeadLayer | None:
        """The layer whose units are likeliest to start dead; None if no activation is flat."""
        return max(self.layers, key=lambda layer: layer.chance, default=None)

    def __repr__(self) -> str:
        if self.worst is None:
            return f"DeadStart({clipped_name(self.model, 40)!r}, no activation with a flat piece)"
        w = self.worst
        span = "exact" if w.method == CLOSED else f"in [{w.lo:.4g}, {w.hi:.4g}]"
        what = f"{clipped_name(w.name, 40)}: a unit starts dead with {w.chance:.4g}, {span}"
        return f"DeadStart({clipped_name(self.model, 40)!r}, {what})"

    def records(self) -> list[dict[str, Any]]:
        """One dict a layer: the chances, and their intervals."""
        return [field_dict(layer) for layer in self.layers]

    def plot(self, ax: Any = None) -> Any:
        """Draw the chance that a unit starts dead, a layer a row. Needs matplotlib.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed.
        """
        ends = np.array([(one.chance, one.lo, one.hi) for one in self.layers]).reshape(-1, 3)
        names = [f"{one.name} ({one.kind})" for one in self.layers]
        title = "No activation has a flat piece: no unit is ever dead"
        if self.worst is not None:
            name, chance = self.worst.name, self.worst.chance
            title = f"A unit of `{name}` starts dead with a chance of {chance:.3g}"
        return plot_chances(title, names, ends, "chance that a unit starts dead", ax)

    def document(self) -> Document:
        """A row a layer."""
        title = f"Dead starts of {self.model}"
        if not self.layers:
            said = "no activation has a flat piece; no unit is ever dead."
            return Document(title, said, ())
        head = ("Layer (type)", "Units", "Unit dead", "Interval", "All dead", "Interval", "How")
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
        kept = f" Kept as they are: {', '.join(self.kept)}." if self.kept else ""
        note = (
            f"dead is what is flat at all {self.rows} rows of the data. Intervals hold with "
            f"{100 * self.confidence:g} % confidence each.{kept}"
        )
        return Document(title, note, (Table(head, rows, "lrrrrrl"),))


def _interval(method: str, lo: float, hi: float) -> str | Interval:
    return "exact" if method == CLOSED else Interval(short(lo), short(hi))
