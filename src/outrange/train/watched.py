"""A model in training with its data, and the numbers that `RangeMonitor` logs."""

from typing import Any

import numpy as np

from ..core import InputError
from ..frontends.keras.names import named_targets
from ..ops import Affine
from .comparison.structure import Structure
from .snapshot import Moment, moment, names_of


ROWS = 128
"""Maximum number of rows of the data to measure. Of `n` finite rows, every k-th is measured, with
`k = max(1, n // ROWS)`, up to this number."""

SLACK = 1e-9
"""Distance up to which targets outside the bounds are ignored, because it may be due to rounding.

The distance is relative to the sum of the absolute bounds.
"""

GRADIENT = ("gradient_lo", "gradient_hi")
"""The names of a layer's two gradient norms."""


class Watched:
    """A model that is recorded when training begins and measured on request.

    Args:
        model: A built Keras model.
        x: The inputs, in arrays as `fit` accepts them.
        y: The targets; None if there are none.
        prefix: Prefix of the names in `logs`.
        layers: Whether to log numbers for each layer.
        compared: Whether to compare the recording with the model at construction.

    Raises:
        InputError: The data do not fit the model, or no row is finite.
        ModelError, UnsupportedError: The model cannot be read.
    """

    def __init__(
        self, model: Any, x: Any, y: Any, *, prefix: str, layers: bool, compared: bool
    ) -> None:
        self.structure = Structure(model, x, compared=compared)
        self.targets = None if y is None else named_targets(model, y)
        self.prefix, self.layers = prefix, layers
        sound = self.structure.finite_rows()
        if not len(sound):
            raise InputError(
                "`x` must have at least one row of finite numbers: these rows define the box. "
                "Received: NaN or infinity in every row."
            )
        self.box = self.structure.data_box(sound)
        self.rows = self.structure.rows(sound[:: max(1, len(sound) // ROWS)][:ROWS])
        self.blank = dict.fromkeys(self.names(), np.nan)

    def names(self) -> list[str]:
        """Return the names of the entries of `logs`, which are the same after every epoch."""
        wanted = ["dead", "saturated", "idle", "lo", "hi"]
        if self.fitting_targets() is not None:
            wanted.append("unreachable")
        for layer in names_of(self.structure.network) if self.layers else ():
            wanted += [f"{layer}/{what}" for what in ("dead", "saturated", "idle", *GRADIENT)]
        return [f"{self.prefix}/{name}" for name in (*wanted, "epoch", "compared")]

    def measure(
        self, epoch: int, *, compared: bool, linear: bool
    ) -> tuple[dict[str, float], set[str]]:
        """Measure the model with its current weights.

        Args:
            epoch: Index of the epoch, from 0.
            compared: Whether to compare the recording with the model first, unless already done.
            linear: Whether to use linear bounds rather than the much faster interval bounds.

        Returns:
            The numbers by their name in `logs`, and the set of proved faults: names of dead layers,
            `"constant"` for a constant output, `"targets"` for unreachable targets, and `"weights"`
            for weights that are not finite.

        Raises:
            ModelError: The recording differs from the model.
        """
        structure = self.structure
        finite = structure.is_finite()
        network = structure.now() if finite else None
        if network is not None and compared and not structure.compared:
            structure.compare(network)
        result = None if network is None else moment(network, self.box, self.rows, linear=linear)
        numbers = self.blank | {
            f"{self.prefix}/epoch": float(epoch),
            f"{self.prefix}/compared": float(structure.compared),
        }
        if result is None:
            return numbers, {"weights"}
        alarms = {layer.name for layer in result.layers if layer.dead == layer.units}
        alarms |= {"constant"} if (result.lo == result.hi).all() else set()
        alarms |= {"targets"} if self.out_of_reach(result) else set()
        return numbers | self.numbers(result), alarms

    def numbers(self, result: Moment) -> dict[str, float]:
        """Return the entries of `logs` for one measurement, as a dict from name to number."""
        p = self.prefix
        numbers = {f"{p}/{what}": result.share(what) for what in ("dead", "saturated", "idle")}
        numbers |= {f"{p}/lo": float(result.lo.min()), f"{p}/hi": float(result.hi.max())}
        missed = self.unreachable(result)
        if missed is not None:
            numbers[f"{p}/unreachable"] = missed
        for layer in result.layers if self.layers else ():
            for what in ("dead", "saturated", "idle"):
                numbers[f"{p}/{layer.name}/{what}"] = getattr(layer, what) / layer.units
            for end, value in zip(GRADIENT, layer.gradient, strict=True):
                numbers[f"{p}/{layer.name}/{end}"] = value
        return numbers

    def fitting_targets(self) -> np.ndarray | None:
        """Return the targets, `(n, outputs)` float64; None without targets that fit the outputs."""
        graph, y = self.structure.network.graph, self.targets
        size = graph.value_size(graph.output)
        # Only the diagnosis uses targets of several outputs.
        if not isinstance(y, np.ndarray) or y.size != len(y) * size:
            return None
        return y.reshape(-1, size).astype(np.float64)

    def unreachable(self, result: Moment) -> float | None:
        """Return the fraction of the target values that lie outside the bounds on the outputs.

        The result is None if there are no targets that fit the outputs.
        """
        y = self.fitting_targets()
        if y is None:
            return None
        slack = SLACK * (np.abs(result.lo) + np.abs(result.hi))
        return float(np.mean((y < result.lo - slack) | (y > result.hi + slack)))

    def out_of_reach(self, result: Moment) -> bool:
        """Return whether some target may be out of the model's reach, whatever its weights are.

        The current bounds alone would not show that, since they hold for the current weights only.
        So the least lower bound and the largest upper bound of all outputs are moved outward to the
        next of -1, 0, 1 and plus or minus infinity. Labels of 0 and 1 are thus not reported for a
        sigmoid, although they are always outside its open range. The result is False if the last
        operation is affine, since it may reach any target, or if no targets fit the outputs.
        """
        graph, y = self.structure.network.graph, self.fitting_targets()
        if y is None or not graph.output or isinstance(graph.nodes[graph.output - 1].op, Affine):
            return False
        ends = [-np.inf, -1.0, 0.0, 1.0, np.inf]
        lo = max(end for end in ends if end <= result.lo.min())
        hi = min(end for end in ends if end >= result.hi.max())
        return bool(y.min() < lo or y.max() > hi)
