"""Keras losses for grouped classes whose chosen index should not fall from group to group.

Importing this module imports Keras and registers the losses.
"""

from .train.layers.penalties import (
    GroupedCrossentropy as GroupedCrossentropy,
    MonotoneIndexPenalty as MonotoneIndexPenalty,
)
