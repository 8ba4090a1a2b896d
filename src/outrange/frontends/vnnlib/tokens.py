"""Tokens of a property file: parentheses, symbols, numbers, strings, comments."""

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
    | ["|]                    # the start of an unterminated string or quoted name
    """,
    re.VERBOSE | re.ASCII,
)
"""Pattern of any token. It matches every character except white space, so nothing is skipped."""

_SIMPLE = r"""\([<>]=[^()";|]*\)"""

RUN = re.compile(
    rf"(?P<run>{_SIMPLE}(?:\s*{_SIMPLE}){{0,999}})|(?:{TOKEN.pattern})", re.VERBOSE | re.ASCII
)
"""Pattern of a token, or of a run of up to 1,000 comparisons by `<=`, `>=` or `==` without inner
forms. A long file consists mostly of bounds such as `(<= X_0 0.5)`."""

SIMPLE = re.compile(_SIMPLE, re.ASCII)
"""Pattern of one comparison in a run that `RUN` matches."""

BOUND = re.compile(
    r"""\(\s*(?P<operator><=|>=)\s+(?P<name>[XY]_\d+)\s+(?P<number>[^\s()";|]+)\s*\)""", re.ASCII
)
"""Pattern of a comparison that bounds a single variable."""

DEEPEST = 200
"""Nesting limit of parentheses; existing files have fewer than ten levels."""


_BETWEEN_CHECKS = 1 << 12
"""Number of tokens read between two checks of the deadline: a few hundredths of a second."""


def words(text: str) -> Iterator[re.Match]:
    """Yield a match for every token except the comments.

    Raises:
        OutOfTime: The deadline passed.
    """
    for count, match in enumerate(TOKEN.finditer(text)):
        if count % _BETWEEN_CHECKS == 0:
            check_deadline()
        if match.group()[0] != ";":
            yield match


def words_and_bounds(text: str, consume: Callable[[re.Match], int]) -> Iterator[re.Match]:
    """Yield a match for every token, except for comments and for bounds that `consume` consumes.

    Args:
        text: Text of the file.
        consume: Function that is called with each match of `RUN` that is a run of comparisons, and
            returns the end of the part that it consumes. The remaining tokens of the run are
            yielded one by one.

    Raises:
        OutOfTime: The deadline passed.
    """
    for count, match in enumerate(RUN.finditer(text)):
        if match.lastgroup is None:
            if count % _BETWEEN_CHECKS == 0:
                check_deadline()
            if match.group()[0] != ";":
                yield match
            continue
        check_deadline()
        start = consume(match)
        if start < match.end():
            yield from TOKEN.finditer(text, start, match.end())
