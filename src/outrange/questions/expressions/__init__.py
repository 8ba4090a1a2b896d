"""The language of properties: `y[0] <= 3`, `y.argmax() == 2`, joined by `&`, `|`, `~`.

Example::

    from outrange.questions.expressions import x, y

    y["left"] >= 0.1 * x["speed"] - 2
    (abs(y) <= 1).all() | (x[0] > 5)
"""

from .nodes import Condition as Condition, Expression as Expression
from .nonlinear.terms import Terms as Terms
from .resolve import (
    property_text as property_text,
    resolve as resolve,
    resolve_linear as resolve_linear,
)
from .temporal import Temporal as Temporal, as_temporal as as_temporal
from .variables import implies as implies, u as u, x as x, y as y
