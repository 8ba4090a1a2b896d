"""Functions of arrays (NumPy, a framework, or formulas in text) as graphs."""

from .formulas import formulas as formulas
from .linear import LinearPlant as LinearPlant, linear_plant as linear_plant
from .trace import trace as trace
