"""Decision rules of classifiers: the largest output, or one number against a threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import Atom, Formula, InputError
from ...core.formula import negate
from ...domains import bounds
from ...graph import Graph, Slot
from ..expressions import resolve, y
from ..inputs.boxes import numbers


FAR = 1e6
"""Largest absolute value of the inputs over which an output is bounded, to find out whether it is a
probability or a logit."""

SLACK = 1e-6
"""Distance by which float64 bounds on a probability may exceed [0, 1]."""


@dataclass(frozen=True)
class Decision:
    """Decision rule that maps the outputs of a classifier to classes.

    Args:
        graph: Graph of the classifier.
        classes: Number of classes, at least 2.
        threshold: For two classes and one output number, the threshold above which the class is 1.
            None if the largest output decides.
        reason: Reason for this threshold, as text.
    """

    graph: Graph
    classes: int
    threshold: float | None = None
    reason: str = ""

    @classmethod
    def of(cls, graph: Graph, threshold: Any = None) -> Decision:
        """Determine the decision rule of a classifier.

        Args:
            graph: Graph of the classifier.
            threshold: The user's threshold. If None, it is derived from the output: 0.5 if the
                output stays within [0, 1], 0 if it takes both signs.

        Raises:
            InputError: The model has several outputs, or a threshold is passed for a model with
                several output numbers, or no threshold can be derived from the output.
        """
        size = graph.value_size(graph.output)
        if len(graph.outputs) > 1:
            raise InputError(
                "A classifier must have one output: a number per class, or one number for two "
                "classes. "
                f"Received: {', '.join(f'`{slot.name}` {slot.shape}' for slot in graph.outputs)}."
            )
        if threshold is not None:
            value = numbers(threshold, "`threshold`")
            if size > 1 or value.ndim or not np.isfinite(value):
                raise InputError(
                    "`threshold` must be a finite number, and the model must return one number; if "
                    "a model returns several numbers, the largest one decides. Received: "
                    f"threshold={threshold!r}, an output of shape {_only(graph).shape}."
                )
            return cls(graph, 2, float(value), "as asked")
        if size > 1:
            return cls(graph, size)
        lo, hi = _anywhere(graph)
        if lo < hi and lo >= -SLACK and hi <= 1.0 + SLACK:
            return cls(graph, 2, 0.5, "the output stays within [0, 1], as a probability does")
        if lo < 0.0 < hi:
            return cls(graph, 2, 0.0, "the output takes both signs, as a logit does")
        raise InputError(
            "A model that returns one number must have a threshold between its two classes, the "
            "argument `threshold` of `robust_accuracy`. The default is 0.5 for an output within "
            "[0, 1], and 0 for an output that takes both signs. Received: an output "
            f"`{_only(graph).name}` from {lo:.4g} to {hi:.4g}."
        )

    def claim(self, label: int) -> str:
        """Return the claim that the class is `label`, as text."""
        if self.threshold is None:
            return str(y.argmax() == label)
        return f"y[0] {'>' if label else '<='} {self.threshold:g}"

    def unsafe(self, label: int) -> Formula:
        """Build the condition that the class is not `label`, over the flat `[x, y]`."""
        if self.threshold is None:
            return negate(resolve(y.argmax() == label, self.graph.inputs, self.graph.outputs))
        sign = 1.0 if label else -1.0
        # Class 1 lies above the threshold, so an output equal to it has class 0.
        return Atom(((self.graph.size, sign),), 0.0 - sign * self.threshold, strict=not label)

    def classify(self, values: np.ndarray) -> np.ndarray:
        """Return the classes `(n,)` of outputs `(n, outputs)`."""
        if self.threshold is None:
            return values.argmax(axis=1)
        return (values[:, 0] > self.threshold).astype(np.int64)

    @property
    def sentence(self) -> str:
        """The decision rule as a sentence; an empty string if the largest output decides."""
        if self.threshold is None:
            return ""
        at = f"{self.threshold:g}"
        return f"An output above {at} means class 1, any other means class 0: {self.reason}."


def _anywhere(graph: Graph) -> tuple[float, float]:
    """Bound the outputs by interval arithmetic over all inputs up to `FAR` in magnitude."""
    lo = np.concatenate([np.full(slot.size, max(-FAR, slot.limits[0])) for slot in graph.inputs])
    hi = np.concatenate([np.full(slot.size, min(FAR, slot.limits[1])) for slot in graph.inputs])
    try:
        ends = bounds(graph, lo, hi, "intervals")[graph.output]
    except InputError:
        # Some function is not defined on such inputs, such as a logarithm below 0.
        return -np.inf, -np.inf
    return float(np.min(ends[0])), float(np.max(ends[1]))


def _only(graph: Graph) -> Slot:
    (slot,) = graph.outputs
    return slot
