"""Comparisons of piecewise-linear forms, written as formulas of linear inequalities."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction

from ...core import And, Atom, Formula, InputError, Or
from ...core.formula import FALSE, TRUE
from .forms import AffineForm, add, is_float, scale, subtract


MOST_ATOMS = 2**16
"""Maximum number of linear inequalities that one comparison may expand to."""


def compare_forms(op: str, a: AffineForm, b: AffineForm) -> Formula:
    """Build the formula `a op b`, where `op` is one of `<= < >= > == !=`."""
    if op in ("<=", "<"):
        return _at_most_zero(subtract(a, b), op == "<")
    if op in (">=", ">"):
        return _at_most_zero(subtract(b, a), op == ">")
    strict = op == "!="
    both = _at_most_zero(subtract(a, b), strict), _at_most_zero(subtract(b, a), strict)
    return any_of(both) if strict else all_of(both)


def all_of(parts: Iterable[Formula]) -> Formula:
    """Build the conjunction of formulas; nested conjunctions are flattened.

    Parts that are `TRUE` are dropped. If any part is `FALSE`, so is the result.
    """
    flat: list[Formula] = []
    for part in parts:
        if isinstance(part, And):
            flat += part.parts
        elif part == FALSE:
            return FALSE
        else:
            flat.append(part)
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def any_of(parts: Iterable[Formula]) -> Formula:
    """Build the disjunction of formulas; nested disjunctions are flattened.

    Parts that are `FALSE` are dropped. If any part is `TRUE`, so is the result.
    """
    flat: list[Formula] = []
    for part in parts:
        if isinstance(part, Or):
            flat += part.parts
        elif part == TRUE:
            return TRUE
        else:
            flat.append(part)
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def linear_atom(form: AffineForm, strict: bool = False, *, may_scale: bool = True) -> Atom:
    """Build `form <= 0` (`< 0` if strict) for a form without maxima, with float64 coefficients.

    If a division (as in a mean of three numbers) produced numbers that float64 cannot represent,
    the inequality is multiplied by the odd part of their common denominator. If that does not help,
    each number is rounded once.

    Args:
        may_scale: Whether the inequality may be multiplied; False for an objective, because its
            value would change.

    Raises:
        InputError: A number exceeds the range of float64.
    """
    factor = _factor(form) if may_scale else 1
    form = scale(form, Fraction(factor)) if factor != 1 else form
    try:
        terms = tuple((i, float(c)) for i, c in sorted(form.terms.items()))
        offset = float(form.offset)
    except OverflowError:
        raise InputError(
            "The numbers of a condition must be below 1.8e308 once multiplied out; scale the "
            "condition down. Received: a coefficient or a constant above that."
        ) from None
    if any(c == 0 for _, c in terms):
        terms = tuple((i, c) for i, c in terms if c != 0)
    return Atom(terms, offset, strict, float(factor))


def _factor(form: AffineForm) -> int:
    """Return the odd part of the common denominator of a form's numbers, or 1.

    The result is 1 if multiplying the form by the odd part does not yield float64 numbers.
    """
    numbers = [*form.terms.values(), form.offset]
    denominator = math.lcm(*(number.denominator for number in numbers))
    odd = denominator // (denominator & -denominator)
    if odd == 1:
        return 1
    larger = scale(form, Fraction(odd))
    return odd if all(map(is_float, (*larger.terms.values(), larger.offset))) else 1


def _at_most_zero(form: AffineForm, strict: bool) -> Formula:
    """Build `form <= 0` (or `< 0`).

    If a maximum is added, the inequality must hold for each of its alternatives. If a maximum is
    subtracted, the inequality must hold for at least one of its alternatives. So each maximum is
    replaced by its alternatives. Subtracted maxima are replaced first, so that the result is an
    `Or` of `And`s.
    """
    if not form.peaks:
        if form.terms:
            return linear_atom(form, strict)
        return TRUE if form.offset < 0 or (form.offset == 0 and not strict) else FALSE
    count = _atoms(form)
    if count > MOST_ATOMS:
        raise InputError(
            "A sum of several `abs`, `max` or `min` expands into all combinations of branches, and "
            f"at most {MOST_ATOMS:,} inequalities are supported; bound the parts one by one "
            "instead (`(abs(y) <= c).all()`). "
            f"Received: a comparison that needs {_rough(count)} of them."
        )
    chosen = next((peak for peak in form.peaks if peak[0] < 0), form.peaks[0])
    k, alternatives = chosen
    rest = AffineForm(form.terms, form.offset, tuple(p for p in form.peaks if p is not chosen))
    parts = [_at_most_zero(add(rest, scale(part, k)), strict) for part in alternatives]
    return all_of(parts) if k > 0 else any_of(parts)


def _atoms(form: AffineForm) -> int:
    """Return the number of linear inequalities to which `form <= 0` expands."""
    return math.prod(sum(_atoms(part) for part in parts) for _, parts in form.peaks)


def _rough(count: int) -> str:
    return f"{count:,}" if count < 10**9 else f"about 10**{int(math.log10(count))}"
