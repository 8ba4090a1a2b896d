"""Robust accuracy: the fraction of inputs classified correctly under every small perturbation."""

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
from ..common.provenance import model_sources
from ..evidence.evaluate import model_values
from ..inputs.neighborhood import Neighborhood
from .labeled_data import LabeledData
from .robust_records import Records, digest
from .robust_run import RobustRun
from .robust_spread import spread


TIME, INTERRUPTED = "time", "interrupted"
"""Reasons why a run ended before every input was processed."""


def robust_accuracy(network: NetworkLike, data: LabeledData, **options: Any) -> RobustAccuracy:
    """Decide whether each input is robust at one radius; see `outrange.robust_accuracy`.

    Args:
        network: The network under study.
        data: Inputs with their labels.
        **options: Other arguments of `accuracy_at`.
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
    """Decide whether each input of a data set is robust at one radius.

    Returns the answer, and whether Ctrl-C ended the run.

    Args:
        network: The network under study.
        data: Inputs with their labels.
        eps: Radius of the ball around each input.
        norm: Norm of the balls, as for `Neighborhood`.
        clip: Limits on the inputs, as for `Neighborhood`.
        scale: Maximum change of each input at radius 1, as for `Neighborhood`.
        each: Time limit per input, in seconds.
        time_limit: Limit in seconds for all inputs together; None for no limit.
        file: Path of a file that stores the results; None to store nothing.
        seed: Random seed of the samples.
        progress: Called after every input.
        pool: Pool of workers; None to compute in this process.
        decided: Answers about the same data at other radii, which may decide some inputs at radius
            `eps`.
    """
    check_limits(0.0, time_limit)
    check_each(each)
    check_hooks(progress, seed)
    if not isinstance(eps, int | float | np.number) or not 0 <= eps < np.inf:
        raise InputError(
            f"`eps` must be a finite radius >= 0, or a list of such radii. Received: eps={eps!r}."
        )
    slots = network.graph.inputs
    first = Neighborhood.of(slots, data.row(0), norm, clip, scale)
    question = {
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
    records = Records(file, question, fingerprint(network.graph), origin)
    wrong = _find_misclassified(network, data)
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
    """Decide the inputs of a run that an answer at another radius decides, since balls are nested.

    An input that is robust at a larger radius is robust. An adversarial input at a smaller radius
    is checked again.
    """
    for i in range(len(run.status)):
        if run.is_known(i):
            continue
        if other.status[i] == ROBUST and other.eps >= run.eps:
            run.enter(i, ROBUST, 0.0, None, other.warrant, other.methods)
        elif other.status[i] == BROKEN and other.eps <= run.eps:
            counterexample = run.confirm(i, other.adversarial[i].flat_x)
            if counterexample is not None:
                run.enter(i, BROKEN, 0.0, counterexample)


def _settle_all(
    run: RobustRun,
    pool: Pool | None,
    time_limit: float | None,
    progress: Callable[[RobustProgress], None] | None,
) -> str:
    """Decide all inputs; return the reason if the run ends early, or an empty string."""
    begin = read_clock()

    def seconds_left() -> float:
        return np.inf if time_limit is None else time_limit - (read_clock() - begin)

    def report() -> None:
        if progress is not None:
            progress(run.progress(read_clock() - begin))

    try:
        rest: Iterable[int] = range(len(run.status))
        if pool is not None:
            with single_blas_thread():  # The workers use the other cores.
                rest = spread(run, pool, seconds_left, report)
        for i in rest:
            if seconds_left() <= 0:
                return TIME
            if not run.is_known(i):
                run.settle(i, seconds_left())
            report()
    except KeyboardInterrupt:
        return INTERRUPTED
    return ""


def _find_misclassified(network: NetworkLike, data: LabeledData) -> np.ndarray:
    """Return which inputs the user's model misclassifies, `(n,)`.

    If there is no model to run, the graph is evaluated instead.
    """
    graph = network.graph
    if network.predict is None:
        values = graph.run(data.flat)
    else:
        values = model_values(network, network.predict, data.flat)
    return data.decision.classify(values) != data.labels
