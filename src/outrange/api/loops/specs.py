"""Specifications of closed loops: boxes to avoid or to reach, and specifications as text."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from ...core import InputError
from ...questions.expressions import Condition, Temporal, x


WORDS = ("always", "eventually", "at", "during", "avoid")


def within(lo: Any, hi: Any) -> Condition:
    """Require that the states lie in a box, as a condition for `outrange.closed_loop`.

    Args:
        lo: Lower bounds, `(states,)` with None for no bound, or one number (or a list of one
            number) for all states.
        hi: Upper bounds, `(states,)`, in the same form as `lo`.

    Returns:
        A condition on `outrange.x`, for use as `within(lo, hi).at(20)` or `~within(lo, hi)`.

    Raises:
        InputError: No state is bounded, or the lists differ in length.

    Example:
        >>> within([0, None], [1, 2]).at(20)
        ((x[0] >= 0.0) & (x[0] <= 1.0) & (x[1] <= 2.0)).at(20)
    """
    if np.ndim(lo) == np.ndim(hi) == 0 and lo is not None and hi is not None:
        return ((x >= lo) & (x <= hi)).all()
    ends = [_ends(lo, -np.inf), _ends(hi, np.inf)]
    count = max(map(len, ends))
    ends = [end * count if len(end) == 1 else end for end in ends]
    if len({len(end) for end in ends}) > 1 or not np.isfinite(ends).any():
        raise InputError(
            "A box of states must be a list of lower bounds and a list of upper bounds, with None "
            f"for no bound. Received: {lo!r:.60} and {hi!r:.60}."
        )
    parts: list[Condition] = []
    for i, (least, most) in enumerate(zip(*ends, strict=True)):
        if np.isfinite(least):
            parts.append(x[i] >= least)
        if np.isfinite(most):
            parts.append(x[i] <= most)
    return reduce(lambda a, b: a & b, parts)


def avoid(lo: Any, hi: Any) -> Temporal:
    """Require that the states never enter a box.

    Args:
        lo: Lower bounds, `(states,)` as in `outrange.within`.
        hi: Upper bounds, `(states,)`, in the same form as `lo`.

    Returns:
        A specification for `outrange.closed_loop`: `(~within(lo, hi)).always()`.

    Raises:
        InputError: No state is bounded, or the lists differ in length.

    Example:
        >>> avoid([1, None], [2, None])
        (~((x[0] >= 1.0) & (x[0] <= 2.0))).always()
    """
    return (~within(lo, hi)).always()


def _ends(bounds: Any, absent: float) -> list[float]:
    each = list(bounds) if np.ndim(bounds) else [bounds]
    try:
        return [absent if v is None else float(v) for v in each]
    except (TypeError, ValueError):
        raise InputError(
            f"A bound of a box must be a number or None. Received: {bounds!r:.60}."
        ) from None


def read_spec(spec: Any) -> Any:
    """Parse a specification given as text: parts `WORD TIMES: condition`, separated by `;`.

    A specification of any other type is returned unchanged.

    Raises:
        InputError: The text is not a specification.
    """
    if not isinstance(spec, str):
        return spec
    parts = [_part(text) for text in spec.split(";") if text.strip()]
    if not parts:
        raise InputError("A specification must state a condition. Received: an empty string.")
    return reduce(lambda a, b: a & b, parts)


def _part(text: str) -> Temporal:
    from ...questions.language.parser import read_condition

    head, colon, rest = text.partition(":")
    word, *ends = head.split()
    if not colon:
        return read_condition(text).always()
    rule = (
        "A specification given as text must be `always: CONDITION`, `eventually: CONDITION`, "
        "`at 20: CONDITION`, `during 10 20: CONDITION` or `avoid: CONDITION`; separate several "
        "specifications with `;`"
    )
    try:
        times = [float(end) for end in ends]
    except ValueError:
        raise InputError(f"{rule}. Received: `{head.strip()}`.") from None
    wanted = {"at": 1, "during": 2}.get(word, 0)
    if word not in WORDS or len(times) != wanted:
        raise InputError(f"{rule}. Received: `{head.strip()}`.")
    condition = read_condition(rest.strip())
    if word == "avoid":
        return (~condition).always()
    return getattr(condition, word)(*times)
