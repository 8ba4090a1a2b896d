"""Lowering rules for Keras operations.

A rule maps a `KerasCall` to an operand or a list of operands. It is registered under the name of
the operation's class. To support another operation, add a rule to the module it belongs to.
"""

from collections.abc import Callable

from ...rule_table import add_rules
from . import (
    arithmetic,
    convolution,
    curves,
    layers,
    logic,
    lookup_tables,
    native,
    normalization,
    pooling,
    reductions,
    resizing,
    shapes,
)


TABLES = (
    shapes, arithmetic, curves, reductions, pooling, convolution, resizing, layers,
    native, logic, normalization, lookup_tables,
)  # fmt: skip

RULES: dict[str, Callable] = {}
for _table in TABLES:
    add_rules(RULES, _table.RULES)
