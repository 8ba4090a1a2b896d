"""The least value of a linear form of inputs and outputs, under conditions on both."""

from __future__ import annotations

import time as clock
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from ..answers import Cost, Optimum
from ..core import And, Atom, Formula, Region, Warrant
from ..core.formula import TRUE
from ..domains import bounds
from ..graph.measure import measure
from ..search import solve as search
from ..search.decide import Decision, decide
from .bracket import Bracket
from .cases import asked
from .contradictions import check_least, check_never, inside, sampled
from .evidence import enclose, run_model
from .input_set import place
from .limits import check_hooks, check_limits
from .named import by_name
from .network import NetworkLike
from .witness import Judge, contains, float_above, float_below, nearby


SAMPLES = 512
"""Random inputs that say how large the objective's range is, for the tolerance."""


@dataclass(frozen=True, eq=False)
class Least:
    """The least value of an objective, bracketed.

    Args:
        lower: Proved: no admissible input has less.
        upper: The real value at `at` is at most this.
        at: `(d,)`, or None if no admissible input is known.
        status: `"exact"`, `"infeasible"` (proved: no input is admissible), `"time"`,
            `"interrupted"` or `"rounding"`.
        boxes: Boxes bounded.
        seconds: Wall time.
        methods: What was used.
        warrant: What stands behind `lower`.
    """

    lower: float
    upper: float
    at: np.ndarray | None
    status: str
    boxes: int
    seconds: float
    methods: tuple[str, ...]
    warrant: Warrant = Warrant.FLOAT64_ROUNDED


def least(
    network: NetworkLike,
    objective: Atom,
    regions: Sequence[Region],
    where: Formula,
    *,
    tol: float = 1e-6,
    time: float | None = None,
    seed: int = 0,
) -> Least:
    """The least value of `objective` where `where` holds.

    A chain of decisions `objective <= v`: each either gives a better point or proves a bound. Where
    nothing but boxes limit the inputs, one search does it.

    Args:
        network: The model.
        objective: A linear form over the flat `[x, y]` (its comparison is not read).
        regions: The input sets; a union.
        where: Over `[x, y]`: what an admissible input and its output satisfy.
        tol: Relative to the range of the objective seen.
        time: Seconds; None for no limit.
        seed: Of the samples.
    """
    if where == TRUE and all(region.is_box for region in regions):
        return _by_search(network, objective, regions, tol, time, seed)
    return _Chain(network, objective, regions, where, tol, time, seed).run()


def _by_search(network, objective: Atom, regions, tol, time, seed) -> Least:
    """One search a box; the least of all."""
    formed = measure(network.graph, [(objective,)])
    best: Least | None = None
    began = clock.perf_counter()
    for region in regions:
        left = None if time is None else max(1e-3, time - (clock.perf_counter() - began))
        found = search.solve(
            formed, region.box, np.ones((1, 1)), tol=tol, time_limit=left, seed=seed
        )
        at = np.clip(found.at[0], region.box.lo, region.box.hi)
        upper = float(enclose(formed, at[None])[1][0, 0])
        one = Least(
            float(found.lower[0]),
            upper,
            at,
            found.status,
            found.boxes,
            found.seconds,
            found.methods,
            found.warrant,
        )
        best = one if best is None else _lesser(best, one)
    assert best is not None
    return replace(best, seconds=clock.perf_counter() - began)


def _lesser(a: Least, b: Least) -> Least:
    """Of two unions of boxes."""
    first = a if a.upper <= b.upper else b
    lower = min(a.lower, b.lower)
    status = next((x.status for x in (a, b) if x.status != "exact" and x.lower <= lower), "exact")
    return replace(
        first,
        lower=lower,
        status=status,
        boxes=a.boxes + b.boxes,
        methods=tuple(dict.fromkeys(a.methods + b.methods)),
        warrant=min(a.warrant, b.warrant),
    )


