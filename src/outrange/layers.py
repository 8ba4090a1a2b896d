"""Keras layers for custom activations and wiring, whose outputs this library can bound.

    import outrange.layers

    outrange.layers.ChannelActivation({0: "sigmoid", range(1, 5): "relu"})

Importing this module imports Keras and registers the layers, so that `keras.models.load_model`
finds them. `outrange.load` does this automatically.
"""

from .train.layers.channels import ChannelActivation as ChannelActivation
from .train.layers.grouped import GroupedSoftmax as GroupedSoftmax
from .train.layers.masked import MaskedDense as MaskedDense
from .train.layers.monotone_head import MonotoneIndexHead as MonotoneIndexHead
from .train.layers.node import WiredNode as WiredNode
from .train.layers.wiring import wire as wire
