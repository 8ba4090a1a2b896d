"""The wrapper `outrange.training.Certified`, which trains a model so that proofs succeed."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import InputError
from ...frontends.load import load
from ..arguments import finite_number
from ..framework import keras
from .attack import ascend
from .head import OutputBounds, head_of
from .interval import TensorBounds
from .property_loss import PropertyLoss
from .worst_case import SampleLoss


LOSSES = ("ibp", "mtl-ibp", "cc-ibp", "sabr")


class Certified(keras.Model):
    """Trains a model with a loss that interval arithmetic bounds over sets of inputs.

    The wrapper has the weights of `model`, so training the wrapper trains the model; save and
    verify the model itself. Only `compute_loss` is replaced, so `fit` works as usual on every
    backend. Interval bounds support Dense, Conv, pooling and batch normalization layers, increasing
    activations, softmax, and layers that only rearrange, add or compare entries. The error for any
    other layer names it.

    With a radius `eps`, the loss of a sample `x` is taken over the box `|x' - x| <= eps`:

    * `"ibp"`: `(1 - alpha) L(x) + alpha L(worst outputs within the interval bounds)`;
    * `"mtl-ibp"`: the formula of `"ibp"`, with `L(x_adv)` at an attacked input in place of
      `L(x)`;
    * `"cc-ibp"`: the loss of `(1 - alpha) (attacked outputs) + alpha (worst outputs)`;
    * `"sabr"`: the loss of the worst outputs over a box of radius `alpha eps` around the attacked
      input, moved into the box of radius `eps`.

    A small `alpha` costs less accuracy, but proofs then need a complete verifier such as
    `outrange.robust_accuracy`. Targets of a classification loss must be integers or one-hot
    vectors, without label smoothing. With such a loss, `fit` and `evaluate` also report `proved`:
    the fraction of the samples whose class is proved by interval bounds, apart from rounding
    errors. Training uses the boxes of the loss, and evaluation those of the full radius.

    Args:
        model: A built Sequential or functional Keras model with one input and one output.
        sets: The radius `eps` (a number, or one number per input), a `PropertyLoss`, or a list of
            `PropertyLoss`, which are added to the compiled loss.
        loss: One of `"ibp"`, `"mtl-ibp"`, `"cc-ibp"`, `"sabr"`; only for a radius.
        alpha: Weight of the interval bounds in the loss, from 0 to 1; for `"sabr"`, the radius of
            the small box as a fraction of `eps`.
        ramp: Number of training steps during which the radius, or the weight of a property, rises
            from 0 to its full value.
        clip: The least and the largest possible input, to which boxes are clipped; None for no
            limits.
        steps: Number of gradient steps of the attack.
        name: Name of the wrapper.

    Raises:
        InputError: An argument is invalid; or the worst outputs are unknown for the compiled loss
            (raised by `compile`).
        UnsupportedError: The model has a layer without interval bounds.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.uniform(size=(64, 2)); y = (x[:, 0] > x[:, 1]).astype(int)
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(8, activation="relu"),
        ...                           keras.layers.Dense(2)])
        >>> trained = Certified(model, 0.05, clip=(0, 1))
        >>> trained.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        >>> history = trained.fit(x, y, epochs=2, verbose=0)
        >>> sorted(history.history)
        ['loss', 'proved']

    Reference: Gowal et al. (IBP, ICCV 2019); Müller et al. (SABR, ICLR 2023); De Palma et al.
    (MTL-IBP and CC-IBP, ICLR 2024).
    """

    def __init__(
        self,
        model: Any,
        sets: Any,
        loss: str = "mtl-ibp",
        alpha: float = 0.5,
        ramp: int = 0,
        clip: tuple[float, float] | None = None,
        steps: int = 3,
        name: str = "certified",
    ) -> None:
        super().__init__(name=name)
        self.model = model
        self.kind = _read_loss(loss)
        self.alpha = finite_number(alpha, "alpha", "Certified", least=0.0)
        self.ramp = finite_number(ramp, "ramp", "Certified", least=0.0)
        self.attack_steps = int(finite_number(steps, "steps", "Certified", least=0.0))
        if self.alpha > 1:
            raise InputError(f"Certified: `alpha` must be at most 1. Received: alpha={alpha!r}.")
        self.clip = None if clip is None else _read_clip(clip)
        self.properties = _read_properties(sets)
        self.radius = None if self.properties else _read_radius(sets)
        if len(getattr(model, "inputs", None) or ()) != 1 or len(model.outputs) != 1:
            raise InputError(
                "Certified needs a built Keras model with one input and one output. "
                f"Received: {type(model).__name__} `{model.name}`."
            )
        shape = tuple(model.inputs[0].shape[1:])
        self._head = head_of(model)
        empty = keras.ops.zeros((1, *shape), "float32")
        OutputBounds.of(model, TensorBounds(empty, empty), self._head)
        if self.properties:
            network = load(model)
            for part in self.properties:
                part.attach(network, shape)
        self.proved = keras.metrics.Mean("proved")
        self._sample_loss: SampleLoss | None = None
        self.seen = self.add_weight(
            name="seen", shape=(), dtype="float32", initializer="zeros", trainable=False
        )
        self.built = True

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compile the wrapper, with the arguments of `keras.Model.compile`.

        Raises:
            InputError: The worst outputs are unknown for the loss; only with a radius.
        """
        super().compile(*args, **kwargs)
        self._sample_loss = None if self.properties else SampleLoss.of(self.loss)

    @property
    def metrics(self) -> list[Any]:
        """The metrics, with `proved` only for a radius and a classification loss."""
        loss = self._sample_loss
        has_classes = loss is not None and loss.classes
        return [m for m in super().metrics if has_classes or m.name != "proved"]

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the model's outputs."""
        return self.model(inputs, training=training)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the loss of a batch: the certified loss in training, else the compiled loss.

        Args:
            x: Inputs of the samples, `(batch, *input_shape)`.
            y: Targets of the samples, as the compiled loss expects them.
            y_pred: Outputs of the model for `x`, in training mode during training.
            sample_weight: Weights of the samples, `(batch,)`, or None.
            training: Whether the model is being trained.
        """
        if not training:
            self._count_proved(x, y)
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        self.seen.assign_add(1.0)
        share = keras.ops.minimum(1.0, self.seen / self.ramp) if self.ramp else 1.0
        if self.properties:
            plain = super().compute_loss(x, y, y_pred, sample_weight, training)
            extra = sum(part.weight * part.violation(self.model) for part in self.properties)
            return plain + share * extra
        compiled = self._sample_loss
        assert compiled is not None
        x = keras.ops.cast(x, "float32")
        robust = self._robust_loss(compiled, x, y, sample_weight, share)
        if self.kind == "ibp":
            nominal = compiled.mean(y, y_pred, sample_weight)
            robust = (1 - self.alpha) * nominal + self.alpha * robust
        return robust + sum(self.model.losses)

    def _count_proved(self, x: Any, y: Any) -> None:
        """Update the metric `proved` in evaluation, over boxes of the full radius."""
        compiled = self._sample_loss
        if compiled is not None and compiled.classes and y is not None:
            x = keras.ops.cast(x, "float32")
            radius = np.asarray(self.radius, "float32")
            ends = TensorBounds(self._clip(x - radius), self._clip(x + radius))
            self._worst_loss(compiled, ends, y, None)

    def _robust_loss(self, compiled: SampleLoss, x: Any, y: Any, weight: Any, share: Any) -> Any:
        """Return the loss over boxes around the samples.

        Args:
            share: Fraction of the radius `eps` that the boxes have.
        """
        ops, model = keras.ops, self.model
        radius = ops.convert_to_tensor(np.asarray(self.radius, "float32")) * share
        lo, hi = self._clip(x - radius), self._clip(x + radius)
        if self.kind == "ibp":
            return self._worst_loss(compiled, TensorBounds(lo, hi), y, weight)[0]
        steps = self.attack_steps

        def score(at: Any) -> Any:
            return compiled.mean(y, model(at, training=False), None)

        attacked = ascend(score, x, lo, hi, steps)
        if self.kind == "sabr":
            small = (hi - lo) / 2 * self.alpha
            center = ops.minimum(ops.maximum(attacked, lo + small), hi - small)
            return self._worst_loss(
                compiled, TensorBounds(center - small, center + small), y, weight
            )[0]
        loss, worst, bounds = self._worst_loss(compiled, TensorBounds(lo, hi), y, weight)
        outputs = model(attacked, training=False)
        if self.kind == "mtl-ibp":
            return (1 - self.alpha) * compiled.mean(y, outputs, weight) + self.alpha * loss
        return compiled.mean(y, self._mix(compiled, y, outputs, worst, bounds), weight)

    def _worst_loss(
        self, compiled: SampleLoss, inputs: TensorBounds, y: Any, weight: Any
    ) -> tuple[Any, Any, OutputBounds]:
        """Return the loss of the worst outputs over boxes, these outputs, and the output bounds.

        For a classification loss, also update the metric `proved`.
        """
        ops = keras.ops
        bounds = OutputBounds.of(self.model, inputs, self._head)
        worst = compiled.worst(y, bounds)
        if compiled.classes:
            truth = compiled.index(y, worst)
            best = ops.max(ops.where(truth > 0, -np.inf, worst), axis=-1)
            proved = ops.sum(ops.where(truth > 0, worst, 0.0), axis=-1) > best
            self.proved.update_state(ops.cast(proved, "float32"))
        return compiled.mean(y, worst, weight), worst, bounds

    def _mix(
        self, compiled: SampleLoss, y: Any, outputs: Any, worst: Any, bounds: OutputBounds
    ) -> Any:
        """Return the convex combination of attacked and worst outputs.

        For classes with logits, the combined values are the logits minus the logit of the true
        class.
        """
        ops, softmax = keras.ops, bounds.head is not None and bounds.head.softmax
        if not compiled.classes or not (softmax or compiled.from_logits):
            return (1 - self.alpha) * outputs + self.alpha * worst
        logits = ops.log(ops.maximum(outputs, 1e-30)) if softmax else outputs
        truth = ops.sum(compiled.index(y, outputs) * logits, axis=-1, keepdims=True)
        mixed = (1 - self.alpha) * (logits - truth) - self.alpha * compiled.margins(y, bounds)
        return compiled.outputs_of(mixed, bounds)

    def _clip(self, x: Any) -> Any:
        return x if self.clip is None else keras.ops.clip(x, *self.clip)


def _read_loss(loss: Any) -> str:
    if loss not in LOSSES:
        raise InputError(f"Certified: `loss` must be one of {LOSSES}. Received: loss={loss!r}.")
    return loss


def _read_clip(clip: Any) -> tuple[float, float]:
    if not isinstance(clip, tuple | list) or len(clip) != 2:
        raise InputError(f"Certified: `clip` must be a pair (lo, hi). Received: {clip!r}.")
    lo, hi = (finite_number(end, "clip", "Certified") for end in clip)
    if lo >= hi:
        raise InputError(f"Certified: `clip` must be a pair (lo, hi). Received: {clip!r}.")
    return lo, hi


def _read_properties(sets: Any) -> list[PropertyLoss]:
    parts = list(sets) if isinstance(sets, list | tuple) else [sets]
    if any(isinstance(part, PropertyLoss) for part in parts):
        if not all(isinstance(part, PropertyLoss) for part in parts):
            raise InputError(
                "Certified: `sets` must be a radius, a PropertyLoss, or a list of PropertyLoss. "
                f"Received: {sets!r}."
            )
        return parts
    return []


def _read_radius(sets: Any) -> np.ndarray:
    try:
        radius = np.asarray(sets, float)
    except (TypeError, ValueError):
        radius = np.array(np.nan)
    if not np.isfinite(radius).all() or not (radius >= 0).all() or isinstance(sets, bool):
        raise InputError(
            "Certified: `sets` must be a radius (a number at least 0, or one per input), a "
            f"PropertyLoss, or a list of PropertyLoss. Received: {sets!r}."
        )
    return radius
