"""Ranges during `fit`: `outrange.callbacks.RangeMonitor`."""

import time
import warnings
from typing import Any

import numpy as np

from ..core import Box, InputError
from ..frontends.keras.api import keras
from .comparison.diagnosed import findings
from .comparison.seeds import arrays_of
from .comparison.structure import Structure
from .snapshot import Moment, moment


ROWS = 128
"""Rows of the data at which something is measured, evenly spaced."""

SLACK = 1e-9
"""Targets are outside only by more than this share of the range: not by a rounding."""


class RangeWarning(UserWarning):
    """Something is proved that stands in the way of learning."""


class RangeMonitor(keras().callbacks.Callback):
    """What the layers of a model can do while it is trained, in the `logs` of every epoch.

    The model's structure is read when training begins, and compared with the model; after an epoch
    only its weights are read again, and one pass of linear bounds runs over the box of the data.
    That happens after the first epoch, and then as often as `share` of the training time allows;
    the other epochs repeat the last numbers, and `ranges/epoch` says from which epoch they are.

    Callbacks are called in the order of their list, and see in `logs` what those before them wrote:
    put this one first, before `CSVLogger`, `TensorBoard`, W&B and others. (`History` and the
    progress bar come last in any case.)

    `logs` gets, with `prefix` in place of `ranges`: `ranges/dead` and `ranges/saturated`, the
    shares of units that are so for every input in the box (proved); `ranges/idle`, of units whose
    activation is flat at every row looked at; `ranges/lo` and `ranges/hi`, what the outputs can be
    (proved); `ranges/unreachable`, the share of target numbers outside of it; and per layer with an
    activation `.../dead`, `.../saturated`, `.../idle`, `.../gradient_lo`, `.../gradient_hi`: the
    least and the largest norm, over the rows, of the derivatives of the outputs by what enters it.

    Sound: what is called proved holds for the real-valued network with the weights of that epoch,
    for every input in the box. Cost: `share` of the time of `fit`, after the first epoch.

    Args:
        x: The training inputs, or a part of them: their least and largest values make the box.
        y: The targets as `fit` takes them, in the shape of the model's output (class numbers are
            not, and are not looked for in its range); None to leave them out.
        share: How much of the training time may be spent; 1 measures after every epoch.
        layers: Whether each layer has its own numbers.
        warn: Whether to warn, once for each code of `outrange.diagnose`, when it becomes provable.
        prefix: Of the names in `logs`.

    Raises:
        InputError: `share` is not in (0, 1], or data and model do not fit.
        ModelError, UnsupportedError: The model cannot be read; raised when training begins.

    Example:
        >>> import keras, numpy as np
        >>> x = np.linspace(-1, 1, 64)[:, None]
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(4, "relu", name="h"),
        ...                           keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> seen = model.fit(x, x**2, epochs=2, verbose=0, callbacks=[RangeMonitor(x, x**2)])
        >>> len(seen.history["ranges/dead"]), 0 <= seen.history["ranges/h/idle"][0] <= 1
        (2, True)
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        *,
        share: float = 0.05,
        layers: bool = True,
        warn: bool = True,
        prefix: str = "ranges",
    ) -> None:
        super().__init__()
        if not 0.0 < share <= 1.0:
            raise InputError(f"`share` lies in (0, 1]. Received: share={share!r}.")
        self.x, self.y = arrays_of(x), None if y is None else arrays_of(y)
        # Targets of several outputs are for the diagnosis only.
        self.targets = self.y.astype(np.float64) if isinstance(self.y, np.ndarray) else None
        self.share, self.layers, self.warn, self.prefix = share, layers, warn, prefix
        self.spent = 0.0
        self.known: dict[str, float] = {}
        self.said: set[str] = set()
        self.alarms: set[str] = set()

    # ---- what Keras calls -------------------------------------------------------------------

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Read the model's structure, and compare it with the model."""
        self.structure = Structure(self.model)
        rows = self.structure.flat(self.x)
        size = self.structure.network.graph.size
        if rows.shape[1] != size or not len(rows):
            raise InputError(
                f"`x` is data in the model's input shape, {size} numbers a row. "
                f"Received: {rows.shape[0]} rows of {rows.shape[1]}."
            )
        self.box = Box(rows.min(axis=0), rows.max(axis=0))
        self.rows = rows[:: max(1, len(rows) // ROWS)][:ROWS]
        self.spent, self.last, self.known = 0.0, 0.0, {}
        self.begun = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Measure if it is time, and write the numbers into `logs`."""
        model = self.model
        if model.trainable_variables:
            # Waits for what the backend still computes, so that its time is not taken for ours.
            keras().ops.convert_to_numpy(model.trainable_variables[-1])
        now = time.perf_counter()
        allowed = self.share * (now - self.begun)
        if not self.known or self.share == 1.0 or self.spent + self.last <= allowed:
            self.measure(epoch)
            self.last = time.perf_counter() - now
            self.spent += self.last
        if logs is not None:
            logs.update(self.known)

    # ---- measuring --------------------------------------------------------------------------

    def measure(self, epoch: int) -> None:
        """Look at the model now; the numbers are kept for `logs`."""
        found = moment(self.structure.now(), self.box, self.rows)
        p = self.prefix
        numbers = {f"{p}/{what}": found.share(what) for what in ("dead", "saturated", "idle")}
        numbers |= {f"{p}/lo": float(found.lo.min()), f"{p}/hi": float(found.hi.max())}
        missed = self.unreachable(found)
        if missed is not None:
            numbers[f"{p}/unreachable"] = missed
        for layer in found.layers if self.layers else ():
            for what in ("dead", "saturated", "idle"):
                numbers[f"{p}/{layer.name}/{what}"] = getattr(layer, what) / layer.units
            if layer.gradient is not None:
                ends = dict(zip(("gradient_lo", "gradient_hi"), layer.gradient, strict=True))
                numbers |= {f"{p}/{layer.name}/{end}": value for end, value in ends.items()}
        numbers[f"{p}/epoch"] = float(epoch)
        self.known = numbers
        if self.warn:
            self.alarm(found, missed)

    def unreachable(self, found: Moment) -> float | None:
        """The share of target numbers outside the outputs' range; None if they do not fit."""
        if self.targets is None:
            return None
        size = found.lo.size
        if self.targets.ndim < 1 or self.targets.size != len(self.targets) * size:
            return None
        y = self.targets.reshape(-1, size)
        slack = SLACK * (np.abs(found.lo) + np.abs(found.hi))
        return float(np.mean((y < found.lo - slack) | (y > found.hi + slack)))

    def alarm(self, found: Moment, missed: float | None) -> None:
        """Warn if something has become provable since the last look."""
        alarms = {layer.name for layer in found.layers if layer.dead == layer.units}
        if missed:
            alarms.add("targets")
        if (found.lo == found.hi).all():
            alarms.add("constant")
        fresh = alarms - self.alarms
        self.alarms |= alarms
        if not fresh or self.y is None:
            return
        for finding in findings(self.model, self.x, self.y):
            if finding.level.name == "PROVED" and finding.code not in self.said:
                self.said.add(finding.code)
                warnings.warn(str(finding), RangeWarning, stacklevel=2)
