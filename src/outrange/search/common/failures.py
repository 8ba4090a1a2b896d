"""Internal errors: if one part of a search fails, the bounds of the other parts remain valid."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TypeVar

from ...core import InternalErrorWarning, OutrangeError


T = TypeVar("T")


class SearchFailedError(Exception):
    """Internal error that ended part of a search and has been reported."""


def attempt(work: Callable[[], T], part: str) -> T:
    """Run part of a search, and report internal errors as a warning.

    Errors of the class `OutrangeError` (such as `InputError` and `OutOfTime`) and memory errors
    propagate unchanged.

    Args:
        work: The part to run.
        part: Name of the part in the warning.

    Raises:
        SearchFailedError: An unexpected exception ended the part.
    """
    try:
        return work()
    except (OutrangeError, MemoryError, SearchFailedError, InternalErrorWarning):
        raise
    except Exception as error:
        warnings.warn(
            f"Part of the search ended with an internal error; bounds proved so far are valid. "
            f"This is a bug in outrange; please report it. "
            f"Received: {type(error).__name__} in {part}: {error}",
            InternalErrorWarning,
            stacklevel=2,
        )
        raise SearchFailedError(part) from error
