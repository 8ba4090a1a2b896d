"""A record of products with a kernel, made by dense layers and convolutions."""

from dataclasses import dataclass


@dataclass(frozen=True)
class KernelProduct:
    """The product of a dense layer, or of a convolution in which every output reads all channels.

    Args:
        kernel: Index of the weight. Its last axis has one entry per unit, and the axis before it
            one entry per input.
        axis: The axis with one entry per unit in the result, and with one entry per input in the
            multiplied tensor.
        own: Whether a built-in Keras layer multiplies by its own kernel.
        bias: Index of the bias that this layer adds to the product; None if it adds none.
    """

    kernel: int
    axis: int
    own: bool = False
    bias: int | None = None