class _Chain:
    """Decisions at falling or rising marks, until the bracket is narrow."""

    def __init__(self, network, objective: Atom, regions, where: Formula, tol, time, seed):
        self.network, self.objective, self.regions, self.where = network, objective, regions, where
        self.time, self.seed = time, seed
        self.began = clock.perf_counter()
        self.bracket = Bracket(tol)
        self.at: np.ndarray | None = None
        self.boxes, self.methods = 0, ()

    def run(self) -> Least:
        stopped, bracket = self._start(), self.bracket
        while stopped is None and (mark := bracket.next()) is not None:
            before = bracket.upper
            stopped = self._ask(mark)
            if stopped is None and bracket.upper < before:
                # Not yet the least: halve once, so that a slow descent cannot go on for ever.
                middle = bracket.middle()
                stopped = None if middle is None else self._ask(middle)
        if stopped is None:
            stopped = "exact" if bracket.closed else "rounding"
        return self._told(stopped)

    def _start(self) -> str | None:
        """Some admissible input, and a first bound."""
        found, bracket = self._decide(self.where), self.bracket
        if found.status == "unsat":
            return "infeasible"
        formed = measure(self.network.graph, [(self.objective,)])
        rng = np.random.default_rng(self.seed)
        seen = [bracket.upper] if bracket.upper < np.inf else []
        lows, highs = [], []
        for region in self.regions:
            box = region.box
            low, high = bounds(formed, box.lo[None], box.hi[None], "linear")[formed.output]
            lows.append(low[0, 0])
            highs.append(high[0, 0])
            seen += formed.run(box.uniform(rng, SAMPLES)).ravel().tolist()
        bracket.lower = float(np.min(np.where(np.isnan(lows), -np.inf, lows)))
        bracket.ceiling = float(np.max(np.where(np.isnan(highs), np.inf, highs)))
        bracket.spread = float(np.nanmax(seen) - np.nanmin(seen))
        return None if found.status in ("sat", "rounding") else found.status

    def _ask(self, mark: float) -> str | None:
        """Is the objective at most `mark` somewhere admissible? Narrows the bracket."""
        offset = self.objective.offset - mark
        below = Atom(self.objective.terms, offset)
        found = self._decide(And((below, self.where)))
        if found.status == "rounding":
            self.bracket.tie(mark)
            return None
        if found.status == "unsat":
            proved = Fraction(self.objective.offset) - Fraction(offset)
            self.bracket.lower = max(self.bracket.lower, float_below(proved))
        self.bracket.settle()
        return None if found.status in ("sat", "unsat") else found.status

    def _decide(self, formula: Formula) -> Decision:
        left = None if self.time is None else self.time - (clock.perf_counter() - self.began)
        if left is not None and left <= 0:
            return Decision("time", -np.inf, np.inf, np.empty(0), 0, 0.0, ())
        graph = self.network.graph
        late = (lambda: False) if left is None else _timer(left)
        question = asked(formula, self.regions, lambda i: place(graph.inputs, i), late)
        groups = question.groups
        if not question.complete:
            return Decision("time", -np.inf, np.inf, np.empty(0), 0, 0.0, ())
        if not groups:
            return Decision("unsat", np.inf, np.inf, np.empty(0), 0, 0.0, ())
        judge = Judge(graph, formula)
        found = decide(
            graph, groups, lambda x: self._accept(x, judge), time_limit=left, seed=self.seed
        )
        self.boxes += found.boxes
        self.methods = tuple(dict.fromkeys(self.methods + found.methods))
        return found

    def _accept(self, x: np.ndarray, judge: Judge) -> bool:
        """Whether the point is admissible in real arithmetic; the best one is kept."""
        for point in nearby(x, self.regions):
            if not any(contains(region, point) for region in self.regions):
                continue
            judged = judge(point)
            if judged.holds is not True:
                continue
            least, most = np.concatenate([point, judged.lo]), np.concatenate([point, judged.hi])
            value = float_above(_largest(self.objective, least, most))
            if value < self.bracket.upper:
                self.bracket.upper, self.at = value, point
            return True
        return False

    def _told(self, status: str) -> Least:
        upper = self.bracket.upper
        lower = np.inf if status == "infeasible" else min(self.bracket.lower, upper)
        seconds = clock.perf_counter() - self.began
        return Least(lower, upper, self.at, status, self.boxes, seconds, self.methods)


def _timer(seconds: float):
    """Whether that many seconds from now have passed."""
    until = clock.perf_counter() + seconds
    return lambda: clock.perf_counter() > until


def optimum(
    network: NetworkLike,
    objective: Atom,
    sense: str,
    text: str,
    regions: Sequence[Region],
    where: Formula,
    *,
    tol: float,
    time: float | None,
    seed: int,
) -> Optimum:
    """The least (`"min"`) or largest (`"max"`) value of a form; see `outrange.minimize`."""
    check_limits(tol, time)
    check_hooks(None, seed)
    sign = 1.0 if sense == "min" else -1.0
    form = Atom(tuple((i, sign * c) for i, c in objective.terms), sign * objective.offset)
    found = least(network, form, regions, where, tol=tol, time=time, seed=seed)
    ends = (found.lower, found.upper) if sense == "min" else (-found.upper, -found.lower)
    graph, at, y, model_y = network.graph, found.at, None, None
    if at is not None:
        lo, hi = enclose(graph, at[None])
        y = by_name(graph.outputs, 0.5 * lo[0] + 0.5 * hi[0])
        if network.predict is not None:
            with np.errstate(all="ignore"):
                run = run_model(network, network.predict, at[None])
            model_y = by_name(graph.outputs, run.y[0])
            check_least(inside(run, regions), form, found.lower)
    if where == TRUE:
        check_least(sampled(network, regions, seed=seed), form, found.lower)
    elif found.status == "infeasible":
        check_never(sampled(network, regions, seed=seed), where, "no input is admissible")
    return Optimum(
        network.name,
        text,
        sense,
        ends[0] + 0.0,
        ends[1] + 0.0,
        None if at is None else by_name(graph.inputs, at),
        y,
        model_y,
        float(tol),
        found.status,
        found.warrant,
        Cost(found.seconds, found.boxes),
        found.methods,
    )


def _largest(form: Atom, lo: np.ndarray, hi: np.ndarray) -> Fraction:
    total = Fraction(form.offset)
    for i, c in form.terms:
        total += Fraction(c) * Fraction(float(hi[i] if c > 0 else lo[i]))
    return total
