"""Records of one symbolic run of a model."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..api import keras


@dataclass(eq=False)
class OperationRecord:
    """One operation: `outputs = op(*args, **kwargs)`; tensors among them are KerasTensors."""

    op: Any
    args: tuple
    kwargs: dict
    outputs: Any
    source: str
    """Path of the innermost layer around it; its own name if it is a step of a functional model."""
    layer: Any
    """That layer; None if it is a step of its own."""

    @property
    def kind(self) -> str:
        return type(self.op).__name__


@dataclass(eq=False)
class Visit:
    """One call of one layer (or of an operation that stands in a functional model)."""

    path: str
    layer: Any
    outputs: Any
    before: Any = None
    """What entered its activation, if it has one."""
    inputs: tuple = ()


@dataclass(eq=False)
class Trace:
    """Everything one symbolic run did, in order."""

    inputs: list = field(default_factory=list)
    outputs: Any = None
    records: list[OperationRecord] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)


def same_constants(first: Trace, second: Trace) -> OperationRecord | None:
    """The first operation of which two runs disagree on a constant, or None.

    What is drawn outside Keras's generators (NumPy, the time, a call counter) shows only so.
    """
    k = keras()
    for one, two in zip(first.records, second.records, strict=False):
        left = k.tree.flatten((one.args, one.kwargs))
        right = k.tree.flatten((two.args, two.kwargs))
        if one.kind != two.kind or len(left) != len(right):
            return two
        for a, b in zip(left, right, strict=True):
            if isinstance(a, k.KerasTensor) or a is b or not hasattr(a, "shape"):
                continue
            a, b = np.asarray(k.ops.convert_to_numpy(a)), np.asarray(k.ops.convert_to_numpy(b))
            if not np.array_equal(a, b, equal_nan=True):
                return two
    return None
