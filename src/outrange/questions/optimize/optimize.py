"""Minimization of a linear form of inputs and outputs, under constraints on both."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction

import numpy as np

from ...answers.answer import Cost
from ...answers.optimum import Optimum
from ...core import And, Atom, Box, Formula, OutOfTime, Region, deadline
from ...core.clock import read_clock
from ...core.formula import TRUE
from ...domains import bounds
from ...graph import Graph
from ...graph.measure import objective as objective_graph
from ...search.common.domain_boxes import DomainBoxes
from ...search.common.solution import Solution, Status
from ...search.common.tolerance import Convergence, Tolerance, is_curved
from ...search.decide import decide
from ...search.solve import solve
from ...search.solve_in_ball import lone_ball, solve_in_ball
from ..common.arguments import check_hooks, check_limits
from ..common.named_arrays import split_by_name
from ..common.network import NetworkLike
from ..common.provenance import input_domain
from ..conditions.clause_groups import expand_groups
from ..conditions.integer_cases import union_of_boxes
from ..evidence.check_point import ExactChecker, contains, float_above, float_below, nearby
from ..evidence.contradictions import check_least, check_never, inside, run_samples
from ..evidence.evaluate import enclose, run_model
from ..inputs.parse_box import place
from .bracket import Bracket


SAMPLES, TOGETHER = 512, 32
"""Number of random inputs per region from which the objective's range is estimated, and the number
evaluated between two checks of the clock.
"""


def least(
    network: NetworkLike,
    objective: Atom,
    regions: Sequence[Region],
    where: Formula,
    *,
    tol: float | None = None,
    time_limit: float | None = None,
    seed: int = 0,
    floor: float = -np.inf,
) -> Solution:
    """Minimize `objective` over the feasible inputs.

    The minimum is bracketed by deciding for thresholds `v` whether `objective <= v` is feasible.
    Each decision finds a better point or proves a bound. No thresholds are needed if every region
    is a box or a single ball and `where` is always true: a search minimizes directly.

    Args:
        network: The network under study.
        objective: A linear form over the flat `[x, y]`; its field `strict` is ignored.
        regions: The input set, as a union of regions.
        where: Constraints on a feasible input and its output, over `[x, y]`.
        tol: Tolerance relative to the range of the objective's evaluated values; None for the
            default of `solve`.
        time_limit: Limit in seconds; None for no limit.
        seed: Random seed of the samples.
        floor: A lower bound on the objective, already proved over a larger set.
    """
    if where == TRUE:
        began = read_clock()
        domain = None
        with suppress(OutOfTime), deadline(time_limit):
            domain = union_of_boxes(regions)
        if domain is not None:
            left = None if time_limit is None else max(1e-3, time_limit - (read_clock() - began))
            formed = objective_graph(network.graph, objective)
            solution = solve(formed, domain, np.ones((1, 1)), tol=tol, time_limit=left, seed=seed)
            return _evaluate_point(solution, formed, domain)
        if all(region.is_box or lone_ball(region) for region in regions):
            return _by_search(network, objective, regions, tol, time_limit, seed)
    return _Chain(network, objective, regions, where, tol, time_limit, seed, floor).run()


def _by_search(
    network: NetworkLike,
    objective: Atom,
    regions: Sequence[Region],
    tol: float | None,
    time_limit: float | None,
    seed: int,
) -> Solution:
    """Minimize over each box or ball, and combine the results."""
    formed = objective_graph(network.graph, objective)
    parts: list[Solution] = []
    began = read_clock()
    for region in regions:
        left = None if time_limit is None else max(1e-3, time_limit - (read_clock() - began))
        options = {"tol": tol, "time_limit": left, "seed": seed}
        ball, row = lone_ball(region), np.ones((1, 1))
        if ball is None:
            solution = solve(formed, region.box, row, **options)
        else:
            solution = solve_in_ball(formed, region.box, ball, row, **options)
        parts.append(_evaluate_point(solution, formed, DomainBoxes.of(region.box)))
    return replace(Solution.least_of(parts), seconds=read_clock() - began)


def _evaluate_point(solution: Solution, formed: Graph, domain: DomainBoxes) -> Solution:
    """Move the solution's point into the domain, and bound the objective there from above."""
    if np.isnan(solution.at).any():
        return solution  # The time ended before a point was tried.
    near = domain.around(solution.at)
    at = np.clip(domain.snap(solution.at), near.lo, near.hi)
    return replace(solution, at=at, seen=enclose(formed, at, 1e-3 * solution.tolerance)[1][:, 0])


