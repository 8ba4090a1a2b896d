"""Element types of version 2.0: `real` is a real number, and nothing else is taken for one.

The standard lets a solver read a type as the real numbers only where the query says `real`; what
the query declares as `float32` is about float32, roundings included. The parser knows `real` in
small letters only, and calls other names unknown, so the names are read here.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...core import UnsupportedError
from .errors import Fault
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
