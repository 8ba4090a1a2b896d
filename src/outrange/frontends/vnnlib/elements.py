"""Element types of VNN-LIB 2.0.

The standard lets a solver interpret a type as the real numbers only if the query says `real`. A
query that declares `float32` is about float32 arithmetic, rounding included; values that the
network computes may then be integers. The parser package recognizes `real` only in lower case and
reports other names as unknown, so this module reads the names.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from fractions import Fraction

import numpy as np

from ...core import UnsupportedError
from .errors import Fault
from .tokens import words


REAL, FLOAT32 = "real", "float32"

READ = {"real": REAL, "Real": REAL, "float32": FLOAT32}
"""Map from the supported spellings of element types to their names; the standard's own files
contain both spellings of `real`."""

INTEGERS = frozenset(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
"""Integer element types, which outputs and inner values of a float32 network may have."""

_DECLARES = frozenset(["declare-input", "declare-hidden", "declare-output"])


def written_types(text: str) -> dict[str, str]:
    """Map the name of every declared tensor to its element type, as spelled in the file."""
    types: dict[str, str] = {}
    tokens = [match.group() for match in words(text)]
    for at, token in enumerate(tokens[:-2]):
        if token in _DECLARES:
            types[tokens[at + 1]] = tokens[at + 2]
        elif token == "assert":
            break
    return types


def element_type(types: Iterable[tuple[str, str]], computed: Set[str]) -> str:
    """Return the element type that all tensors of a query share: `REAL` or `FLOAT32`.

    In a `FLOAT32` query, tensors that the network computes may contain integers instead. Without
    any tensors, the type is `REAL`.

    Args:
        types: Name and type of each tensor, as spelled in the file.
        computed: Names of the tensors that the network computes.

    Raises:
        Fault: A type is not supported, or the query mixes types.
    """
    first: tuple[str, str] | None = None
    integers = [(name, kind) for name, kind in types if name in computed and kind in INTEGERS]
    for name, written in types:
        if (name, written) in integers:
            continue
        if written not in READ:
            raise Fault(
                f"`{name}` has the unsupported element type `{written}`. Declare it as `real` "
                "for a property of the real-valued network, or as `float32` for a property of "
                "float32 inference.",
                UnsupportedError,
            )
        first = first or (name, written)
        if READ[written] != READ[first[1]]:
            raise Fault(
                f"`{first[0]}` has the element type `{first[1]}`, but `{name}` has "
                f"`{written}`; a query must not mix these two types. For a property of the "
                "real-valued network, declare every tensor as `real`.",
                UnsupportedError,
            )
    element = READ[first[1]] if first else REAL
    if integers and element != FLOAT32:
        name, written = integers[0]
        raise Fault(
            f"`{name}` has the element type `{written}`, which is supported only in a query "
            "with `float32` inputs. For a property of the real-valued network, declare every "
            "tensor as `real`.",
            UnsupportedError,
        )
    return element


def float32_constant(value: int | Fraction) -> Fraction:
    """Return the float32 number nearest to a constant of a float32 query, ties to even.

    Raises:
        Fault: The constant is out of the range of float32.

    Example:
        >>> float(float32_constant(Fraction("0.1")))
        0.10000000149011612
    """
    with np.errstate(over="ignore"):
        near = np.float32(float(value))
    if not np.isfinite(near):
        raise Fault("a constant of a float32 query must be a finite float32 number.")
    # Going through float64 rounds twice, which may miss the nearest float32 number. A tie is a
    # float64 number, so `near` is right in that case, and `min` prefers it because it is first.
    around = [near, *(np.nextafter(near, np.float32(end)) for end in (-np.inf, np.inf))]
    finite = [number for number in around if np.isfinite(number)]
    return min((Fraction(float(number)) for number in finite), key=lambda q: abs(q - value))
