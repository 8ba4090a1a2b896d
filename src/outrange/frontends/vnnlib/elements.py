"""Element types of version 2.0: `real` is a real number, and nothing else is taken for one.

The standard lets a solver read a type as the real numbers only where the query says `real`; what
the query declares as `float32` is about float32, roundings included. The parser knows `real` in
small letters only, and calls other names unknown, so the names are read here.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import numpy as np

from ...core import UnsupportedError
from .errors import Fault
from .terms import Term, constant
from .tokens import words


REAL, FLOAT32 = "real", "float32"

READ = {"real": REAL, "Real": REAL, "float32": FLOAT32}
"""The names of element types that have a meaning here; the standard's own files write both."""

_DECLARES = frozenset(["declare-input", "declare-hidden", "declare-output"])


def written_types(text: str) -> dict[str, str]:
    """The name of every declared tensor to its element type, as the file writes it."""
    found: dict[str, str] = {}
    tokens = [match.group() for match in words(text)]
    for at, token in enumerate(tokens[:-2]):
        if token in _DECLARES:
            found[tokens[at + 1]] = tokens[at + 2]
        elif token == "assert":
            break
    return found


def element_type(types: Iterable[tuple[str, str]]) -> str:
    """The one element type of a query: `REAL` or `FLOAT32`.

    Args:
        types: Name and type of each tensor, as the file writes them.

    Raises:
        Fault: A type is not read, or there is more than one.
    """
    first: tuple[str, str] | None = None
    for name, written in types:
        if written not in READ:
            raise Fault(
                f"`{name}` has elements of type `{written}`, of which nothing is proved; `real` "
                "asks about the real-valued network, `float32` about the float32 one.",
                UnsupportedError,
            )
        first = first or (name, written)
        if READ[written] != READ[first[1]]:
            raise Fault(
                f"`{first[0]}` has elements of type `{first[1]}` and `{name}` of type `{written}`; "
                "a query about the real-valued network declares `real` everywhere, and types are "
                "not mixed.",
                UnsupportedError,
            )
    return READ[first[1]] if first else REAL


def float32_constant(value: int | Fraction) -> Fraction:
    """The float32 number nearest to a constant of a float32 query, ties to even.

    Raises:
        Fault: It is beyond them.

    Example:
        >>> float(float32_constant(Fraction("0.1")))
        0.10000000149011612
    """
    with np.errstate(over="ignore"):
        near = np.float32(float(value))
    if not np.isfinite(near):
        raise Fault("a constant of a float32 query is a finite float32 number.")
    # Over float64 a constant is rounded twice, which may miss the nearest; a tie is a float64
    # number, so there `near` is right, and comes first.
    around = [near, *(np.nextafter(near, np.float32(end)) for end in (-np.inf, np.inf))]
    finite = [one for one in around if np.isfinite(one)]
    return min((Fraction(float(one)) for one in finite), key=lambda one: abs(one - value))


def check_exact(kind: str, parts: Iterable[Term]) -> None:
    """Refuse arithmetic of a float32 query that float32 would round.

    Args:
        kind: Of the operator.
        parts: Its operands.

    Raises:
        Fault: It is a sum, or a product by anything but 1 or -1.
    """
    factors = [constant(part) for part in parts]
    if kind == "Multiply" and sum(one not in (1, -1) for one in factors) <= 1:
        return
    raise Fault(
        "an assertion about float32 compares single entries with each other or with numbers: what "
        "a sum or a product of them is depends on how it is rounded.",
        UnsupportedError,
    )
