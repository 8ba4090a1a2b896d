"""Keras losses for groups of classes, where the argmax should not fall from group to group.

Importing this module imports Keras and registers the losses.
"""

from .train.layers.penalties import (
    GroupedCrossentropy as GroupedCrossentropy,
    MonotoneIndexPenalty as MonotoneIndexPenalty,
)