class _Chain:
    """Minimization that compares the minimum with thresholds until its bracket meets `tol`."""

    def __init__(
        self,
        network: NetworkLike,
        objective: Atom,
        regions: Sequence[Region],
        where: Formula,
        tol: float | None,
        time_limit: float | None,
        seed: int,
        floor: float = -np.inf,
    ) -> None:
        self.network, self.objective, self.regions, self.where = network, objective, regions, where
        self.time, self.seed, self.floor = time_limit, seed, floor
        self.began = read_clock()
        self.convergence = Convergence(Tolerance.of(tol, is_curved(network.graph)))
        self.bracket = Bracket(self.convergence.tolerance.fine)
        self.at: np.ndarray | None = None
        self.boxes, self.methods = 0, ()

    def run(self) -> Solution:
        stopped, bracket = self._start(), self.bracket
        while stopped is None and (mark := bracket.next()) is not None:
            before = bracket.upper
            stopped = self._decide_threshold(mark)
            if stopped is None and bracket.upper < before:
                # There may be a smaller value: bisect once, so that a slow descent terminates.
                middle = bracket.middle()
                stopped = None if middle is None else self._decide_threshold(middle)
            gap = bracket.upper - bracket.lower
            seconds = read_clock() - self.began
            self.convergence.record(
                gap / bracket.spread if bracket.spread else np.inf, seconds, self.boxes
            )
            if self.convergence.suffices(seconds, self.boxes):
                break
        return self._solution(stopped or Status.ROUNDING)

    def _start(self) -> Status | None:
        """Find a feasible input and first bounds on the minimum.

        Returns a status if the search is over, otherwise None.
        """
        solution, bracket = self._decide(self.where), self.bracket
        if solution.status is Status.UNSAT:
            return Status.INFEASIBLE
        formed = objective_graph(self.network.graph, self.objective)
        rng = np.random.default_rng(self.seed)
        seen = [bracket.upper] if bracket.upper < np.inf else []
        lows, highs = [], []
        for region in self.regions:
            box = region.box
            low, high = self._first_bounds(formed, box)
            lows.append(low)
            highs.append(high)
            seen += self._sample_objective(formed, box.uniform(rng, SAMPLES))
        first = float(np.min(np.where(np.isnan(lows), -np.inf, lows)))
        bracket.lower = max(first, min(self.floor, bracket.upper))
        bracket.ceiling = float(np.max(np.where(np.isnan(highs), np.inf, highs)))
        bracket.spread = float(np.nanmax(seen) - np.nanmin(seen))
        return None if solution.status in (Status.SAT, Status.ROUNDING) else solution.status

    def _sample_objective(self, formed: Graph, x: np.ndarray) -> list[float]:
        """Evaluate the objective at the first `TOGETHER` points, and at more while time is left."""
        values: list[float] = []
        for start in range(0, len(x), TOGETHER):
            if start and (left := self._seconds_left()) is not None and left < 0:
                break
            values += formed.run(x[start : start + TOGETHER]).ravel().tolist()
        return values

    def _first_bounds(self, formed: Graph, box: Box) -> tuple[float, float]:
        """Bound the objective over a box by linear bounds, or by intervals if time is short."""
        for domain, seconds in (("linear", self._seconds_left()), ("intervals", None)):
            with suppress(OutOfTime), deadline(seconds):
                low, high = bounds(formed, box.lo[None], box.hi[None], domain)[formed.output]
                return float(low[0, 0]), float(high[0, 0])
        return -np.inf, np.inf

    def _seconds_left(self) -> float | None:
        """Return the remaining time in seconds; None if there is no limit."""
        return None if self.time is None else self.time - (read_clock() - self.began)

    def _decide_threshold(self, mark: float) -> Status | None:
        """Decide whether the objective can be at most `mark`, and narrow the bracket.

        Returns a status if the search is over, otherwise None.
        """
        offset = self.objective.offset - mark
        below = Atom(self.objective.terms, offset)
        solution = self._decide(And((below, self.where)))
        if solution.status is Status.ROUNDING:
            self.bracket.tie(mark)
            return None
        if solution.status is Status.UNSAT:
            proved = Fraction(self.objective.offset) - Fraction(offset)
            self.bracket.lower = max(self.bracket.lower, float_below(proved))
        self.bracket.settle()
        return None if solution.status in (Status.SAT, Status.UNSAT) else solution.status

    def _decide(self, formula: Formula) -> Solution:
        left, graph = self._seconds_left(), self.network.graph
        if left is not None and left <= 0:
            return Solution.unknown(Status.TIME, graph.size)
        try:
            with deadline(left):
                groups = expand_groups(formula, self.regions, lambda i: place(graph.inputs, i))
        except OutOfTime:
            return Solution.unknown(Status.TIME, graph.size)
        if not groups:
            return Solution.unknown(Status.UNSAT, graph.size, lower=np.inf)
        judge = ExactChecker(graph, formula)
        solution = decide(
            graph, groups, lambda x: self._accept(x, judge), time_limit=left, seed=self.seed
        )
        self.boxes += solution.boxes
        self.methods = tuple(dict.fromkeys(self.methods + solution.methods))
        return solution

    def _accept(self, x: np.ndarray, judge: ExactChecker) -> bool:
        """Return whether a point at or next to `x` is feasible; store it if it is the best so far.

        Feasibility is decided in real arithmetic.
        """
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

    def _solution(self, status: Status) -> Solution:
        bracket, tolerance = self.bracket, self.convergence.tolerance
        if not bracket.closed and bracket.closed_to(tolerance.enough):
            bracket.tol = tolerance.enough
        if bracket.closed and status is not Status.INFEASIBLE:
            status = Status.EXACT
        lower = np.inf if status is Status.INFEASIBLE else min(bracket.lower, bracket.upper)
        none = np.full(self.network.graph.size, np.nan)
        return Solution(
            status,
            np.array([lower]),
            np.array([bracket.upper]),
            (none if self.at is None else self.at)[None],
            np.array([bracket.tolerance]),
            self.boxes,
            read_clock() - self.began,
            self.methods,
            tol=bracket.tol,
            reached=tuple(self.convergence.reached.items()),
        )


