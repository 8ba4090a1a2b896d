"""The words of a property file: parentheses, symbols, numbers, strings, comments."""

import re
from collections.abc import Iterator


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


def words(text: str) -> Iterator[re.Match]:
    """Every token but the comments."""
    return (match for match in TOKEN.finditer(text) if match.group()[0] != ";")
