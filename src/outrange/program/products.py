"""Products with a kernel whose last axis counts units."""

from dataclasses import dataclass


@dataclass(frozen=True)
class KernelProduct:
    """A dense layer's product, or a convolution all of whose channels read all channels.

    Args:
        kernel: Index of the weight: its last axis counts the units, the one before what they read.
        axis: The axis of the result, and of what is multiplied, that counts units or channels.
        own: Whether one of Keras's own layers multiplies by its own kernel.
        bias: Index of what such a layer adds next; None if it adds nothing.
    """

    kernel: int
    axis: int
    own: bool = False
    bias: int | None = None
