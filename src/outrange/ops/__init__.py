"""Properties of real functions, one file per op. Importing this package fills the curve table."""

import importlib
import pkgutil

from .affine import (
    combine as combine,
    dense as dense,
    dense_sum as dense_sum,
    gather_sum as gather_sum,
    scale as scale,
    without_zeros as without_zeros,
)
from .convolution import (
    convolution as convolution,
    transposed_convolution as transposed_convolution,
)
from .curve import Curve as Curve
from .kinds import (
    Affine as Affine,
    Largest as Largest,
    Rearrange as Rearrange,
    SubOp as SubOp,
)
from .product import Product as Product
from .registry import CURVES as CURVES, STAIRS as STAIRS, curve as curve
from .step import Step as Step


for _folder in ("curves", "stairs"):
    for _module in pkgutil.iter_modules([f"{__path__[0]}/{_folder}"]):
        importlib.import_module(f"{__name__}.{_folder}.{_module.name}")
