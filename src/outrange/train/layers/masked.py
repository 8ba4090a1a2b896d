"""A dense layer with missing connections."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import InputError
from ..arguments import activation_of, positive_integer
from ..framework import Shape, keras, registered


class _KeepZero:
    """A constraint that sets the forbidden entries of a kernel to 0 after every optimizer step.

    Args:
        allowed: A bool matrix in the shape of the kernel, False for forbidden entries.
        inner: Another constraint that is applied first, or None.
    """

    def __init__(self, allowed: np.ndarray, inner: Any) -> None:
        self.allowed, self.inner = allowed, inner

    def __call__(self, kernel: Any) -> Any:
        return _apply_mask(self.allowed, kernel if self.inner is None else self.inner(kernel))


def _apply_mask(allowed: np.ndarray, kernel: Any) -> Any:
    """Return `kernel` with 0 in the forbidden entries, even if they are infinite or NaN."""
    kernel = keras.ops.convert_to_tensor(kernel)
    return keras.ops.where(allowed, kernel, keras.ops.zeros_like(kernel))


@registered
class MaskedDense(keras.layers.Layer):
    """Computes `activation(x @ kernel + bias)` without the connections that a mask forbids.

    The weight of a forbidden connection is exactly 0 from the first to the last training step. In
    the product, the mask replaces it by 0, so no gradient reaches it. The stored entry is reset to
    0 after every optimizer step, which covers momentum, weight decay and other constraints.

    Args:
        units: Number of units, that is, of outputs.
        mask: A matrix `(inputs, units)` of 0 and 1 (or False and True), with 1 at `[i, j]` if input
            `i` may reach unit `j`. A list with one string of these digits per input is accepted
            too; saved models contain this form.
        activation: As in `keras.layers.Dense`, like all following arguments.
        use_bias: Whether to add a bias.
        kernel_initializer: Initializer of the full kernel, to which the mask is then applied.
        bias_initializer: Initializer of the bias.
        kernel_regularizer: Regularizer of the masked kernel.
        bias_regularizer: Regularizer of the bias.
        kernel_constraint: Constraint applied after every step, before the mask.
        bias_constraint: Constraint of the bias.
        **kwargs: Further arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        InputError: The mask is not a matrix of 0 and 1 with `units` columns, or does not fit the
            input (raised when the layer is built).

    Example:
        >>> import numpy as np
        >>> layer = MaskedDense(2, [[1, 0], [1, 1]], kernel_initializer="ones")
        >>> np.asarray(layer(np.array([[10.0, 1.0]]))).tolist()
        [[11.0, 1.0]]
    """

    def __init__(
        self,
        units: int,
        mask: Any,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        where = f"Layer `{self.name}` (MaskedDense)"
        self.units = positive_integer(units, "units", where)
        self._mask = mask_of(mask, self.units, self.name)
        self.activation = activation_of(activation, where)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)
        self.supports_masking = True
        self._kernel = self.bias = None

    @property
    def mask(self) -> np.ndarray:
        """The existing connections as a bool matrix, `(inputs, units)`."""
        return self._mask.copy()

    @property
    def kernel(self) -> Any:
        """The effective weights, `(inputs, units)`, exactly 0 where there is no connection."""
        return _apply_mask(self._mask, self._kernel)

    def build(self, input_shape: Shape) -> None:
        """Create the weights, and check that the mask fits the input."""
        if input_shape[-1] != len(self._mask):
            raise InputError(
                f"Layer `{self.name}` (MaskedDense): the mask must have one row per input. "
                f"Received: {len(self._mask)} rows for inputs of shape {tuple(input_shape)}."
            )
        self.input_spec = keras.layers.InputSpec(min_ndim=2, axes={-1: len(self._mask)})
        draw, allowed = self.kernel_initializer, self._mask

        def draw_masked(shape: Shape, dtype: Any = None) -> Any:
            return _apply_mask(allowed, draw(shape, dtype=dtype))

        self._kernel = self.add_weight(
            name="kernel",
            shape=self._mask.shape,
            initializer=draw_masked,
            regularizer=self.kernel_regularizer,
            constraint=_KeepZero(self._mask, self.kernel_constraint),
        )
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.units,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Map a tensor of shape `(..., inputs)` to one of shape `(..., units)`."""
        x = keras.ops.matmul(inputs, self.kernel)
        if self.use_bias:
            x = keras.ops.add(x, self.bias)
        return x if self.activation is None else self.activation(x)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input shape with `units` as its last size."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, with the mask as one string of 0 and 1 per input."""
        saved: dict[str, Any] = {
            "units": self.units,
            "mask": ["".join("01"[int(m)] for m in row) for row in self._mask],
            "use_bias": self.use_bias,
            "activation": keras.activations.serialize(self.activation),
        }
        for kind in ("initializer", "regularizer", "constraint"):
            serialize = getattr(keras, f"{kind}s").serialize
            for weight in ("kernel", "bias"):
                name = f"{weight}_{kind}"
                thing = getattr(self, name)
                saved[name] = None if thing is None else serialize(thing)
        return {**super().get_config(), **saved}


def mask_of(value: Any, units: int, layer: str) -> np.ndarray:
    """Convert a mask to a bool matrix with `units` columns.

    Raises:
        InputError: `value` is not a matrix of 0 and 1 with `units` columns.
    """
    rule = (
        f"Layer `{layer}` (MaskedDense): `mask` must be a matrix of 0 and 1, shape (inputs, "
        f"{units}), with 1 if an input may reach a unit."
    )
    rows = value
    if isinstance(value, list | tuple) and value and isinstance(value[0], str):
        if any(len(row) != len(value[0]) or set(row) - {"0", "1"} for row in value):
            raise InputError(f"{rule} Received: strings that are not rows of 0 and 1.")
        rows = [[int(digit) for digit in row] for row in value]
    try:
        mask = np.asarray(keras.ops.convert_to_numpy(rows) if hasattr(rows, "shape") else rows)
    except ValueError:
        raise InputError(f"{rule} Received: rows of different lengths.") from None
    if mask.ndim != 2 or mask.shape[1] != units or not len(mask):
        raise InputError(f"{rule} Received: shape {mask.shape}.")
    if mask.dtype.kind not in "biuf" or not np.isin(mask, (0, 1)).all():
        raise InputError(f"{rule} Received: values {mask.ravel()[:4].tolist()}, ...")
    return mask.astype(bool)
