"""Lowering rule for layers that call the backend's own functions."""

from collections.abc import Callable

import numpy as np

from ....graph import Operand, Value
from ...rule_table import rule_decorator
from ..lower.call import KerasCall


RULES: dict[str, Callable] = {}
rule = rule_decorator(RULES)


@rule("NativeCall")
def _native(c: KerasCall) -> list[Operand]:
    flat = c.keras.tree.flatten((c.args, c.kwargs))
    symbols = c.keras.tree.flatten((c.op.args, c.op.kwargs))
    tensor = c.keras.KerasTensor
    operands = [x for x, s in zip(flat, symbols, strict=True) if isinstance(s, tensor)]
    results = c.op.read(c.builder, operands)
    return [x if isinstance(x, Value) else np.asarray(x, np.float64) for x in results]
