"""Sets of inputs other than boxes: polytopes, balls, mixed sets, unions, and intersections."""

from .balls import L1Ball as L1Ball, L2Ball as L2Ball
from .base import InputSet as InputSet, Union as Union
from .mixed import Mixed as Mixed
from .polytope import Polytope as Polytope
from .regions import regions as regions
