"""Does a property hold for every input of a set?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..answers import Cost, Counterexample, Verdict, VerifyProgress
from ..core import Formula, Region, Warrant
from ..core.formula import TRUE
from ..search.decide import Decision, decide
from .cases import cases
from .input_set import place
from .limits import check_hooks, check_limits
from .named import by_name
from .network import NetworkLike
from .witness import Examiner, Witness


def verify(
    network: NetworkLike,
    unsafe: Formula,
    regions: Sequence[Region],
    *,
    text: str,
    time: float | None = None,
    seed: int = 0,
    engine: str = "auto",
    progress: Callable[[VerifyProgress], None] | None = None,
) -> Verdict:
    """Whether no input of the regions satisfies `unsafe`; see `outrange.verify`.

    Args:
        network: The model.
        unsafe: What must never hold, over the flat `[x, y]`.
        regions: The input sets; a union.
        text: The property as the user wrote it.
        time: Seconds; None for no limit.
        seed: Of the samples.
        engine: See `search.decide`.
        progress: Called a few times a second with a `VerifyProgress`.
    """
    check_limits(0.0, time)
    check_hooks(progress, seed)
    graph = network.graph
    groups = cases(unsafe, regions, lambda i: place(graph.inputs, i))
    if not groups:
        found = Decision("unsat", np.inf, np.inf, np.empty(0), 0, 0.0, ("interval arithmetic",))
        return _verdict(network, text, found, None, vacuous=_empty(unsafe, regions))
    examiner = Examiner(network, unsafe, regions)
    report = None if progress is None else _reporter(progress)
    found = decide(
        graph, groups, examiner, time_limit=time, progress=report, seed=seed, engine=engine
    )
    return _verdict(network, text, found, examiner.witness)


def _reporter(progress: Callable[[VerifyProgress], None]) -> Callable:
    def report(now) -> None:
        low, near = float(np.min(now.lower)), float(np.min(now.seen))
        progress(VerifyProgress(now.seconds, now.boxes, low, near, now.open))

    return report


def _empty(unsafe: Formula, regions: Sequence[Region]) -> bool:
    return not cases(TRUE, regions, str)


def _verdict(
    network: NetworkLike, text: str, found: Decision, witness: Witness | None, vacuous=False
) -> Verdict:
    decided = witness is not None or found.status == "unsat"
    status = "VIOLATED" if witness is not None else ("HOLDS" if decided else "UNKNOWN")
    return Verdict(
        model=network.name,
        claim=text,
        status=status,
        counterexample=None if witness is None else _counterexample(network, witness),
        margin=float(found.lower),
        nearest=float(found.seen) if np.isfinite(found.seen) else None,
        reason="decided" if decided else found.status,
        vacuous=vacuous,
        warrant=found.warrant if witness is None else Warrant.FLOAT64_ROUNDED,
        cost=Cost(found.seconds, found.boxes),
        methods=found.methods,
    )


def _counterexample(network: NetworkLike, witness: Witness) -> Counterexample:
    graph = network.graph
    y = 0.5 * witness.lo + 0.5 * witness.hi
    model = witness.model
    return Counterexample(
        x=by_name(graph.inputs, witness.x),
        y=by_name(graph.outputs, y),
        model_y=None if model is None else by_name(graph.outputs, model),
        reproduced=witness.reproduced,
        flat_x=witness.x,
        flat_y=y if model is None else model,
    )
