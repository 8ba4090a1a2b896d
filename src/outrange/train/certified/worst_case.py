"""Per-sample losses of compiled models, and the worst outputs within proved bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...core import InputError
from ..framework import keras
from .head import OutputBounds


CLASSES = ("categorical_crossentropy", "sparse_categorical_crossentropy")
"""Names of losses whose outputs are scores of classes."""

CONVEX = (
    "binary_crossentropy", "mean_squared_error", "mean_absolute_error", "huber", "log_cosh"
)  # fmt: skip
"""Names of losses that are a mean over the outputs, and convex in each output."""


@dataclass(frozen=True, eq=False)
class SampleLoss:
    """A loss per sample, with the outputs at which it is largest.

    Args:
        function: Function from targets and outputs to one loss per sample.
        name: Name of the loss, one of `CLASSES` and `CONVEX`.
        from_logits: Whether the loss expects logits.
    """

    function: Any
    name: str
    from_logits: bool

    @staticmethod
    def of(loss: Any) -> SampleLoss:
        """Convert the loss of a compiled model to a loss per sample.

        Raises:
            InputError: The loss is not one of Keras's losses in `CLASSES` and `CONVEX`, or is a
                loss of `CLASSES` with label smoothing.
        """
        loss = keras.losses.get(loss) if isinstance(loss, str) else loss
        function = loss.call if isinstance(loss, keras.losses.Loss) else loss
        plain = getattr(loss, "fn", loss)
        name = getattr(plain, "__name__", type(loss).__name__)
        names = (*CLASSES, *CONVEX)
        if name not in names or plain is not getattr(keras.losses, name, None):
            raise InputError(
                f"Certified training supports these losses: {', '.join(names)}. "
                f"Compile the model with one of them. Received: loss={name}."
            )
        options = getattr(loss, "_fn_kwargs", {})
        if name in CLASSES and options.get("label_smoothing", 0.0):
            raise InputError(
                "Certified training needs targets of one class per sample, because the worst "
                "outputs for a mixture of classes are unknown. Set `label_smoothing` to 0. "
                f"Received: loss={name}, label_smoothing={options['label_smoothing']}."
            )
        return SampleLoss(function, name, bool(options.get("from_logits", False)))

    @property
    def classes(self) -> bool:
        """Whether the outputs are scores of classes."""
        return self.name in CLASSES

    def mean(self, y: Any, outputs: Any, weight: Any) -> Any:
        """Return the mean over a batch of each sample's loss times its weight, if there is one."""
        ops = keras.ops
        if self.name != CLASSES[1] and len(y.shape) == len(outputs.shape) - 1:
            y = ops.expand_dims(y, -1)
        losses = self.function(y, outputs)
        return ops.mean(losses if weight is None else losses * ops.cast(weight, losses.dtype))

    def index(self, y: Any, outputs: Any) -> Any:
        """Return the true class of each sample as a one-hot matrix, `(batch, classes)`."""
        ops = keras.ops
        if self.name == CLASSES[1]:
            chosen = ops.cast(ops.reshape(y, (-1,)), "int32")
        else:
            chosen = ops.argmax(y, axis=-1)
        return ops.one_hot(chosen, outputs.shape[-1], dtype=outputs.dtype)

    def margins(self, y: Any, bounds: OutputBounds) -> Any:
        """Return lower bounds on the true class's logit minus each logit, `(batch, classes)`."""
        ops = keras.ops
        truth = self.index(y, bounds.output.lo)
        rows = truth[:, :, None] - ops.eye(truth.shape[-1], dtype=truth.dtype)[None]
        return bounds.linear_form(rows).lo

    def outputs_of(self, logits: Any, bounds: OutputBounds) -> Any:
        """Convert logits to outputs: to probabilities if the model ends in a softmax."""
        if bounds.head is not None and bounds.head.softmax:
            return keras.ops.softmax(logits, axis=-1)
        return logits

    def worst(self, y: Any, bounds: OutputBounds) -> Any:
        """Return outputs whose loss is at least that of all outputs within the bounds.

        A classification loss requires targets that are integers or one-hot. If logits are known,
        the negated lower bounds on the margins serve as logits, since adding a number to all logits
        does not change the loss. Otherwise, the output of the true class is set to its lower bound,
        and all other outputs are set to their upper bounds. Any other loss is convex in each
        output, so it is largest at one of the output's two bounds.

        Raises:
            InputError: The loss is a classification loss, and the model does not return one vector
                per sample.
        """
        ops = keras.ops
        lo, hi = bounds.output.lo, bounds.output.hi
        if self.classes:
            if len(lo.shape) != 2:
                raise InputError(
                    "Certified training with a classification loss needs one vector of scores per "
                    f"sample. Received: outputs of shape {tuple(lo.shape)}."
                )
            has_logits = self.from_logits or (bounds.head is not None and bounds.head.softmax)
            if has_logits:
                return self.outputs_of(-self.margins(y, bounds), bounds)
            return ops.where(self.index(y, lo) > 0, lo, hi)
        y = ops.cast(y, lo.dtype)
        y = ops.expand_dims(y, -1) if len(y.shape) == len(lo.shape) - 1 else y
        at_lo, at_hi = (self.function(y[..., None], end[..., None]) for end in (lo, hi))
        return ops.where(at_hi >= at_lo, hi, lo)