def optimum(
    network: NetworkLike,
    objective: Atom,
    sense: str,
    text: str,
    regions: Sequence[Region],
    where: Formula,
    *,
    tol: float | None,
    time_limit: float | None,
    seed: int,
) -> Optimum:
    """Minimize (`"min"`) or maximize (`"max"`) a form; see `outrange.minimize`."""
    check_limits(tol, time_limit)
    check_hooks(None, seed)
    sign = 1.0 if sense == "min" else -1.0
    form = Atom(tuple((i, sign * c) for i, c in objective.terms), sign * objective.offset)
    solution = least(network, form, regions, where, tol=tol, time_limit=time_limit, seed=seed)
    lower, upper = float(solution.lower[0]), float(solution.seen[0])
    ends = (lower, upper) if sense == "min" else (-upper, -lower)
    graph, at, y, model_y = network.graph, solution.point, None, None
    if at is not None:
        lo, hi = enclose(graph, at[None])
        y = split_by_name(graph.outputs, 0.5 * lo[0] + 0.5 * hi[0])
        if network.predict is not None:
            with np.errstate(all="ignore"):
                at_it = run_model(network, network.predict, at[None])
            model_y = split_by_name(graph.outputs, at_it.y[0])
            check_least(inside(at_it, regions), form, lower)
    run = run_samples(network, regions, seed=seed) if where == TRUE else None
    check_least(run, form, lower)
    if where != TRUE and solution.status is Status.INFEASIBLE:
        check_never(run_samples(network, regions, seed=seed), where, "no input is admissible")
    best = None if at is None else split_by_name(graph.inputs, at)
    return Optimum(
        network.name, text, sense, ends[0] + 0.0, ends[1] + 0.0, best, y, model_y,
        float(solution.tol), str(solution.status), solution.warrant,
        Cost(solution.seconds, solution.boxes), solution.methods,
        over=input_domain(graph.inputs, regions, cut=where != TRUE),
        seen=None if run is None else run.values(objective),
    )  # fmt: skip


def _largest(form: Atom, lo: np.ndarray, hi: np.ndarray) -> Fraction:
    total = Fraction(form.offset)
    for i, c in form.terms:
        total += Fraction(c) * Fraction(float(hi[i] if c > 0 else lo[i]))
    return total
