"""Trains every combination of activation, loss and optimizer from several initial weights."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...answers.study.progress import StudyProgress
from ...answers.study.study import Study
from ...core import InputError, did_you_mean
from ...core.clock import read_clock
from ...executors.pool import Pool
from ...frontends.keras.api import keras
from ..targets import read_targets
from .attainable import Attainable, recommended_labels
from .failures import reasons
from .objectives import label_things, optimizer_choice
from .plan import Options, TrainingData
from .record import ComparisonRecord
from .seeds import arrays_of
from .spread import spread
from .trainings import Trainings, engine_of


POINTS = 100
"""Maximum number of points of a training curve after the initial one."""

SAVE_EVERY = 5.0
"""Minimum number of seconds between two writes of the study's file during training."""

ACTIVATIONS = {
    "binary": ("sigmoid", "tanh", "relu", "softplus"),
    "classes": ("softmax", "sigmoid", "tanh", "relu"),
    "one_hot": ("softmax", "sigmoid", "tanh", "relu"),
    "multi_label": ("sigmoid", "tanh", "relu", "softplus"),
    "distribution": ("softmax", "sigmoid", "relu", "softplus"),
    "unit_interval": ("sigmoid", "linear", "relu", "tanh", "softplus"),
    "counts": ("exponential", "softplus", "relu", "linear"),
    "positive": ("linear", "relu", "tanh", "softplus", "exponential"),
    "real": ("linear", "relu", "sigmoid", "tanh", "softplus"),
}
"""Default activations for each kind of targets, the recommended one first."""

LOSSES = {
    "binary": ("binary_crossentropy", "binary_focal_crossentropy", "mse", "hinge"),
    "classes": ("categorical_crossentropy", "categorical_focal_crossentropy", "mse",
                "categorical_hinge"),
    "one_hot": ("categorical_crossentropy", "categorical_focal_crossentropy", "mse",
                "categorical_hinge"),
    "multi_label": ("binary_crossentropy", "binary_focal_crossentropy", "mse", "mae"),
    "distribution": ("kl_divergence", "categorical_crossentropy", "mse", "mae"),
    "unit_interval": ("binary_crossentropy", "mse", "mae", "huber"),
    "counts": ("poisson", "mse", "mae", "log_cosh"),
    "positive": ("mse", "mae", "msle", "log_cosh"),
    "real": ("mse", "mae", "huber", "log_cosh"),
}  # fmt: skip
"""Default losses for each kind of targets; the first is usually the recommended one."""


def compare(build: Callable[[Any], Any], x: Any, y: Any, **options: Any) -> Study:
    """Train and compare all combinations of the candidates; see `Comparison`."""
    return Comparison(build, x, y, **options).run()


def read_candidates(candidates: Any) -> dict[str, Any]:
    """Return the argument `candidates` of `outrange.compare` as arguments of `Comparison`."""
    plural = {"activation": "activations", "loss": "losses", "optimizer": "optimizers"}
    things = _read_dict("candidates", candidates, plural)
    return {plural[name]: entries for name, entries in things.items()}


def read_training(training: Any) -> dict[str, Any]:
    """Return the argument `training` of `outrange.compare` as arguments of `Comparison`."""
    return _read_dict("training", training, ("starts", "epochs", "batch_size", "seed"))


def _read_dict(argument: str, value: Any, known: Iterable[str]) -> dict[str, Any]:
    """Return a copy of a dict, empty for None.

    Raises:
        InputError: It is no dict, or a key is not one of the known ones.
    """
    keys = ", ".join(repr(name) for name in known)
    if value is not None and not isinstance(value, Mapping):
        raise InputError(
            f"`{argument}` must be a dict with keys among {keys}. Received: {value!r:.60}."
        )
    for key in value or ():
        if key not in known:
            raise InputError(
                f"`{argument}` may have the keys {keys}.{did_you_mean(str(key), known)} "
                f"Received: {key!r}."
            )
    return dict(value or {})


