"""Trains every combination of activation, loss and optimizer from several starts."""

import hashlib
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ...answers.study.progress import StudyProgress
from ...answers.study.study import Study
from ...core import InputError
from ...frontends.keras.api import keras
from ..targets import read_targets
from .failures import reasons
from .objectives import labelled, objective, optimizer_choice, yardstick
from .plan import Group, Options, TrainingData, epoch_orders
from .record import ComparisonRecord
from .seeds import arrays_of, built, check_takes


POINTS = 100
"""Points of a curve."""

SAVE_EVERY = 5.0
"""Seconds between two writes of the file."""

LANE_NUMBERS = 5e7
"""Weights of all lanes of a group, beyond which they are not trained side by side."""

ACTIVATIONS = ("linear", "relu", "sigmoid", "tanh", "softplus", "softmax")

LOSSES = {
    "binary": ("mse", "mae", "binary_crossentropy", "hinge"),
    "classes": ("mse", "mae", "categorical_crossentropy", "categorical_hinge"),
    "one_hot": ("mse", "mae", "categorical_crossentropy", "categorical_hinge"),
    "multi_label": ("mse", "mae", "binary_crossentropy", "binary_focal_crossentropy"),
    "distribution": ("mse", "mae", "categorical_crossentropy", "kl_divergence"),
    "unit_interval": ("mse", "mae", "binary_crossentropy", "huber"),
    "counts": ("mse", "mae", "poisson", "log_cosh"),
    "positive": ("mse", "mae", "msle", "log_cosh"),
    "real": ("mse", "mae", "huber", "log_cosh"),
}


def compare(build: Callable[[Any], Any], x: Any, y: Any, **asked: Any) -> Study:
    """See `outrange.compare`."""
    return Comparison(build, x, y, **asked).run()


