"""Keras layers that this library can bound: activations, wiring, and rules for outputs.

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
from .train.layers.rules.any_halfspace import AnyHalfspace as AnyHalfspace
from .train.layers.rules.argmax import ArgmaxIs as ArgmaxIs, ArgmaxIsNot as ArgmaxIsNot
from .train.layers.rules.bounded import Bounded as Bounded
from .train.layers.rules.box_guard import BoxGuard as BoxGuard
from .train.layers.rules.halfspaces import Halfspaces as Halfspaces
from .train.layers.rules.ordered import Ordered as Ordered
from .train.layers.wiring import wire as wire
