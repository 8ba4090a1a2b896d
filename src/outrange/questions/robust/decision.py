"""How a classifier's output is read: its largest entry, or its one number against a threshold."""

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
"""Inputs this large tell a probability, which stays within [0, 1], from a logit."""

SLACK = 1e-6
"""What float64 bounds may lie outside of [0, 1]."""


@dataclass(frozen=True)
class Decision:
    """The class that an output stands for.

    Args:
        graph: The classifier.
        classes: How many there are.
        threshold: Of two classes told by one number: class 1 lies above it. None where the largest
            output decides.
        reason: Why it is this threshold, in words.
    """

    graph: Graph
    classes: int
    threshold: float | None = None
    reason: str = ""

    @classmethod
    def of(cls, graph: Graph, threshold: Any = None) -> Decision:
        """The decision of a classifier.

        Args:
            graph: Its graph.
            threshold: What the user says; None to decide by the output: 0.5 where it stays within
                [0, 1], 0 where it takes both signs.

        Raises:
            InputError: Several outputs, a threshold beside several classes, or none that follows
                from the output.
        """
        size = graph.value_size(graph.output)
        if len(graph.outputs) > 1:
            raise InputError(
                "A class is read off one output: a number per class, or one number of two. "
                f"Received: {', '.join(f'`{slot.name}` {slot.shape}' for slot in graph.outputs)}."
            )
        if threshold is not None:
            given = numbers(threshold, "`threshold`")
            if size > 1 or given.ndim or not np.isfinite(given):
                raise InputError(
                    "`threshold` is a finite number for a model with one output of one number; of "
                    f"several, the largest decides. Received: threshold={threshold!r}, an output "
                    f"of shape {_only(graph).shape}."
                )
            return cls(graph, 2, float(given), "as asked")
        if size > 1:
            return cls(graph, size)
        lo, hi = _anywhere(graph)
        if lo < hi and lo >= -SLACK and hi <= 1.0 + SLACK:
            return cls(graph, 2, 0.5, "the output stays within [0, 1], as a probability does")
        if lo < 0.0 < hi:
            return cls(graph, 2, 0.0, "the output takes both signs, as a logit does")
        raise InputError(
            "A model with one number tells two classes by a threshold, 0.5 of an output within "
            "[0, 1] and 0 of one that takes both signs; of this one pass `threshold=`. Received: "
            f"an output `{_only(graph).name}` from {lo:.4g} to {hi:.4g}."
        )

    def claim(self, label: int) -> str:
        """That the class is `label`, in words."""
        if self.threshold is None:
            return str(y.argmax() == label)
        return f"y[0] {'>' if label else '<='} {self.threshold:g}"

    def unsafe(self, label: int) -> Formula:
        """What an input of another class satisfies, over the flat `[x, y]`."""
        if self.threshold is None:
            return negate(resolve(y.argmax() == label, self.graph.inputs, self.graph.outputs))
        sign = 1.0 if label else -1.0
        # Class 1 is above the threshold: at it an input of class 1 is lost, and one of 0 is not.
        return Atom(((self.graph.size, sign),), 0.0 - sign * self.threshold, strict=not label)

    def classify(self, values: np.ndarray) -> np.ndarray:
        """The classes of outputs `(n, outputs)`."""
        if self.threshold is None:
            return values.argmax(axis=1)
        return (values[:, 0] > self.threshold).astype(np.int64)

    @property
    def sentence(self) -> str:
        """How the output is read, where it is not by its largest entry."""
        if self.threshold is None:
            return ""
        at = f"{self.threshold:g}"
        return f"Class 1 is an output above {at}, class 0 one of at most {at}: {self.reason}."


def _anywhere(graph: Graph) -> tuple[float, float]:
    """The least and the largest output that intervals leave over very large inputs."""
    lo = np.concatenate([np.full(slot.size, max(-FAR, slot.limits[0])) for slot in graph.inputs])
    hi = np.concatenate([np.full(slot.size, min(FAR, slot.limits[1])) for slot in graph.inputs])
    try:
        ends = bounds(graph, lo, hi, "intervals")[graph.output]
    except InputError:
        # Some function ends before that, a logarithm at 0 say.
        return -np.inf, -np.inf
    return float(np.min(ends[0])), float(np.max(ends[1]))


def _only(graph: Graph) -> Slot:
    (slot,) = graph.outputs
    return slot
