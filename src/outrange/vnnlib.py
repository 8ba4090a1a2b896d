"""VNN-LIB: properties in files, and lists of instances as in VNN-COMP."""

from typing import TYPE_CHECKING

from .lazy import attach


if TYPE_CHECKING:
    from .api.batch.verify_all import verify_all as verify_all
    from .api.read import read_property as read_property

__getattr__, __dir__, __all__ = attach(
    __name__, {".api.batch.verify_all": "verify_all", ".api.read": "read_property"}
)
