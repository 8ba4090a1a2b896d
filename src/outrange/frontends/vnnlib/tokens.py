"""The words of a property file: parentheses, symbols, numbers, strings, comments."""

import re
from collections.abc import Callable, Iterator

from ...core import check_deadline


TOKEN = re.compile(
    r"""
      [()]
    | [^\s()";|]+             # a name or a number
    | ;[^\n]*                 # a comment
    | "[^"]*"                 # a string
    | \|[^|]*\|               # a quoted name
    | ["|]                    # the begin of a string or quoted name that does not end
    """,
    re.VERBOSE | re.ASCII,
)
"""Matches every character that is no white space, so that nothing is skipped unseen."""

_SIMPLE = r"""\([<>]=[^()";|]*\)"""

RUN = re.compile(
    rf"(?P<run>{_SIMPLE}(?:\s*{_SIMPLE}){{0,999}})|(?:{TOKEN.pattern})", re.VERBOSE | re.ASCII
)
"""The same, but comparisons without inner forms, one behind the other, are one match: most of a
long file are bounds `(<= X_0 0.5)`."""

SIMPLE = re.compile(_SIMPLE, re.ASCII)
"""One of these."""

BOUND = re.compile(
    r"""\(\s*(?P<operator><=|>=)\s+(?P<name>[XY]_\d+)\s+(?P<number>[^\s()";|]+)\s*\)""", re.ASCII
)
"""A comparison that is the bound of a variable."""

DEEPEST = 200
"""How deep parentheses may nest; files in use have less than ten levels."""


_BETWEEN_CHECKS = 1 << 12
"""Tokens read between two looks at the clock: some hundredths of a second."""


def words(text: str) -> Iterator[re.Match]:
    """Every token but the comments.

    Raises:
        OutOfTime: The deadline passed on the way.
    """
    for count, match in enumerate(TOKEN.finditer(text)):
        if count % _BETWEEN_CHECKS == 0:
            check_deadline()
        if match.group()[0] != ";":
            yield match


def words_and_bounds(text: str, taken: Callable[[re.Match], int]) -> Iterator[re.Match]:
    """Every token but the comments, and those of bounds that are taken whole.

    Args:
        text: Of the file.
        taken: Called with a match of `RUN` that is a run of comparisons. Returns up to where it
            takes them; the tokens of what is left follow one by one.

    Raises:
        OutOfTime: The deadline passed on the way.
    """
    for count, match in enumerate(RUN.finditer(text)):
        if match.lastgroup is None:
            if count % _BETWEEN_CHECKS == 0:
                check_deadline()
            if match.group()[0] != ";":
                yield match
            continue
        check_deadline()
        start = taken(match)
        if start < match.end():
            yield from TOKEN.finditer(text, start, match.end())
