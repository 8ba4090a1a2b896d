"""Element types: which ones an operator accepts and returns, and the range of each.

An element type decides the meaning of an operator: only the division of integers truncates, for
example. So a tensor of a file is stored with its type. A rule in the table states the types for
which it is valid, in the notation of ONNX's documentation: `"T T -> T"` accepts two operands of the
same type and returns a value of that type.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...core import OutrangeError
from ...graph.integer_inference import RANGES
from ...graph.integers import MOST
from ...graph.values import Operand, Value


FLOATS = frozenset({"float32", "float64"})
INTEGERS = frozenset(RANGES) - {"bool"}
NUMBERS = FLOATS | INTEGERS
BOOL = frozenset({"bool"})
EVERY = NUMBERS | BOOL
INDEX = frozenset({"int32", "int64"})

INTEGER_RANGES = {
    kind: (max(least, -MOST), min(most, MOST))
    for kind, (least, most) in RANGES.items()
    if kind in INTEGERS
}
"""The range of values that is supported for each integer type.

Beyond the range of the type, values wrap around; beyond 2^50, float64 cannot represent all the
values that a rule needs.
"""

RULE_TYPED = "?"
"""The word in a signature for an output whose type the rule itself determines."""

HALF = {"float16": 11, "bfloat16": 8}
"""Number of significant bits of each half-precision type."""


@dataclass(frozen=True, eq=False)
class Tensor:
    """The value of a named tensor of the file, with its element type.

    Args:
        operand: A value of the graph, or a constant.
        kind: NumPy name of the element type of the operand.
    """

    operand: Operand
    kind: str

    @classmethod
    def of(cls, array: np.ndarray) -> Tensor:
        """Build a `Tensor` from a constant array."""
        array = np.asarray(array)
        return cls(array, kind_of(array))


def kind_of(array: np.ndarray) -> str:
    """Return the NumPy name of a constant's element type; "string" for text."""
    return "string" if array.dtype.kind in "OSU" else str(array.dtype)


@dataclass(frozen=True)
class Types:
    """The element types of an operator's inputs and outputs.

    Args:
        inputs: One word per input: an element type, or a type parameter (a capital letter).
        outputs: One word per output, in the same form; `?` if the rule itself determines the type.
        many: Whether the last input may be repeated.
        allowed: Map from a type parameter to the element types that it may have if an operand
            depends on the input.
        chooses: Whether a result cannot leave the range of an integer type, for example because
            each of its entries is an entry of an operand.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    many: bool
    allowed: Mapping[str, frozenset[str]]
    chooses: bool = False

    @classmethod
    def read(cls, text: str, allowed: Mapping[str, frozenset[str]], chooses: bool) -> Types:
        """Parse a signature such as `"T I* -> T"`; a star means a repeatable last input.

        Raises:
            OutrangeError: A type parameter is missing from `allowed`, or there is no output.
        """
        left, _, right = text.partition("->")
        many = left.rstrip().endswith("*")
        inputs, outputs = tuple(left.replace("*", "").split()), tuple(right.split())
        unknown = {w for w in (*inputs, *outputs) if w.isupper()} - set(allowed)
        if unknown or not outputs:
            raise OutrangeError(
                "A signature of element types must have an output, and state the "
                f"allowed types of every type parameter. Received: `{text}`, with unknown "
                f"parameters {sorted(unknown)}."
            )
        return cls(inputs, outputs, many, allowed, chooses)

    def word(self, i: int) -> str | None:
        """Return the element type or type parameter of input `i`; None if there is no such input.

        If `many`, the word of the last input also applies to all further inputs.
        """
        if i < len(self.inputs):
            return self.inputs[i]
        return self.inputs[-1] if self.many else None

    def bind(self, kinds: Sequence[str | None]) -> tuple[dict[str, str], int | None]:
        """Bind type parameters to element types.

        Args:
            kinds: The element type of each input; None for an absent input.

        Returns:
            The map from type parameters to element types, and the index of the first input whose
            type conflicts with it. The index is None if there is no conflict.
        """
        bindings: dict[str, str] = {}
        for i, kind in enumerate(kinds):
            word = self.word(i)
            if kind is None or word is None:
                continue
            required = bindings.setdefault(word, kind) if word.isupper() else word
            if kind != required:
                return bindings, i
        return bindings, None


def why_not(kind: str) -> str:
    """Explain why an element type is not supported, and what to do about it."""
    if kind in HALF:
        return (
            f"the proof does not cover the rounding to its {HALF[kind]} significant bits, and its "
            "values may overflow; export the model in float32"
        )
    if kind in EVERY:
        return "no rule covers this type; cast its operands to float32 before it"
    return "its arithmetic is unknown; export the model in float32"


def convert_exactly(result: np.ndarray, kind: str) -> np.ndarray | None:
    """Convert a rule's constant result to an element type.

    The result is None if the type is not supported or the entries are not numbers. It is also None
    if an entry cannot be converted exactly to an integer or Boolean type.
    """
    if kind_of(result) == kind:
        return result
    if kind not in EVERY | {"float16"} or result.dtype.kind not in "fiub":
        return None
    if kind not in INTEGER_RANGES.keys() | BOOL or result.size == 0:
        return result.astype(kind)
    least, most = INTEGER_RANGES.get(kind, (0.0, 1.0))
    with np.errstate(invalid="ignore"):
        fits = (result == np.rint(result)) & (result >= least) & (result <= most)
    return result.astype(kind) if fits.all() else None


def is_large(x: Operand | None) -> bool:
    """Return whether a constant has integers beyond 2^53, which float64 may have to round."""
    if x is None or isinstance(x, Value) or x.dtype.kind not in "iu" or not x.size:
        return False
    return int(x.max()) > 2**53 or int(x.min()) < -(2**53)
