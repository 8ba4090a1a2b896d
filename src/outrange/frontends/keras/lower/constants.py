"""Constants in a model's computation: folded if folding is exact, otherwise usually kept as nodes.

A rule folds operations on constants in float64. The model computes them in float32, and the
comparison of graph and model counts roundings node by node. So an operation that would round
remains in the graph, unless its rule requires constants.
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


LARGEST_EXACT_INTEGER = 2.0**24
"""Every integer up to this number can be represented exactly in float32."""


def with_roundings(rule: Callable, record: OperationRecord, call: KerasCall) -> Any:
    """Apply the rule for an operation; avoid folding constants if folding would round.

    Args:
        record: The operation as recorded.
        call: The operation with values and arrays in place of symbols.
    """
    result, k, b = rule(call), call.keras, call.builder
    symbols = k.tree.flatten((record.args, record.kwargs))
    lowered = k.tree.flatten((call.args, call.kwargs))
    operands = [x for x, s in zip(lowered, symbols, strict=True) if isinstance(s, k.KerasTensor)]
    if not operands or any(isinstance(x, Value) for x in operands):
        return result
    results = list(result) if isinstance(result, list | tuple) else [result]
    if not _is_rounded(results, [x for x in lowered if isinstance(x, np.ndarray)]):
        return result

    def as_value(symbol: Any, x: Any) -> Any:
        return b.constant_value(x) if isinstance(symbol, k.KerasTensor) else x

    count = len(b.nodes)
    args, kwargs = k.tree.map_structure(
        as_value, (record.args, record.kwargs), (call.args, call.kwargs)
    )
    try:
        return rule(replace(call, args=args, kwargs=kwargs))
    except UnsupportedError:
        # The rule needs its operands to be constants.
        del b.nodes[count:]
        return result


def _is_rounded(results: list[Any], operands: list[np.ndarray]) -> bool:
    """Return whether evaluating an operation on constants may have rounded a result.

    A result is regarded as exact if each of its entries is zero or, up to sign, an entry of the
    operands. It is also regarded as exact if all operands and the result are integers below 2^24 in
    magnitude.
    """
    if not all(isinstance(result, np.ndarray) for result in results):
        return False
    flat = [np.ravel(x).astype(np.float64) for x in operands]
    magnitudes = np.unique(np.abs(np.concatenate([np.zeros(1), *flat])))
    all_integers = all(_are_integers(x) for x in flat)
    return not all(
        np.isin(np.abs(x), magnitudes).all() or (all_integers and _are_integers(x)) for x in results
    )


def _are_integers(x: np.ndarray) -> bool:
    return bool(((x == np.rint(x)) & (np.abs(x) < LARGEST_EXACT_INTEGER)).all())