class Comparison:
    """One comparison under way; the arguments are those of `outrange.compare`."""

    def __init__(
        self, build: Callable[[Any], Any], x: Any, y: Any, *, activations: Any, losses: Any,
        optimizers: Any, starts: int, epochs: int, batch_size: int, budget: str | float | None,
        metric: Any, better: str | None, goal: float | None, kind: str | None, seed: int,
        engine: str, file: str | Path | None, progress: Callable[[StudyProgress], None] | None,
    ) -> None:  # fmt: skip
        self.begun = time.perf_counter()
        self.build, self.goal, self.progress = build, goal, progress
        self.limit = seconds_of(budget)
        for name, value in (("starts", starts), ("epochs", epochs), ("batch_size", batch_size)):
            if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
                raise InputError(f"`{name}` is a whole number >= 1. Received: {name}={value!r}.")
        self.targets = read_targets(y, kind)
        self.data = _data(x, len(self.targets.values))
        self.options = Options(int(epochs), int(batch_size), -(-int(epochs) // POINTS), int(seed))
        self.starts = int(starts)
        self.activations = labelled(
            ACTIVATIONS if activations is None else activations, "activations"
        )
        self.losses = labelled(LOSSES[self.targets.kind] if losses is None else losses, "losses")
        chosen = _default_optimizers() if optimizers is None else optimizers
        self.optimizers = [
            optimizer_choice(name, thing) for name, thing in labelled(chosen, "optimizers").items()
        ]
        self.metric, self.better = metric, better
        self.groups: list[Group] = []
        self.group_kind = _engine(engine)
        self.record: ComparisonRecord | None = None
        self.file = None if file is None else Path(file)

    # ---- setting up -------------------------------------------------------------------------

    def make_groups(self) -> ComparisonRecord:
        """A group per activation, all at their starts."""
        k = keras()
        first = None
        for activation in self.activations.values():
            models = [
                built(self.build, activation, self.options.seed + s) for s in range(self.starts)
            ]
            check_takes(models[0], self.data.x)
            outputs = tuple(models[0].outputs[0].shape[1:])
            measure = yardstick(self.metric, self.better, self.targets, outputs)
            first = first or measure
            objectives = [
                objective(loss, thing, self.targets, outputs, measure)
                for loss, thing in self.losses.items()
            ]
            kind = self.group_kind
            weights = sum(int(np.prod(v.shape)) for v in models[0].trainable_variables)
            if weights * self.starts * len(objectives) * len(self.optimizers) > LANE_NUMBERS:
                kind = _engine("one by one")
            self.groups.append(
                kind(
                    models,
                    lambda a=activation: built(self.build, a, self.options.seed),
                    objectives,
                    self.optimizers,
                    self.data,
                    self.options,
                )
            )
        assert first is not None
        labels = (list(self.activations), list(self.losses), [o.label for o in self.optimizers])
        engine = sorted({group.engine for group in self.groups})
        return ComparisonRecord(
            groups=self.groups,
            labels=labels,
            yardstick=first,
            goal=self.goal,
            options=self.options,
            backend=f"{k.backend.backend()} ({', '.join(engine)})",
            plan=self.plan(labels),
        )

    def plan(self, labels: tuple[list[str], list[str], list[str]]) -> dict[str, Any]:
        """What a saved study must agree in to be resumed."""
        digest = hashlib.sha256()
        for array in [*keras().tree.flatten(self.data.x), self.targets.values]:
            digest.update(np.ascontiguousarray(array).tobytes())
        return {
            "activations": labels[0],
            "losses": labels[1],
            "optimizers": labels[2],
            "starts": self.starts,
            "epochs": self.options.epochs,
            "batch_size": self.options.batch_size,
            "seed": self.options.seed,
            "data": digest.hexdigest(),
            "kind": self.targets.kind,
        }

    # ---- running ------------------------------------------------------------------------------

    def run(self) -> Study:
        """Train until done, until the time is over, or until Ctrl-C."""
        record = self.record = self.make_groups()
        earlier = 0.0
        if self.file is not None and self.file.exists():
            old = Study.load(self.file)
            if record.matches(old, self.file) and old.status == "complete":
                return old
            earlier = record.restore(old, self.file)
        status, saved = "complete", time.perf_counter()
        try:
            record.measure_starts()
            for tick in range(record.first_tick, record.ticks):
                for group in range(len(self.groups)):
                    if self.over():
                        status = "time"
                        break
                    self.advance(record, group, tick)
                if status == "time":
                    break
                if self.file is not None and time.perf_counter() - saved > SAVE_EVERY:
                    record.save(self.file, "interrupted", earlier + self.seconds)
                    saved = time.perf_counter()
        except KeyboardInterrupt:
            status = "interrupted"
        study = record.study(status, earlier + self.seconds)
        study = study.with_reasons(reasons(study, record, self.data))
        if self.file is not None:
            record.save(self.file, status, earlier + self.seconds, study)
        return study

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.begun

    def over(self) -> bool:
        """Whether the time is over."""
        return self.limit is not None and self.seconds >= self.limit

    def advance(self, record: ComparisonRecord, group: int, tick: int) -> None:
        """One group from one tick to the next; a group that is there already (resumed) is not."""
        if record.at(group) > tick:
            return
        before, after = record.epoch(tick), record.epoch(tick + 1)
        orders = epoch_orders(self.options, self.data.rows, before, after - before)
        kept = self.groups[group].carried
        try:
            self.groups[group].advance(orders)
            record.note(group)
        except BaseException:
            # Ctrl-C between the two: the weights must not be ahead of the curves.
            self.groups[group].carried = kept
            raise
        if self.progress is not None:
            self.progress(
                StudyProgress(
                    self.seconds,
                    record.epoch(min(map(record.at, range(len(self.groups))))),
                    self.options.epochs,
                    record.yardstick.name,
                    record.leaders,
                )
            )


def seconds_of(budget: Any) -> float | None:
    """`60`, `"60s"`, `"2min"`, `"1.5h"` or None as seconds."""
    if budget is None:
        return None
    units = {"": 1.0, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}
    if isinstance(budget, int | float) and not isinstance(budget, bool) and budget >= 0:
        return float(budget)
    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*(s|min|m|h|)\s*", str(budget))
    if not isinstance(budget, str) or match is None:
        raise InputError(
            '`budget` is a time: 60, "60s", "2min", "1h", or None for no limit. '
            f"Received: budget={budget!r}."
        )
    return float(match[1]) * units[match[2]]


def _data(x: Any, rows: int) -> TrainingData:
    arrays = arrays_of(x)
    for array in keras().tree.flatten(arrays):
        if array.ndim == 0 or len(array) != rows:
            raise InputError(
                "Inputs and targets have as many rows. "
                f"Received: inputs of shape {array.shape} for {rows} targets."
            )
    real = keras().tree.map_structure(
        lambda a: a.astype(np.float32) if a.dtype.kind in "fiub" else a, arrays
    )
    return TrainingData(real, rows)


def _default_optimizers() -> dict[str, Any]:
    """Learning rates large enough for a small problem to converge within a minute."""
    o = keras().optimizers
    return {
        "sgd 0.1": o.SGD(0.1),
        "adam 0.01": o.Adam(0.01),
        "rmsprop 0.01": o.RMSprop(0.01),
    }


def _engine(name: str) -> type[Group]:
    if name not in ("auto", "lanes", "one by one"):
        raise InputError(f'`engine` is "auto", "lanes" or "one by one". Received: engine={name!r}.')
    backend = keras().backend.backend()
    if name == "lanes" and backend != "jax":
        raise InputError(
            'Trainings run side by side (engine="lanes") on the JAX backend only. '
            f"Received: backend {backend}."
        )
    if backend == "jax" and name != "one by one":
        from .vectorized import Lanes

        return Lanes
    from .sequential import Loops

    return Loops
