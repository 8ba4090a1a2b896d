"""One program with its data, and what rules ask about it, computed once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..core import Bounds
from ..graph import Graph
from ..program import Head, Loss, Measured, PartialGraph, Program
from .bounds import (
    Ranges,
    UnitRanges,
    ends_of,
    ends_of_both,
    interval_ends,
    linear_ends,
    row_ends,
)
from .plan import Plan, cut
from .rounding.roundings import Roundings
from .trials import ROWS, Trials


WORK = 40_000_000
"""Values of a graph times rows that are bounded; beyond, the first rows stand for the data."""

LARGE, DEEP = 2_000_000, 60
"""Weights and layers beyond which the framework is not run unless the caller asks for steps."""


@dataclass(eq=False)
class DiagnosisContext:
    """What is diagnosed.

    Args:
        program: Model, loss, optimizer.
        x: Inputs, one array each, rows first.
        y: Targets, one array an output, or None.
        given: The data as the user gave it, for the model's own functions.
        names: Of the features, where the data has columns.
        steps: How many steps may be taken on a copy, 0 for none; None leaves that to the size of
            the model, as whether its outputs and gradients are measured at all.
        plan: How long training will go on, if that is known.
        history: What was logged after each epoch of a training, if there was one.
        held_out: Inputs and targets that are kept from training, if there are any.
        mixed: A row whose output hangs on the rows beside it, if one was seen.
        taken: The rows that trainings take which leave others out; drawn at random if None.
    """

    program: Program
    x: list[np.ndarray]
    y: list[np.ndarray] | None
    given: tuple[Any, Any]
    steps: int | None = None
    unread: list[str] = field(default_factory=list)
    names: tuple[str, ...] = ()
    plan: Plan | None = None
    history: Mapping[str, np.ndarray] | None = None
    held_out: tuple[list[np.ndarray], list[np.ndarray]] | None = None
    mixed: Any = None
    taken: np.ndarray | None = None

    # ---- data -----------------------------------------------------------------------------

    @property
    def rows(self) -> int:
        """Rows of data."""
        return len(self.x[0])

    @cached_property
    def flat(self) -> np.ndarray:
        """`(rows, size)` float64."""
        return _side_by_side(self.x)

    @cached_property
    def entering(self) -> list[np.ndarray]:
        """`x` as the model gets it: what `fit` hands over is rounded to the type it takes."""
        with np.errstate(all="ignore"):
            return self.program.taken(self.x) if self.program.taken else self.x

    @cached_property
    def seen(self) -> np.ndarray:
        """`entering` as `flat` is of `x`."""
        return _side_by_side(self.entering)

    @cached_property
    def sound_rows(self) -> np.ndarray:
        """Which rows of `x` are finite, and are still where the model gets them."""
        return np.asarray(np.isfinite(self.seen).all(axis=1))

    def targets(self, loss: Loss) -> np.ndarray | None:
        """The targets of one loss, float64, rows first."""
        if self.y is None or loss.output >= len(self.y):
            return None
        array = np.asarray(self.y[loss.output])
        return array.astype(np.float64) if array.dtype.kind in "biuf" else None

    def head(self, loss: Loss) -> Head | None:
        """The head that a loss reads."""
        heads = self.program.heads
        return heads[loss.output] if loss.output < len(heads) else None

    # ---- bounds ---------------------------------------------------------------------------

    @cached_property
    def free(self) -> Ranges | None:
        """Ranges whatever the trainable weights are, over the box of the data."""
        part = self.program.free
        return None if part is None else interval_ends(part.graph, *self._box(part))

    def free_ends(self, tensor: int) -> Bounds | None:
        """Range of a tensor whatever the trainable weights: `(units,)` each."""
        return ends_of_both(self.program.free, tensor, self.free, self.free_written)

    @cached_property
    def free_written(self) -> Ranges | None:
        """`free` of the graph as written, where that is another."""
        part = self.program.free
        if part is None or part.written is part.graph:
            return None
        return interval_ends(part.written, *self._box(part))

    @cached_property
    def over_box(self) -> Ranges | None:
        """Ranges with the stored weights, over the box of the data."""
        part = self.program.whole
        return None if part is None else self._over_box(part, part.graph)

    @cached_property
    def written_over_box(self) -> Ranges | None:
        """The same for the values of the graph as written, `PartialGraph.written`."""
        part = self.program.whole
        if part is not None and part.written is part.graph:
            return self.over_box
        return None if part is None else self._over_box(part, part.written)

    def _over_box(self, part: PartialGraph, graph: Graph) -> Ranges:
        lo, hi = self._box(part)
        found = interval_ends(graph, lo, hi)
        small = sum(n.size for n in graph.nodes) <= 4096
        if small and np.isfinite(lo).all() and not found.leaves:
            tight = linear_ends(graph, lo, hi)
            if tight is not None:
                found = Ranges(tight)
        return found

    def box_ends(self, tensor: int | None) -> Bounds | None:
        """Range of a tensor over the box of the data, stored weights."""
        return ends_of(self.program.whole, tensor, self.over_box.ends if self.over_box else None)

    def _box(self, part: PartialGraph) -> Bounds:
        x = self.seen[self.sound_rows]
        lo = np.full((1, part.graph.size), -np.inf)
        hi = np.full((1, part.graph.size), np.inf)
        if len(x):
            lo[0, : part.data], hi[0, : part.data] = x.min(axis=0), x.max(axis=0)
        return lo, hi

    @cached_property
    def bounded_rows(self) -> np.ndarray:
        """Indices of the rows at which tensors are enclosed."""
        part = self.program.whole
        found = np.flatnonzero(self.sound_rows)
        if part is None:
            return found[:0]
        size = sum(n.size for n in part.graph.nodes) + part.graph.size
        return found[: max(1, WORK // max(size, 1))]

    @cached_property
    def at_rows(self) -> dict[int, UnitRanges]:
        """Enclosures of every tensor that layers show, at each of `bounded_rows`."""
        part = self.program.whole
        if part is None or not len(self.bounded_rows):
            return {}
        wanted = {t for layer in self.program.layers for t in (layer.before, layer.after)}
        kept = [*self.program.output_tensors, *(t for t in wanted if t is not None)]
        found = row_ends(part, self.seen[self.bounded_rows], kept)
        return {t: UnitRanges(*ends) for t, ends in found.items()}

    def rows_of(self, tensor: int | None) -> UnitRanges | None:
        """Enclosures of one tensor at each of `bounded_rows`; constants included."""
        if tensor is None:
            return None
        if tensor in self.at_rows:
            return self.at_rows[tensor]
        part = self.program.whole
        if part is not None and tensor in part.constants:
            flat = np.ravel(part.constants[tensor])[None]
            return UnitRanges(*(np.repeat(flat, len(self.bounded_rows), axis=0),) * 2)
        return None

    @cached_property
    def roundings(self) -> Roundings:
        """How far the backend's own numbers may be from these bounds."""
        return Roundings(self)  # pyright: ignore[reportArgumentType]  # as in `trials`

    @property
    def these_rows(self) -> str:
        """`"your 7 rows"`, or which of them were bounded."""
        if len(self.bounded_rows) == self.rows:
            return f"your {self.rows:,} rows"
        return f"{len(self.bounded_rows):,} of your {self.rows:,} rows"

    # ---- measurements ---------------------------------------------------------------------

    @cached_property
    def runs(self) -> bool:
        """Whether the framework is run: a large model takes it minutes to compile."""
        if self.program.not_run:
            self.unread.append(f"outputs, gradients and steps of training: {self.program.not_run}")
            return False
        size = sum(int(np.prod(w.shape, dtype=np.int64)) for w in self.program.weights)
        # A layer that is unrolled in time is one layer.
        count = len({layer.path for layer in self.program.layers})
        small = size <= LARGE and count <= DEEP
        if not small and self.steps is None:
            self.unread.append(
                f"outputs, gradients and steps of training, because the model is large ({size:,} "
                f"weights, {count:,} layers); pass `steps=12` to have them measured"
            )
        return small or self.steps is not None

    @property
    def measured_at_all(self) -> Measured | None:
        """The measurement, if it was made at all rows and came to an end."""
        found = self.measured if self.rows <= ROWS else None
        return None if found is None or found.error else found

    @cached_property
    def predictions(self) -> list[np.ndarray]:
        """What the model itself returns; empty where it is not run."""
        if not self.runs:
            return []
        kept = self.measured.outputs if self.measured is not None else ()
        if kept and len(kept[0]) == self.rows:
            return list(kept)
        return self.predict(self.given[0])

    def predict(self, x: Any) -> list[np.ndarray]:
        """What the model returns of some rows; empty if it fails on them, as lookups may."""
        try:
            return self.program.predict(x)
        except Exception as error:
            last = (str(error).strip().splitlines() or [""])[0]
            self.unread.append(f"outputs: the model fails ({type(error).__name__}: {last[:200]})")
            return []

    @cached_property
    def measured(self) -> Measured | None:
        """Loss and gradients at the stored weights."""
        measure: Callable | None = self.program.measure
        return measure(*self.given) if measure is not None and self.runs else None

    def spoiled_by(self, rows: np.ndarray) -> bool | None:
        """Whether loss or gradient over some rows are not finite; None if that cannot be run."""
        if not self.runs:
            return None
        if self.program.measure is None:
            x, _ = self._repeated(rows)
            return not all(np.isfinite(array).all() for array in self.predict(x))
        found = self.measured_at(rows)
        return None if found is None else bool(found.spoiled or not np.isfinite(found.loss))

    def _repeated(self, rows: np.ndarray) -> tuple[Any, Any]:
        """Some rows as often as fill the length measured anyway: another would be compiled."""
        rows = np.resize(rows, max(len(rows), min(self.rows, 512)))
        return cut(self.given[0], rows), cut(self.given[1], rows)

    def measured_at(self, rows: np.ndarray) -> Measured | None:
        """Loss and gradients over some rows; None if that cannot be run."""
        if self.program.measure is None or not self.runs:
            return None
        found = self.program.measure(*self._repeated(rows))
        return None if found.error else found

    @cached_property
    def trials(self) -> Trials:
        """Short trainings of copies."""
        return Trials(self)  # pyright: ignore[reportArgumentType]  # cached properties are properties

    @property
    def batch_size(self) -> int | None:
        """Rows of a batch, where the user said so."""
        return None if self.plan is None else self.plan.batch_size

    @property
    def batch_normalized(self) -> bool:
        """Whether training sees other numbers than inference, where gradients are measured."""
        return any(layer.statistics for layer in self.program.layers)


def _side_by_side(arrays: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.asarray(a, np.float64).reshape(len(a), -1) for a in arrays], axis=1)
