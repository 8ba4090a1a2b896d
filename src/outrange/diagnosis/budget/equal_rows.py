"""Lower bounds ("floors") on a loss when all rows of a group have the same output.

Within a group, the best prediction is the mean of the targets for squared errors, and their median
for absolute errors. For cross-entropies, the best probabilities are proportional to the mean of the
targets. The floor is the loss of these best predictions, minus a margin for clipping and rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...core import down
from ...program import Loss, Program
from ..baselines import EPSILON


WORK = 20_000_000
"""Maximum number of target entries. With more, no lower bound on the loss is computed, because
sorting is slow."""

ROUNDED = 1e-9
"""Relative amount by which a computed lower bound on a loss is lowered, to cover its rounding."""


def is_plain_mean(program: Program, loss: Loss) -> bool:
    """Return whether a loss is provably a mean over entries or rows, without masks or weights.

    The recorded steps must compute the loss from the output and the targets alone. The result is
    False for losses that are not in `FLOORS`, and for label smoothing.
    """
    makers = {t: step for step in program.steps if not step.inside for t in step.gives}
    last = makers.get(-1 if loss.tensor is None else loss.tensor)
    if not loss.known or loss.name not in FLOORS or loss.smoothing or last is None:
        return False
    summed = makers.get(last.reads[0]) if last.reads else None
    if last.kind != "DivideNoNan" or summed is None or summed.kind != "Sum":
        return False
    plain = loss.options.get("axis", -1) == -1 and loss.options.get("weight", 1.0) > 0
    # The symbols of inputs come first, then those of the targets.
    targets = range(len(program.inputs), len(program.inputs) + len(program.losses))
    leaves, waiting = set(), [last]
    while waiting:
        step = waiting.pop()
        for tensor in (*step.reads, *step.blocked):
            if tensor in makers:
                waiting.append(makers[tensor])
            else:
                leaves.add(tensor)
    allowed = {program.output_tensors[loss.output], *targets}
    return plain and "ignore_class" not in loss.options and leaves <= allowed


@dataclass(frozen=True, eq=False)
class _Grouping:
    """The rows sorted by group, with the start and the row count of each group."""

    order: np.ndarray
    starts: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, groups: np.ndarray) -> _Grouping:
        order = np.argsort(groups, kind="stable")
        _, starts, counts = np.unique(groups[order], return_index=True, return_counts=True)
        return cls(order, starts, counts)

    def sums(self, y: np.ndarray) -> np.ndarray:
        """Return the sum of the targets in each group, with groups along the first axis."""
        return np.add.reduceat(y[self.order], self.starts, axis=0)

    def means(self, y: np.ndarray) -> np.ndarray:
        """Return the mean of the targets in each group, with groups along the first axis."""
        return self.sums(y) / self.counts.reshape(-1, *[1] * (y.ndim - 1))


def _square(y: np.ndarray, groups: _Grouping) -> float:
    far = y[groups.order] - np.repeat(groups.means(y), groups.counts, axis=0)
    sums = np.add.reduceat(far, groups.starts, axis=0)
    # The mean is rounded. Squares around a rounded mean are too large; this subtracts the excess.
    more = np.square(sums) / groups.counts[:, None]
    return float((np.square(far).sum() - more.sum()) / y.size)


def _absolute(y: np.ndarray, groups: _Grouping) -> float:
    """Return the mean absolute distance of the targets from the median of their group.

    The distances in a group add up to the sum of the upper half of its targets minus the sum of the
    lower half.
    """
    counts = np.repeat(groups.counts, groups.counts)
    place = np.arange(len(y)) - np.repeat(groups.starts, groups.counts)
    sign = np.sign(2 * place - (counts - 1))
    number = np.repeat(np.arange(len(groups.counts)), groups.counts)
    total = 0.0
    for column in y.T:
        column = column[groups.order]
        total += float((sign * column[np.lexsort((column, number))]).sum())
    return total / y.size


def _entropy(shares: np.ndarray) -> np.ndarray:
    return np.where(shares > 0, -shares * np.log(np.where(shares > 0, shares, 1.0)), 0.0)


def _binary(y: np.ndarray, groups: _Grouping) -> float:
    p = groups.means(y)
    return float((_entropy(p) + _entropy(1 - p)).mean(axis=1) @ groups.counts / len(y))


def _classes(y: np.ndarray, groups: _Grouping) -> float:
    """Return the least categorical cross-entropy if all rows of a group get the same probabilities.

    The targets are `(rows, positions, classes)`; the last axis sums to about 1 or less.
    """
    p = groups.means(y)
    mass = p.sum(axis=-1)
    left = _entropy(p).sum(axis=-1) - _entropy(mass)
    return float(left.mean(axis=1) @ groups.counts / len(y))


def _sparse_classes(y: np.ndarray, groups: _Grouping) -> float:
    """Return the least sparse cross-entropy if all rows of a group get the same probabilities.

    The targets are class numbers, `(rows, positions)`; the result follows from class counts.
    """
    classes, places = int(y.max()) + 1, y.shape[1]
    number = np.repeat(np.arange(len(groups.counts)), groups.counts)[:, None]
    keys = (number * places + np.arange(places)) * classes + y[groups.order].astype(np.int64)
    cells, count = np.unique(keys, return_counts=True)
    of = groups.counts[cells // classes // places]
    return float((count * np.log(of / count)).sum() / y.size)


FLOORS: dict[str, Callable[[np.ndarray, _Grouping], float]] = {
    "mean_squared_error": _square, "mean_absolute_error": _absolute,
    "binary_crossentropy": _binary, "categorical_crossentropy": _classes,
    "sparse_categorical_crossentropy": _sparse_classes,
}  # fmt: skip
"""Map from the name of a loss to a function that returns its floor from targets and groups.

