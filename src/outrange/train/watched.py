"""A model that is being trained, its data, and the numbers that `RangeMonitor` takes of them."""

from typing import Any

import numpy as np

from ..core import InputError
from ..frontends.keras.names import named_targets
from ..ops import Affine
from .comparison.structure import Structure
from .snapshot import Moment, moment, names_of


ROWS = 128
"""Rows of the data at which something is measured, evenly spaced."""

SLACK = 1e-9
"""Targets are outside only by more than this share of the range: not by a rounding."""

GRADIENT = ("gradient_lo", "gradient_hi")
"""The two numbers of a layer's gradients."""


class Watched:
    """What is read when training begins; a moment of it is measured on request.

    Args:
        model: A built Keras model.
        x: The inputs, in arrays as `fit` takes them.
        y: The targets; None for none.
        prefix: Of the names of numbers.
        layers: Whether each layer has its own numbers.
        compared: Whether what was recorded is compared with the model now.

    Raises:
        InputError: Model and data do not fit.
        ModelError, UnsupportedError: The model cannot be read.
    """

    def __init__(
        self, model: Any, x: Any, y: Any, *, prefix: str, layers: bool, compared: bool
    ) -> None:
        self.structure = Structure(model, x, compared=compared)
        self.targets = None if y is None else named_targets(model, y)
        self.prefix, self.layers = prefix, layers
        sound = self.structure.sound_rows()
        if not len(sound):
            raise InputError(
                "`x` needs a row of finite numbers: they make the box. Received: NaN or infinity "
                "in every row."
            )
        self.box = self.structure.data_box(sound)
        self.rows = self.structure.rows(sound[:: max(1, len(sound) // ROWS)][:ROWS])
        self.blank = dict.fromkeys(self.names(), np.nan)

    def names(self) -> list[str]:
        """What `logs` gets, the same after every epoch."""
        wanted = ["dead", "saturated", "idle", "lo", "hi"]
        if self.fitting_targets() is not None:
            wanted.append("unreachable")
        for layer in names_of(self.structure.network) if self.layers else ():
            wanted += [f"{layer}/{what}" for what in ("dead", "saturated", "idle", *GRADIENT)]
        return [f"{self.prefix}/{name}" for name in (*wanted, "epoch", "compared")]

    def measure(
        self, epoch: int, *, compared: bool, linear: bool
    ) -> tuple[dict[str, float], set[str]]:
        """Measure the model now.

        Args:
            epoch: The epoch, from 0.
            compared: Whether to compare what was recorded with the model first, if it was not.
            linear: Bounds by lines, or by intervals, which take a small part of the time.

        Returns:
            Name in `logs` to number; and what is proved to be at fault: names of layers,
            `"weights"` and the like.

        Raises:
            ModelError: What was recorded is not the model.
        """
        structure = self.structure
        finite = structure.is_finite()
        network = structure.now() if finite else None
        if network is not None and compared and not structure.compared:
            structure.compare(network)
        found = None if network is None else moment(network, self.box, self.rows, linear=linear)
        numbers = self.blank | {
            f"{self.prefix}/epoch": float(epoch),
            f"{self.prefix}/compared": float(structure.compared),
        }
        if found is None:
            return numbers, {"weights"}
        alarms = {layer.name for layer in found.layers if layer.dead == layer.units}
        alarms |= {"constant"} if (found.lo == found.hi).all() else set()
        alarms |= {"targets"} if self.out_of_reach(found) else set()
        return numbers | self.numbers(found), alarms

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
