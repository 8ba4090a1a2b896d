"""Reader of properties in VNN-LIB files."""

from typing import TYPE_CHECKING

from .lazy import attach


if TYPE_CHECKING:
    from .api.read import read_property as read_property

__getattr__, __dir__, __all__ = attach(__name__, {".api.read": "read_property"})
