"""Monotonicity of outputs in inputs over a box."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from ...answers.answer import Cost
from ...answers.monotone import FallingPair, Monotone, Trend
from ...answers.progress import VerifyProgress
from ...core import InputError, OutOfTime, Warrant, deadline
from ...core.box import Box
from ...core.clock import read_clock
from ...graph import Graph
from ...search.common.solution import SearchProgress, Solution
from ...search.gradients.bounds import DerivativeEngine
from ...search.gradients.objectives import Partials
from ...search.gradients.search import METHODS, derivative_signs
from ..common.arguments import check_hooks, check_limits
from ..common.entries import entry_labels, select_entries
from ..common.network import NetworkLike
from ..common.provenance import input_domain
from ..common.target import target
from ..inputs.parse_box import real_box
from ..inputs.sets.table import integers_and_groups
from .monotone_witness import MonotoneWitnesses
from .slope_evidence import check_count


SAMPLES = 1024
"""Maximum number of points whose derivatives decide which direction is tried first."""

LOOK = 1 / 3
"""Maximum fraction of the time limit that is spent on the `SAMPLES` points."""


def monotone(
    network: NetworkLike,
    box: Any,
    *,
    inputs: Any = None,
    outputs: Any = None,
    direction: str | None = None,
    layer: str | None = None,
    time_limit: float | None = None,
    seed: int = 0,
    progress: Callable[[VerifyProgress], None] | None = None,
) -> Monotone:
    """Decide the trend of every pair of an output and an input; see `outrange.monotone`."""
    check_limits(0.0, time_limit)
    check_hooks(progress, seed)
    if direction not in (None, "rises", "falls"):
        raise InputError(
            '`direction` must be "rises", "falls", or None for either. '
            f"Received: direction={direction!r}."
        )
    wanted = target(network.graph, None, layer)
    graph, where = wanted.graph, real_box(network.graph.inputs, box, "A rise or a fall")
    columns = select_entries(graph.inputs, inputs, "inputs")
    rows = select_entries(graph.outputs, outputs, "outputs")
    check_count(rows.size * columns.size, graph.size)
    form, along = (g.ravel() for g in np.meshgrid(rows, columns, indexing="ij"))
    # A proof over the box around a set also applies to the set; a counterexample must lie in it.
    steps = MonotoneWitnesses(
        network, graph, where, wanted.is_output, *integers_and_groups(network.graph.inputs, box)
    )
    task = _Task(graph, where, form, along, steps, time_limit, seed, progress)
    first = (
        task.likely()
        if direction is None
        else np.full(form.size, 1.0 if direction == "rises" else -1.0)
    )
    task.decide(np.arange(form.size), first)
    if direction is None and not task.late:
        left = np.flatnonzero(task.verdicts(first) != 1)
        level = np.flatnonzero(task.level & (task.verdicts(first) == 1))
        task.decide(np.concatenate([left, level]), -first[np.concatenate([left, level])])
    labels_in, labels_out = entry_labels(graph.inputs), entry_labels(graph.outputs)
    trends = tuple(
        task.trend(k, labels_out[f], labels_in[i])
        for k, (f, i) in enumerate(zip(form, along, strict=True))
    )
    return Monotone(
        network.name, trends, direction, None, task.reason, task.warrant,
        Cost(read_clock() - task.began, task.boxes), METHODS,
        over=input_domain(network.graph.inputs, where),
    )  # fmt: skip


class _Task:
    """Search over the requested pairs of an output and an input, with the results so far."""

    def __init__(
        self,
        graph: Graph,
        box: Box,
        form: np.ndarray,
        along: np.ndarray,
        steps: MonotoneWitnesses,
        time_limit: float | None,
        seed: int,
        progress: Callable[[VerifyProgress], None] | None,
    ) -> None:
        self.began = read_clock()
        self._graph, self._box, self._form, self._along = graph, box, form, along
        self._time, self._seed, self._progress = time_limit, seed, progress
        self._steps = steps
        self._true = {1.0: np.zeros(form.size, bool), -1.0: np.zeros(form.size, bool)}
        self._found: dict[tuple[float, int], FallingPair] = {}
        self.level = np.zeros(form.size, bool)
        self.boxes, self.warrant, self._stopped = 0, Warrant.FLOAT64_ROUNDED, "rounding"

    @property
    def late(self) -> bool:
        """Whether the time limit has passed, so that no further search should begin."""
        return self._time is not None and read_clock() - self.began > self._time

    def likely(self) -> np.ndarray:
        """Return each derivative's more frequent sign at random points, 1 if tied, `(pairs,)`."""
        partials = Partials(self._form, self._along, np.ones(self._form.size))
        slopes = np.full((1, self._form.size), np.nan)
        with suppress(OutOfTime), deadline(None if self._time is None else LOOK * self._time):
            engine = DerivativeEngine(self._graph, self._box, partials)
            x = self._box.uniform(np.random.default_rng(self._seed), engine.samples(SAMPLES))
            slopes = engine.at(x)
        slopes = np.where(np.isfinite(slopes), slopes, 0.0)
        self.level = (slopes == 0).all(axis=0) & (len(slopes) > 1)
        return np.where((slopes > 0).sum(axis=0) >= (slopes < 0).sum(axis=0), 1.0, -1.0)

    def decide(self, pairs: np.ndarray, sign: np.ndarray) -> None:
        """Try to prove or refute `sign[k] * derivative >= 0` for each pair `pairs[k]`."""
        fixed = self._box.lo == self._box.hi
        for is_true in self._true.values():
            is_true |= fixed[self._along]  # A fixed input has no two values.
        moving = ~fixed[self._along[pairs]]
        pairs, sign = pairs[moving], sign[moving]
        if not pairs.size:
            return

        def accept(k: int, x: np.ndarray) -> bool:
            at, side = int(pairs[k]), float(sign[k])
            step = self._steps.find_fall(x, int(self._form[at]), int(self._along[at]), side)
            if step is None:
                return False
            self._found[(side, at)] = step
            return True

        left = None if self._time is None else max(1e-3, self._time - (read_clock() - self.began))
        solution, _ = derivative_signs(
            self._graph, self._box, Partials(self._form[pairs], self._along[pairs], sign), accept,
            time_limit=left, progress=self._report(), seed=self._seed,
        )  # fmt: skip
        self._take(pairs, sign, solution)

    def _take(self, pairs: np.ndarray, sign: np.ndarray, solution: Solution) -> None:
        for k, s, low in zip(pairs, sign, solution.lower, strict=True):
            self._true[float(s)][k] = low >= 0
        self.boxes += solution.boxes
        self.warrant = min(self.warrant, solution.warrant)
        if solution.status in ("time", "memory", "interrupted", "error"):
            self._stopped = solution.status

    def _report(self) -> Callable[[SearchProgress], None] | None:
        if self._progress is None:
            return None
        listener = self._progress

        def report(now: SearchProgress) -> None:
            low, near = float(np.min(now.lower)), float(np.min(now.seen))
            listener(VerifyProgress(now.seconds, now.boxes, low, near, now.open))

        return report

    def verdicts(self, sign: np.ndarray) -> np.ndarray:
        """Return whether each pair has the direction `sign`: 1 proved, 0 refuted, -1 unknown."""
        verdicts = np.full(self._form.size, -1)
        for k, s in enumerate(sign):
            if self._true[float(s)][k]:
                verdicts[k] = 1
            elif (float(s), k) in self._found:
                verdicts[k] = 0
        return verdicts

    @property
    def reason(self) -> str:
        """The reason why the search stopped."""
        up, down = (self.verdicts(np.full(self._form.size, s)) for s in (1.0, -1.0))
        done = (up == 1) | (down == 1) | ((up == 0) & (down == 0))
        return (
            "decided"
            if done.all() or (self._stopped == "rounding" and ((up >= 0) | (down >= 0)).all())
            else self._stopped
        )

    def trend(self, k: int, output: str, label: str) -> Trend:
        """Return the result for pair `k`, labeled with the names of its output and its input."""
        fall, rise = self._found.get((1.0, k)), self._found.get((-1.0, k))
        rises = True if self._true[1.0][k] else (False if fall is not None else None)
        falls = True if self._true[-1.0][k] else (False if rise is not None else None)
        return Trend(output, label, rises, falls, None if rises else fall, None if falls else rise)
