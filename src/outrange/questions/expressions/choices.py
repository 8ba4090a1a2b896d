"""Comparisons of `argmax` and `argmin`; the first of equal entries wins, as in NumPy."""

from __future__ import annotations

from dataclasses import dataclass

from ...core import Formula, InputError
from ...core.formula import FALSE, TRUE, negate
from .forms import AffineForm, Number
from .formulas import MOST_ATOMS, all_of, any_of, compare_forms


@dataclass(frozen=True, slots=True, eq=False)
class IndexChoice:
    """Index of the largest of `entries`, or of the first one if several tie for the largest.

    For `argmin`, the entries are negated.
    """

    entries: tuple[AffineForm, ...]


def compare_choices(op: str, a: IndexChoice | AffineForm, b: IndexChoice | AffineForm) -> Formula:
    """Build the formula `a op b` for two choices, or for a choice and a constant.

    Raises:
        InputError: A choice is compared with a number that is not an index, or with a value of `x`
            or `y`.
    """
    if isinstance(a, AffineForm):
        mirrored = {"<=": ">=", "<": ">", ">=": "<=", ">": "<"}
        return compare_choices(mirrored.get(op, op), b, a)
    if isinstance(b, AffineForm):
        if not b.is_constant:
            raise InputError(
                "An `argmax` or `argmin` is an index: compare it with an integer or with another "
                "`argmax`. Received: a comparison with values of the model."
            )
        return _compare_with_number(op, a, b.offset)
    _check_size(op, a, b)
    if op in ("==", "!="):
        shared = range(min(len(a.entries), len(b.entries)))
        same = any_of(all_of((_is(a, k), _is(b, k))) for k in shared)
        return same if op == "==" else negate(same)
    if op in ("<", ">="):
        above = _at_most(b, a)
        return negate(above) if op == "<" else above
    below = _at_most(a, b)
    return below if op == "<=" else negate(below)


def _compare_with_number(op: str, choice: IndexChoice, number: Number) -> Formula:
    size = len(choice.entries)
    if op in ("==", "!="):
        k = int(number)
        if k != number or not 0 <= k < size:
            raise InputError(
                f"An `argmax` or `argmin` over {size} entries must be compared with an index "
                f"from 0 to {size - 1}. Received: a comparison with {float(number):g}."
            )
        return _is(choice, k) if op == "==" else negate(_is(choice, k))
    floor = number.__floor__()
    below = floor - 1 if floor == number and op in ("<", ">=") else floor
    is_below = _among_first(choice, below + 1)
    return is_below if op in ("<=", "<") else negate(is_below)


def _is(choice: IndexChoice, k: int) -> Formula:
    """Build the formula stating that the index `choice` equals `k`.

    Entry `k` is then larger than all entries before it, and at least as large as all after it.
    """
    mine = choice.entries[k]
    return all_of(
        compare_forms(">" if j < k else ">=", mine, other)
        for j, other in enumerate(choice.entries)
        if j != k
    )


def _among_first(choice: IndexChoice, count: int) -> Formula:
    """Build the formula stating that the index `choice` is less than `count`.

    This is the case if one of the first `count` entries is at least as large as all later ones.
    """
    if count <= 0:
        return FALSE
    first, rest = choice.entries[:count], choice.entries[count:]
    if not rest:
        return TRUE
    return any_of(all_of(compare_forms(">=", mine, other) for other in rest) for mine in first)


def _at_most(a: IndexChoice, b: IndexChoice) -> Formula:
    """Build the formula `a <= b`."""
    return any_of(all_of((_is(b, k), _among_first(a, k + 1))) for k in range(len(b.entries)))


def _check_size(op: str, a: IndexChoice, b: IndexChoice) -> None:
    """Reject a comparison of two choices that needs more than `MOST_ATOMS` inequalities.

    The number of inequalities is quadratic in the number of entries, and cubic for order
    comparisons.
    """
    m, n = len(a.entries), len(b.entries)
    count = min(m, n) * (m + n) if op in ("==", "!=") else m * n + max(m, n) ** 3 // 6
    if count > MOST_ATOMS:
        raise InputError(
            f"Comparing two `argmax` expressions takes about {count:,} inequalities here, but at "
            f"most {MOST_ATOMS:,} are supported; compare smaller groups, or compare each "
            "expression with a number. "
            f"Received: {m} and {n} entries."
        )
