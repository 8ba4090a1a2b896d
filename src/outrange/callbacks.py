"""Callbacks for `Model.fit`. Keras is imported when one of them is first used."""

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