class Comparison:
    """A running comparison.

    The arguments are those of `outrange.compare`, with the entries of its dicts as arguments.
    `engine` is `"auto"`, `"lanes"` or `"one by one"`.
    """

    def __init__(
        self, build: Callable[[Any], Any], x: Any, y: Any, *, activations: Any = None,
        losses: Any = None, optimizers: Any = None, starts: int = 5, epochs: int = 500,
        batch_size: int = 32, seed: int = 0, time_limit: str | float = "60s", metric: Any = None,
        goal: float | None = None, engine: str = "auto", file: str | Path | None = None,
        progress: Callable[[StudyProgress], None] | None = None, pool: Pool | None = None,
    ) -> None:  # fmt: skip
        self.begun = read_clock()
        self.goal, self.progress, self.pool = goal, progress, pool
        self.limit = seconds_of(time_limit)
        numbers = {"starts": starts, "epochs": epochs, "batch_size": batch_size, "seed": seed}
        for name, value in numbers.items():
            least = 0 if name == "seed" else 1
            if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
                raise InputError(
                    f"`{name}` must be an integer >= {least}. Received: {name}={value!r}."
                )
        targets = read_targets(y)
        engine_of(engine)
        chosen = _default_optimizers() if optimizers is None else optimizers
        self.trainings = Trainings(
            build,
            label_things(
                ACTIVATIONS[targets.kind] if activations is None else activations, "activations"
            ),
            label_things(LOSSES[targets.kind] if losses is None else losses, "losses"),
            [optimizer_choice(k, thing) for k, thing in label_things(chosen, "optimizers").items()],
            targets,
            _data(x, len(targets.values)),
            Options(int(epochs), int(batch_size), -(-int(epochs) // POINTS), int(seed)),
            int(starts),
            metric,
            engine,
        )
        self.file = None if file is None else Path(file)
        self.earlier, self.saved = 0.0, self.begun

    # ---- setting up -------------------------------------------------------------------------

    def make_groups(self) -> ComparisonRecord:
        """Create a record with one group of runs per activation, at the initial weights."""
        pairs = [self.trainings.group(label) for label in self.trainings.activations]
        groups = [group for group, _ in pairs]
        engine = sorted({group.engine for group in groups})
        return ComparisonRecord(
            groups=groups,
            labels=self.trainings.labels,
            yardstick=pairs[0][1],
            goal=self.goal,
            options=self.trainings.options,
            backend=f"{keras().backend.backend()} ({', '.join(engine)})",
            plan=self.plan(),
            attainable=Attainable(groups, self.trainings.targets),
            recommended=recommended_labels(self.trainings, groups),
        )

    def plan(self) -> dict[str, Any]:
        """Return the settings that must match those of a saved study before it can be resumed."""
        trainings, digest = self.trainings, hashlib.sha256()
        for array in [*keras().tree.flatten(trainings.data.x), trainings.targets.values]:
            digest.update(np.ascontiguousarray(array).tobytes())
        activations, losses, optimizers = trainings.labels
        return {
            "activations": activations,
            "losses": losses,
            "optimizers": optimizers,
            "starts": trainings.starts,
            "epochs": trainings.options.epochs,
            "batch_size": trainings.options.batch_size,
            "seed": trainings.options.seed,
            "data": digest.hexdigest(),
            "kind": trainings.targets.kind,
        }

    # ---- running ------------------------------------------------------------------------------

    def run(self) -> Study:
        """Train until all runs are complete, the time limit is reached, or the user presses Ctrl-C.

        If the file contains a study with the same settings, resume it, or return it if it is
        complete.

        Raises:
            InputError: The file contains a study with other settings.
        """
        record = self.make_groups()
        if self.file is not None and self.file.exists():
            old = Study.load(self.file)
            if record.matches(old, self.file) and old.status == "complete":
                return old
            self.earlier = record.restore(old, self.file)
        self.saved = read_clock()
        try:
            if self.pool is not None:
                spread(
                    record,
                    self.trainings,
                    self.pool,
                    self.seconds_left,
                    lambda: self.report(record),
                )
            # If the pool breaks, the remaining training runs continue in this process.
            record.measure_starts()
            status = "interrupted" if record.unfinished else self.train(record)
        except KeyboardInterrupt:
            status = "interrupted"
        study = record.study(status, self.earlier + self.seconds)
        study = study.with_reasons(reasons(study, record, self.trainings.data))
        if self.file is not None:
            record.save(self.file, status, self.earlier + self.seconds, study)
        return study

    def train(self, record: ComparisonRecord) -> str:
        """Train in this process; return `"complete"`, or `"time"` if the time limit is reached."""
        for tick in range(record.first_tick, record.ticks):
            for group in range(len(record.groups)):
                if self.seconds_left() <= 0:
                    return "time"
                self.advance(record, group, tick)
        return "complete"

    @property
    def seconds(self) -> float:
        return read_clock() - self.begun

    def seconds_left(self) -> float:
        """Return the seconds until the time limit, infinite if there is none."""
        return self.limit - self.seconds

    def advance(self, record: ComparisonRecord, group: int, tick: int) -> None:
        """Train one group from `tick` to the next tick, and measure it.

        Do nothing if the group of a resumed study is already past `tick`.
        """
        if record.at(group) > tick:
            return
        before = record.groups[group].carried
        try:
            record.groups[group].advance_from(tick)
            record.note(group)
        except BaseException:
            # After Ctrl-C between the two calls, the weights would be ahead of the curves.
            record.groups[group].carried = before
            raise
        self.report(record)

    def report(self, record: ComparisonRecord) -> None:
        """Report the progress, and save the study if `SAVE_EVERY` seconds have passed."""
        if self.file is not None and read_clock() - self.saved > SAVE_EVERY:
            record.save(self.file, "interrupted", self.earlier + self.seconds)
            self.saved = read_clock()
        if self.progress is not None:
            self.progress(
                StudyProgress(
                    self.seconds,
                    record.epoch(record.first_tick),
                    record.options.epochs,
                    record.yardstick.name,
                    record.leaders,
                )
            )


def seconds_of(time_limit: Any) -> float:
    """Convert a duration such as `60`, `"60s"`, `"2min"` or `"1.5h"` to seconds.

    Raises:
        InputError: `time_limit` is not such a duration.
    """
    units = {"": 1.0, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}
    if isinstance(time_limit, int | float) and not isinstance(time_limit, bool) and time_limit >= 0:
        return float(time_limit)
    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*(s|min|m|h|)\s*", str(time_limit))
    if not isinstance(time_limit, str) or match is None:
        raise InputError(
            '`time_limit` must be a duration such as 60, "60s", "2min" or "1h"; or `math.inf`. '
            f"Received: time_limit={time_limit!r}."
        )
    return float(match[1]) * units[match[2]]


def _data(x: Any, rows: int) -> TrainingData:
    arrays = arrays_of(x)
    for array in keras().tree.flatten(arrays):
        if array.ndim == 0 or len(array) != rows:
            raise InputError(
                "Inputs and targets must have the same number of rows. "
                f"Received: inputs of shape {array.shape} for {rows} targets."
            )
    real = keras().tree.map_structure(
        lambda a: a.astype(np.float32) if a.dtype.kind in "fiub" else a, arrays
    )
    return TrainingData(real, rows)


def _default_optimizers() -> dict[str, Any]:
    """Return the default optimizers by label."""
    o = keras().optimizers
    return {
        "sgd 0.1": o.SGD(0.1),
        "adam 0.01": o.Adam(0.01),
        "rmsprop 0.01": o.RMSprop(0.01),
    }
