"""Modules as functions of rows that are run one by one or as a batch; detection of mixed rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core import ModelError, UnsupportedError
from ...graph import Builder, Graph, Slot
from ...graph.domain import is_inside
from ...graph.float32 import run_with_error_bounds
from ..check import at_once, is_large, points
from ..domain_points import with_points_inside
from ..network import Network
from ..row_mixing import BatchGraph, RowsMixed, fits, mixing_part, split_rows
from ..tolerance import tolerance
from ..traced import lower
from .api import runner
from .export import branching_sizes, export_module
from .mixing import mixing_operation
from .rules import TABLE
from .steps import trace_program


SIZES = (2, 3, 16)
"""Batch sizes at which the rows of a batch are compared with the same rows run one by one."""

_FAR = 1e3
"""Factor by which the other rows of a batch are enlarged, so that even a small influence on a row
is visible."""


class RowRunner:
    """A module as a function of flat rows.

    Args:
        slots: Slot and dtype of each input of the module.
    """

    def __init__(self, module: Any, slots: Sequence[tuple[Slot, str]]) -> None:
        self.module, self._slots, self._run = module, slots, runner(module)
        self._shapes: list[tuple[int, ...]] | None = None

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the outputs for a batch of one."""
        if self._shapes is None:
            self._run_one(np.zeros(sum(slot.size for slot, _ in self._slots)))
        return self._shapes or []

    def batch_graph(self, count: int) -> BatchGraph | None:
        """Return the graph of a batch of `count` rows, or None if the graph cannot be built."""
        slots = [slot for slot, _ in self._slots]
        b = Builder([Slot(slot.name, (count, *slot.shape)) for slot in slots])
        sizes = [slot.size for slot in slots]
        inputs = [b.reshape(x, tuple(x.shape[1:])) for x in b.input_values()]
        try:
            program = export_module(self.module, self.parts(np.zeros((count, sum(sizes)))))
            outputs = lower(b, trace_program(program), inputs, TABLE)
        except ModelError:
            return None
        graph = b.finish(outputs, [str(i) for i in range(len(outputs))])
        return BatchGraph(b.plain or graph, count, sizes, [tuple(x.shape) for x in outputs])

    def parts(self, x: np.ndarray) -> list[np.ndarray]:
        """Return the inputs of the module for flat rows `x`, `(batch, size)`."""
        ends = np.cumsum([0, *(slot.size for slot, _ in self._slots)])
        return [
            x[:, a:b].reshape(len(x), *slot.shape).astype(dtype)
            for (slot, dtype), a, b in zip(self._slots, ends[:-1], ends[1:], strict=True)
        ]

    def one_by_one(self, x: np.ndarray) -> np.ndarray:
        """Run each row as a batch of one; return the flat outputs, `(batch, outputs)`."""
        rows = [np.concatenate([np.ravel(leaf) for leaf in self._run_one(row)]) for row in x]
        return np.stack(rows) if rows else np.zeros((0, 0))

    def as_batch(self, x: np.ndarray) -> np.ndarray:
        """Run all rows as one batch; return the flat outputs, `(batch, outputs)`.

        Raises:
            RowsMixed: The outputs cannot be split into one row for each input row.
        """
        x = np.asarray(x)
        if len(x) < 2:
            return self.one_by_one(x)
        shapes, leaves = self.shapes, self._run(self.parts(x))
        if len(leaves) != len(shapes):
            raise RowsMixed
        return np.concatenate([split_rows(*z, len(x)) for z in zip(leaves, shapes, strict=True)], 1)

    def _run_one(self, row: np.ndarray) -> list[np.ndarray]:
        leaves = self._run(self.parts(np.asarray(row)[None]))
        self._shapes = [leaf.shape for leaf in leaves]
        return leaves


