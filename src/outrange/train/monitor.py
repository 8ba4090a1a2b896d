"""Ranges during `fit`: `outrange.callbacks.RangeMonitor`."""

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
    """A fault that hinders learning has been proved."""


class RangeMonitor(keras().callbacks.Callback):
    """Bounds what the layers of a model can do during training, in the `logs` of every epoch.

    The model's operations are recorded when training begins; after an epoch its weights are read
    into them, and one pass of linear bounds runs over the box of the data. All that the monitor
    does is paid from `share` of the training time (wall or processor time, the less), the recording
    too: it looks as soon as that can be paid back in the epochs left, and then as often as the time
    allows. The other epochs repeat the last numbers, and `ranges/epoch` says from which epoch they
    are (NaN as long as there are none).

    A training that is too short for that has numbers in its last epoch all the same, where they can
    be paid, or take less than a hundredth of a second: those of interval arithmetic, which are
    proved as well, but wider. If there is no time for them either, a `UserWarning` says so when the
    training ends. Where a callback behind this one stops a training early, the last look comes
    when it ends, at the weights it ends with, and is in `model.history` alone.

    What was recorded is compared with the model itself as soon as that can be paid (with `share=1`
    before the first step), because it takes a compilation; in a training that is long enough for
    it, the time is saved up after the first look. `ranges/compared` is 1 in the epochs since then.
    Before, the numbers rest on the recording alone; if the two differ, a `RangeWarning` says so,
    and the numbers are NaN from then on.

    Callbacks are called in the order of their list, and see in `logs` what those before them wrote:
    put this one first, before `CSVLogger`, `TensorBoard`, W&B and others. (`History` and the
    progress bar come last in any case.)

    `logs` gets, with `prefix` in place of `ranges`: `ranges/dead` and `ranges/saturated`, the
    shares of units that are so for every input in the box (proved); `ranges/idle`, of units whose
    activation is flat at every row measured; `ranges/lo` and `ranges/hi`, what the outputs can be
    (proved); `ranges/unreachable`, the share of target numbers outside of it; and per layer with an
    activation `.../dead`, `.../saturated`, `.../idle`, `.../gradient_lo`, `.../gradient_hi`: the
    least and the largest norm, over the rows, of the derivatives of the outputs by what enters it.

    A number that is not known is NaN: a gradient where an operation has no derivative here, and
    everything once weights are not finite. Where the box holds inputs for which an operation is not
    defined, its range is infinite. Any other error in a measurement is reported as a
    `RangeWarning`, the measurements end, and the training goes on.

    Args:
        x: The training inputs, or a part of them, in arrays as `fit` takes them: one of any shape,
            or a list or dict for several inputs. Their least and largest values make the box; rows
            with entries that are not finite are left out.
        y: The targets as `fit` takes them, in the shape of the model's output (class numbers are
            not, and are not looked for in its range), or a list or dict for several outputs; None
            to leave them out.
        share: How much of the training time may be spent; 1 measures after every epoch.
        layers: Whether each layer has its own numbers.
        warn: Whether to warn, once for each code of `outrange.diagnose`, when it becomes provable.
        prefix: Prefix of the names in `logs`.

    Raises:
        InputError: `share` is not in (0, 1], or the data are no arrays of numbers with as many rows
            each; when training begins, if data and model do not fit.
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

    Sound: whatever is called proved holds for the real-valued network with the weights of that
    epoch, for every input in the box, where `ranges/compared` is 1.
    Complete: no; a unit that is dead may not be counted.
    Cost: `share` of the time of `fit`, where recording the model takes less (some milliseconds; ten
    times as many where layers are unrolled); the diagnosis that a warning quotes comes on top.

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
            raise InputError(f"`share` lies in (0, 1]. Received: share={share!r}.")
        self.x, self.y = data_arrays(x, "x"), None if y is None else data_arrays(y, "y")
        rows = [len(keras().tree.flatten(data)[0]) for data in (self.x, self.y) if data is not None]
        if len(set(rows)) > 1:
            raise InputError(
                "`x` and `y` need the same number of rows. "
                f"Received: {rows[0]} rows of inputs and {rows[1]} of targets."
            )
        self.share, self.layers, self.warn, self.prefix = float(share), layers, warn, prefix
        self.time_share = TimeShare(self.share, 1)
        self.known: dict[str, float] = {}
        self.said: set[str] = set()
        self.alarms: set[str] = set()
        self.over = self.closed = False

    @property
    def spent(self) -> float:
        """Seconds of processor time spent so far."""
        return self.time_share.spent

    # ---- what Keras calls -------------------------------------------------------------------

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Read the model's structure, and compare it with the model and the data."""
        planned = self.params or {}
        self.time_share = TimeShare(self.share, planned.get("epochs") or 1)
        self.watched = Watched(
            self.model, self.x, self.y, prefix=self.prefix, layers=self.layers,
            compared=self.share == 1.0,
        )  # fmt: skip
        self.known, self.over, self.closed = {}, False, False
        variables = self.model.trainable_variables
        self.variable = variables[-1] if variables else None
        self.time_share.has_read()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Measure if it is time, and write the numbers into `logs`."""
        if self.variable is not None:
            # Waits for pending backend work, so that its time is not attributed to this callback.
            keras().ops.convert_to_numpy(self.variable)
        self.time_share.has_ended(epoch)
        if epoch + 1 >= self.time_share.epochs or self.model.stop_training:
            self.close(epoch)
        else:
            self.look(epoch)
        if logs is not None:
            logs.update(self.known or self.watched.blank)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Take the last numbers of a training that was stopped by a callback behind this one."""
        epoch, before = self.time_share.epoch, self.known
        if self.closed or epoch is None or before.get(f"{self.prefix}/epoch") == epoch:
            return
        self.close(epoch)
        history = getattr(getattr(self.model, "history", None), "history", {})
        for name, value in self.known.items() if self.known is not before else ():
            if history.get(name):
                history[name][-1] = value

    # ---- measuring --------------------------------------------------------------------------

    def close(self, epoch: int) -> None:
        """Look a last time; if no look could ever be paid, at least by intervals.

        Args:
            epoch: The last one, from 0.
        """
        self.closed = True
        self.look(epoch)
        if self.over or self.time_share.measured:
            return
        if self.time_share.allows_glance():
            self.measure(epoch, compared=False, linear=False)
        elif self.warn:
            warnings.warn(self.time_share.told(), UserWarning, stacklevel=2)

    def look(self, epoch: int) -> None:
        """Measure if there is time for it.

        Args:
            epoch: The epoch, from 0.
        """
        if self.over:
            return
        known = self.watched.structure.compared
        compared = not known and self.time_share.allows_comparison()
        if compared or self.time_share.allows_measurement(known, last=self.closed):
            self.measure(epoch, compared=compared, linear=True)

    def measure(self, epoch: int, *, compared: bool, linear: bool) -> None:
        """Measure the model now, and keep the numbers for `logs`.

        An error is reported as a warning, and does not end the training.

        Args:
            epoch: The epoch, from 0.
            compared: Whether to compare what was recorded with the model first.
            linear: Bounds by lines, or by intervals.
        """
        start = read_processor_clock()
        try:
            self.known, alarms = self.watched.measure(epoch, compared=compared, linear=linear)
            if self.warn:
                self.alarm(alarms)
        except RangeWarning:
            raise  # The user has turned these warnings into errors.
        except Exception as error:
            self.over, self.known = True, dict(self.watched.blank)
            warnings.warn(
                f"RangeMonitor cannot look at model `{self.model.name}` after epoch {epoch}, and "
                f"looks no more; the training goes on. {type(error).__name__}: {error}",
                RangeWarning,
                stacklevel=2,
            )
        self.time_share.has_measured(start, usual=linear and not compared)

    def alarm(self, alarms: set[str]) -> None:
        """Warn if something has become provable since the last measurement.

        Args:
            alarms: What is proved now: names of layers, and `"weights"` and the like.
        """
        fresh = alarms - self.alarms
        self.alarms |= alarms
        watched = self.watched
        if not fresh or watched.targets is None:
            return
        for finding in findings(self.model, watched.structure.inputs, watched.targets):
            if finding.level.name == "PROVED" and finding.code not in self.said:
                self.said.add(finding.code)
                warnings.warn(str(finding), RangeWarning, stacklevel=2)
