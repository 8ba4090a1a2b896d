"""Monotonicity of outputs in inputs over a box."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from ...answers.answer import Cost
from ...answers.monotone import FallingPair, Monotone, Trend
from ...answers.progress import VerifyProgress
from ...core import InputError, OutOfTime, Warrant, deadline
from ...core.clock import read_clock
from ...graph import Graph
from ...search.common.domain_boxes import DomainBoxes
from ...search.common.solution import SearchProgress, Solution
from ...search.gradients.bounds import FEWEST, SAMPLE_ENTRIES, DerivativeEngine
from ...search.gradients.objectives import Partials
from ...search.gradients.search import METHODS, derivative_signs
from ..common.arguments import check_hooks, check_limits
from ..common.entries import entry_labels, select_entries
from ..common.network import NetworkLike
from ..common.provenance import input_domain
from ..common.target import target
from ..conditions.integer_cases import category_boxes
from ..inputs.columns import is_frame
from ..inputs.parse_box import input_box, whole_entries
from ..inputs.sets.base import regions_of
from ..inputs.sets.table import frame_set, integers_and_groups
from .monotone_witness import MonotoneWitnesses
from .slope_evidence import check_count
from .unit_steps import METHOD, UnitSteps


SAMPLES = 1024
"""Maximum number of points whose derivatives decide which direction is tried first."""

LOOK = 1 / 3
"""Maximum fraction of the time limit that is spent on the derivatives at the `SAMPLES` points."""

TRIES = 3
"""Maximum number of sampled points at which a counterexample to a direction is sought before the
search."""

SIDES = {"rises": 1.0, "falls": -1.0}
"""Sign of the derivative in each direction."""


def monotone(
    network: NetworkLike,
    box: Any,
    *,
    inputs: Any = None,
    outputs: Any = None,
    direction: str | None = None,
    time_limit: float | None = None,
    seed: int = 0,
    progress: Callable[[VerifyProgress], None] | None = None,
) -> Monotone:
    """Decide the trend of every pair of an output and an input; see `outrange.monotone`."""
    check_limits(0.0, time_limit)
    check_hooks(progress, seed)
    if direction not in (None, *SIDES):
        raise InputError(
            '`direction` must be "rises", "falls", or None for either. '
            f"Received: direction={direction!r}."
        )
    wanted = target(network.graph)
    slots = network.graph.inputs
    graph, where = wanted.graph, input_box(slots, box, respects_one_hot=True)
    columns = select_entries(graph.inputs, inputs, "inputs")
    rows = select_entries(graph.outputs, outputs, "outputs")
    check_count(rows.size * columns.size, graph.size)
    form, along = (g.ravel() for g in np.meshgrid(rows, columns, indexing="ij"))
    integer, groups, partial = integers_and_groups(slots, box)
    whole = whole_entries(slots)
    witnesses = MonotoneWitnesses(network, graph, where, integer | whole, groups, partial)
    # A proof for boxes that contain the set also applies to the set; a counterexample must lie in
    # the set.
    domain = replace(category_boxes(where, groups), whole=whole)
    sets = regions_of(slots, frame_set(box, whole=True) if is_frame(box) else box)
    steps = {
        int(i): UnitSteps(graph, sets, int(i), partial)
        for i in columns
        if whole[i] and not witnesses.is_fixed(int(i))
    }
    task = _Task(
        graph, domain, form, along, witnesses, steps, direction, time_limit, seed, progress
    )
    likely = task.sample()
    if direction is None:
        first = np.where(task.verdicts(likely) == 0, -likely, likely)
        task.decide(first, np.ones(form.size, bool))
        if not task.late:
            task.decide(-first, task.level | (task.verdicts(first) != 1))
    else:
        task.decide(np.full(form.size, SIDES[direction]), np.ones(form.size, bool))
    labels_in, labels_out = entry_labels(graph.inputs), entry_labels(graph.outputs)
    trends = tuple(
        task.trend(k, labels_out[f], labels_in[i])
        for k, (f, i) in enumerate(zip(form, along, strict=True))
    )
    return Monotone(
        network.name, trends, direction, None, task.reason, task.warrant,
        Cost(read_clock() - task.began, task.boxes), tuple(task.methods),
        over=input_domain(slots, sets),
    )  # fmt: skip


class _Task:
    """Search over the requested pairs of an output and an input, with the results so far.

    Args:
        graph: The graph under study.
        domain: The input set, or boxes around it.
        form: Index of the flat output of each pair.
        along: Index of the flat input of each pair.
        witnesses: Search for pairs of points between which an output falls.
        steps: Dict from each integer input that can change alone to its unit steps.
        direction: The claimed direction, or None.
        time_limit: Limit in seconds; None for no limit.
        seed: Seed of the samples.
        progress: Called a few times a second with a `VerifyProgress`.
    """

    def __init__(
        self,
        graph: Graph,
        domain: DomainBoxes,
        form: np.ndarray,
        along: np.ndarray,
        witnesses: MonotoneWitnesses,
        steps: Mapping[int, UnitSteps],
        direction: str | None,
        time_limit: float | None,
        seed: int,
        progress: Callable[[VerifyProgress], None] | None,
    ) -> None:
        self.began = read_clock()
        self._sides = list(SIDES.values()) if direction is None else [SIDES[direction]]
        self._graph, self._domain, self._form, self._along = graph, domain, form, along
        self._time, self._seed, self._progress = time_limit, seed, progress
        self._witnesses, self._steps = witnesses, steps
        # The output cannot change along an input that cannot change alone.
        self.fixed = np.array([witnesses.is_fixed(int(i)) for i in along], bool)
        self._by_steps = np.array([int(i) in steps for i in along], bool)
        self._true = {side: self.fixed.copy() for side in SIDES.values()}
        self._found: dict[tuple[float, int], FallingPair] = {}
        self.level = np.zeros(form.size, bool)
        self.boxes, self.warrant, self._stopped = 0, Warrant.FLOAT64_ROUNDED, "rounding"
        self.methods = dict.fromkeys(() if self._by_steps.all() else METHODS)

    @property
    def late(self) -> bool:
        """Whether the time limit has passed, so that no further search should begin."""
        return self._time is not None and read_clock() - self.began > self._time

    def sample(self) -> np.ndarray:
        """Evaluate slopes at random points, and seek counterexamples at the steepest of them.

        Returns:
            Each slope's more frequent sign, 1 if tied, `(pairs,)`.
        """
        slopes, x = np.full((1, self._form.size), np.nan), self._domain.middle()
        with suppress(OutOfTime), deadline(None if self._time is None else LOOK * self._time):
            slopes, x = self._sampled_slopes()
        slopes = np.where(np.isfinite(slopes), slopes, 0.0)
        self.level = (slopes == 0).all(axis=0) & (len(slopes) > 1)
        for k in np.flatnonzero(~self.fixed):
            for side in self._sides:
                steepest = np.argsort(side * slopes[:, k], kind="stable")[:TRIES]
                for at in steepest[side * slopes[steepest, k] < 0]:
                    if not self.late:
                        self._refute(int(k), side, x[at])
        return np.where((slopes > 0).sum(axis=0) >= (slopes < 0).sum(axis=0), 1.0, -1.0)

    def _sampled_slopes(self) -> tuple[np.ndarray, np.ndarray]:
        """Return slopes `(n, pairs)` at random points, and these points `(n, inputs)`.

        The slope along an integer input is the change of the output over a unit step.

        Raises:
            OutOfTime: The deadline passed.
        """
        smooth = np.flatnonzero(~self._by_steps)
        count, engine = max(FEWEST, min(SAMPLES, SAMPLE_ENTRIES // self._graph.entries)), None
        if smooth.size:
            partials = Partials(self._form[smooth], self._along[smooth], np.ones(smooth.size))
            engine = DerivativeEngine(self._graph, self._domain.hull, partials)
            count = engine.samples(SAMPLES)
        x = self._domain.uniform(np.random.default_rng(self._seed), count)
        slopes = np.zeros((count, self._form.size))
        if engine is not None:
            slopes[:, smooth] = engine.at(x)
        for i, steps in self._steps.items():
            pairs = np.flatnonzero(self._along == i)
            slopes[:, pairs] = steps.at(x)[:, self._form[pairs]]
        return slopes, x

    def _refute(self, k: int, side: float, x: np.ndarray) -> bool:
        """Seek a counterexample to one direction of pair `k` near `x`, and store the largest one.

        Return whether there is one.

        Args:
            side: 1 to refute that the output rises, -1 to refute that it falls.
        """
        step = self._witnesses.find_fall(x, int(self._form[k]), int(self._along[k]), side)
        if step is None:
            return False
        largest = self._found.get((side, k))
        if largest is None or step.weight > largest.weight:
            self._found[(side, k)] = step
        return True

    def decide(self, sign: np.ndarray, wanted: np.ndarray) -> None:
        """Try to prove or refute `sign * slope >= 0` for the undecided pairs in a mask.

        The search of derivatives may use at most its share of the time, by the number of pairs.

        Args:
            sign: `(pairs,)` 1 or -1.
            wanted: Mask `(pairs,)` of the pairs to decide.
        """
        wanted = wanted & (self.verdicts(sign) == -1)
        pairs = np.flatnonzero(wanted & ~self._by_steps)
        others = np.flatnonzero(wanted & self._by_steps)
        if pairs.size:
            solution, _ = derivative_signs(
                self._graph,
                self._domain,
                Partials(self._form[pairs], self._along[pairs], sign[pairs]),
                lambda k, x: self._refute(int(pairs[k]), float(sign[pairs[k]]), x),
                time_limit=self._seconds_left(pairs.size / (pairs.size + others.size)),
                progress=self._report(sign[pairs], pairs),
                seed=self._seed,
            )
            self._take(pairs, sign[pairs], solution)
        for n, k in enumerate(others):
            if self.late:
                self._stopped = "time"
                break
            self._decide_steps(int(k), float(sign[k]), self._seconds_left(1.0 / (others.size - n)))

    def _seconds_left(self, share: float) -> float | None:
        """Return a share of the time left, in seconds; None if there is no limit."""
        if self._time is None:
            return None
        return max(1e-3, share * (self._time - (read_clock() - self.began)))

    def _decide_steps(self, k: int, side: float, seconds: float | None) -> None:
        """Try to prove or refute one direction of a pair with an integer input."""
        steps, holds = self._steps[int(self._along[k])], True
        self.methods |= {METHOD: None}
        for verdict in steps.verify(
            int(self._form[k]), side, time_limit=seconds, seed=self._seed, progress=self._progress
        ):
            self._add_cost(verdict.cost.boxes, verdict.warrant, verdict.reason, verdict.methods)
            holds = holds and verdict.holds is True
            if verdict.counterexample is not None:
                self._refute(k, side, verdict.counterexample.flat_x)
                break
        self._true[side][k] = holds

    def _take(self, pairs: np.ndarray, sign: np.ndarray, solution: Solution) -> None:
        for k, s, low in zip(pairs, sign, solution.lower, strict=True):
            self._true[float(s)][k] = low >= 0
        self._add_cost(solution.boxes, solution.warrant, str(solution.status), solution.methods)

    def _add_cost(self, boxes: int, warrant: Warrant, reason: str, methods: Sequence[str]) -> None:
        self.boxes += boxes
        self.warrant = min(self.warrant, warrant)
        if reason in ("time", "memory", "interrupted", "error"):
            self._stopped = reason
        self.methods |= dict.fromkeys(methods)

    def _report(
        self, sign: np.ndarray, pairs: np.ndarray
    ) -> Callable[[SearchProgress], None] | None:
        """Return a listener of a search that reports the progress of its undecided pairs."""
        if self._progress is None:
            return None
        listener = self._progress

        def report(now: SearchProgress) -> None:
            left = np.array(
                [(float(s), int(k)) not in self._found for s, k in zip(sign, pairs, strict=True)]
            )
            low, near = (float(np.min(v[left], initial=np.inf)) for v in (now.lower, now.seen))
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
        each = np.array([self.verdicts(np.full(self._form.size, s)) for s in self._sides])
        if ((each == 1).any(axis=0) | (each == 0).all(axis=0)).all():
            return "decided"
        is_relaxed = self._stopped == "rounding" and self._witnesses.restricts(~self._domain.whole)
        return "integers" if is_relaxed else self._stopped

    def trend(self, k: int, output: str, label: str) -> Trend:
        """Return the result for pair `k`, labeled with the names of its output and its input."""
        fall, rise = self._found.get((1.0, k)), self._found.get((-1.0, k))
        rises = True if self._true[1.0][k] else (False if fall is not None else None)
        falls = True if self._true[-1.0][k] else (False if rise is not None else None)
        return Trend(
            output, label, rises, falls, None if rises else fall, None if falls else rise,
            is_fixed=bool(self.fixed[k]),
        )  # fmt: skip
