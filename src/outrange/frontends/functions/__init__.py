"""Plain functions of arrays as graphs: what NumPy, a framework or a formula in text computes."""

from .formulas import formulas as formulas
from .linear import LinearPlant as LinearPlant, linear_plant as linear_plant
from .trace import trace as trace
