"""Internal errors: one part of a search fails, and what the others prove stands."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TypeVar

from ...core import InternalErrorWarning, OutrangeError


T = TypeVar("T")


class SearchFailedError(Exception):
    """A part of a search ended with an internal error, which has been reported."""


def attempt(work: Callable[[], T], part: str) -> T:
    """Run a part of a search, and report an internal error of it.

    Errors that are meant for the user pass, and so do those of memory and time.

    Args:
        part: Its name, for the report.

    Raises:
        SearchFailedError: An unexpected exception ended the part, and a warning says so.
    """
    try:
        return work()
    except (OutrangeError, MemoryError, SearchFailedError, InternalErrorWarning):
        raise
    except Exception as error:
        warnings.warn(
            f"A part of the search ended with an internal error; bounds that were proved hold. "
            f"This is a bug in outrange, please report it. "
            f"Received: {type(error).__name__} in {part}: {error}",
            InternalErrorWarning,
            stacklevel=2,
        )
        raise SearchFailedError(part) from error
