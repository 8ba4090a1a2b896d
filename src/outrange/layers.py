"""Keras layers for custom activations and wiring, whose outputs this library can bound.

    import outrange.layers

    outrange.layers.ChannelActivation({0: "sigmoid", slice(1, 5): "relu"})

Importing this module imports Keras and registers the layers, so that `keras.models.load_model`
finds them; `outrange.load` does so by itself.
"""

from .train.channels import ChannelActivation as ChannelActivation
from .train.grouped import GroupedSoftmax as GroupedSoftmax
from .train.masked import MaskedDense as MaskedDense
from .train.monotone_head import MonotoneIndexHead as MonotoneIndexHead
from .train.node import Node as Node
from .train.wire import wire as wire
