"""The course of a repair: verdicts on the original, changes, and proofs for the new model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..answers.repairs.repair import (
    HOLDS,
    IMPOSSIBLE,
    REPAIRED,
    UNREPAIRED,
    LayerChange,
    ModelRepair,
)
from ..answers.verdict import REASONS, Verdict
from ..core import Clock, OutOfTime, UnsupportedError, check_deadline, deadline
from ..core.formula import different_atoms
from ..frontends.network import Network
from ..graph import Graph
from ..graph.rewrites.order import origin
from ..questions.decide_property import decide_property
from .account import Account
from .anchors import Anchors
from .candidate import candidate_network
from .copies import reload_model
from .demand import Demand
from .guards.guard import guarded_model
from .heads import Heads
from .task import TIME_ENDED, RepairTask
from .unreachable import unreachable
from .weights import WeightsSearch


FIRST_SHARE = 0.3
"""Maximum fraction of the remaining time for the verdicts on the original model."""

WEIGHTS_SHARE = 0.7
"""Maximum fraction of the remaining time for the weights mode if the guard mode may follow.

The guard mode needs less time because it searches for no weights and needs only one proof.
"""


def run_repair(task: RepairTask) -> ModelRepair:
    """Repair a copy of a model as `task` describes.

    Raises:
        UnsupportedError: The mode of the task does not support the model or a property; for
            `"auto"`, neither mode does.
    """
    if task.decision is None:
        task = replace(task, decision=decision_of(task.network.graph, task.demands))
    before = verdicts_of(task, task.network, task.seconds(FIRST_SHARE), every=True)
    account = Account(task)
    if all(before):
        return account.finish(before, before, HOLDS, new=(task.model, task.network))
    if task.method == "guard":
        return _repair_by_guard(task, account, before)
    copy = reload_model(task.model)
    try:
        heads = Heads(copy)
    except UnsupportedError as refusal:
        if task.method == "weights":
            raise
        return _repair_unsupported_head(task, account, before, refusal)
    share = WEIGHTS_SHARE if task.method == "auto" else 1.0
    search = replace(task, clock=task.clock.partial(share))
    answer = _repair_weights(search, account, before, copy, heads)
    if answer or answer.status == IMPOSSIBLE or task.method == "weights":
        return answer
    try:
        return _repair_by_guard(task, account, before)
    except UnsupportedError:
        return answer  # Its reason says why the weights were not repaired.


def _repair_unsupported_head(
    task: RepairTask, account: Account, before: Sequence[Verdict], refusal: UnsupportedError
) -> ModelRepair:
    """Repair a model by guards if the weights mode refused its last layer.

    Raises:
        UnsupportedError: The guard mode does not support the model or a property either.
    """
    try:
        return _repair_by_guard(task, account, before)
    except UnsupportedError as error:
        raise UnsupportedError(
            f"Neither mode of `repair` supports this model and property; change one of them. "
            f"Weights: {refusal} Guard: {error}"
        ) from error


def _repair_by_guard(task: RepairTask, account: Account, before: Sequence[Verdict]) -> ModelRepair:
    """Repair a copy of the model by guards, and prove the properties."""
    verdicts: list[Verdict] = []
    try:
        with deadline(task.seconds()):
            model, changes = guarded_model(reload_model(task.model), task.demands)
            model = reload_model(model)
            network = task.load(model)
            check_deadline()
        verdicts = verdicts_of(task, network, task.seconds())
    except OutOfTime:
        return account.finish(before, verdicts, UNREPAIRED, reason=TIME_ENDED, method="guard")
    if not all(verdicts):
        reason = f"the guarded model is not proved: {REASONS[verdicts[-1].reason]}."
        if verdicts[-1].status == "VIOLATED":
            reason = "the guarded model has a counterexample, which is a bug; please report it."
        return account.finish(before, verdicts, UNREPAIRED, reason=reason, method="guard")
    return account.finish(
        before, verdicts, REPAIRED, new=(model, network), changes=changes, method="guard"
    )


def verdicts_of(
    task: RepairTask, network: Network, seconds: float | None, every: bool = False
) -> list[Verdict]:
    """Return one verdict per property on a network.

    Unless `every` is true, the list ends with the first property that is not proved.

    Args:
        task: The repair, whose properties are decided.
        network: The network to verify.
        seconds: Time limit for all properties together; None for no limit.
        every: Whether to decide all properties, even after a verdict that does not hold.
    """
    clock, verdicts = Clock(seconds), []
    for i, demand in enumerate(task.demands):
        left = None if seconds is None else max(clock.left, 1e-3)
        if every and left is not None:
            left /= len(task.demands) - i
        verdict = decide_property(
            network, demand.unsafe, demand.regions, demand.text, time_limit=left,
            seed=task.seed, source=demand.source,
        )  # fmt: skip
        verdicts.append(verdict)
        if not verdict and not every:
            break
    return verdicts


def _repair_weights(
    task: RepairTask, account: Account, before: Sequence[Verdict], copy: Any, heads: Heads
) -> ModelRepair:
    """Repair a copy of the model by changing the weights of its last layers, `heads`."""
    reason = unreachable(heads, task.demands, before)
    if reason:
        return account.finish(before, [], IMPOSSIBLE, reason=reason)
    anchors = Anchors(heads, task.demands, task.x, task.domain, task.decision, task.seed)
    original, last = heads.weights(), list[Any]()

    def verify() -> list[Verdict]:
        quick = candidate_network(task.network, heads, heads.weights())
        if quick is not None:
            verdicts = verdicts_of(task, quick, task.seconds())
            if verdicts[-1].status == "VIOLATED":
                return verdicts
        with deadline(task.seconds()):
            last[:] = [reload_model(copy)]
            last.append(task.load(last[0]))
            check_deadline()
        return verdicts_of(task, last[1], task.seconds())

    search = WeightsSearch(heads, task.demands, anchors, verify, task.clock, task.seed)
    for pool, verdict in zip(anchors.pools, before, strict=True):
        if verdict.counterexample is not None:
            search.learn(pool, verdict.counterexample.flat_x, original)
    outcome = search.outcome
    try:
        search.run()
    except OutOfTime:
        outcome.reason = TIME_ENDED
    account.history = outcome.history
    if outcome.status != "HOLDS":
        return account.finish(
            before, outcome.verdicts, UNREPAIRED, reason=outcome.reason,
            violation=outcome.violation, method="weights",
        )  # fmt: skip
    changes = tuple(
        _layer_change(layer, old, new)
        for layer, old, new in zip(heads.layers, original, heads.weights(), strict=True)
    )
    model, network = last
    return account.finish(
        before, outcome.verdicts, REPAIRED, new=(model, network), changes=changes, method="weights"
    )


def _layer_change(layer: Any, old: np.ndarray, new: np.ndarray) -> LayerChange:
    share = float(np.linalg.norm(new - old) / max(np.linalg.norm(old), 1e-300))
    return LayerChange(layer.name, "weights", float(np.abs(new - old).max(initial=0.0)), share)


def decision_of(graph: Graph, demands: Sequence[Demand]) -> str | None:
    """Return `"argmax"` if the outputs are to be read as a class, else None.

    The outputs are read as a class if some output is a softmax, or if the model has a single output
    tensor and the properties compare its entries without limits on single entries.
    """
    entries = range(graph.value_size(graph.output))
    if any(origin(graph, graph.output, i)[0] in graph.rankings for i in entries):
        return "argmax"
    size = graph.size
    forms = [atom for demand in demands for atom in different_atoms(demand.safe)]
    outputs = [[c for i, c in atom.terms if i >= size] for atom in forms]
    compares = all(len(terms) != 1 for terms in outputs) and any(outputs)
    return "argmax" if compares and len(graph.outputs) == 1 else None
