"""Conversion of functions of arrays (in NumPy, a framework, or formulas as text) to graphs."""

from .formulas import formulas as formulas
from .linear import LinearPlant as LinearPlant, linear_plant as linear_plant
from .trace import trace as trace
