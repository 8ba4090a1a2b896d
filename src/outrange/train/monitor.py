"""The callback `outrange.callbacks.RangeMonitor`, which bounds a model's layers during `fit`."""

import warnings
from typing import Any

import numpy as np

from ..core import InputError
from ..core.clock import read_processor_clock
from ..frontends.keras.api import keras
from .arguments import data_arrays
from .comparison.diagnosed import findings
from .time_share import TimeShare
from .watched import Watched


class RangeWarning(UserWarning):
    """A warning about a proved fault that hinders learning, or about a failed measurement."""


class RangeMonitor(keras().callbacks.Callback):
    """Bounds the layers of a model during training, and writes the bounds to `logs` every epoch.

    The model's operations are recorded when training begins. For a measurement after an epoch, the
    current weights are inserted, and linear bounds are computed over the box of the data. The
    monitor plans to use at most the fraction `share` of the training time (wall or processor time,
    whichever is less), including the time of the recording. The first measurement is made as soon
    as the remaining epochs provide enough time for it, and further ones as often as the time
    allows. The other epochs repeat the latest numbers, and `ranges/epoch` is the epoch in which
    they were measured (NaN before the first measurement).

    If the training run is too short for any such measurement, the monitor measures after the last
    epoch with interval arithmetic, whose bounds are also proved but wider. It does so if the
    measurement fits into the time budget or should take at most a hundredth of a second. If not, a
    `UserWarning` at the end of training reports that nothing was measured, unless `warn` is False.
    If a later callback stops training early, the last measurement is made for the final weights
    when training ends, and appears only in `model.history`.

    The recording is also compared with the model itself. This comparison compiles the model, so it
    is made as soon as the time budget allows (with `share=1`, before the first step). In a long
    training run, time is reserved for it after the first measurement. After the comparison,
    `ranges/compared` is 1. Until then, the numbers rely on the recording alone. If the recording
    and the model differ, a `RangeWarning` reports it, and all later numbers are NaN; with
    `share=1`, a `ModelError` is raised instead when training begins.

    Callbacks run in the order of their list, and each sees the entries that earlier ones wrote to
    `logs`. Put this callback first, before `CSVLogger`, `TensorBoard`, W&B and others. (`History`
    and the progress bar always come last.)

    The monitor adds these entries to `logs`, with `prefix` in place of `ranges`. `ranges/dead` and
    `ranges/saturated` are the fractions of units that are dead or saturated for every input in the
    box (proved). `ranges/idle` is the fraction of units whose activation is flat at every measured
    row. `ranges/lo` and `ranges/hi` are the bounds on all outputs (proved). `ranges/unreachable` is
    the fraction of target values outside the bounds on their outputs. For each layer `h` with an
    activation, there are `ranges/h/dead`, `ranges/h/saturated`, `ranges/h/idle`,
    `ranges/h/gradient_lo` and `ranges/h/gradient_hi`. The last two are the least and the largest
    norm, over the measured rows, of the derivatives of the outputs (of the first eight, if there
    are more) with respect to the activation's input.

    Unknown numbers are NaN: a gradient through an operation without a supported derivative, and all
    measured numbers if any weight is not finite. If an operation is not defined on the whole box,
    its range is infinite. Any other error in a measurement is reported as a `RangeWarning`. The
    measurements then end, and training continues.

    Args:
        x: The training inputs, or a part of them, in arrays as `fit` accepts them: one array of any
            shape, or a list or dict for several inputs. Their least and largest values define the
            box; rows with entries that are not finite are ignored.
        y: The targets as `fit` accepts them, in the shape of the model's output, or a list or dict
            for several outputs; None to ignore them. Class numbers for a softmax do not have that
            shape and are not compared with the range.
        share: Maximum fraction of the training time to use; 1 measures after every epoch.
        layers: Whether to log numbers for each layer.
        warn: Whether to warn, once for each rule of `outrange.diagnose`, when a finding becomes
            provable. These warnings require `y`.
        prefix: Prefix of the names in `logs`.

    Raises:
        InputError: `share` is not in (0, 1], or the data are not numeric arrays with the same
            number of rows. Also raised when training begins, if the data do not fit the model.
        ModelError, UnsupportedError: The model cannot be read; raised when training begins.

    Example:
        >>> import keras, numpy as np
        >>> x = np.linspace(-1, 1, 64)[:, None]
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(4, "relu", name="h"),
        ...                           keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> watch = RangeMonitor(x, x**2, share=1)
        >>> seen = model.fit(x, x**2, epochs=2, verbose=0, callbacks=[watch])
        >>> len(seen.history["ranges/dead"]), 0 <= seen.history["ranges/h/idle"][0] <= 1
        (2, True)

    Sound: proved numbers hold for the real-valued network with the weights of that epoch, for every
    input in the box, if `ranges/compared` is 1.
    Complete: no; a dead unit may not be recognized.
    Cost: about the fraction `share` of the time of `fit` or less, unless a diagnosis for a warning
    or the recording of the model takes longer. (The recording takes a few milliseconds; for
    unrolled layers ten times as much.)

    Reference: Zhang et al., *Efficient neural network robustness certification with general
    activation functions* (CROWN), NeurIPS 2018.
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
        is_number = isinstance(share, int | float | np.number) and not isinstance(share, bool)
        if not is_number or not 0.0 < share <= 1.0:
            raise InputError(f"`share` must be a number in (0, 1]. Received: share={share!r}.")
        self.x, self.y = data_arrays(x, "x"), None if y is None else data_arrays(y, "y")
        rows = [len(keras().tree.flatten(data)[0]) for data in (self.x, self.y) if data is not None]
        if len(set(rows)) > 1:
            raise InputError(
                "`x` and `y` must have the same number of rows. "
                f"Received: {rows[0]} rows of inputs and {rows[1]} of targets."
            )
        self.share, self.layers, self.warn, self.prefix = float(share), layers, warn, prefix
        self.time_share = TimeShare(self.share, 1)
        self.latest: dict[str, float] = {}
        self.reported: set[str] = set()
        self.alarms: set[str] = set()
        self.over = self.closed = False

    @property
    def spent(self) -> float:
        """Seconds of processor time that the monitor has spent so far."""
        return self.time_share.spent

    # ---- called by Keras --------------------------------------------------------------------

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Record the model's operations, and check that the data fit the model."""
        planned = self.params or {}
        self.time_share = TimeShare(self.share, planned.get("epochs") or 1)
        self.watched = Watched(
            self.model, self.x, self.y, prefix=self.prefix, layers=self.layers,
            compared=self.share == 1.0,
        )  # fmt: skip
        self.latest, self.over, self.closed = {}, False, False
        variables = self.model.trainable_variables
        self.variable = variables[-1] if variables else None
        self.time_share.has_read()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Measure if the time budget allows it, and write the latest numbers to `logs`."""
        if self.variable is not None:
            # Waits for pending backend work, so that its time is not charged to this callback.
            keras().ops.convert_to_numpy(self.variable)
        self.time_share.has_ended(epoch)
        if epoch + 1 >= self.time_share.epochs or self.model.stop_training:
            self.close(epoch)
        else:
            self.look(epoch)
        if logs is not None:
            logs.update(self.latest or self.watched.blank)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Make the last measurement if a later callback stopped the training early."""
        epoch, before = self.time_share.epoch, self.latest
        if self.closed or epoch is None or before.get(f"{self.prefix}/epoch") == epoch:
            return
        self.close(epoch)
        history = getattr(getattr(self.model, "history", None), "history", {})
        for name, value in self.latest.items() if self.latest is not before else ():
            if history.get(name):
                history[name][-1] = value

    # ---- measuring --------------------------------------------------------------------------

    def close(self, epoch: int) -> None:
        """Measure the model for the last time in this training run, if the time budget allows it.

        If there has been no time for any measurement with linear bounds, use interval arithmetic.
        If there is no time for that either, and if `warn` is true, warn that nothing was measured.

        Args:
            epoch: Index of the last epoch, from 0.
        """
        self.closed = True
        self.look(epoch)
        if self.over or self.time_share.measured:
            return
        if self.time_share.allows_glance():
            self.measure(epoch, compared=False, linear=False)
        elif self.warn:
            warnings.warn(self.time_share.explain_missing(), UserWarning, stacklevel=2)

    def look(self, epoch: int) -> None:
        """Measure the model with linear bounds after an epoch if the time budget allows it.

        Args:
            epoch: Index of the epoch, from 0.
        """
        if self.over:
            return
        already = self.watched.structure.compared
        compared = not already and self.time_share.allows_comparison()
        if compared or self.time_share.allows_measurement(already, last=self.closed):
            self.measure(epoch, compared=compared, linear=True)

    def measure(self, epoch: int, *, compared: bool, linear: bool) -> None:
        """Measure the model with its current weights, and store the numbers for `logs`.

        An error is reported as a warning. It ends the measurements, but not the training.

        Args:
            epoch: Index of the epoch, from 0.
            compared: Whether to compare the recording with the model first.
            linear: Whether to use linear bounds rather than intervals.
        """
        start = read_processor_clock()
        try:
            self.latest, alarms = self.watched.measure(epoch, compared=compared, linear=linear)
            if self.warn:
                self.alarm(alarms)
        except RangeWarning:
            raise  # The user turned these warnings into errors.
        except Exception as error:
            self.over, self.latest = True, dict(self.watched.blank)
            warnings.warn(
                f"RangeMonitor cannot measure model `{self.model.name}` after epoch {epoch} and "
                f"stops measuring; the training continues. {type(error).__name__}: {error}",
                RangeWarning,
                stacklevel=2,
            )
        self.time_share.has_measured(start, usual=linear and not compared)

    def alarm(self, alarms: set[str]) -> None:
        """Warn about proved findings if a new fault has become provable.

        The findings come from a diagnosis of the current model, and each rule warns only once.
        Without targets, nothing happens.

        Args:
            alarms: The proved faults of the latest measurement, as `Watched.measure` returns them.
        """
        fresh = alarms - self.alarms
        self.alarms |= alarms
        watched = self.watched
        if not fresh or watched.targets is None:
            return
        for finding in findings(self.model, watched.structure.inputs, watched.targets):
            if finding.level.name == "PROVED" and finding.code not in self.reported:
                self.reported.add(finding.code)
                warnings.warn(str(finding), RangeWarning, stacklevel=2)
