"""Checks of arguments that several searches accept."""

from typing import Any

import numpy as np

from ...core import InputError


def check_limits(tol: Any, time_limit: Any, *, default: bool = True) -> None:
    """Check that `tol` is at least 0 and `time_limit` is positive, unless they are None.

    Args:
        tol: Relative tolerance, or None.
        time_limit: Limit in seconds, infinity for no limit, or None.
        default: Whether `tol` may be None.

    Raises:
        InputError: `tol` is not a finite number >= 0, `time_limit` is not a number > 0, or `tol` is
            None and `default` is False.
    """
    usable = default if tol is None else _is_finite_number(tol) and tol >= 0
    if not usable:
        or_none = ", or None for a default that suits the network" if default else ""
        raise InputError(
            "`tol` must be a finite number >= 0, relative to the observed range"
            f"{or_none}. Received: tol={tol!r}."
        )
    if time_limit is not None and not (_is_number(time_limit) and time_limit > 0):
        raise InputError(
            "`time_limit` must be a number of seconds > 0, or `math.inf` for no limit. "
            f"Received: time_limit={time_limit!r}."
        )


def check_each(each: Any) -> None:
    """Check that `each`, the time limit per input in seconds, is a finite positive number.

    Raises:
        InputError: `each` is not a finite positive number.
    """
    if not (_is_finite_number(each) and each > 0):
        raise InputError(f"`each` must be a finite number of seconds > 0. Received: each={each!r}.")


def check_hooks(progress: Any, seed: Any = 0) -> None:
    """Check that `progress` is callable or None, and that `seed` is a nonnegative integer.

    Raises:
        InputError: `progress` is neither callable nor None, or `seed` is not a nonnegative integer.
    """
    if progress is not None and not callable(progress):
        raise InputError(f"`progress` must be a function, or None. Received: {progress!r}.")
    is_integer = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
    if not is_integer or seed < 0:
        raise InputError(f"`seed` must be an integer >= 0. Received: seed={seed!r}.")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _is_finite_number(value: Any) -> bool:
    return _is_number(value) and bool(np.isfinite(value))
