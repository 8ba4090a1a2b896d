"""A program under diagnosis with its data, and cached results about it that the rules read."""

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
"""Limit on the number of graph values times the number of bounded rows. In larger data sets,
only the first rows are bounded."""

LARGE, DEEP = 2_000_000, 60
"""Maximum numbers of weights and layers of a model that is run without an explicit `steps`."""


@dataclass(eq=False)
class DiagnosisContext:
    """A program under diagnosis, with its data.

    Args:
        program: The model with its loss and optimizer.
        x: Inputs, one array per model input, with rows along the first axis.
        y: Targets, one array per output; None if there are no targets.
        user_data: The data `(x, y)` in the form that the user passed, for the model's own
            functions.
        steps: Maximum number of training steps on a copy of the model, 0 for none. If None, only a
            small model is trained and measured.
        unread: Descriptions of the parts that could not be inspected, with the reasons. Rules add
            to this list.
        names: Names of the features, if the data has named columns.
        plan: The planned length of training, if known.
        history: Values that a finished training run logged after each epoch, if known.
        held_out: Inputs and targets excluded from training, if there are any.
        mixed_row: A row whose output depends on other rows of its batch, if one was observed.
        training_rows: Indices of the rows to train on when the other rows are held out. If None,
            they are drawn at random.
    """

    program: Program
    x: list[np.ndarray]
    y: list[np.ndarray] | None
    user_data: tuple[Any, Any]
    steps: int | None = None
    unread: list[str] = field(default_factory=list)
    names: tuple[str, ...] = ()
    plan: Plan | None = None
    history: Mapping[str, np.ndarray] | None = None
    held_out: tuple[list[np.ndarray], list[np.ndarray]] | None = None
    mixed_row: Any = None
    training_rows: np.ndarray | None = None

    # ---- data -----------------------------------------------------------------------------

    @property
    def rows(self) -> int:
        """The number of data rows."""
        return len(self.x[0])

    @cached_property
    def flat(self) -> np.ndarray:
        """The flattened inputs, `(rows, size)` float64."""
        return _side_by_side(self.x)

    @cached_property
    def model_inputs(self) -> list[np.ndarray]:
        """`x` as the model receives it, rounded to the model's input types."""
        with np.errstate(all="ignore"):
            return self.program.taken(self.x) if self.program.taken else self.x

    @cached_property
    def flat_model_inputs(self) -> np.ndarray:
        """The flattened arrays of `model_inputs`, `(rows, size)` float64."""
        return _side_by_side(self.model_inputs)

    @cached_property
    def finite_rows(self) -> np.ndarray:
        """Mask of the rows that are finite as the model receives them."""
        return np.asarray(np.isfinite(self.flat_model_inputs).all(axis=1))

    def targets(self, loss: Loss) -> np.ndarray | None:
        """Return the targets of one loss, `(rows, ...)` float64.

        Returns None if they are missing or not numeric.
        """
        if self.y is None or loss.output >= len(self.y):
            return None
        array = np.asarray(self.y[loss.output])
        return array.astype(np.float64) if array.dtype.kind in "biuf" else None

    def head(self, loss: Loss) -> Head | None:
        """Return the record of the last activation of a loss's output; None if there is none."""
        heads = self.program.heads
        return heads[loss.output] if loss.output < len(heads) else None

    # ---- bounds ---------------------------------------------------------------------------

    @cached_property
    def free(self) -> Ranges | None:
        """Ranges over the box of the data that hold for all values of the trainable weights.

        None if the model could not be converted to a graph.
        """
        part = self.program.free
        return None if part is None else interval_ends(part.graph, *self._box(part))

    def free_ends(self, tensor: int) -> Bounds | None:
        """Return bounds of a tensor that hold for all values of the trainable weights.

        Returns:
            Lower and upper bounds over the box of the data, `(units,)` each; None if unknown.
        """
        return ends_of_both(self.program.free, tensor, self.free, self.free_written)

    @cached_property
    def free_written(self) -> Ranges | None:
        """Ranges as in `free`, but for the unfused graph.

        None if there is no graph, or if both graphs are the same.
        """
        part = self.program.free
        if part is None or part.written is part.graph:
            return None
        return interval_ends(part.written, *self._box(part))

    @cached_property
    def over_box(self) -> Ranges | None:
        """Ranges of the model's values over the box of the data, with the stored weights.

        None if the model could not be converted to a graph.
        """
        part = self.program.whole
        return None if part is None else self._over_box(part, part.graph)

    @cached_property
    def written_over_box(self) -> Ranges | None:
        """Ranges as in `over_box`, but for the values of the unfused graph."""
        part = self.program.whole
        if part is not None and part.written is part.graph:
            return self.over_box
        return None if part is None else self._over_box(part, part.written)

    def _over_box(self, part: PartialGraph, graph: Graph) -> Ranges:
        lo, hi = self._box(part)
        ranges = interval_ends(graph, lo, hi)
        small = sum(n.size for n in graph.nodes) <= 4096
        if small and np.isfinite(lo).all() and not ranges.leaves:
            tight = linear_ends(graph, lo, hi)
            if tight is not None:
                ranges = Ranges(tight)
        return ranges

    def box_ends(self, tensor: int | None) -> Bounds | None:
        """Return bounds of a tensor over the box of the data with the stored weights.

        Returns:
            Lower and upper bounds, `(units,)` each; None if unknown.
        """
        return ends_of(self.program.whole, tensor, self.over_box.ends if self.over_box else None)

    def _box(self, part: PartialGraph) -> Bounds:
        x = self.flat_model_inputs[self.finite_rows]
        lo = np.full((1, part.graph.size), -np.inf)
        hi = np.full((1, part.graph.size), np.inf)
        if len(x):
            lo[0, : part.data], hi[0, : part.data] = x.min(axis=0), x.max(axis=0)
        return lo, hi

    @cached_property
    def bounded_rows(self) -> np.ndarray:
        """Indices of the rows for which `at_rows` contains bounds.

        These are the first finite rows, as many as `WORK` permits.
        """
        part = self.program.whole
        rows = np.flatnonzero(self.finite_rows)
        if part is None:
            return rows[:0]
        size = sum(n.size for n in part.graph.nodes) + part.graph.size
        return rows[: max(1, WORK // max(size, 1))]

    @cached_property
    def at_rows(self) -> dict[int, UnitRanges]:
        """Bounds of the outputs and of the activations' inputs and outputs for `bounded_rows`.

        The keys are tensor numbers. Tensors that are not values of the fused graph are omitted.
        """
        part = self.program.whole
        if part is None or not len(self.bounded_rows):
            return {}
        wanted = {t for layer in self.program.layers for t in (layer.before, layer.after)}
        tensors = [*self.program.output_tensors, *(t for t in wanted if t is not None)]
        bounds = row_ends(part, self.flat_model_inputs[self.bounded_rows], tensors)
        return {t: UnitRanges(*ends) for t, ends in bounds.items()}

    def rows_of(self, tensor: int | None) -> UnitRanges | None:
        """Return bounds of one tensor for each of `bounded_rows`; None if no bounds are known.

        The bounds of a constant tensor are its values, for every row.
        """
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
        """Bounds on the distance between the backend's values and those of real arithmetic."""
        return Roundings(self)  # pyright: ignore[reportArgumentType]  # as in `trials`

    @property
    def these_rows(self) -> str:
        """A phrase that describes the bounded rows: `"your 7 rows"` or `"3 of your 7 rows"`."""
        if len(self.bounded_rows) == self.rows:
            return f"your {self.rows:,} rows"
        return f"{len(self.bounded_rows):,} of your {self.rows:,} rows"

    # ---- measurements ---------------------------------------------------------------------

    @cached_property
    def runs(self) -> bool:
        """Whether the model may be run.

        A large model, which takes minutes to compile, is run only if the caller passed `steps`. A
        program that must not be run (`program.not_run`) is never run.
        """
        if self.program.not_run:
            self.unread.append(f"outputs, gradients and training steps: {self.program.not_run}")
            return False
        size = sum(int(np.prod(w.shape, dtype=np.int64)) for w in self.program.weights)
        # A layer that is unrolled over time is counted once.
        count = len({layer.path for layer in self.program.layers})
        small = size <= LARGE and count <= DEEP
        if not small and self.steps is None:
            self.unread.append(
                "outputs, gradients and training steps are not measured, because the model is "
                f"large ({size:,} weights, {count:,} layers); pass `train=12` to measure them"
            )
        return small or self.steps is not None

    @property
    def complete_measurement(self) -> Measured | None:
        """The value of `measurement`; None if it is missing, failed or does not cover all rows."""
        measurement = self.measurement if self.rows <= ROWS else None
        return None if measurement is None or measurement.error else measurement

    @cached_property
    def predictions(self) -> list[np.ndarray]:
        """The model's own outputs for all rows; empty if the model is not run or fails."""
        if not self.runs:
            return []
        outputs = self.measurement.outputs if self.measurement is not None else ()
        if outputs and len(outputs[0]) == self.rows:
            return list(outputs)
        return self.predict(self.user_data[0])

    def predict(self, x: Any) -> list[np.ndarray]:
        """Return the model's outputs for the rows `x`; empty if the model raises an exception."""
        try:
            return self.program.predict(x)
        except Exception as error:
            last = (str(error).strip().splitlines() or [""])[0]
            self.unread.append(f"outputs: the model fails ({type(error).__name__}: {last[:200]})")
            return []

    @cached_property
    def measurement(self) -> Measured | None:
        """Loss and gradients at the stored weights.

        None if the program has no loss or targets, or if the model is not run. If the backend
        raises an exception, the attribute `error` contains its message.
        """
        measure: Callable | None = self.program.measure
        return measure(*self.user_data) if measure is not None and self.runs else None

    def is_nonfinite_at(self, rows: np.ndarray) -> bool | None:
        """Return whether the loss or a gradient is not finite on the given rows.

        If the program has no loss or targets, its outputs are checked instead. Returns None if the
        model is not run, or if its loss cannot be measured.
        """
        if not self.runs:
            return None
        if self.program.measure is None:
            x, _ = self._repeat_rows(rows)
            return not all(np.isfinite(array).all() for array in self.predict(x))
        measurement = self.measure_rows(rows)
        return (
            None
            if measurement is None
            else bool(measurement.has_nonfinite_gradient or not np.isfinite(measurement.loss))
        )

    def _repeat_rows(self, rows: np.ndarray) -> tuple[Any, Any]:
        """Return inputs and targets of the given rows, repeated cyclically up to a fixed number.

        The number is 512, or the number of all rows if that is smaller.

        Other measurements use the same number of rows, so the model does not have to be compiled
        again.
        """
        rows = np.resize(rows, max(len(rows), min(self.rows, 512)))
        return cut(self.user_data[0], rows), cut(self.user_data[1], rows)

    def measure_rows(self, rows: np.ndarray) -> Measured | None:
        """Measure loss and gradients on the given rows; return None if they cannot be measured."""
        if self.program.measure is None or not self.runs:
            return None
        measurement = self.program.measure(*self._repeat_rows(rows))
        return None if measurement.error else measurement

    @cached_property
    def trials(self) -> Trials:
        """Short training runs of copies of the model."""
        return Trials(self)  # pyright: ignore[reportArgumentType]  # cached properties are properties

    @property
    def batch_size(self) -> int | None:
        """Rows per batch in the planned training; None if there is no plan."""
        return None if self.plan is None else self.plan.batch_size

    @property
    def batch_normalized(self) -> bool:
        """Whether some layer may use batch statistics, or run other code, in training only."""
        return any(layer.statistics for layer in self.program.layers)


def _side_by_side(arrays: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.asarray(a, np.float64).reshape(len(a), -1) for a in arrays], axis=1)
