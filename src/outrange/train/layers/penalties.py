"""Losses for several groups of classes along one axis."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from ...core import InputError
from ..arguments import finite_number, loss_of
from ..framework import keras, registered
from .grouped import check_groups, saved_groups, split_groups


@registered
class GroupedCrossentropy(keras.losses.Loss):
    """Sum of the categorical cross-entropies of all groups.

    Args:
        groups: As in `outrange.layers.GroupedSoftmax`, along the last axis.
        from_logits: Whether the model returns logits rather than probabilities.
        reduction: The reduction over samples, as in `keras.losses.Loss`.
        name: The name of the loss, as in `keras.losses.Loss`.
        **kwargs: Further arguments of `keras.losses.Loss`.

    Raises:
        InputError: `groups` is invalid. Also raised when the loss is called, if the last axes of
            the targets and predictions have different lengths or do not fit `groups`.

    Example:
        >>> import numpy as np
        >>> loss = GroupedCrossentropy(groups=2)
        >>> paid = loss(np.array([[1.0, 0, 1, 0]]), np.array([[0.5, 0.5, 0.25, 0.75]]))
        >>> round(float(paid), 4)  # -log(1/2) - log(1/4)
        2.0794
    """

    def __init__(
        self, groups: Any, from_logits: bool = False, reduction: str = "sum_over_batch_size",
        name: str = "grouped_crossentropy", **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(name=name, reduction=reduction, **kwargs)
        check_groups(groups, "GroupedCrossentropy")
        self.groups, self.from_logits = saved_groups(groups), bool(from_logits)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the sum of the cross-entropies of all groups for each sample, `(batch,)`."""
        where = "GroupedCrossentropy"
        sizes = {y_true.shape[-1], y_pred.shape[-1]} - {None}
        if len(sizes) > 1:
            raise InputError(
                f"{where}: targets and predictions must have the same shape. "
                f"Received: {tuple(y_true.shape)} and {tuple(y_pred.shape)}."
            )
        truths, guesses = (split_groups(y, self.groups, where) for y in (y_true, y_pred))
        parts = [
            keras.losses.categorical_crossentropy(truth, guess, from_logits=self.from_logits)
            for truth, guess in zip(truths, guesses, strict=True)
        ]
        return sum(parts[1:], parts[0])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the loss."""
        return {**super().get_config(), "groups": self.groups, "from_logits": self.from_logits}


@registered
class MonotoneIndexPenalty(keras.losses.Loss):
    """Penalty for a chosen index that decreases from one group to the next.

    The chosen index of a group is the argmax of its class probabilities `p[g, i]`. Since `argmax`
    passes no gradient, the penalty is computed from the probabilities instead. It is a sum over all
    pairs of consecutive groups `g` and `g + 1`. The argument `by` selects the terms:

    * `by="index"`: `relu(E_g - E_{g+1} + margin)` with the expected index `E_g = sum_i i p[g, i]`;
    * `by="cumulative"`: `relu(F_{g+1}[j] - F_g[j] + margin)` for every class `j` except the last,
      with `F_g[j] = p[g, 0] + ... + p[g, j]`. With `margin=0`, the sum is 0 only if the probability
      of exceeding `j` never decreases, for every `j`.

    A penalty of 0 on samples proves nothing; use `outrange.monotone(model, box, groups=...)`.

    Args:
        groups: As in `outrange.layers.GroupedSoftmax`, along the last axis, in the order in which
            the index must not decrease.
        loss: A loss to add the penalty to, as a name or a Keras loss; None for the penalty alone.
        weight: The factor of the penalty.
        margin: The required increase of the index (in classes for `"index"`, in probability for
            `"cumulative"`).
        by: The terms of the penalty, `"index"` or `"cumulative"`.
        from_logits: Whether the model returns logits; the penalty then applies a softmax.
        reduction: The reduction over samples, as in `keras.losses.Loss`.
        name: The name of the loss, as in `keras.losses.Loss`.
        **kwargs: Further arguments of `keras.losses.Loss`.

    Raises:
        InputError: An argument is invalid.

    Example:
        >>> import numpy as np
        >>> penalty = MonotoneIndexPenalty(groups=2)
        >>> falls = np.array([[0.0, 0.0, 1.0, 1.0, 0.0, 0.0]])
        >>> rises = np.roll(falls, 3, axis=1)
        >>> float(penalty(falls, falls)), float(penalty(rises, rises))
        (2.0, 0.0)
    """

    def __init__(
        self, groups: Any, loss: Any = None, weight: float = 1.0, margin: float = 0.0,
        by: str = "index", from_logits: bool = False, reduction: str = "sum_over_batch_size",
        name: str = "monotone_index_penalty", **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(name=name, reduction=reduction, **kwargs)
        check_groups(groups, "MonotoneIndexPenalty")
        if by not in ("index", "cumulative"):
            raise InputError(
                '`by` must be "index" (expected index) or "cumulative" (distribution). '
                f"Received: by={by!r}."
            )
        self.groups, self.by = saved_groups(groups), by
        self.weight = finite_number(weight, "weight", "MonotoneIndexPenalty", least=0.0)
        self.margin = finite_number(margin, "margin", "MonotoneIndexPenalty")
        self.from_logits = bool(from_logits)
        self.loss = None if loss is None else loss_of(loss, "MonotoneIndexPenalty")

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the weighted penalty plus the `loss`, if any, of each sample, `(batch,)`."""
        paid = self.weight * self.penalty(y_pred)
        if self.loss is None:
            return paid
        function = self.loss.call if isinstance(self.loss, keras.losses.Loss) else self.loss
        return function(y_true, y_pred) + paid

    def penalty(self, y_pred: Any) -> Any:
        """Compute the penalty of each sample, without the factor `weight` and the added `loss`.

        Args:
            y_pred: The model's predictions, `(batch, channels)`.

        Returns:
            One number per sample, `(batch,)`.
        """
        ops = keras.ops
        parts = split_groups(y_pred, self.groups, "MonotoneIndexPenalty")
        if self.from_logits:
            parts = [ops.softmax(part, axis=-1) for part in parts]
        measured = [self._index(p) if self.by == "index" else self._above(p, parts) for p in parts]
        falls = [
            ops.sum(ops.relu(before - after + self.margin), axis=-1)
            for before, after in pairwise(measured)
        ]
        return sum(falls[1:], falls[0]) if falls else ops.zeros_like(y_pred[..., 0])

    @staticmethod
    def _index(p: Any) -> Any:
        index = keras.ops.arange(p.shape[-1], dtype=p.dtype)
        return keras.ops.sum(index * p, axis=-1, keepdims=True)

    @staticmethod
    def _above(p: Any, parts: Sequence[Any]) -> Any:
        """Return the probability that the index exceeds `j`, for each class `j` except the last.

        If another group has more classes, the missing classes have probability 0.

        Args:
            p: The class probabilities of one group, `(batch, classes)`.
            parts: The class probabilities of all groups.
        """
        ops = keras.ops
        longest = max(int(part.shape[-1]) for part in parts)
        short = longest - int(p.shape[-1])
        if short:
            p = ops.concatenate([p, ops.zeros_like(parts[-1][..., :1]) + ops.zeros((short,))], -1)
        return 1.0 - ops.cumsum(p, axis=-1)[..., :-1]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the loss."""
        saved = None if self.loss is None else keras.losses.serialize(self.loss)
        return {
            **super().get_config(), "groups": self.groups, "loss": saved, "weight": self.weight,
            "margin": self.margin, "by": self.by, "from_logits": self.from_logits,
        }  # fmt: skip
