"""Numbers and counts formatted for messages."""

from collections.abc import Iterable

import numpy as np


FLOAT32 = 2.0**-23
"""Bound on the relative rounding error of a number stored in float32."""


def span(lo: float, hi: float) -> str:
    """Format a range, for example as `[0, inf)`.

    Finite bounds have four digits. They are rounded outward unless rounding to nearest changes them
    by no more than the rounding error of float32.
    """
    left = "(-inf" if np.isneginf(lo) else f"[{_outward(lo, -1.0, FLOAT32)}"
    right = "inf)" if np.isposinf(hi) else f"{_outward(hi, 1.0, FLOAT32)}]"
    return f"{left}, {right}"


def short(value: float) -> str:
    """Format a number with four digits, without a negative zero."""
    return f"{float(f'{value:.4g}') + 0.0:g}"


def at_least(value: float) -> str:
    """Format a lower bound with four digits, rounded down.

    A relative error of 1e-9 is ignored, because the bound already covers its own rounding errors.
    """
    return _outward(value, -1.0, 1e-9)


def at_most(value: float) -> str:
    """Format an upper bound with four digits, rounded up, with the same tolerance as `at_least`."""
    return _outward(value, 1.0, 1e-9)


def _outward(value: float, way: float, off: float) -> str:
    text = f"{value:.4g}"
    if way * (value - float(text)) > off * abs(value):
        # The unit of the fourth digit of the rounded number.
        unit = 10.0 ** (np.floor(np.log10(abs(float(text)))) - 3)
        text = f"{float(text) + way * unit:.4g}"
    return f"{float(text) + 0.0:g}"


def format_steps(count: int) -> str:
    """Format a number of steps: `1 step`, `1,200 steps`."""
    return f"{count:,} step{'s' * (count != 1)}"


MANY_TIMES = 2.0
"""Multiple of the best constant's loss at or above which messages state a factor, not a
percentage."""


def of_constant(left: float, loss: str = "loss") -> str:
    """Format a fraction of the best constant's loss: `97 % of the best constant prediction's loss`.

    Args:
        left: The fraction; infinite if the loss is not finite.
        loss: The name of the quantity.
    """
    if not np.isfinite(left):
        return "no finite loss"
    if left >= MANY_TIMES:
        return f"{float(f'{left:.2g}'):,g} times the best constant prediction's {loss}"
    return f"{100 * max(left, 0.0):.0f} % of the best constant prediction's {loss}"


def describe_copies(steps: int, left: tuple[float, float], how: str, loss: str = "loss") -> str:
    """Describe in a sentence the losses of copies that were trained without and with a change.

    Args:
        steps: The number of steps without the change.
        left: The losses without and with the change, as fractions of the best constant's loss.
        how: The change as a phrase, for example `"without dropout"`.
        loss: The name of the quantity.
    """
    after = of_constant(left[1], loss)
    if not np.isfinite(left[0]):
        return (
            f"After {format_steps(steps)}, the loss of trained copies of the model is NaN or "
            f"infinite; {how}, they reach {after}."
        )
    if left[1] < MANY_TIMES:
        after = f"{100 * max(left[1], 0.0):.0f} %"
    return (
        f"After {format_steps(steps)}, trained copies of the model reach "
        f"{of_constant(left[0], loss)}; {how}, they reach {after}."
    )


def share(count: int, total: int) -> str:
    """Format a count out of a total: `7 of 7`."""
    return f"{count:,} of {total:,}"


def units_of(count: int, total: int, width: int) -> str:
    """Format a number of affected units: `7 of 7 units`.

    If all units of a sequence are affected, the result is `8 of 8 units at each of 5 positions`.

    Args:
        count: The number of affected entries of the layer's output.
        total: The number of all entries of the layer's output.
        width: The number of units of the layer, that is, of entries along the last axis.
    """
    if count == total and 0 < width < total and total % width == 0:
        return f"{share(width, width)} units at each of {total // width:,} positions"
    return f"{share(count, total)} units"


def names(items: Iterable[str], most: int = 3) -> str:
    """Join the first `most` names, each in backticks, and count the others.

    For example, the result for seven names lists the first three and ends with `and 4 more`.
    """
    items = list(items)
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(f"`{item}`" for item in items[:most]) + more


def entries(output: np.ndarray, most: int = 3) -> str:
    """Format the first entries of an array: `19.29` or `[19.29, 7.767, 0, ...]`."""
    flat = np.ravel(output)
    if len(flat) == 1:
        return short(float(flat[0]))
    more = ", ..." if len(flat) > most else ""
    return f"[{', '.join(short(float(v)) for v in flat[:most])}{more}]"
