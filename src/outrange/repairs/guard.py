"""Guard mode: a last layer that corrects the outputs where the property would be violated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..answers.repairs.repair import LayerChange
from ..core import UnsupportedError
from .demand import Demand


def guarded_model(model: Any, demands: Sequence[Demand]) -> tuple[Any, tuple[LayerChange, ...]]:
    """Return a copy of a model with a guard behind its outputs, and the changes that it makes.

    Args:
        model: A copy of the user's Keras model, loaded from a file.
        demands: The properties that the guarded model must satisfy.

    Raises:
        UnsupportedError: No guard is available for these properties.
    """
    raise UnsupportedError(
        'Repair with `method="guard"` is not available in this release; use `method="weights"`. '
        f"Received: {', '.join(demand.text for demand in demands)}."
    )
