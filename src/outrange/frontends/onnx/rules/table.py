"""The table of operators, from name to a lowering rule that calls the `Builder`.

To add an operator, write a function of an `OnnxCall` in another module of this package. A node is
rejected if it has an attribute or an input that the function does not read, or an unsupported
element type.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import repeat
from typing import Any

import numpy as np

from ....core import ModelError, OutrangeError, UnsupportedError
from ....core.sizes import LARGEST_VALUE
from ....graph import Builder, Value
from ....graph.builder import Operand
from ...input_limits import ValueLimit
from ..element_types import (
    HALF,
    INTEGER_RANGES,
    INTEGERS,
    RULE_TYPED,
    Tensor,
    Types,
    convert_exactly,
    is_large,
    why_not,
)
from ..quantized.state import Quantization
from ..records import OnnxNode, Opaque
from ..schemas import default_number


_MAY_BE_INFINITE = ("min", "max", "value", "value_float")
"""Attributes in which an infinite value means "no limit" or is data."""

TABLE: dict[str, Callable[["OnnxCall"], Any]] = {}

TYPES: dict[str, Types] = {}
"""The element types that each operator of `TABLE` supports."""


def op(
    *names: str, types: str, chooses: bool = False, **allowed: frozenset[str]
) -> Callable[[Callable], Callable]:
    """Return a decorator that adds a lowering rule to `TABLE` under each of `names`.

    The rule accepts an `OnnxCall`, and returns one operand or a list with one per output.

    Args:
        *names: Names of operators.
        types: Signature of element types, in the notation of `Types.read`.
        chooses: Whether a result cannot leave the range of an integer type; see `Types`.
        **allowed: Allowed element types of each type parameter in `types`.
    """
    stated = Types.read(types, allowed, chooses)

    def enter(function: Callable) -> Callable:
        for name in names:
            if name in TABLE:
                raise OutrangeError(f"ONNX operator `{name}` must have one rule. Received: two.")
            TABLE[name], TYPES[name] = function, stated
        return function

    return enter


@dataclass(eq=False)
class OnnxCall:
    """One ONNX node with its inputs, as the argument of a lowering rule.

    Args:
        node: The record of the node.
        tensors: One tensor per input; None for an absent optional input.
        opset: Version of the operator set.
        limits: Limits on values of integer types, outside of which the graph may not match the
            model.
        quantization: Quantized tensors of the file.
        read: Names of the attributes that the rule has read.
        used_inputs: Indices of the inputs that the rule has read.
    """

    b: Builder
    node: OnnxNode
    tensors: Sequence[Tensor | None]
    opset: int
    limits: list[ValueLimit]
    quantization: Quantization
    read: set[str] = field(default_factory=set)
    used_inputs: set[int] = field(default_factory=set)
    operand_inputs: set[int] = field(default_factory=set)
    """Indices of the inputs that are read as operands, not as tables or options."""
    result_kind: str = ""
    """The element type of a result, if the rule determines it."""

    @cached_property
    def operands(self) -> list[Operand | None]:
        """One entry per input: a `Value`, an array, or None for an absent optional input."""
        return [None if t is None else t.operand for t in self.tensors]

    @cached_property
    def kinds(self) -> list[str | None]:
        """The element type of each input; None for an absent optional input."""
        return [None if t is None else t.kind for t in self.tensors]

    @property
    def is_integer(self) -> bool:
        """Whether input 0 has an integer type."""
        return self.kinds[0] in INTEGERS

    @property
    def varies(self) -> bool:
        """Whether an operand depends on the network's input."""
        return any(isinstance(x, Value) for x in self.operands)

    def attr(self, name: str, default: Any = None) -> Any:
        """Return the attribute `name`, or `default`, and mark it as read."""
        self.read.add(name)
        value = self.node.attributes.get(name, default)
        if isinstance(value, Opaque):
            raise self.refuse(f"its attribute `{name}` is {value.kind}")
        if isinstance(value, float) and np.isinf(value) and name not in _MAY_BE_INFINITE:
            raise self.refuse(f"its attribute `{name}` is {value}")
        return value

    def number(self, name: str) -> float:
        """Return the float attribute `name`, or the float32 default of the operator's schema."""
        value = self.attr(name)
        return default_number(self.node.op, self.opset, name) if value is None else float(value)

    def has(self, i: int) -> bool:
        """Return whether input `i` is present."""
        return i < len(self.operands) and self.operands[i] is not None

    def operand(self, i: int) -> Operand:
        """Return input `i`, and mark it as read."""
        self.used_inputs.add(i)
        self.operand_inputs.add(i)
        if not self.has(i):
            raise ModelError(
                f"Node `{self.node.name}` ({self.node.op}) must have input {i}. "
                f"Received: {len(self.operands)} inputs."
            )
        operand = self.operands[i]
        return operand if isinstance(operand, Value) else np.asarray(operand)

    @property
    def x(self) -> Operand:
        """Input 0 as an operand; the access marks it as read."""
        return self.operand(0)

    def all_operands(self) -> list[Operand]:
        """Return every input, and mark all as read."""
        return [self.operand(i) for i in range(len(self.operands))]

    def constant(self, i: int, what: str) -> np.ndarray:
        """Return input `i` as an array, and mark it as read.

        Args:
            i: Index of the input.
            what: Noun for the input, for the message.

        Raises:
            UnsupportedError: The input depends on the network's input.
        """
        operand = self.operand(i)
        self.operand_inputs.discard(i)
        if isinstance(operand, Value):
            raise self.refuse(
                f"the {what} (input {i}) must be constant, but depends on the network's input"
            )
        return operand

    def option(self, i: int, what: str) -> np.ndarray | None:
        """Return input `i` as a constant, or None if it is absent."""
        return self.constant(i, what) if self.has(i) else None

    def ints(self, i: int, what: str) -> list[int] | None:
        """Return input `i` as a list of integers, or None if it is absent."""
        constant = self.option(i, what)
        if constant is None:
            return None
        values = np.asarray(constant, np.float64)
        if not np.array_equal(values, np.floor(values)):
            raise self.refuse(f"the {what} must be integers, but are {values.ravel()[:8]}")
        return [int(v) for v in np.ravel(constant)]

    def attr_or_input(self, name: str, i: int, *, since: int) -> list[int] | None:
        """Return integers from input `i`, or from attribute `name` before operator set `since`."""
        if self.opset >= since:
            return self.ints(i, name)
        value = self.attr(name)
        return None if value is None else [int(v) for v in np.atleast_1d(value)]

    def limit(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Return `shape`, or raise if a tensor of this shape does not fit in memory."""
        shape = tuple(int(n) for n in shape)
        if min(shape, default=0) < 0 or math.prod(shape) > LARGEST_VALUE:
            raise ModelError(
                f"Node `{self.node.name}` ({self.node.op}) must return a tensor that fits in "
                "memory; export the model with smaller shapes, or again if the file is "
                f"damaged. Received: shape {shape}."
            )
        return shape

    def broadcast_shape(self, *operands: Operand) -> tuple[int, ...]:
        """Return the shape that `operands` broadcast to; raise if it does not fit in memory."""
        return self.limit(np.broadcast_shapes(*(tuple(v.shape) for v in operands)))

    def require_within(self, value: Operand, least: float, most: float, why: str) -> None:
        """Record limits for `value` outside of which the graph may not match the model."""
        if isinstance(value, Value):
            self.limits.append(ValueLimit(value.index, least, most, f"{self.where} {why}"))

    @property
    def where(self) -> str:
        """Name and operator of the node, for messages."""
        return f"node `{self.node.name}` ({self.node.op})"

    def refuse(self, reason: str) -> UnsupportedError:
        """Build the error for an unsupported node, with a reason."""
        return UnsupportedError(
            f"Node `{self.node.name}` ({self.node.op}) is not supported: {reason}; "
            f"export the model without this form of {self.node.op}. "
            f"Received: {self.node.op} of operator set {self.opset}."
        )

    def refuse_kind(self, kind: str, reason: str) -> UnsupportedError:
        """Build the error for a node that is unsupported for an element type, with a reason."""
        return UnsupportedError(
            f"Node `{self.node.name}` ({self.node.op}) is not supported for the element type "
            f"{kind}: {reason}. Received: {self.node.op} of operator set {self.opset}."
        )

    def run(self) -> list[Tensor]:
        """Lower the node to one tensor per output.

        Raises:
            ModelError: The node is not legal: shapes or types do not fit, or an attribute is
                missing.
            UnsupportedError: The operator, an attribute, an input or an element type is not
                supported.
        """
        full_name = f"{self.node.domain}.{self.node.op}".strip(".")
        if full_name not in TABLE:
            supported = ", ".join(sorted(TABLE))
            raise UnsupportedError(
                f"Operator `{full_name}` of node `{self.node.name}` is not supported yet; export "
                f"the model without it, or request support for it. Supported: {supported}. "
                f"Received: `{full_name}`."
            )
        types = TYPES[full_name]
        bindings = self._bind_types(types)
        try:
            result = TABLE[full_name](self)
        except OutrangeError:
            raise
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise ModelError(
                f"Node `{self.node.name}` ({self.node.op}) does not satisfy the ONNX "
                f"specification of {self.node.op}; correct the exporter, or export the model "
                f"again if the file is damaged. Received: {type(error).__name__}: {error}."
            ) from error
        unread = sorted(set(self.node.attributes) - self.read)
        if unread:
            value = self.node.attributes[unread[0]]
            raise self.refuse(f"the attribute `{unread[0]}` = {value!r} is not supported")
        ignored = [
            i for i, t in enumerate(self.tensors) if t is not None and i not in self.used_inputs
        ]
        if ignored:
            raise self.refuse(f"its input {ignored[0]} is not supported")
        results: list[Operand] = result if isinstance(result, list) else [result]
        named_outputs = [i for i, name in enumerate(self.node.outputs) if name]
        if named_outputs and named_outputs[-1] >= len(results):
            raise self.refuse(f"the node's output {named_outputs[-1]} is not supported")
        return [
            self._result(types, bindings.get(word, word), x)
            for word, x in zip(_repeat_last(types.outputs), results, strict=False)
        ]

    def _bind_types(self, types: Types) -> dict[str, str]:
        """Return the element type of each type parameter, or raise if a type is not allowed."""
        bindings, odd = types.bind(self.kinds)
        if odd is not None:
            raise ModelError(
                f"Node `{self.node.name}` ({self.node.op}) must have inputs whose element "
                "types match its ONNX specification; correct the exporter, or export the model "
                f"again if the file is damaged. Received: input {odd} of type "
                f"{self.kinds[odd]}, where `{types.word(odd)}` is needed, with "
                f"{dict(bindings)}."
            )
        for word, kind in bindings.items():
            if word not in types.allowed or kind in types.allowed[word]:
                continue
            # Constants of any type can be moved and cast. Arithmetic on half-precision constants is
            # up to the runtime, which may compute in float32.
            computes = types.outputs[0].isupper() and not types.chooses
            if self.varies or (computes and kind in HALF):
                raise self.refuse_kind(kind, why_not(kind))
        return bindings

    def _result(self, types: Types, kind: str, x: Operand) -> Tensor:
        """Build the tensor of a result, after checking that the element type can hold it."""
        if kind == RULE_TYPED:
            kind = self.result_kind or Tensor.of(np.asarray(x)).kind
        large = kind in INTEGER_RANGES and any(
            is_large(self.operands[i]) for i in self.operand_inputs
        )
        if not isinstance(x, Value) and self.varies and self.node.op in _MAY_SETTLE:
            # The runtime computes it from the input, so it rounds later operations, as done here.
            x = self.b.constant_value(np.asarray(x))
        if not isinstance(x, Value):
            constant = convert_exactly(np.asarray(x), kind)
            if constant is None or (large and np.asarray(x).dtype.kind == "f"):
                raise self.refuse_kind(
                    kind,
                    "a result that is computed from constants cannot be represented in this type",
                )
            return Tensor(constant, kind)
        if large:
            raise self.refuse_kind(kind, "it computes with a constant beyond 2^53")
        if kind in INTEGER_RANGES and not types.chooses:
            self.require_within(
                x, *INTEGER_RANGES[kind], f"computes in a type that may wrap around ({kind})"
            )
        return Tensor(x, kind)


_MAY_SETTLE = frozenset("ArgMax ArgMin TopK Equal Greater GreaterOrEqual Less LessOrEqual".split())
"""Operators whose result may be a constant although their operand depends on the input."""


def _repeat_last(words: Sequence[str]) -> Iterator[str]:
    """Yield the words, then repeat the last: `Split` may have any number of outputs."""
    yield from words
    yield from repeat(words[-1])
