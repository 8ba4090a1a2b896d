"""Robust accuracy: the share of a data set that no small perturbation misclassifies."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...answers import Counterexample, RobustAccuracy, RobustProgress
from ...answers.render.jsonable import jsonable
from ...answers.robust_accuracy import BROKEN, OPEN, ROBUST, WRONG
from ...core import VERSION, InputError, Warrant
from ...graph.graph import vectors
from ..common.arguments import check_hooks, check_limits
from ..common.fingerprints import fingerprint
from ..common.named import Named
from ..common.network import NetworkLike
from ..common.stamp import model_sources
from ..evidence.check_point import CounterexampleChecker
from ..evidence.evaluate import model_values
from ..inputs.boxes import numbers, what_came
from ..inputs.columns import is_frame, named_parts, unflattened
from ..inputs.neighborhood import Neighborhood
from ..verify import counterexample_at, verify
from .decision import Decision
from .robust_records import Records, digest


@dataclass(frozen=True, eq=False)
class LabeledData:
    """Inputs and labels, checked.

    Args:
        decision: How the classifier's output is read.
        x: As the user passed them, `(n, ...)` or a dict of such arrays.
        flat: `(n, d)` float64.
        labels: `(n,)` integers.
    """

    decision: Decision
    x: np.ndarray | dict[str, np.ndarray]
    flat: np.ndarray
    labels: np.ndarray

    @classmethod
    def of(cls, network: NetworkLike, x: Any, labels: Any, threshold: Any = None) -> LabeledData:
        """From what a user passes.

        Raises:
            InputError: Shapes or values do not fit the model.
        """
        graph = network.graph
        decision = Decision.of(graph, threshold)
        parts = named_parts(vectors(graph.inputs), x)
        by_name = isinstance(x, Mapping) or is_frame(x)
        slots = graph.inputs if by_name else vectors(graph.inputs)
        if set(parts) != {slot.name for slot in slots}:
            raise InputError(
                f"`x` is a dict from input name to data; the inputs are "
                f"{[slot.name for slot in slots]}. Received: {what_came(x)}."
            )
        flats, given = [], {}
        for slot in slots:
            array = unflattened(numbers(parts[slot.name], f"input `{slot.name}`"), slot.shape)
            if array.ndim == 1 and slot.size == 1:
                array = array.reshape(-1, *slot.shape)
            if array.shape[1:] != slot.shape or not len(array) or not np.isfinite(array).all():
                raise InputError(
                    f"Data for input `{slot.name}` needs finite numbers of shape (n, "
                    f"{str(slot.shape)[1:]}, n >= 1. Received: {what_came(parts[slot.name])}."
                )
            given[slot.name] = array
            flats.append(array.reshape(len(array), -1))
        if len({len(part) for part in flats}) > 1:
            raise InputError(
                f"Every input needs as many rows. Received: {[len(part) for part in flats]}."
            )
        count, classes = len(flats[0]), decision.classes
        found = numbers(labels, "the labels")
        if found.shape == (count, classes) and classes > 1:
            raise InputError(
                "Labels are class numbers, one per row; of one-hot rows pass `y.argmax(axis=1)`. "
                f"Received: shape {found.shape}."
            )
        found = found.reshape(count) if found.shape == (count, 1) else found
        if (
            found.shape != (count,)
            or (found != np.rint(found)).any()
            or not ((found >= 0) & (found < classes)).all()
        ):
            raise InputError(
                f"Labels are {count} class numbers, 0 to {classes - 1}. "
                f"Received: {what_came(labels)}."
            )
        kept = given[slots[0].name] if len(slots) == 1 else given
        return cls(decision, kept, np.concatenate(flats, axis=1), found.astype(np.int64))


def robust_accuracy(
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
) -> RobustAccuracy:
    """One verdict per input; see `outrange.robust_accuracy`.

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
    """
    check_limits(0.0, time_limit)
    check_limits(0.0, each)
    check_hooks(progress, seed)
    if not isinstance(eps, int | float | np.number) or not 0 <= eps < np.inf:
        raise InputError(f"`eps` is a finite radius >= 0. Received: eps={eps!r}.")
    slots = network.graph.inputs
    first = Neighborhood.of(slots, _row(data, 0), norm, clip, scale)
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
    run = _Run(network, data, records, float(eps), each, seed)
    begin, complete = time.perf_counter(), True
    wrong = _misclassified(network, data)
    try:
        for i in range(len(data.flat)):
            left = np.inf if time_limit is None else time_limit - (time.perf_counter() - begin)
            if left <= 0:
                complete = False
                break
            around = Neighborhood.of(slots, _row(data, i), norm, clip, scale)
            run.settle(i, around, bool(wrong[i]), left)
            if progress is not None:
                progress(run.progress(time.perf_counter() - begin))
    except KeyboardInterrupt:
        complete = False
    return RobustAccuracy(
        model=network.name,
        eps=float(eps),
        norm=first.norm,
        clip=first.clip,
        x=data.x,
        labels=data.labels,
        status=run.status,
        seconds=run.seconds,
        adversarial=run.adversarial,
        complete=complete and bool((run.status != "").all()),
        warrant=run.warrant,
        methods=tuple(run.methods),
        threshold=data.decision.threshold,
        reading=data.decision.sentence,
        scale=scale,
    )


def _row(data: LabeledData, i: int) -> Named:
    if isinstance(data.x, dict):
        return {name: part[i] for name, part in data.x.items()}
    return data.x[i]


def _misclassified(network: NetworkLike, data: LabeledData) -> np.ndarray:
    """Classified by the user's own model where it can be run."""
    graph = network.graph
    if network.predict is None:
        values = graph.run(data.flat)
    else:
        values = model_values(network, network.predict, data.flat)
    return data.decision.classify(values) != data.labels