The floor is the least mean loss of predictions that are equal for all rows of a group.
"""


def _rows_of(loss: Loss, y: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """Reshape targets as the functions in `FLOORS` expect, or return None if that is impossible.

    Args:
        shape: Shape of the output for one row.
    """
    if not shape:
        return None
    width, flat = shape[-1], y.reshape(len(y), -1)
    if loss.name == "sparse_categorical_crossentropy":
        fits = y.shape[1:] in (shape[:-1], (*shape[:-1], 1)) and width > 1
        return flat if fits and _are_classes(y, width) else None
    if y.shape[1:] != shape and (y.ndim > 1 or shape != (1,)):
        return None
    if loss.name == "binary_crossentropy":
        return flat if y.min() >= 0 and y.max() <= 1 else None
    if loss.name == "categorical_crossentropy":
        fits = width > 1 and y.min() >= 0 and y.sum(axis=-1).max() <= 1 + 1e-3
        return y.reshape(len(y), -1, width) if fits else None
    return flat


def _are_classes(y: np.ndarray, width: int) -> bool:
    return bool((y == np.floor(y)).all() and y.min() >= 0 and y.max() < width)


def floor_of(program: Program, loss: Loss, y: np.ndarray) -> Callable[[np.ndarray], float] | None:
    """Return a function that computes a lower bound on a loss from the group of each row.

    Its argument is the group number of each row, `(rows,)`. The bound is at least 0. It holds for
    all models that compute the same output for all rows of a group.

    Args:
        loss: A loss for which `is_plain_mean` holds.
        y: The targets of the loss, float64, finite, with rows along the first axis.

    Returns:
        The function. None if no bound is known.
    """
    if loss.output >= len(program.heads) or y.size > WORK:
        return None
    shape, head = program.outputs[loss.output][1], program.heads[loss.output]
    rows = _rows_of(loss, y, shape)
    chances = loss.name.endswith("categorical_crossentropy") and not loss.from_logits
    # Keras turns negative outputs into numbers that are not probabilities: their sum may exceed 1.
    sound = head.axis == -1 and head.activation in ("softmax", "sigmoid")
    if rows is None or (chances and not sound):
        return None
    narrow = rows.astype(np.float32).astype(np.float64)
    # Clipping from below lets the sum of the probabilities exceed 1 by this amount.
    clipped = 2 * EPSILON * shape[-1] if loss.name.endswith("crossentropy") else 0.0

    of = FLOORS[loss.name]

    def floor(numbers: np.ndarray) -> float:
        grouping = _Grouping.of(numbers)
        least = min(of(rows, grouping), of(narrow, grouping)) * (1 - ROUNDED) - clipped
        return max(0.0, float(down(least)))

    return floor
