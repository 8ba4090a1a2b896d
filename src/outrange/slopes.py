"""Slopes of a network: ranges of its derivatives, and its Lipschitz constant."""

from typing import TYPE_CHECKING

from .lazy import attach


if TYPE_CHECKING:
    from .api.slopes import gradient_range as gradient_range, lipschitz as lipschitz

__getattr__, __dir__, __all__ = attach(__name__, {".api.slopes": "gradient_range lipschitz"})
