"""The search under way, in one line."""

import numpy as np

from ...answers import RangeProgress


MOST_SHOWN = 6


def live_text(now: RangeProgress, names: list[str]) -> str:
    """Time, boxes, and per output how much of the claimed range was seen: 100 % is closed.

    Args:
        now: The bounds so far.
        names: A label per output.
    """
    share = now.share_known
    order = np.argsort(share, kind="stable") if len(share) > MOST_SHOWN else np.arange(len(share))
    shown = [f"{names[i]} {_percent(float(share[i]))}" for i in order[:MOST_SHOWN]]
    if len(order) > MOST_SHOWN:
        least = _percent(float(share[order[MOST_SHOWN]]))
        shown.append(f"{len(order) - MOST_SHOWN} others >= {least}")
    work = f"{now.seconds:6.1f} s  {now.boxes:,} boxes, {now.open:,} open"
    return f"{work}  known: {', '.join(shown)}"


def _percent(share: float) -> str:
    """Rounded down, so that 100 % is never said too early."""
    digits = 1 if share < 0.99 else 4
    step = 10**digits
    return f"{np.floor(100 * share * step) / step:.{digits}f} %"
