"""A layer that enforces a rule on a box of inputs, and gradually relaxes it outside the box."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....core import InputError
from ...framework import Shape, keras, registered
from .any_halfspace import AnyHalfspace
from .argmax import ArgmaxIs, ArgmaxIsNot
from .bounded import Bounded
from .halfspaces import Halfspaces
from .numbers import number_dtype, round_down, round_up
from .ordered import Ordered


RULES = (Bounded, Halfspaces, AnyHalfspace, Ordered, ArgmaxIs, ArgmaxIsNot)
"""The layers that a guard can restrict to a box."""


@registered
class BoxGuard(keras.layers.Layer):
    """Enforces a rule on the outputs where the inputs are in a box.

    In the box, the guard applies the rule, so the rule holds there whatever the weights of the
    model are. Outside, the rule's limits are widened by `sum_i fade_i d_i(x)`, where `d_i(x)` is
    the distance of input `i` from its interval. So the guard's effect decreases continuously with
    the distance, and far from the box, outputs stay as they are. Outputs that satisfy the rule are
    never changed.

    Call the layer with a list: the outputs, and then the inputs, `BoxGuard(rule, box)([y, x])`.

    Args:
        rule: One of the layers `Bounded`, `Halfspaces`, `AnyHalfspace`, `Ordered`, `ArgmaxIs` and
            `ArgmaxIsNot`, without `smooth=True`.
        box: A pair `(lo, hi)` of numbers or of arrays in the shape of one input. With several
            inputs, a list of one pair per input.
        fade: Rate at which the limits widen outside the box, positive, in units of the output per
            unit of the input: one number, or a list of one array per input.
        **kwargs: Further arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        InputError: An argument is invalid, or does not fit the inputs (raised when the layer is
            built).

    Example:
        >>> import numpy as np
        >>> guard = BoxGuard(Bounded(hi=1.0), (0.0, 2.0), fade=10.0)
        >>> y, x = np.array([[3.0], [3.0], [3.0]]), np.array([[1.0], [2.1], [9.0]])
        >>> np.asarray(guard([y, x])).round(5).tolist()
        [[1.0], [2.0], [3.0]]
    """

    def __init__(self, rule: Any, box: Any, fade: Any = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        where = f"Layer `{self.name}` (BoxGuard)"
        if not isinstance(rule, RULES) or getattr(rule, "smooth", False):
            raise InputError(
                f"{where}: `rule` must be one of the layers "
                f"{', '.join(f'`{kind.__name__}`' for kind in RULES)}, without `smooth=True`. "
                f"Received: {rule!r}."
            )
        self.rule = rule
        self._dtype = number_dtype(self)
        pairs = box if isinstance(box, list) else [box]
        self.box = [_read_pair(pair, where, self._dtype) for pair in pairs]
        rates = fade if isinstance(fade, list) else [fade] * len(pairs)
        if len(rates) != len(pairs):
            raise InputError(
                f"{where}: `fade` must be a number, or a list of one array per input. "
                f"Received: {len(rates)} arrays for {len(pairs)} inputs."
            )
        self.fade = [_read_rate(rate, where) for rate in rates]

    def build(self, input_shape: list[Shape]) -> None:
        """Check that the box fits the inputs, and build the rule."""
        where = f"Layer `{self.name}` (BoxGuard)"
        if len(input_shape) != 1 + len(self.box):
            raise InputError(
                f"{where}: call the layer with a list: the outputs, then {len(self.box)} inputs, "
                f"one per pair of `box`. Received: {len(input_shape)} tensors."
            )
        for shape, (lo, hi), rate in zip(input_shape[1:], self.box, self.fade, strict=True):
            for array in (lo, hi, rate):
                if array.ndim and array.shape != tuple(shape[1:]):
                    raise InputError(
                        f"{where}: `box` and `fade` must be numbers or have the shape of an input. "
                        f"Received: shape {array.shape} for an input of shape {tuple(shape[1:])}."
                    )
        if not self.rule.built:
            self.rule.build(input_shape[0])
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Apply the rule to the outputs `inputs[0]`, with wider limits outside the box.

        The limits widen with the distance of the model's inputs, `inputs[1:]`, from the box.
        """
        ops, outputs = keras.ops, inputs[0]
        slack = 0.0
        for x, (lo, hi), rate in zip(inputs[1:], self.box, self.fade, strict=True):
            x = ops.cast(x, self._dtype)
            away = ops.relu(ops.subtract(x, hi)) + ops.relu(ops.subtract(lo, x))
            away = ops.multiply(away, rate.astype(self._dtype))
            axes = tuple(range(1, len(x.shape)))
            slack = slack + (ops.sum(away, axis=axes) if axes else away)
        slack = ops.reshape(slack, (-1, *[1] * (len(outputs.shape) - 1)))
        return self.rule.enforce(outputs, slack)

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        """Return the shape of the outputs."""
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer, with arrays as lists."""
        return {
            **super().get_config(),
            "rule": keras.saving.serialize_keras_object(self.rule),
            "box": [[end.astype(float).tolist() for end in pair] for pair in self.box],
            "fade": [rate.tolist() for rate in self.fade],
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> BoxGuard:
        """Create the layer from a result of `get_config`."""
        rule = keras.saving.deserialize_keras_object(config["rule"])
        return cls(**{**config, "rule": rule})


def _read_pair(pair: Any, where: str, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Convert a pair to the ends of a box, rounded outward to a dtype."""
    rule = f"{where}: `box` must be a pair `(lo, hi)`, or a list of one pair per input, lo <= hi."
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise InputError(f"{rule} Received: {pair!r}.")
    lo, hi = _read_array(pair[0], rule), _read_array(pair[1], rule)
    if (lo.ndim and hi.ndim and lo.shape != hi.shape) or not (lo <= hi).all():
        raise InputError(f"{rule} Received: {pair!r}.")
    return round_down(lo, dtype), round_up(hi, dtype)


def _read_rate(value: Any, where: str) -> np.ndarray:
    rule = f"{where}: `fade` must be positive and finite."
    rate = _read_array(value, rule)
    if not (rate > 0).all():
        raise InputError(f"{rule} Received: fade={value!r}.")
    return rate


def _read_array(value: Any, rule: str) -> np.ndarray:
    try:
        array = np.asarray(value)
    except ValueError:
        raise InputError(f"{rule} Received: rows of different lengths.") from None
    if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise InputError(f"{rule} Received: {value!r}.")
    return array.astype(float)
