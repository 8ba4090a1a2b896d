"""Element types: what an operator takes, what it returns, and what each type holds.

An element type decides what an operator means: a quotient of floats is one, of integers it is cut
off. So every tensor of a file carries its own, and every rule states those it holds for, in the
words of ONNX's own documentation: `"T T -> T"` takes two operands of one type and returns it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...core import OutrangeError
from ...graph.integers import MOST
from ...graph.values import Operand, Value
from ...graph.whole import RANGES


FLOATS = frozenset({"float32", "float64"})
INTEGERS = frozenset(RANGES) - {"bool"}
NUMBERS = FLOATS | INTEGERS
BOOL = frozenset({"bool"})
EVERY = NUMBERS | BOOL
INDEX = frozenset({"int32", "int64"})

HELD = {
    kind: (max(least, -MOST), min(most, MOST))
    for kind, (least, most) in RANGES.items()
    if kind in INTEGERS
}
"""The least and the largest number of each integer type that is described.

Beyond its range a type wraps around; beyond 2^50 float64 does not tell numbers apart as it should.
"""

BROUGHT = "?"
"""Stands for an output whose type its rule says."""

HALF = {"float16": 11, "bfloat16": 8}
"""Significant bits."""


@dataclass(frozen=True, eq=False)
class Tensor:
    """What a name of the file stands for.

    Args:
        operand: A value of the graph, or a constant.
        kind: Its element type, by NumPy's name. A constant's is that of the array.
    """

    operand: Operand
    kind: str

    @classmethod
    def of(cls, array: np.ndarray) -> Tensor:
        """A constant."""
        array = np.asarray(array)
        return cls(array, kind_of(array))


def kind_of(array: np.ndarray) -> str:
    """The element type of a constant."""
    return "string" if array.dtype.kind in "OSU" else str(array.dtype)


@dataclass(frozen=True)
class Types:
    """The element types of an operator's inputs and outputs.

    Args:
        inputs: A word each: an element type, or a parameter (a capital letter).
        outputs: Likewise; `?` where the rule itself says it.
        many: Whether the last input may be repeated.
        taken: Parameter to the element types it may be, where an operand depends on the input.
        chooses: Whether every entry of a result is one of an operand, or lies between two of them,
            so that no integer type can overflow.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    many: bool
    taken: Mapping[str, frozenset[str]]
    chooses: bool = False

    @classmethod
    def read(cls, text: str, taken: Mapping[str, frozenset[str]], chooses: bool) -> Types:
        """From `"T I* -> T"`; a star repeats the last input.

        Raises:
            OutrangeError: A parameter is not explained.
        """
        left, _, right = text.partition("->")
        many = left.rstrip().endswith("*")
        inputs, outputs = tuple(left.replace("*", "").split()), tuple(right.split())
        unknown = {w for w in (*inputs, *outputs) if w.isupper()} - set(taken)
        if unknown or not outputs:
            raise OutrangeError(f"The element types `{text}` do not explain {sorted(unknown)}.")
        return cls(inputs, outputs, many, taken, chooses)

    def word(self, i: int) -> str | None:
        """What is said of input `i`; None if there is none."""
        if i < len(self.inputs):
            return self.inputs[i]
        return self.inputs[-1] if self.many else None

    def bound(self, kinds: Sequence[str | None]) -> tuple[dict[str, str], int | None]:
        """Each parameter's element type; and the first operand that has another, if one has."""
        found: dict[str, str] = {}
        for i, kind in enumerate(kinds):
            word = self.word(i)
            if kind is None or word is None:
                continue
            wanted = found.setdefault(word, kind) if word.isupper() else word
            if kind != wanted:
                return found, i
        return found, None


def why_not(kind: str) -> str:
    """Why nothing is computed in an element type, and what to do about it."""
    if kind in HALF:
        return (
            f"its {HALF[kind]} significant bits round far more than is accounted for, and its "
            "values may overflow; export the model in float32"
        )
    if kind in EVERY:
        return "no rule says what it computes there; cast its operands to float32 before it"
    return "nothing is known of its arithmetic; export the model in float32"


def exact_as(found: np.ndarray, kind: str) -> np.ndarray | None:
    """What a rule made of constants, as the element type; None if that would change an integer."""
    if kind_of(found) == kind:
        return found
    if kind not in EVERY | {"float16"} or found.dtype.kind not in "fiub":
        return None
    if kind not in HELD.keys() | BOOL or found.size == 0:
        return found.astype(kind)
    least, most = HELD.get(kind, (0.0, 1.0))
    with np.errstate(invalid="ignore"):
        fits = (found == np.rint(found)) & (found >= least) & (found <= most)
    return found.astype(kind) if fits.all() else None


def is_large(x: Operand | None) -> bool:
    """Whether a constant holds whole numbers that float64 does not tell apart."""
    if x is None or isinstance(x, Value) or x.dtype.kind not in "iu" or not x.size:
        return False
    return int(x.max()) > 2**53 or int(x.min()) < -(2**53)
