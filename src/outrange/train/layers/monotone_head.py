"""A head of grouped classes whose chosen index cannot decrease from group to group."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import InputError
from ..framework import Shape, keras, registered
from .grouped import GroupedSoftmax


@registered
class MonotoneIndexHead(keras.layers.Layer):
    """Computes scores of grouped classes whose argmax never decreases from group to group.

    The logits of group `g` are those of group `g - 1` plus increments that increase with the class:
    `l[g, i] = l[g - 1, i] + sum_{1 <= j <= i} softplus(d[g, j])`. If class `i` beats a lower class
    in one group, it beats that class in the next group by a larger margin. So the argmax never
    decreases in real arithmetic, for every input and all weights: before, during and after
    training. (In float32 two classes may round to a tie.)

    Args:
        groups: Number of groups, at least 2.
        classes: Number of classes in each group, at least 2.
        softmax: Whether to return probabilities; False returns logits.
        kernel_initializer: Initializer of the kernel, as in `keras.layers.Dense`.
        bias_initializer: Initializer of the bias, as in `keras.layers.Dense`.
        kernel_regularizer: Regularizer of the kernel, as in `keras.layers.Dense`.
        **kwargs: Further arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        InputError: `groups` or `classes` is not an integer of at least 2.

    Example:
        >>> import numpy as np
        >>> head = MonotoneIndexHead(groups=3, classes=4)
        >>> out = np.asarray(head(np.random.default_rng(0).normal(size=(50, 5))))
        >>> chosen = out.reshape(50, 3, 4).argmax(axis=-1)
        >>> bool((np.diff(chosen, axis=1) >= 0).all())
        True

    Reference: Topkis, *Minimizing a submodular function on a lattice* (1978): increasing
    differences make the chosen index monotone.
    """

    def __init__(
        self,
        groups: int,
        classes: int,
        softmax: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, value in (("groups", groups), ("classes", classes)):
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 2:
                raise InputError(
                    f"Layer `{self.name}` (MonotoneIndexHead): `{name}` must be an integer >= 2. "
                    f"Received: {name}={value!r}."
                )
        self.groups, self.classes, self.softmax = int(groups), int(classes), bool(softmax)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self._normalize = GroupedSoftmax(self.groups, name="softmax")
        self.kernel = self.bias = None

    def build(self, input_shape: Shape) -> None:
        """Create the kernel and the bias of the layer."""
        columns = self.classes + (self.groups - 1) * (self.classes - 1)
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[-1], columns),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )
        self.bias = self.add_weight(
            name="bias", shape=(columns,), initializer=self.bias_initializer
        )
        self._normalize.build((*input_shape[:-1], self.groups * self.classes))
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the probabilities of the classes, or the logits if `softmax` is False.

        Args:
            inputs: The features, `(..., features)`.

        Returns:
            `(..., groups * classes)`: all classes of the first group, then those of the second
            group, and so on.
        """
        ops = keras.ops
        z = ops.add(ops.matmul(inputs, self.kernel), self.bias)
        first, steps = z[..., : self.classes], ops.softplus(z[..., self.classes :])
        repeat, add_up = self._sums()
        logits = ops.add(ops.matmul(first, repeat), ops.matmul(steps, add_up))
        return self._normalize(logits) if self.softmax else logits

    def _sums(self) -> tuple[np.ndarray, np.ndarray]:
        """Return two matrices: the first repeats logits, and the second sums increments.

        The logits of all groups are the first group's logits times the first matrix, plus the
        increments times the second matrix. The first matrix repeats the logits of the first group
        in every group. The second matrix adds to each logit of a later group all increments of
        groups and classes up to its own group and class.
        """
        g, k = self.groups, self.classes
        repeat = np.tile(np.eye(k, dtype="float32"), (1, g))
        group, place = np.divmod(np.arange((g - 1) * (k - 1)), k - 1)
        later = np.arange(g)[None, :, None] > group[:, None, None]
        higher = np.arange(k)[None, None, :] > place[:, None, None]
        return repeat, (later & higher).astype("float32").reshape(group.size, g * k)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input shape with `groups * classes` as its last size."""
        return (*input_shape[:-1], self.groups * self.classes)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer."""
        return {
            **super().get_config(),
            "groups": self.groups,
            "classes": self.classes,
            "softmax": self.softmax,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }
