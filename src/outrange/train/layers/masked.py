"""A dense layer some of whose connections do not exist."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import InputError
from ..arguments import activation_of, whole_number
from ..framework import Shape, keras, registered


class _KeepZero:
    """The constraint of a masked kernel: whatever an optimizer did, forbidden entries are 0."""

    def __init__(self, allowed: np.ndarray, inner: Any) -> None:
        self.allowed, self.inner = allowed, inner

    def __call__(self, kernel: Any) -> Any:
        return _kept(self.allowed, kernel if self.inner is None else self.inner(kernel))


def _kept(allowed: np.ndarray, kernel: Any) -> Any:
    """`kernel`, 0 where it is not allowed: unlike a product, 0 for infinities and NaN too."""
    kernel = keras.ops.convert_to_tensor(kernel)
    return keras.ops.where(allowed, kernel, keras.ops.zeros_like(kernel))


@registered
class MaskedDense(keras.layers.Layer):
    """`activation(x @ kernel + bias)`, where a mask says which entries of the kernel exist.

    A forbidden connection is exactly 0 from the first step to the last: it is left out of the
    product, so no gradient reaches it, and after every step of an optimizer (momentum, weight
    decay, orthogonalized updates, constraints) the stored entry is 0 too.

    Args:
        units: Number of outputs.
        mask: `(inputs, units)` of 0 and 1 (or False, True): 1 where input `i` may reach unit `j`.
            Or one string of these digits an input, as saved models hold it.
        activation: As in `keras.layers.Dense`, like all that follow.
        use_bias: Whether to add a bias.
        kernel_initializer: Drawn for the full kernel; then the mask is applied.
        bias_initializer: Of the bias.
        kernel_regularizer: Sees the masked kernel.
        bias_regularizer: Of the bias.
        kernel_constraint: Applied after every step; then the mask is.
        bias_constraint: Of the bias.
        **kwargs: Those of `keras.layers.Layer`, `name` say.

    Raises:
        InputError: The mask is no matrix of 0 and 1 with `units` columns, or does not fit the input
            (raised when the layer is built).

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
        self.units = whole_number(units, "units", where)
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
        """`(inputs, units)` bool: which connections exist."""
        return self._mask.copy()

    @property
    def kernel(self) -> Any:
        """`(inputs, units)`: the weights in force, exactly 0 where there is no connection."""
        return _kept(self._mask, self._kernel)

    def build(self, input_shape: Shape) -> None:
        """Make the weights; the mask must fit the input."""
        if input_shape[-1] != len(self._mask):
            raise InputError(
                f"Layer `{self.name}` (MaskedDense): the mask has one row an input. "
                f"Received: {len(self._mask)} rows for inputs of shape {tuple(input_shape)}."
            )
        self.input_spec = keras.layers.InputSpec(min_ndim=2, axes={-1: len(self._mask)})
        draw, allowed = self.kernel_initializer, self._mask

        def masked(shape: Shape, dtype: Any = None) -> Any:
            return _kept(allowed, draw(shape, dtype=dtype))

        self._kernel = self.add_weight(
            name="kernel",
            shape=self._mask.shape,
            initializer=masked,
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
        """`(..., inputs)` to `(..., units)`."""
        x = keras.ops.matmul(inputs, self.kernel)
        if self.use_bias:
            x = keras.ops.add(x, self.bias)
        return x if self.activation is None else self.activation(x)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's, with `units` in the last place."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """The arguments; the mask as one string of 0 and 1 an input."""
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
                own = getattr(self, name)
                saved[name] = None if own is None else serialize(own)
        return {**super().get_config(), **saved}


def mask_of(given: Any, units: int, layer: str) -> np.ndarray:
    """A mask as a bool matrix with `units` columns.

    Raises:
        InputError: It is none.
    """
    rule = (
        f"Layer `{layer}` (MaskedDense): `mask` is a matrix of 0 and 1, shape (inputs, {units}), "
        "1 where an input may reach a unit."
    )
    rows = given
    if isinstance(given, list | tuple) and given and isinstance(given[0], str):
        if any(len(row) != len(given[0]) or set(row) - {"0", "1"} for row in given):
            raise InputError(f"{rule} Received: strings that are not rows of 0 and 1.")
        rows = [[int(digit) for digit in row] for row in given]
    try:
        mask = np.asarray(keras.ops.convert_to_numpy(rows) if hasattr(rows, "shape") else rows)
    except ValueError:
        raise InputError(f"{rule} Received: rows of different lengths.") from None
    if mask.ndim != 2 or mask.shape[1] != units or not len(mask):
        raise InputError(f"{rule} Received: shape {mask.shape}.")
    if mask.dtype.kind not in "biuf" or not np.isin(mask, (0, 1)).all():
        raise InputError(f"{rule} Received: other values, {mask.ravel()[:4].tolist()} first.")
    return mask.astype(bool)
