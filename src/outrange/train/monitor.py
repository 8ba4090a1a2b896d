"""Ranges during `fit`: `outrange.callbacks.RangeMonitor`."""

import time
import warnings
from typing import Any

import numpy as np

from ..core import InputError
from ..frontends.keras.api import keras
from ..frontends.keras.names import named_targets
from ..ops import Affine
from .arguments import data_arrays
from .comparison.diagnosed import findings
from .comparison.structure import Structure
from .snapshot import Moment, moment, names_of
from .time_share import TimeShare


ROWS = 128
"""Rows of the data at which something is measured, evenly spaced."""

SLACK = 1e-9
"""Targets are outside only by more than this share of the range: not by a rounding."""

GRADIENT = ("gradient_lo", "gradient_hi")
"""The two numbers of a layer's gradients."""


class RangeWarning(UserWarning):
    """A fault that hinders learning has been proved."""


class RangeMonitor(keras().callbacks.Callback):
    """Bounds what the layers of a model can do during training, in the `logs` of every epoch.

    The model's operations are recorded when training begins; after an epoch its weights are read
    into them, and one pass of linear bounds runs over the box of the data. All that the monitor
    does is paid from `share` of the training time: it looks after the first epoch, if that can be
    paid back in the epochs left, and then as often as the time allows. The other epochs repeat the
    last numbers, and `ranges/epoch` says from which epoch they are (NaN as long as there are none).

    What was recorded is compared with the model itself as soon as that can be paid (with `share=1`
    before the first step), because it takes a compilation. `ranges/compared` is 1 in the epochs
    since then. Before, the numbers rest on the recording alone; if the two differ, a `RangeWarning`
    says so, and the numbers are NaN from then on.

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
    Cost: `share` of the time of `fit`, once recording the model is paid back; the diagnosis that a
    warning quotes comes on top.

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
        self.time = TimeShare(self.share, 1)
        self.known: dict[str, float] = {}
        self.said: set[str] = set()
        self.alarms: set[str] = set()

    @property
    def spent(self) -> float:
        """Seconds spent so far."""
        return self.time.spent

    # ---- what Keras calls -------------------------------------------------------------------

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Read the model's structure, and compare it with the model and the data."""
        self.time = TimeShare(self.share, (self.params or {}).get("epochs") or 1)
        self.structure = Structure(self.model, self.x, compared=self.share == 1.0)
        self.targets = None if self.y is None else named_targets(self.model, self.y)
        sound = self.structure.sound_rows()
        if not len(sound):
            raise InputError(
                "`x` needs a row of finite numbers: they make the box. Received: NaN or infinity "
                "in every row."
            )
        self.box = self.structure.data_box(sound)
        self.rows = self.structure.rows(sound[:: max(1, len(sound) // ROWS)][:ROWS])
        self.blank = dict.fromkeys(self.names(), np.nan)
        self.known, self.over = {}, False
        self.time.has_read()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Measure if it is time, and write the numbers into `logs`."""
        model = self.model
        if model.trainable_variables:
            # Waits for pending backend work, so that its time is not attributed to this callback.
            keras().ops.convert_to_numpy(model.trainable_variables[-1])
        start = time.perf_counter()
        if not self.over and self.time.allows_measurement(epoch):
            self.look(epoch)
            self.time.has_measured(start)
        if logs is not None:
            logs.update(self.known or self.blank)

    # ---- measuring --------------------------------------------------------------------------

    def names(self) -> list[str]:
        """What `logs` gets, the same after every epoch."""
        wanted = ["dead", "saturated", "idle", "lo", "hi"]
        if self.fitting_targets() is not None:
            wanted.append("unreachable")
        for layer in names_of(self.structure.network) if self.layers else ():
            wanted += [f"{layer}/{what}" for what in ("dead", "saturated", "idle", *GRADIENT)]
        return [f"{self.prefix}/{name}" for name in (*wanted, "epoch", "compared")]

    def look(self, epoch: int) -> None:
        """Measure; an error is reported as a warning, and does not end the training.

        Args:
            epoch: The epoch, from 0.
        """
        try:
            self.measure(epoch)
        except RangeWarning:
            raise  # The user has turned these warnings into errors.
        except Exception as error:
            self.over, self.known = True, dict(self.blank)
            warnings.warn(
                f"RangeMonitor cannot look at model `{self.model.name}` after epoch {epoch}, and "
                f"looks no more; the training goes on. {type(error).__name__}: {error}",
                RangeWarning,
                stacklevel=2,
            )

    def measure(self, epoch: int) -> None:
        """Measure the model now, and keep the numbers for `logs`.

        Args:
            epoch: The epoch, from 0.
        """
        finite = self.structure.is_finite()
        if finite and not self.structure.compared and self.time.allows_comparison():
            self.structure.compare()
        found = moment(self.structure.now(), self.box, self.rows) if finite else None
        numbers = {
            f"{self.prefix}/epoch": float(epoch),
            f"{self.prefix}/compared": float(self.structure.compared),
        }
        alarms = set() if finite else {"weights"}
        if found is not None:
            numbers |= self.numbers(found)
            alarms |= {layer.name for layer in found.layers if layer.dead == layer.units}
            alarms |= {"constant"} if (found.lo == found.hi).all() else set()
            alarms |= {"targets"} if self.out_of_reach(found) else set()
        self.known = self.blank | numbers
        if self.warn:
            self.alarm(alarms)

    def numbers(self, found: Moment) -> dict[str, float]:
        """Collect the numbers of one moment.

        Args:
            found: What was measured.

        Returns:
            Name in `logs` to number.
        """
        p = self.prefix
        numbers = {f"{p}/{what}": found.share(what) for what in ("dead", "saturated", "idle")}
        numbers |= {f"{p}/lo": float(found.lo.min()), f"{p}/hi": float(found.hi.max())}
        missed = self.unreachable(found)
        if missed is not None:
            numbers[f"{p}/unreachable"] = missed
        for layer in found.layers if self.layers else ():
            for what in ("dead", "saturated", "idle"):
                numbers[f"{p}/{layer.name}/{what}"] = getattr(layer, what) / layer.units
            for end, value in zip(GRADIENT, layer.gradient, strict=True):
                numbers[f"{p}/{layer.name}/{end}"] = value
        return numbers

    def fitting_targets(self) -> np.ndarray | None:
        """`(n, outputs)` float64; None without targets, or if they do not fit the outputs."""
        graph, y = self.structure.network.graph, self.targets
        size = graph.value_size(graph.output)
        # Targets of several outputs are for the diagnosis only.
        if not isinstance(y, np.ndarray) or y.size != len(y) * size:
            return None
        return y.reshape(-1, size).astype(np.float64)

    def unreachable(self, found: Moment) -> float | None:
        """Compute the share of target numbers outside the outputs' range.

        Args:
            found: What was measured.

        Returns:
            The share; None if the targets do not fit the outputs.
        """
        y = self.fitting_targets()
        if y is None:
            return None
        slack = SLACK * (np.abs(found.lo) + np.abs(found.hi))
        return float(np.mean((y < found.lo - slack) | (y > found.hi + slack)))

    def out_of_reach(self, found: Moment) -> bool:
        """Tell whether some target may be outside of what other weights can return, too.

        Labels of 0 and 1 are always outside of what a sigmoid returns, and no fault.

        Args:
            found: What was measured.

        Returns:
            Whether that is so.
        """
        graph, y = self.structure.network.graph, self.fitting_targets()
        if y is None or not graph.output or isinstance(graph.nodes[graph.output - 1].op, Affine):
            return False
        ends = [-np.inf, -1.0, 0.0, 1.0, np.inf]
        lo = max(end for end in ends if end <= found.lo.min())
        hi = min(end for end in ends if end >= found.hi.max())
        return bool(y.min() < lo or y.max() > hi)

    def alarm(self, alarms: set[str]) -> None:
        """Warn if something has become provable since the last measurement.

        Args:
            alarms: What is proved now: names of layers, and `"weights"` and the like.
        """
        fresh = alarms - self.alarms
        self.alarms |= alarms
        if not fresh or self.targets is None:
            return
        for finding in findings(self.model, self.structure.inputs, self.targets):
            if finding.level.name == "PROVED" and finding.code not in self.said:
                self.said.add(finding.code)
                warnings.warn(str(finding), RangeWarning, stacklevel=2)
