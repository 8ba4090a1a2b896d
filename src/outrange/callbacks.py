"""The Keras callbacks `RangeMonitor` and `Prove`, and `RangeWarning`, imported on first use."""

from typing import TYPE_CHECKING

from .lazy import attach


if TYPE_CHECKING:
    from .api.callbacks.prove import Prove as Prove
    from .train.monitor import RangeMonitor as RangeMonitor, RangeWarning as RangeWarning

__getattr__, __dir__, __all__ = attach(
    __name__, {".api.callbacks.prove": "Prove", ".train.monitor": "RangeMonitor RangeWarning"}
)
