"""Facts about real functions, one file an op. Importing this package fills the table of curves."""

import importlib
import pkgutil

from .affine import (
    combine as combine,
    dense as dense,
    gather_sum as gather_sum,
    scale as scale,
)
from .convolution import (
    convolution as convolution,
    transposed_convolution as transposed_convolution,
)
from .curve import Curve as Curve
from .kinds import Affine as Affine, Largest as Largest, Rearrange as Rearrange
from .product import Product as Product
from .registry import CURVES as CURVES, curve as curve


for _found in pkgutil.iter_modules([f"{__path__[0]}/curves"]):
    importlib.import_module(f"{__name__}.curves.{_found.name}")
