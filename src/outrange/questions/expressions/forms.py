"""Piecewise-linear forms of the variables `[x, y]`, in exact rational arithmetic."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from numbers import Rational
from typing import Any

import numpy as np

from ...core import InputError
from ..inputs.boxes import describe_value


Number = int | Fraction


@dataclass(frozen=True, slots=True, eq=False)
class AffineForm:
    """Piecewise-linear form `sum(c * v[i]) + offset + sum(k * max(alternatives))`.

    Args:
        terms: Dict from the index of a variable to its nonzero coefficient.
        offset: Constant term of the form.
        peaks: Pairs `(k, alternatives)`: the maximum of the alternatives is multiplied by `k != 0`.
    """

    terms: dict[int, Number]
    offset: Number
    peaks: tuple[tuple[Number, tuple[AffineForm, ...]], ...] = ()

    @property
    def is_constant(self) -> bool:
        return not self.terms and not self.peaks


def add(a: AffineForm, b: AffineForm) -> AffineForm:
    """Return `a + b`."""
    if b.is_constant:
        return AffineForm(a.terms, a.offset + b.offset, a.peaks)
    if a.is_constant:
        return AffineForm(b.terms, a.offset + b.offset, b.peaks)
    if len(a.terms) < len(b.terms):
        a, b = b, a
    terms = dict(a.terms)
    for i, c in b.terms.items():
        c = terms.get(i, 0) + c
        if c:
            terms[i] = c
        else:
            del terms[i]
    return AffineForm(terms, a.offset + b.offset, a.peaks + b.peaks)


def scale(a: AffineForm, k: Number) -> AffineForm:
    """Return `k * a`."""
    if k == 1:
        return a
    if k == 0:
        return AffineForm({}, 0)
    peaks = tuple((k * c, inner) for c, inner in a.peaks)
    return AffineForm({i: k * c for i, c in a.terms.items()}, k * a.offset, peaks)


def subtract(a: AffineForm, b: AffineForm) -> AffineForm:
    """Return `a - b`."""
    if b.is_constant:
        return AffineForm(a.terms, a.offset - b.offset, a.peaks)
    return add(a, scale(b, -1))


def total(forms: Iterable[AffineForm], weights: Iterable[Number] | None = None) -> AffineForm:
    """Return the sum of the forms, each multiplied by its weight (1 if `weights` is None)."""
    pairs = ((1, form) for form in forms) if weights is None else zip(weights, forms, strict=True)
    terms: dict[int, Number] = {}
    offset: Number = 0
    peaks: list[tuple[Number, tuple[AffineForm, ...]]] = []
    for k, form in pairs:
        if k == 0:
            continue
        for i, c in form.terms.items():
            c = k if type(c) is int and c == 1 else k * c
            terms[i] = terms[i] + c if i in terms else c
        offset += k * form.offset
        peaks += [(k * c, inner) for c, inner in form.peaks]
    return AffineForm({i: c for i, c in terms.items() if c}, offset, tuple(peaks))


def largest(forms: Sequence[AffineForm]) -> AffineForm:
    """Return the maximum of forms as a form.

    A form with a single added maximum is replaced with one form per alternative of that maximum.
    """
    if len(forms) == 1:
        return forms[0]
    if all(form.is_constant for form in forms):
        return AffineForm({}, max(form.offset for form in forms))
    flat: list[AffineForm] = []
    for form in forms:
        if len(form.peaks) == 1 and form.peaks[0][0] > 0:
            k, inner = form.peaks[0]
            rest = AffineForm(form.terms, form.offset)
            flat += [add(rest, scale(part, k)) for part in inner]
        else:
            flat.append(form)
    return AffineForm({}, 0, ((1, tuple(flat)),))


def is_float(number: Number) -> bool:
    """Return whether a number is exactly a float64 number."""
    try:
        return float(number) == number
    except OverflowError:
        return False


def is_absolute(a: AffineForm) -> bool:
    """Return whether a form is a positive multiple of the absolute value of another form."""
    if a.terms or a.offset or len(a.peaks) != 1:
        return False
    ((k, alternatives),) = a.peaks
    if k < 0 or len(alternatives) != 2 or any(part.peaks for part in alternatives):
        return False
    both = add(*alternatives)
    return both.is_constant and both.offset == 0


def smallest(forms: Sequence[AffineForm]) -> AffineForm:
    """Return the minimum of forms as a form."""
    return scale(largest([scale(form, -1) for form in forms]), -1)


def constants(value: Any) -> np.ndarray:
    """Convert `value` to an object array of constant forms, without rounding.

    Raises:
        InputError: `value` does not consist of finite real numbers.
    """
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        array = np.empty(0, "U1")
    exact = array.dtype.kind == "O" and all(isinstance(v, Rational) for v in array.flat)
    if array.dtype.kind not in "biuf" and not exact:
        raise InputError(
            "An expression must consist of `x`, `y` and real numbers (or arrays of them). "
            f"Received: {describe_value(value)}."
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InputError(f"The numbers of an expression must be finite. Received: {value!r:.60}.")
    return object_array([AffineForm({}, _number(v)) for v in array.ravel().tolist()], array.shape)


def _number(v: Any) -> Number:
    """Convert a number to its exact rational value, as an `int` if it is an integer."""
    if isinstance(v, int):
        return int(v)
    exact = Fraction(*v.as_integer_ratio())
    return exact.numerator if exact.denominator == 1 else exact


def object_array(items: Sequence[Any], shape: tuple[int, ...]) -> np.ndarray:
    """Return an object array of the given shape that contains the items."""
    array = np.empty(len(items), object)
    array[:] = items
    return array.reshape(shape)
