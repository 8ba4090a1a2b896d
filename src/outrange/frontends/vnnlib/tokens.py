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

BOUND = re.compile(
    r"""
      \( \s* (?P<operator><=|>=) \s+ (?P<name>[XY]_\d+) \s+ (?P<number>[^\s()";|]+) \s* \)
    | """
    + TOKEN.pattern,
    re.VERBOSE | re.ASCII,
)
"""The same, but a bound `(<= X_0 0.5)` is one match, with groups: most of a long file are these."""

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


def words_and_bounds(text: str, taken: Callable[[re.Match], bool]) -> Iterator[re.Match]:
    """Every token but the comments, and those of bounds that are taken whole.

    Args:
        text: Of the file.
        taken: Called with a match of `BOUND` that is a bound; where it returns False, the tokens of
            the bound follow one by one.

    Raises:
        OutOfTime: The deadline passed on the way.
    """
    for count, match in enumerate(BOUND.finditer(text)):
        if count % _BETWEEN_CHECKS == 0:
            check_deadline()
        if match.lastgroup is None:
            if match.group()[0] != ";":
                yield match
        elif not taken(match):
            yield from TOKEN.finditer(text, *match.span())
