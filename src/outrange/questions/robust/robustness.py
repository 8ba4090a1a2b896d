"""Computation of the certified radius within which no perturbation violates a property.

The bracket of the certified radius is narrowed by deciding for one radius after another whether the
property holds in its ball. The time limit per decision grows step by step, so that a hard decision
does not delay easier ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...answers.answer import Cost
from ...answers.robustness import Robustness
from ...answers.verdict import Counterexample, Verdict
from ...core import Box, Formula, InputError, Region, Warrant
from ...core.clock import read_clock
from ...graph.limits import check_within
from ..common.arguments import check_hooks, check_limits
from ..common.named_arrays import split_by_name
from ..common.network import NetworkLike
from ..evidence.check_point import CounterexampleChecker
from ..inputs.neighborhood import Neighborhood
from ..verify import counterexample_at, verify


FIRST_SLICE = 1.0
"""Time limit in seconds for each of the first decisions; it grows fourfold when open decisions
leave no radius to try."""

A_SECOND = 2.0**15
"""Number of values of a network up to which `FIRST_SLICE` applies; larger networks get more
time."""

TINY = 2.0**-40
"""Radius at which the search stops because the input is practically on the decision boundary,
relative to 1/128 of the magnitude of the input's entries.
"""

BISECTIONS = 24
"""Number of bisections of the segment from the input to an adversarial input."""


@dataclass(eq=False)
class _Search:
    """State of a search: the current bracket of the radius, and the evidence so far."""

    network: NetworkLike
    unsafe: Formula
    around: Neighborhood
    text: str
    seed: int
    until: float
    lo: float = 0.0
    hi: float = np.inf
    adversarial: Counterexample | None = None
    open_: float = np.inf
    """Smallest radius that a decision with the current time limit left open."""
    slice: float = FIRST_SLICE
    arithmetic: str = "real"
    margins: dict[float, float] = field(default_factory=dict)
    """Dict from each tried radius to the margin proved at it; -inf if no margin was proved."""
    boxes: int = 0
    warrant: Warrant = Warrant.CERTIFIED
    methods: dict[str, None] = field(default_factory=dict)

    def decide(self, radius: float) -> Verdict:
        """Verify one radius within the current time limit per decision, and update the bracket."""
        left = max(1e-3, min(self.slice, self.until - read_clock()))
        run = verify
        if self.arithmetic == "float32":
            from ..float32.verdicts import verify_float32 as run
        verdict = run(
            self.network,
            self.unsafe,
            [self.around.region(radius)],
            text=self.text,
            time_limit=left if np.isfinite(left) else None,
            seed=self.seed,
        )
        self.boxes += verdict.cost.boxes
        self.methods |= dict.fromkeys(verdict.methods)
        if verdict.holds:
            self.lo = max(self.lo, radius)
            self.warrant = min(self.warrant, verdict.warrant)
        elif verdict.counterexample is not None:
            self._nearer(verdict.counterexample)
        else:
            self.open_ = min(self.open_, radius)
        self.margins[radius] = -np.inf if verdict.margin is None else verdict.margin
        return verdict

    @property
    def step(self) -> float:
        """Next radius as a fraction of `ceiling`, used while only radius 0 is proved.

        The ceiling is the smallest radius that is violated or was left open. The margin is assumed
        to decrease linearly with the radius. The result is half of the fraction at which the margin
        would then be 0, limited to the range from 2^-10 to 1/4. It is 1/4 unless the margin is
        positive at radius 0 and negative at the ceiling.
        """
        least, here = self.margins.get(0.0, 0.0), self.margins.get(self.ceiling, 0.0)
        if not (least > 0 > here and np.isfinite(least - here)):
            return 0.25
        return float(np.clip(0.5 * least / (least - here), 2.0**-10, 0.25))

    @property
    def between(self) -> float:
        """Next radius if the bounds of the bracket are far apart, at most their geometric mean.

        If the upper radius was left open, the margins at the two radii give a better guess. The
        loss of margin, compared with radius 0, grows like a power of the radius or faster. The
        guess is the extrapolated radius at which the whole margin is lost. It is at least twice the
        proved radius, because margins may be understated: a proof stops when it suffices.
        """
        lo, high = self.lo, self.ceiling
        mean = float(np.sqrt(lo) * np.sqrt(high))
        whole = self.margins.get(0.0, np.inf)
        lost = np.array([whole - self.margins.get(r, np.nan) for r in (lo, high)])
        if self.open_ >= self.hi or not (0 < lost[0] < lost[1] < np.inf and 0 < whole < np.inf):
            return mean
        power = (np.log(lost[1]) - np.log(lost[0])) / np.log(high / lo)
        further = min((np.log(whole) - np.log(lost[0])) / power, np.log(high / lo))
        return float(min(mean, max(2.0 * lo, lo * np.exp(further))))

    def _nearer(self, counterexample: Counterexample) -> None:
        """Store an adversarial input if it is the nearest so far, and search for nearer ones.

        The search bisects the segment from the center to the adversarial input.
        """
        self._keep(counterexample)
        center, far = self.around.center, counterexample.flat_x
        good, bad = 0.0, 1.0
        for _ in range(BISECTIONS):
            share = 0.5 * (good + bad)
            point = center + share * (far - center)
            violation = self._counterexample_at(point)
            if violation is None:
                good = share
            else:
                bad = share
                self._keep(violation)

    def _counterexample_at(self, point: np.ndarray) -> Counterexample | None:
        """Return a counterexample at a single point, or None if there is none.

        The result is also None if the model does not reproduce the counterexample.
        """
        examiner = CounterexampleChecker(self.network, self.unsafe, [Region(Box(point, point))])
        examiner(point)
        witness = examiner.witness
        if witness is None or witness.reproduced is False:
            return None
        if self.arithmetic == "float32" and not witness.reproduced:
            return None
        return counterexample_at(self.network, witness)

    def _keep(self, counterexample: Counterexample) -> None:
        distance = self.around.distance(counterexample.flat_x)
        if distance < self.hi:
            self.hi, self.adversarial = distance, counterexample

    @property
    def ceiling(self) -> float:
        return min(self.hi, self.open_)


def robustness(
    network: NetworkLike,
    unsafe: Formula,
    around: Neighborhood,
    *,
    text: str,
    tol: float = 1e-3,
    most: Any = None,
    time_limit: float | None = None,
    seed: int = 0,
    progress: Callable[[float, float], None] | None = None,
    reading: str = "",
    arithmetic: str = "real",
) -> Robustness:
    """Compute a bracket of the certified radius; see `outrange.robustness`.

    Args:
        network: The network to verify.
        unsafe: The condition that must not hold, over the flat `[x, y]`.
        around: The balls around the input, with their norm and limits.
        text: The property as text, for the answer.
        tol: Relative tolerance of the radius.
        most: The largest radius of interest.
        time_limit: Limit in seconds; None for no limit.
        seed: Random seed of the samples.
        progress: Called with `(lo, hi)` after every decision about a positive radius.
        reading: The classifier's decision rule as text, for the answer.
        arithmetic: Either `"real"` or `"float32"`.
    """
    check_limits(tol, time_limit, default=False)
    check_hooks(progress, seed)
    limit = _largest(around, most)
    begin = read_clock()
    until = np.inf if time_limit is None else begin + time_limit
    search = _Search(network, unsafe, around, text, seed, until, arithmetic=arithmetic)
    values = sum(node.size for node in network.graph.nodes)
    search.slice = FIRST_SLICE * max(1.0, values / A_SECOND)
    try:
        status = _search(search, limit, tol, progress)
    except KeyboardInterrupt:
        status = "interrupted"
    return Robustness(
        model=network.name,
        claim=text,
        norm=around.norm,
        clip=around.clip,
        x=split_by_name(network.graph.inputs, around.center),
        lo=search.lo,
        hi=search.hi,
        adversarial=search.adversarial,
        tol=tol,
        status=status,
        warrant=min(search.warrant, Warrant.FLOAT64_ROUNDED),
        cost=Cost(read_clock() - begin, search.boxes),
        methods=tuple(search.methods),
        reading=reading,
        scale=around.scale,
        arithmetic=arithmetic,
    )


def _search(
    search: _Search, limit: float, tol: float, progress: Callable[[float, float], None] | None
) -> str:
    first = search.decide(0.0)
    while first.reason == "time" and read_clock() < search.until:
        # The network is large: every radius takes at least as long as the single point.
        search.slice, search.open_ = 4 * search.slice, np.inf
        first = search.decide(0.0)
    if first.counterexample is not None:
        search.hi = 0.0
        return "broken"
    if first.holds is None:
        return "time" if first.reason == "time" else first.reason
    radius = min(limit, limit * 2.0**-7 if np.isfinite(limit) else _scale(search.around))
    while True:
        verdict = search.decide(radius)
        if progress is not None:
            progress(search.lo, search.hi)
        if verdict.reason in ("interrupted", "memory"):
            return verdict.reason
        if np.isfinite(search.hi) and search.hi - search.lo <= tol * search.hi:
            return "exact"
        if search.lo >= limit:
            return "never"
        if read_clock() >= search.until:
            return "time"
        tied = verdict.reason in ("rounding", "float32")
        if tied and search.ceiling - search.lo <= tol * search.ceiling:
            return verdict.reason
        if search.ceiling <= TINY * _scale(search.around):
            return "rounding"
        if search.ceiling - search.lo <= max(tol * search.ceiling, 1e-300):
            search.slice, search.open_ = 4 * search.slice, np.inf
        radius = _next(search, limit)


def _next(search: _Search, limit: float) -> float:
    """Return the next radius: `limit`, twice the proved radius, or a radius inside the bracket."""
    lo, ceiling = search.lo, search.ceiling
    if not np.isfinite(ceiling):
        return min(limit, 2.0 * lo) if lo > 0 else limit
    if lo == 0.0:
        return search.step * ceiling
    if ceiling > 4.0 * lo:
        return search.between
    return lo + 0.5 * (ceiling - lo)


def _scale(around: Neighborhood) -> float:
    return 2.0**-7 * around.size


def _largest(around: Neighborhood, most: Any) -> float:
    radius = _largest_radius(around, most)
    box = around.region(radius).box
    try:
        check_within(around.slots, box.lo, box.hi)
    except InputError as error:
        raise InputError(
            f"{error} A `Perturbation` with `eps` or `clip` limits the balls."
        ) from error
    return radius


def _largest_radius(around: Neighborhood, most: Any) -> float:
    if most is None:
        return around.farthest() if around.clip is not None else 2.0**20 * _scale(around)
    if not isinstance(most, int | float | np.number) or not 0 < most < np.inf:
        raise InputError(f"`eps` must be a finite radius > 0, or None. Received: eps={most!r}.")
    return min(float(most), around.farthest())