class _Run:
    """The data set as far as it is decided."""

    def __init__(
        self,
        network: NetworkLike,
        data: LabeledData,
        records: Records,
        eps: float,
        each: float,
        seed: int,
    ) -> None:
        count = len(data.flat)
        self.network, self.data, self.records = network, data, records
        self.unsafe = data.decision.unsafe
        self.eps, self.each, self.seed = eps, each, seed
        self.status = np.full(count, "", dtype="<U6")
        self.seconds = np.full(count, np.nan)
        self.adversarial: dict[int, Counterexample] = {}
        self.warrant, self.methods = Warrant.FLOAT64_ROUNDED, {}

    def settle(self, i: int, around: Neighborhood, wrong: bool, left: float) -> None:
        """Decide input `i`, or adopt its record."""
        if self._recalled(i, around):
            return
        begin = time.perf_counter()
        status, found, warrant, methods = WRONG, None, Warrant.FLOAT64_ROUNDED, ()
        if not wrong:
            verdict = verify(
                self.network,
                self.unsafe(int(self.data.labels[i])),
                [around.region(self.eps)],
                text=f"label {self.data.labels[i]}",
                time_limit=max(1e-3, min(self.each, left)),
                seed=self.seed,
            )
            if verdict.reason == "interrupted":
                raise KeyboardInterrupt
            found, warrant, methods = verdict.counterexample, verdict.warrant, verdict.methods
            status = BROKEN if found is not None else (ROBUST if verdict.holds else OPEN)
            if status == OPEN and left < self.each:
                return  # It did not get all of its time: a later run may.
        seconds = time.perf_counter() - begin
        record: dict[str, Any] = {
            "status": status,
            "seconds": seconds,
            "warrant": warrant.name,
            "methods": list(methods),
        }
        if found is not None:
            record["x"] = found.flat_x
        self.records.add(i, record)
        self._enter(i, record, found)

    def _recalled(self, i: int, around: Neighborhood) -> bool:
        """Whether the record decides it; an adversarial input from a file is validated again."""
        record = self.records.known.get(i)
        if record is None or record.get("status") not in (WRONG, ROBUST, BROKEN):
            return False
        found = None
        if record["status"] == BROKEN:
            x = np.asarray(record["x"], np.float64)
            unsafe = self.unsafe(int(self.data.labels[i]))
            examiner = CounterexampleChecker(self.network, unsafe, [around.region(self.eps)])
            if x.shape == around.center.shape:
                examiner(x)
            if examiner.witness is None:
                return False
            found = counterexample_at(self.network, examiner.witness)
        self._enter(i, record, found)
        return True

    def _enter(self, i: int, record: dict[str, Any], found: Counterexample | None) -> None:
        self.status[i], self.seconds[i] = record["status"], float(record["seconds"])
        self.methods |= dict.fromkeys(record["methods"])
        if record["status"] == ROBUST:
            self.warrant = min(self.warrant, Warrant[record["warrant"]])
        if found is not None:
            self.adversarial[i] = found

    def progress(self, seconds: float) -> RobustProgress:
        """The counts so far."""
        count = {name: int((self.status == name).sum()) for name in (ROBUST, BROKEN, WRONG, OPEN)}
        return RobustProgress(seconds, len(self.status), **count)
