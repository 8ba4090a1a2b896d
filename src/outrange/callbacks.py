"""The Keras callback `RangeMonitor` and its warning `RangeWarning`, both imported on first use."""

from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from .train.monitor import RangeMonitor as RangeMonitor, RangeWarning as RangeWarning

__all__ = ["RangeMonitor", "RangeWarning"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from .train import monitor

        return getattr(monitor, name)
    raise AttributeError(f"The callbacks are {__all__}. Received: {name!r}.")


def __dir__() -> list[str]:
    return __all__
