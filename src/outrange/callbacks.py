"""The Keras callback `RangeMonitor` and its warning `RangeWarning`, both imported on first use."""

from typing import TYPE_CHECKING

from .lazy import attach


if TYPE_CHECKING:
    from .train.monitor import RangeMonitor as RangeMonitor, RangeWarning as RangeWarning

__getattr__, __dir__, __all__ = attach(__name__, {".train.monitor": "RangeMonitor RangeWarning"})
