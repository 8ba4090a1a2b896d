"""Phrases that error messages share."""

import shlex
from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Suggest the nearest name.

    Args:
        name: The unknown name.
        known: The names there are.

    Returns:
        A sentence with a space in front; empty where nothing is near.
    """
    near = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" Did you mean `{near[0]}`?" if near else ""


def pip_install(*packages: str) -> str:
    """Quote the command that installs packages.

    The packages are named themselves, not as an extra of outrange: that works from an index, from a
    wheel and in a checkout alike.

    Args:
        *packages: As pip takes them.

    Returns:
        The command in backticks.
    """
    return f"`{shlex.join(['pip', 'install', *packages])}`"
