"""The table of operators: a name to a small function that speaks to the `Builder`.

An operator is added by writing one function of a `Call` in one of the files beside this one. What
a function does not ask for is refused: an attribute nobody read, an input nobody read, an element
type the function does not state.
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
from ..kinds import BROUGHT, HALF, HELD, INTEGERS, Tensor, Types, exact_as, is_large, why_not
from ..records import OnnxNode, Opaque
from ..schemas import default_number


_MAY_BE_INFINITE = ("min", "max", "value", "value_float")
"""Attributes in which an infinity means "no limit", or is data."""

TABLE: dict[str, Callable[["OnnxCall"], Any]] = {}

TYPES: dict[str, Types] = {}
"""The element types that each operator of `TABLE` is described for."""


def op(
    *names: str, types: str, chooses: bool = False, **taken: frozenset[str]
) -> Callable[[Callable], Callable]:
    """Enter the decorated function in the table under each of `names`.

    The function takes a `Call` and returns one operand, or a list with one per output.

    Args:
        *names: Of operators.
        types: Their element types: see `Types.read`.
        chooses: See `Types`.
        **taken: What each parameter in `types` may be.
    """
    stated = Types.read(types, taken, chooses)

    def enter(function: Callable) -> Callable:
        for name in names:
            if name in TABLE:
                raise OutrangeError(f"ONNX operator `{name}` is described twice.")
            TABLE[name], TYPES[name] = function, stated
        return function

    return enter


@dataclass(eq=False)
class OnnxCall:
    """One node being lowered.

    Args:
        b: The builder.
        node: The record of the node.
        tensors: One per input; None for an absent optional one.
        opset: Version of the operator set.
        wanted: Limits within which the values of integer types stay, or the graph is not the model.
    """

    b: Builder
    node: OnnxNode
    tensors: Sequence[Tensor | None]
    opset: int
    wanted: list[ValueLimit]
    read: set[str] = field(default_factory=set)
    taken: set[int] = field(default_factory=set)
    joined: set[int] = field(default_factory=set)
    """The inputs that are read as operands, not as tables or options."""
    brought: str = ""
    """The element type of a result, where the rule says it."""

    @cached_property
    def operands(self) -> list[Operand | None]:
        """One per input: a `Value`, an array, or None for an absent optional input."""
        return [None if t is None else t.operand for t in self.tensors]

    @cached_property
    def kinds(self) -> list[str | None]:
        """The element type of each input."""
        return [None if t is None else t.kind for t in self.tensors]

    @property
    def counts(self) -> bool:
        """Whether input 0 is of an integer type."""
        return self.kinds[0] in INTEGERS

    @property
    def varies(self) -> bool:
        """Whether an operand depends on the network's input."""
        return any(isinstance(x, Value) for x in self.operands)

    def attr(self, name: str, default: Any = None) -> Any:
        """The attribute `name`, or `default`; marks it as understood."""
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
        """Whether input `i` is given."""
        return i < len(self.operands) and self.operands[i] is not None

    def operand(self, i: int) -> Operand:
        """Input `i`."""
        self.taken.add(i)
        self.joined.add(i)
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
        self.joined.discard(i)
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

    def within(self, value: Operand, least: float, most: float, why: str) -> None:
        """Remember that the graph is the model only where `value` stays within limits."""
        if isinstance(value, Value):
            self.wanted.append(ValueLimit(value.index, least, most, f"{self.where} {why}"))

    @property
    def where(self) -> str:
        """The node, for messages."""
        return f"node `{self.node.name}` ({self.node.op})"

    def refuse(self, reason: str) -> UnsupportedError:
        """An error that names the node."""
        return UnsupportedError(
            f"Node `{self.node.name}` ({self.node.op}) is not described: {reason}. "
            f"Received: {self.node.op} of operator set {self.opset}."
        )

    def refuse_kind(self, kind: str, reason: str) -> UnsupportedError:
        """An error that names the node and the element type."""
        return UnsupportedError(
            f"Node `{self.node.name}` ({self.node.op}) is not described at the element type {kind}:"
            f" {reason}. Received: {self.node.op} of operator set {self.opset}."
        )

    def run(self) -> list[Tensor]:
        """Lower the node: one tensor per output.

        Raises:
            ModelError: The node is not legal: shapes or types that do not fit, an attribute
                missing.
            UnsupportedError: The operator, an attribute, an input or an element type of it is not
                described.
        """
        if self.node.domain or self.node.op not in TABLE:
            known = ", ".join(sorted(TABLE))
            whole = f"{self.node.domain}.{self.node.op}".strip(".")
            raise UnsupportedError(
                f"Operator `{whole}` of node `{self.node.name}` is not described yet; export the "
                f"model without it, or ask for it. Described: {known}. Received: `{whole}`."
            )
        types = TYPES[self.node.op]
        bound = self._bound(types)
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
        ignored = [i for i, t in enumerate(self.tensors) if t is not None and i not in self.taken]
        if ignored:
            raise self.refuse(f"its input {ignored[0]} is not understood")
        found: list[Operand] = result if isinstance(result, list) else [result]
        wanted = [i for i, name in enumerate(self.node.outputs) if name]
        if wanted and wanted[-1] >= len(found):
            raise self.refuse(f"its output {wanted[-1]} is not understood")
        return [
            self._result(types, bound.get(word, word), x)
            for word, x in zip(_and_on(types.outputs), found, strict=False)
        ]

    def _bound(self, types: Types) -> dict[str, str]:
        """The element type of each parameter; refuses what the rule does not state."""
        bound, odd = types.bound(self.kinds)
        if odd is not None:
            raise ModelError(
                f"Node `{self.node.name}` ({self.node.op}) must read element types that fit each "
                f"other; the file is damaged, or its exporter wrong. Received: {self.kinds[odd]} "
                f"as input {odd}, for `{types.word(odd)}` of {dict(bound)}."
            )
        for word, kind in bound.items():
            if word not in types.taken or kind in types.taken[word]:
                continue
            # Constants of any type are moved and cast; what halves make of each other is up to
            # the runtime, which may compute in float32.
            computes = types.outputs[0].isupper() and not types.chooses
            if self.varies or (computes and kind in HALF):
                raise self.refuse_kind(kind, why_not(kind))
        return bound

    def _result(self, types: Types, kind: str, x: Operand) -> Tensor:
        """A result with its element type, which must hold it."""
        if kind == BROUGHT:
            kind = self.brought or Tensor.of(np.asarray(x)).kind
        large = kind in HELD and any(is_large(self.operands[i]) for i in self.joined)
        if not isinstance(x, Value):
            found = exact_as(np.asarray(x), kind)
            if found is None or (large and np.asarray(x).dtype.kind == "f"):
                raise self.refuse_kind(kind, "what it makes of constants is no such number")
            return Tensor(found, kind)
        if large:
            raise self.refuse_kind(kind, "it computes with a constant beyond 2^53")
        if kind in HELD and not types.chooses:
            self.within(x, *HELD[kind], f"computes in a type that may wrap around ({kind})")
        return Tensor(x, kind)


def _and_on(words: Sequence[str]) -> Iterator[str]:
    """The words, and the last one for ever: `Split` returns as many as it is asked for."""
    yield from words
    yield from repeat(words[-1])