def check_rows_independent(network: Network, rows: RowRunner) -> None:
    """Raise if the output of a module for a row depends on the other rows of a batch.

    Batches of several sizes are compared with their rows run one by one. They are also compared
    with batches of the same size in which one row is kept and all others change: the output of the
    kept row must be the same to the last bit. Batch sizes that the module does not accept are
    skipped. The evaluated points may miss a step function, or a branch on the number of rows, so
    the graphs of batches are compared as well.

    Raises:
        UnsupportedError: The output depends on other rows (the message names the operation), or
            differs between two runs.
    """
    graph = network.written
    sizes = SIZES[:2] if is_large(graph) else SIZES
    x = _points(graph)[: sizes[-1]]
    alone = rows.one_by_one(x)
    if not np.array_equal(alone[:1], rows.one_by_one(x[:1]), equal_nan=True):
        raise UnsupportedError(
            f"Model `{network.name}` must compute the same result in every run, but it does not; "
            "it may use random numbers, a counter or the time. "
            "Received: two different outputs for the same input."
        )
    allowed = np.concatenate(
        [
            2.0 * tolerance(graph, run_with_error_bounds(graph, x[part], computed=network.computed))
            for part in at_once(graph, len(x))
        ]
    )
    for size in sizes:
        try:
            independent = _are_independent(rows, x[:size], alone[:size], allowed[:size])
        except ModelError:
            continue  # the module does not accept such a batch
        if not independent:
            raise UnsupportedError(_message(network, rows, x))
    for size in (SIZES[0], *branching_sizes(rows.module, rows.parts(x[:3]))):
        batch = rows.batch_graph(size) if fits(graph, size) else None
        part = None if batch is None else mixing_part(graph, batch, rows.shapes)
        if part is not None:
            raise UnsupportedError(_message(network, rows, x, part))


def _points(graph: Graph) -> np.ndarray:
    """Return one point per row of the largest batch, in the domain of the graph if possible."""
    x, _ = with_points_inside(graph, points(graph, None, 0, few=True), at_once, 0)
    inside = [is_inside(graph, graph.run_all(x[part])) for part in at_once(graph, len(x))]
    good = np.concatenate(inside) & (np.abs(x).max(axis=1, initial=0.0) < _FAR)
    # Zeros and ones come last, because identical rows reveal nothing.
    chosen = np.roll(x[good] if good.sum() >= 2 else x, -3, axis=0)
    return np.resize(chosen, (SIZES[-1], graph.size))


def _are_independent(
    rows: RowRunner, x: np.ndarray, alone: np.ndarray, allowed: np.ndarray
) -> bool:
    """Return whether the output for a row is independent of the other rows of a batch.

    The outputs of the batch must agree with those of its rows run one by one. The output of the
    first row, and that of the last, must stay the same when all other rows change.

    Args:
        rows: Runner of the module, on a batch or row by row.
        x: The rows, `(batch, size)`.
        alone: Outputs of the rows run one by one, `(batch, outputs)`.
        allowed: Differences from `alone` that rounding can explain, `(batch, outputs)`.

    Raises:
        ModelError: The module does not run on the batch.
    """
    try:
        batch = rows.as_batch(x)
        with np.errstate(invalid="ignore"):  # At a pole both are infinite.
            if batch.shape != alone.shape or (np.abs(batch - alone) > allowed).any():
                return False
        for fixed, factor in ((0, 1.0), (len(x) - 1, _FAR)):
            others = factor * (np.roll(x, 1, axis=0) + 1.0)
            others[fixed] = x[fixed]
            if not np.array_equal(rows.as_batch(others)[fixed], batch[fixed], equal_nan=True):
                return False
    except RowsMixed:
        return False
    return True


def _message(network: Network, rows: RowRunner, x: np.ndarray, part: str = "") -> str:
    culprit = mixing_operation(rows.module, lambda size: rows.parts(x[:size]))
    remedy = (
        "Give the layer `batch_first=True`"
        if any(word in culprit for word in ("lstm", "gru", "rnn", "attention"))
        else "Look for a reduction or a reshape over axis 0, or a use of `x.shape[0]`"
    )
    return (
        f"Model `{network.name}` mixes the rows of a batch: its output for an input depends on the "
        f"other inputs of the batch, so it is not a function of one input. {remedy}. "
        f"Received: {culprit or part or 'outputs that depend on the other rows'}."
    )
