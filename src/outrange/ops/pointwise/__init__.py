"""Elementwise functions nobody described: expressions of one variable, and their facts by proof.

`expression` writes a function down, `calculus` differentiates it, `intervals` encloses it over
cells, `pieces` cuts the line where a branch changes, `bends` proves how each piece bends, and
`analysis` puts the facts together as an ordinary `Curve`.
"""

from .analysis import analyze as analyze
from .definitions import of_curve as of_curve
from .expression import Expressions as Expressions
