"""Phrases that error messages share."""

import shlex
from collections.abc import Iterable
from difflib import get_close_matches


def count_noun(count: int, noun: str) -> str:
    """Format a number of things, such as `1 layer` or `1,000 layers`.

    Args:
        count: Number of things.
        noun: Singular of a noun whose plural adds an "s".
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


CLOSE = 0.6
"""Least similarity of a name that is suggested, as `difflib` measures it, from 0 to 1."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a sentence that suggests the known name nearest to `name`.

    Args:
        name: The name that is unknown.
        known: The names that are valid.

    Returns:
        A sentence with a leading space; empty if no name is close.
    """
    near = get_close_matches(name, list(known), n=1, cutoff=CLOSE)
    return f" Did you mean `{near[0]}`?" if near else ""


def pip_install(*packages: str) -> str:
    """Return the `pip install` command for the given packages, in backticks.

    Packages are listed by name rather than as an extra of outrange, because this works with an
    index, with a wheel and in a checkout.

    Args:
        *packages: Requirements in pip's syntax.

    Returns:
        The command in backticks.
    """
    return f"`{shlex.join(['pip', 'install', *packages])}`"
