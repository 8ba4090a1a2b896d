"""The account of a repair: its changes, its effects on the outputs, and its proofs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..answers.answer import Cost
from ..answers.bad_inputs import BadInputs
from ..answers.range import Range
from ..answers.render.text import entry_names
from ..answers.repairs.repair import Agreement, LayerChange, ModelRepair, Profile, Round
from ..answers.verdict import Verdict
from ..core import Box, Warrant
from ..questions.difference import difference_range
from ..questions.violations.bad_inputs import bad_inputs
from .anchors import decisions
from .demand import Demand


if TYPE_CHECKING:
    from ..frontends.network import Network
    from .task import RepairTask

METHODS = ("cutting planes on the last layer (Boetius, Leue, Sutter 2023; Goldberger et al. 2020)",)

MOST_INPUTS = 6
"""Maximum number of varying inputs for which the violated fraction of the set is computed."""

FEW_SECONDS = 2.0
"""Maximum duration, in seconds, of each proof about the effects of a repair."""

FRESH = 5_000
"""Number of random inputs at which models are compared: this many from all input sets together
(but at least 50 from each), and the same number from the domain."""

GRID = {1: 401, 2: 81}
"""Number of grid points per input of a profile, by the number of varying inputs."""


class Account:
    """Record of a repair in progress.

    Args:
        task: The models, properties and options of the repair.
    """

    def __init__(self, task: RepairTask) -> None:
        self._task = task
        self.history: list[Round] = []

    def finish(
        self,
        before: Sequence[Verdict],
        verdicts: Sequence[Verdict],
        status: str,
        *,
        new: tuple[Any, Network] | None = None,
        reason: str = "",
        method: str = "",
        changes: tuple[LayerChange, ...] = (),
        violation: float | None = None,
    ) -> ModelRepair:
        """Return the answer of the repair.

        Args:
            before: Verdicts on the original, one per property.
            verdicts: Verdicts on the new model, or on the last candidate.
            status: Status of the answer.
            new: The new Keras model, as saved and loaded again, and its graph; None if there is
                none.
            reason: Why the repair failed; empty otherwise.
            method: Mode of the repair; empty if nothing was changed.
            changes: One record per layer that was changed or added.
            violation: Least violation that was reached; None if unknown.
        """
        task = self._task
        further: dict[str, Any] = {}
        model, network = new or (None, None)
        if network is not None and changes:
            further = {
                "share": self._bound_violating_fraction(),
                "difference": self._bound_difference(network),
                "profile": self._evaluate_grid(network),
            }
            fidelity = self._compare_models(network)
        else:
            fidelity = ()
        claims = dict.fromkeys(demand.text for demand in task.demands)
        return ModelRepair(
            name=task.network.name,
            claim="; ".join(claims),
            status=status,
            reason=reason,
            method=method,
            before=tuple(before),
            verdicts=tuple(verdicts),
            changes=changes,
            fidelity=fidelity,
            history=tuple(self.history),
            warrant=Warrant.FLOAT64_ROUNDED,
            cost=Cost(task.clock.seconds, sum(v.cost.boxes for v in (*before, *verdicts))),
            methods=METHODS if method == "weights" else (),
            model=model,
            violation=violation,
            **further,
        )

    def _proof_limit(self) -> float:
        """Return the time limit, in seconds, of one proof about the effects of the repair."""
        return float(np.clip(self._task.clock.left / 4, 1e-3, FEW_SECONDS))

    def _hull(self, demand: Demand) -> Box | None:
        """Return the bounding box of an input set; None if it is unbounded."""
        lo = np.min([region.box.lo for region in demand.regions], axis=0)
        hi = np.max([region.box.hi for region in demand.regions], axis=0)
        return Box(lo, hi) if np.isfinite([lo, hi]).all() else None

    def _bound_violating_fraction(self) -> tuple[float, float] | None:
        """Bound the fraction of the first input set at which the original violates the property."""
        demand = self._task.demands[0]
        hull = self._hull(demand)
        if hull is None or not 1 <= int((hull.lo < hull.hi).sum()) <= MOST_INPUTS:
            return None
        if any(region.integer.any() for region in demand.regions):
            return None
        violating: BadInputs = bad_inputs(
            self._task.network, demand.unsafe, demand.regions, text=demand.text,
            time_limit=self._proof_limit(),
        )  # fmt: skip
        return violating.share_lo, violating.share_hi

    def _bound_difference(self, network: Any) -> Range | None:
        """Bound the new minus the old outputs over the hull of the first input set."""
        hull = self._hull(self._task.demands[0])
        if hull is None:
            return None
        return difference_range(
            network,
            self._task.network,
            hull,
            tol=1e-2,
            time_limit=self._proof_limit(),
            solver=False,
        )

    def _compare_models(self, network: Any) -> tuple[Agreement, ...]:
        """Compare the models at random inputs of the input sets and of the rest of the domain.

        They are also compared at the user's inputs, if there are any.
        """
        task = self._task
        rng = np.random.default_rng(task.seed + 2)
        inside = [d.draw(rng, max(50, FRESH // len(task.demands))) for d in task.demands]
        sets = [("inside", np.concatenate(inside))]
        if task.domain:
            outside = Demand(task.demands[0].unsafe, task.domain, "").draw(rng, FRESH)
            is_in = np.any([demand.contains(outside) for demand in task.demands], axis=0)
            sets.append(("outside", outside[~is_in]))
        if task.x is not None:
            sets.append(("x", task.x))
        return tuple(_measure_agreement(name, x, task, network) for name, x in sets if len(x))

    def _evaluate_grid(self, network: Any) -> Profile | None:
        """Evaluate both models on a grid over the first input set, if one or two inputs vary."""
        demand = self._task.demands[0]
        hull = self._hull(demand)
        if hull is None:
            return None
        varying = np.flatnonzero(hull.lo < hull.hi)
        if len(varying) not in GRID:
            return None
        axes = [np.linspace(hull.lo[i], hull.hi[i], GRID[len(varying)]) for i in varying]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(varying))
        x = np.repeat(hull.lo[None], len(grid), axis=0)
        x[:, varying] = grid
        x = x[demand.contains(x)]
        if not len(x):
            return None
        before, after = (_outputs(net, x) for net in (self._task.network, network))
        bad = demand.violations(x, before) > 0
        inputs = {slot.name: slot.shape for slot in self._task.network.graph.inputs}
        names = entry_names(inputs)
        return Profile(
            tuple(int(i) for i in varying), tuple(names[i] for i in varying), x, before, after, bad
        )


def _outputs(network: Any, x: np.ndarray) -> np.ndarray:
    return np.asarray(network.predict(x), np.float64).reshape(len(x), -1)


def _measure_agreement(name: str, x: np.ndarray, task: RepairTask, network: Any) -> Agreement:
    before, after = _outputs(task.network, x), _outputs(network, x)
    change = np.abs(after - before)
    same = good_same = None
    if task.decision is not None:
        equal = decisions(before, task.decision) == decisions(after, task.decision)
        good = ~np.any([demand.are_violations(x, before) for demand in task.demands], axis=0)
        same = float(equal.mean())
        good_same = float(equal[good].mean()) if good.any() else None
    return Agreement(name, len(x), same, good_same, float(change.mean()), float(change.max()))
