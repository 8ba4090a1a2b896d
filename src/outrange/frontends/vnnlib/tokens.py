"""The words of a property file: parentheses, symbols, numbers, strings, comments."""

import re
from collections.abc import Iterator

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
