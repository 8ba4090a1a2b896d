"""The name that was meant, for messages about names that are not there."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Suggest the nearest name.

    Args:
        name: What was written.
        known: The names there are.

    Returns:
        A sentence with a space in front; empty where nothing is near.
    """
    near = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" Did you mean `{near[0]}`?" if near else ""
