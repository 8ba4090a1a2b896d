"""Robust accuracy: the share of a data set that no small perturbation misclassifies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ...answers.progress import RobustProgress
from ...answers.render.jsonable import jsonable
from ...answers.robust_accuracy import BROKEN, ROBUST, RobustAccuracy
from ...core import VERSION, InputError
from ...core.clock import read_clock
from ...executors.pool import Pool
from ...search.common.parallel import single_blas_thread
from ..common.arguments import check_each, check_hooks, check_limits
from ..common.fingerprints import fingerprint
from ..common.network import NetworkLike
from ..common.stamp import model_sources
from ..evidence.evaluate import model_values
from ..inputs.neighborhood import Neighborhood
from .labeled_data import LabeledData
from .robust_records import Records, digest
from .robust_run import RobustRun
from .robust_spread import spread


TIME, INTERRUPTED = "time", "interrupted"
"""Reasons to end before every input had its time."""


def robust_accuracy(network: NetworkLike, data: LabeledData, **options: Any) -> RobustAccuracy:
    """Return one verdict per input; see `outrange.robust_accuracy`.

    Args:
        network: The model.
        data: Inputs and labels.
        **options: As for `accuracy_at`.
    """
    return accuracy_at(network, data, **options)[0]


def accuracy_at(
    network: NetworkLike,
    data: LabeledData,
    *,
    eps: float,
    norm: Any = "inf",
    clip: Any = None,
    scale: np.ndarray | None = None,
    each: float = 10.0,
    time_limit: float | None = None,
    file: Any = None,
    seed: int = 0,
    progress: Callable[[RobustProgress], None] | None = None,
    pool: Pool | None = None,
    decided: Sequence[RobustAccuracy] = (),
) -> tuple[RobustAccuracy, bool]:
    """Return one verdict per input, and whether Ctrl-C ended it.

    Args:
        network: The model.
        data: Inputs and labels.
        eps: The radius.
        norm: See `Neighborhood`.
        clip: See `Neighborhood`.
        scale: See `Neighborhood`.
        each: Seconds per input.
        time_limit: Seconds in all; None for no limit.
        file: Where results are kept; None for nowhere.
        seed: Seed of the samples.
        progress: Called after every input.
        pool: Who decides; None for this process.
        decided: Answers about the same data at other radii: they decide some inputs at this one.
    """
    check_limits(0.0, time_limit)
    check_each(each)
    check_hooks(progress, seed)
    if not isinstance(eps, int | float | np.number) or not 0 <= eps < np.inf:
        raise InputError(
            f"`eps` is a finite radius >= 0, or a list of them. Received: eps={eps!r}."
        )
    slots = network.graph.inputs
    first = Neighborhood.of(slots, data.row(0), norm, clip, scale)
    asked = {
        "data": digest(data.flat, data.labels),
        "eps": float(eps),
        "norm": first.norm,
        "clip": None if first.clip is None else list(first.clip),
        "threshold": data.decision.threshold,
        "scale": None if scale is None else scale.tolist(),
    }
    origin = {
        "version": VERSION,
        "models": jsonable(model_sources(network)),
        "arguments": {"each": each, "time_limit": time_limit, "seed": seed},
    }
    records = Records(file, asked, fingerprint(network.graph), origin)
    wrong = _misclassified(network, data)
    arounds = [
        Neighborhood.of(slots, data.row(i), norm, clip, scale) for i in range(len(data.flat))
    ]
    run = RobustRun(network, data, arounds, wrong, records, float(eps), each, seed)
    for other in decided:
        _transfer(other, run)
    ended = _settle_all(run, pool, time_limit, progress)
    answer = RobustAccuracy(
        model=network.name,
        eps=float(eps),
        norm=first.norm,
        clip=first.clip,
        x=data.x,
        labels=data.labels,
        status=run.status,
        seconds=run.seconds,
        adversarial=run.adversarial,
        complete=not ended and bool((run.status != "").all()),
        warrant=run.warrant,
        methods=tuple(run.methods),
        threshold=data.decision.threshold,
        reading=data.decision.sentence,
        scale=scale,
    )
    return answer, ended == INTERRUPTED


def _transfer(other: RobustAccuracy, run: RobustRun) -> None:
    """Settle the inputs that an answer at another radius decides: the balls are nested."""
    for i in range(len(run.status)):
        if run.is_known(i):
            continue
        if other.status[i] == ROBUST and other.eps >= run.eps:
            run.enter(i, ROBUST, 0.0, None, other.warrant, other.methods)
        elif other.status[i] == BROKEN and other.eps <= run.eps:
            found = run.confirmed(i, other.adversarial[i].flat_x)
            if found is not None:
                run.enter(i, BROKEN, 0.0, found)


def _settle_all(
    run: RobustRun,
    pool: Pool | None,
    time_limit: float | None,
    progress: Callable[[RobustProgress], None] | None,
) -> str:
    """Settle all inputs; return what ended it early, or nothing."""
    begin = read_clock()

    def left() -> float:
        return np.inf if time_limit is None else time_limit - (read_clock() - begin)

    def told() -> None:
        if progress is not None:
            progress(run.progress(read_clock() - begin))

    try:
        rest: Iterable[int] = range(len(run.status))
        if pool is not None:
            with single_blas_thread():  # The other cores are the workers'.
                rest = spread(run, pool, left, told)
        for i in rest:
            if left() <= 0:
                return TIME
            if not run.is_known(i):
                run.settle(i, left())
            told()
    except KeyboardInterrupt:
        return INTERRUPTED
    return ""


def _misclassified(network: NetworkLike, data: LabeledData) -> np.ndarray:
    """Classified by the user's own model where it can be run."""
    graph = network.graph
    if network.predict is None:
        values = graph.run(data.flat)
    else:
        values = model_values(network, network.predict, data.flat)
    return data.decision.classify(values) != data.labels
