"""Constants on which a model computes: folded where that is exact, else nodes of the graph.

A rule folds what depends on no input, in float64. The model computes it in float32, and the
comparison of the two counts roundings node by node: so what a folded operation would round stays
an operation of the graph.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ....core import UnsupportedError
from ....graph import Value
from ..trace.records import OperationRecord
from .call import KerasCall


WHOLE32 = 2.0**24
"""Up to here every whole number is a float32."""


def with_roundings(rule: Callable, record: OperationRecord, call: KerasCall) -> Any:
    """What the rule of an operation returns; what it would round of constants alone is kept.

    Args:
        rule: The rule.
        record: The operation as it was recorded.
        call: The same with values and arrays in place of symbols.
    """
    result, k, b = rule(call), call.keras, call.builder
    symbols = k.tree.flatten((record.args, record.kwargs))
    lowered = k.tree.flatten((call.args, call.kwargs))
    made = [x for x, s in zip(lowered, symbols, strict=True) if isinstance(s, k.KerasTensor)]
    if not made or any(isinstance(x, Value) for x in made):
        return result
    results = list(result) if isinstance(result, list | tuple) else [result]
    if not _is_rounded(results, [x for x in lowered if isinstance(x, np.ndarray)]):
        return result

    def entered(symbol: Any, x: Any) -> Any:
        return b.constant_value(x) if isinstance(symbol, k.KerasTensor) else x

    count = len(b.nodes)
    args, kwargs = k.tree.map_structure(
        entered, (record.args, record.kwargs), (call.args, call.kwargs)
    )
    try:
        return rule(replace(call, args=args, kwargs=kwargs))
    except UnsupportedError:
        # It needs its constants as they are.
        del b.nodes[count:]
        return result


def _is_rounded(results: list[Any], operands: list[np.ndarray]) -> bool:
    """Whether numbers came out that are no operand, and not whole numbers made of such."""
    if not all(isinstance(result, np.ndarray) for result in results):
        return False
    flat = [np.ravel(x).astype(np.float64) for x in operands]
    given = np.unique(np.abs(np.concatenate([np.zeros(1), *flat])))
    whole = all(_are_whole(x) for x in flat)
    return not all(np.isin(np.abs(x), given).all() or (whole and _are_whole(x)) for x in results)


def _are_whole(x: np.ndarray) -> bool:
    return bool(((x == np.rint(x)) & (np.abs(x) < WHOLE32)).all())
