"""The table of operators: a name to a small function that speaks to the `Builder`.

An operator is added by writing one function of an `OnnxCall` in one of the files beside this one.
What a function does not ask for is refused: an attribute nobody read, an input nobody read.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ....core import ModelError, OutrangeError, UnsupportedError
from ....graph import Builder, Value
from ....graph.builder import Operand
from ..records import LARGEST_VALUE, OnnxNode, Opaque


_MAY_BE_INFINITE = ("min", "max", "value", "value_float")
"""Attributes in which an infinity means "no limit", or is data."""

TABLE: dict[str, Callable[["OnnxCall"], object]] = {}


def op(*names: str):
    """Enter the decorated function in the table under each of `names`.

    The function takes a `OnnxCall` and returns one operand, or a list with one per output.
    """

    def enter(function):
        for name in names:
            if name in TABLE:
                raise OutrangeError(f"ONNX operator `{name}` is described twice.")
            TABLE[name] = function
        return function

    return enter


@dataclass(eq=False)
class OnnxCall:
    """One node being lowered.

    Args:
        b: The builder.
        node: The record of the node.
        operands: One per input: a `Value`, an array, or None for an absent optional input.
        opset: Version of the operator set.
    """

    b: Builder
    node: OnnxNode
    operands: Sequence[Operand | None]
    opset: int
    read: set[str] = field(default_factory=set)
    taken: set[int] = field(default_factory=set)

    def attr(self, name: str, default=None) -> Any:
        """The attribute `name`, or `default`; marks it as understood."""
        self.read.add(name)
        value = self.node.attributes.get(name, default)
        if isinstance(value, Opaque):
            raise self.refuse(f"its attribute `{name}` is {value.kind}")
        if isinstance(value, float) and np.isinf(value) and name not in _MAY_BE_INFINITE:
            raise self.refuse(f"its attribute `{name}` is {value}")
        return value

    def has(self, i: int) -> bool:
        """Whether input `i` is given."""
        return i < len(self.operands) and self.operands[i] is not None

    def operand(self, i: int) -> Operand:
        """Input `i`."""
        self.taken.add(i)
        if not self.has(i):
            raise ModelError(
                f"Node `{self.node.name}` ({self.node.op}) needs an input {i}. "
                f"Received: {len(self.operands)} inputs."
            )
        found = self.operands[i]
        return found if isinstance(found, Value) else np.asarray(found)

    @property
    def x(self) -> Operand:
        """Input 0."""
        return self.operand(0)

    def all(self) -> list[Operand]:
        """Every input."""
        return [self.operand(i) for i in range(len(self.operands))]

    def constant(self, i: int, what: str) -> np.ndarray:
        """Input `i`, which must not depend on the network's input."""
        found = self.operand(i)
        if isinstance(found, Value):
            raise self.refuse(f"its {what} (input {i}) depends on the network's input")
        return found

    def option(self, i: int, what: str) -> np.ndarray | None:
        """Input `i` as a constant, or None where it is absent."""
        return self.constant(i, what) if self.has(i) else None

    def ints(self, i: int, what: str) -> list[int] | None:
        """Input `i` as a list of integers, or None where it is absent."""
        found = self.option(i, what)
        if found is None:
            return None
        whole = np.asarray(found, np.float64)
        if not np.array_equal(whole, np.floor(whole)):
            raise self.refuse(f"its {what} must be integers, and is {whole.ravel()[:8]}")
        return [int(v) for v in np.ravel(found)]

    def attr_or_input(self, name: str, i: int, *, since: int) -> list[int] | None:
        """A list of integers: input `i` from operator set `since` on, before it an attribute."""
        if self.opset >= since:
            return self.ints(i, name)
        found = self.attr(name)
        return None if found is None else [int(v) for v in np.atleast_1d(found)]

    def limit(self, shape: Sequence[int]) -> tuple[int, ...]:
        """`shape`, if a tensor of it fits a computer."""
        shape = tuple(int(n) for n in shape)
        if min(shape, default=0) < 0 or math.prod(shape) > LARGEST_VALUE:
            raise ModelError(
                f"Node `{self.node.name}` ({self.node.op}) must return a tensor that fits a "
                f"computer; the file is damaged or hostile. Received: shape {shape}."
            )
        return shape

    def together(self, *operands: Operand) -> tuple[int, ...]:
        """The shape that `operands` broadcast to, if a tensor of it fits a computer."""
        return self.limit(np.broadcast_shapes(*(tuple(v.shape) for v in operands)))

    def refuse(self, reason: str) -> UnsupportedError:
        """An error that names the node."""
        return UnsupportedError(
            f"Node `{self.node.name}` ({self.node.op}) is not described: {reason}. "
            f"Received: {self.node.op} of operator set {self.opset}."
        )

    def run(self) -> list[Operand]:
        """Lower the node: one operand per output.

        Raises:
            ModelError: The node is not legal: shapes that do not fit, an attribute missing.
            UnsupportedError: The operator, an attribute or an input of it is not described.
        """
        if self.node.domain or self.node.op not in TABLE:
            known = ", ".join(sorted(TABLE))
            whole = f"{self.node.domain}.{self.node.op}".strip(".")
            raise UnsupportedError(
                f"Operator `{whole}` of node `{self.node.name}` is not described yet; export the "
                f"model without it, or ask for it. Described: {known}. Received: `{whole}`."
            )
        try:
            result = TABLE[self.node.op](self)
        except OutrangeError:
            raise
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise ModelError(
                f"Node `{self.node.name}` ({self.node.op}) must be legal; the file is damaged, or "
                f"its exporter wrong. Received: {type(error).__name__}: {error}."
            ) from error
        unread = sorted(set(self.node.attributes) - self.read)
        if unread:
            value = self.node.attributes[unread[0]]
            raise self.refuse(f"its attribute `{unread[0]}` = {value!r} is not understood")
        ignored = [i for i in range(len(self.operands)) if self.has(i) and i not in self.taken]
        if ignored:
            raise self.refuse(f"its input {ignored[0]} is not understood")
        found: list[Operand] = result if isinstance(result, list) else [result]  # type: ignore
        wanted = [i for i, name in enumerate(self.node.outputs) if name]
        if wanted and wanted[-1] >= len(found):
            raise self.refuse(f"its output {wanted[-1]} is not understood")
        return found
