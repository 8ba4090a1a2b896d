"""The special-purpose methods in one list.

The order matters. Of the methods that replace splits, the first that applies is chosen. A method
that alternates with splits also alternates with all such methods before it in the list.
"""

from __future__ import annotations

from .bottleneck.method import METHOD as BOTTLENECK
from .clause_learning.method import METHOD as CLAUSE_LEARNING
from .cone_of_influence.method import METHOD as CONE_OF_INFLUENCE
from .differential.method import METHOD as DIFFERENTIAL
from .float32_parts.method import METHOD as FLOAT32_PARTS
from .incomplete.method import METHOD as INCOMPLETE
from .jump_attack.method import METHOD as JUMP_ATTACK
from .norm_ball.method import METHOD as NORM_BALL
from .pooled_clauses.method import METHOD as POOLED_CLAUSES
from .second_order.method import METHOD as SECOND_ORDER
from .semidefinite.method import METHOD as SEMIDEFINITE
from .shared_boxes.method import METHOD as SHARED_BOXES


METHODS = (
    POOLED_CLAUSES,
    NORM_BALL,
    CONE_OF_INFLUENCE,
    INCOMPLETE,
    BOTTLENECK,
    SHARED_BOXES,
    DIFFERENTIAL,
    CLAUSE_LEARNING,
    JUMP_ATTACK,
    SEMIDEFINITE,
    SECOND_ORDER,
    FLOAT32_PARTS,
)
"""All special-purpose methods."""
