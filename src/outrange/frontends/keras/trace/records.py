"""Records of one symbolic run of a model."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..api import keras


@dataclass(eq=False)
class OperationRecord:
    """One recorded operation, `outputs = op(*args, **kwargs)`, with KerasTensors for tensors."""

    op: Any
    args: tuple
    kwargs: dict
    outputs: Any
    source: str
    """Path or name of the innermost layer that ran the operation. For a step of a functional model,
    and outside any layer, it is the path or name of the operation itself."""
    layer: Any
    """The innermost layer that ran the operation; None outside any layer and for steps of
    functional models."""

    @property
    def kind(self) -> str:
        return type(self.op).__name__


@dataclass(eq=False)
class Visit:
    """One call of a layer, or of an operation that is a step of a functional model."""

    path: str
    layer: Any
    outputs: Any
    before: Any = None
    """The symbol passed to the layer's activation; None if no such symbol was recorded."""
    inputs: tuple = ()


@dataclass(eq=False)
class Trace:
    """The operations and layer calls recorded in one symbolic run, in order."""

    inputs: list = field(default_factory=list)
    outputs: Any = None
    records: list[OperationRecord] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)


def first_different(first: Trace, second: Trace) -> OperationRecord | None:
    """Return the first operation of `second` whose kind or constant arrays differ from `first`.

    The result is None if no operation differs. If one run is longer, only its beginning is
    compared. The usual cause of a difference is a number from outside Keras's generators (NumPy,
    the time, a call counter).
    """
    k = keras()
    for left_record, right_record in zip(first.records, second.records, strict=False):
        left = k.tree.flatten((left_record.args, left_record.kwargs))
        right = k.tree.flatten((right_record.args, right_record.kwargs))
        if left_record.kind != right_record.kind or len(left) != len(right):
            return right_record
        for a, b in zip(left, right, strict=True):
            if isinstance(a, k.KerasTensor) or a is b or not hasattr(a, "shape"):
                continue
            a, b = np.asarray(k.ops.convert_to_numpy(a)), np.asarray(k.ops.convert_to_numpy(b))
            if not np.array_equal(a, b, equal_nan=True):
                return right_record
    return None
