"""Keras losses for models whose outputs form groups of classes.

`GroupedCrossentropy` sums the cross-entropies of all groups. `MonotoneIndexPenalty` penalizes an
argmax that falls from one group to the next.

Importing this module imports Keras and registers the losses.
"""

from .train.layers.penalties import (
    GroupedCrossentropy as GroupedCrossentropy,
    MonotoneIndexPenalty as MonotoneIndexPenalty,
)
