"""Numbers and counts as messages say them."""

from collections.abc import Iterable

import numpy as np


FLOAT32 = 2.0**-23
"""What a number that was stored in float32 may be off by, relative to its size."""


def span(lo: float, hi: float) -> str:
    """`[0, inf)`; finite ends are rounded outward, but for what float32 is off by."""
    left = "(-inf" if np.isneginf(lo) else f"[{_outward(lo, -1.0, FLOAT32)}"
    right = "inf)" if np.isposinf(hi) else f"{_outward(hi, 1.0, FLOAT32)}]"
    return f"{left}, {right}"


def short(value: float) -> str:
    """A number in four digits, without a negative zero."""
    return f"{float(f'{value:.4g}') + 0.0:g}"


def at_least(value: float) -> str:
    """A lower bound in four digits, rounded down.

    Up to 1e-9 of it is left out of account, which a bound pays for its own arithmetic.
    """
    return _outward(value, -1.0, 1e-9)


def at_most(value: float) -> str:
    """An upper bound in four digits, rounded up, likewise."""
    return _outward(value, 1.0, 1e-9)


def _outward(value: float, way: float, off: float) -> str:
    text = f"{value:.4g}"
    if way * (value - float(text)) > off * abs(value):
        # The unit of the fourth digit of what was rounded.
        unit = 10.0 ** (np.floor(np.log10(abs(float(text)))) - 3)
        text = f"{float(text) + way * unit:.4g}"
    return f"{float(text) + 0.0:g}"


def steps_said(count: int) -> str:
    """`1 step`, `1,200 steps`."""
    return f"{count:,} step{'s' * (count != 1)}"


MANY_TIMES = 2.0
"""From so many times the best constant's loss on percents say less than a factor."""


def of_constant(left: float, loss: str = "loss") -> str:
    """What is left of the best constant's loss: `97 % of the best constant's loss`.

    Args:
        left: The share; infinite if there is no loss.
        loss: What it is a share of.
    """
    if not np.isfinite(left):
        return "no finite loss"
    if left >= MANY_TIMES:
        return f"{float(f'{left:.2g}'):,g} times the best constant's {loss}"
    return f"{100 * max(left, 0.0):.0f} % of the best constant's {loss}"


def reached(steps: int, left: tuple[float, float], how: str, loss: str = "loss") -> str:
    """A sentence about copies that were trained without a change, and with it.

    Args:
        steps: How many steps those without it took.
        left: What was left of the best constant's loss, without it and with it.
        how: What was changed, `"without dropout"`.
        loss: What it is a share of.
    """
    after = of_constant(left[1], loss)
    if not np.isfinite(left[0]):
        return (
            f"The loss of copies is NaN or infinite after {steps_said(steps)}; {how} they get to "
            f"{after}."
        )
    if left[1] < MANY_TIMES:
        after = f"{100 * max(left[1], 0.0):.0f} %"
    return f"In {steps_said(steps)} copies get to {of_constant(left[0], loss)}; {how} to {after}."


def share(count: int, total: int) -> str:
    """`7 of 7`."""
    return f"{count:,} of {total:,}"


def units_of(count: int, total: int, width: int) -> str:
    """`7 of 7 units`; `8 of 8 units at each of 5 positions` of a sequence, if that is all of it.

    Args:
        count: Entries of what a layer returns.
        total: All of them.
        width: Units of the layer, the last axis.
    """
    if count == total and 0 < width < total and total % width == 0:
        return f"{share(width, width)} units at each of {total // width:,} positions"
    return f"{share(count, total)} units"


def names(items: Iterable[str], most: int = 3) -> str:
    """`a, b, c and 4 more`."""
    items = list(items)
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(f"`{item}`" for item in items[:most]) + more


def entries(output: np.ndarray, most: int = 3) -> str:
    """`19.29`, or `[19.29, 7.767, 0, ...]`."""
    flat = np.ravel(output)
    if len(flat) == 1:
        return short(float(flat[0]))
    more = ", ..." if len(flat) > most else ""
    return f"[{', '.join(short(float(v)) for v in flat[:most])}{more}]"
