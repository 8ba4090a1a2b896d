"""Distributes tasks to workers through one interface to `concurrent.futures` and Dask.

`use_torch` lets searches compute with PyTorch.
"""

from typing import TYPE_CHECKING

from ..lazy import attach


if TYPE_CHECKING:
    from ..api.arrays import use_torch as use_torch

__getattr__, __dir__, __all__ = attach(__name__, {"..api.arrays": "use_torch"})
