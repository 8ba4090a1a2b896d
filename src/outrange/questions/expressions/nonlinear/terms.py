"""Nonlinear terms of conditions: new variables that follow the inputs and outputs of a model.

A condition stays linear in its variables. A product such as `x[0] * y[1]` becomes a variable of its
own, and so does a function such as `sin(y[0])`. The module `conditions.term_graph` appends the
operations to the model's graph, so every search and every bound covers them.

Products of forms are multiplied out, in exact arithmetic, so that equal monomials cancel. For
example, `(x[0] + 0.1 * y[0]) ** 2 - x[0] ** 2` becomes `0.2 * x[0] * y[0] + 0.01 * y[0] ** 2`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ....core import InputError
from ....ops import CURVES
from ..forms import AffineForm, Number, add, is_float, scale, subtract, total
from .squares import CONSTANT, Row, complete_squares


MOST_TERMS = 1 << 14
"""Maximum number of nonlinear terms of one question."""

MOST_PAIRS = 1 << 12
"""Maximum number of monomials in a product of two forms that is multiplied out."""

DEGREE = 4
"""Maximum degree of a product of sums that is multiplied out."""

LARGEST_POWER = 64
"""Maximum magnitude of an exponent."""

FUNCTIONS = tuple(
    name
    for name in sorted(CURVES)
    if getattr(getattr(np, name, None), "nin", 0) == 1 and name not in ("square", "reciprocal")
)
"""Names of the supported functions of one number: the curves that NumPy has under the same name.

`square` and `reciprocal` are absent, because they are treated as powers.
"""


@dataclass(frozen=True)
class Operation:
    """One nonlinear operation on variables.

    Args:
        kind: `"form"` (a linear form of the operands), `"largest"` (their maximum), `"product"` (of
            two), or `"curve"` (a function of one).
        operands: Variables; each is an input, an output, or an earlier term.
        detail: Coefficients and constant of a form; name and attributes of a curve.
    """

    kind: str
    operands: tuple[int, ...]
    detail: tuple = ()


class Terms:
    """The nonlinear terms of one question, numbered in the order of their first use.

    Args:
        first: Index of the first term: the total number of inputs and outputs.
    """

    def __init__(self, first: int) -> None:
        self.first = first
        self.operations: list[Operation] = []
        self._places: dict[Operation, int] = {}
        self._factors: dict[int, tuple[int, ...]] = {}
        self._monomials: dict[tuple[int, ...], int] = {}

    @property
    def products(self) -> dict[int, tuple[int, ...]]:
        """Map from each monomial of degree 2 or more to its factors, which may repeat."""
        return dict(self._factors)

    def multiply(self, a: AffineForm, b: AffineForm) -> AffineForm:
        """Return `a * b` as a linear form of monomials."""
        if b.is_constant:
            return scale(a, b.offset)
        if a.is_constant:
            return scale(b, a.offset)
        a, b = self.without_peaks(a), self.without_peaks(b)
        single = _is_monomial(a) and _is_monomial(b)
        pairs = (len(a.terms) + 1) * (len(b.terms) + 1)
        if not single and (self._degree(a) + self._degree(b) > DEGREE or pairs > MOST_PAIRS):
            a, b = (f if _is_monomial(f) else _variable(self.variable(f)) for f in (a, b))
        terms: dict[int, Number] = {}
        for i, c in a.terms.items():
            for j, d in b.terms.items():
                k = self._monomial(self._factors_of(i) + self._factors_of(j))
                terms[k] = terms.get(k, 0) + c * d
        products = AffineForm({i: c for i, c in terms.items() if c}, 0)
        linear = [AffineForm(a.terms, 0), AffineForm(b.terms, 0)]
        rest = total(linear, [b.offset, a.offset])
        return add(add(products, rest), AffineForm({}, a.offset * b.offset))

    def power(self, a: AffineForm, exponent: Number) -> AffineForm:
        """Return `a ** exponent`.

        Raises:
            InputError: The exponent's magnitude exceeds `LARGEST_POWER`, or the exponent is not a
                float64 number.
        """
        if exponent == 0:
            return AffineForm({}, 1)
        if exponent == 1:
            return a
        # The square of a quadratic form stays a square: its monomials no longer show its sign.
        if exponent == 2 and self._degree(a) < 2:
            return self.multiply(a, a)
        if abs(exponent) > LARGEST_POWER or not is_float(exponent):
            raise InputError(
                f"An exponent must be a float64 number between -{LARGEST_POWER} and "
                f"{LARGEST_POWER}. Received: {exponent}."
            )
        if exponent < 0:
            return self.function("reciprocal", self.power(a, -exponent))
        if exponent == Fraction(1, 2):
            return self.function("sqrt", a)
        if exponent.denominator != 1:
            return self.function("power", a, (("exponent", float(exponent)),))
        if a.is_constant:
            return AffineForm({}, Fraction(a.offset) ** int(exponent))
        n = int(exponent)
        a = self.without_peaks(a)
        if _is_monomial(a):
            ((i, c),) = a.terms.items()
            return AffineForm({self._monomial(self._factors_of(i) * n): c**n}, 0)
        return _variable(self._monomial((self.variable(a),) * n))

    def divide(self, a: AffineForm, b: AffineForm) -> AffineForm:
        """Return `a / b` for a divisor that is not constant."""
        return self.multiply(a, self.function("reciprocal", b))

    def function(self, name: str, a: AffineForm, attributes: tuple = ()) -> AffineForm:
        """Return the value of the function `name`, a curve of `ops`, at a form."""
        operand = self.variable(self.without_peaks(a))
        return _variable(self._add(Operation("curve", (operand,), (name, attributes))))

    def without_peaks(self, a: AffineForm) -> AffineForm:
        """Return an equal form in which variables replace the maxima."""
        if not a.peaks:
            return a
        parts = [AffineForm(a.terms, a.offset)]
        for k, alternatives in a.peaks:
            parts.append(scale(_variable(self._largest(alternatives)), k))
        return total(parts)

    def difference(self, a: AffineForm, b: AffineForm) -> AffineForm:
        """Return `a - b`; `square_up` is applied to a nonlinear difference."""
        form = subtract(a, b)
        return self.square_up(form) if any(i >= self.first for i in form.terms) else form

    def square_up(self, a: AffineForm) -> AffineForm:
        """Return an equal form in which a semidefinite quadratic part is a sum of squares.

        The form stays as it is if it has maxima, if its quadratic part is indefinite, or if a
        square would have coefficients that are not float64 numbers. It also stays as it is if each
        of its quadratic terms is the square of a variable that has no linear term.
        """
        if a.peaks:
            return a
        quadratic, linear = {}, {CONSTANT: a.offset}
        for i, c in a.terms.items():
            factors = self._factors_of(i)
            if len(factors) == 2:
                quadratic[factors[0], factors[1]] = c
            else:
                linear[i] = c
        linked = any(i != j or i in linear for i, j in quadratic)
        completed = complete_squares(quadratic, linear) if linked else None
        if completed is None:
            return a
        squares, rest = completed
        parts = [_linear(rest)]
        for c, row in squares:
            variable = self._integer_power(self.variable(_linear(row)), 2)
            parts.append(AffineForm({variable: c}, 0))
        return total(parts)

    def variable(self, a: AffineForm) -> int:
        """Return the variable that equals a form without maxima; add it if necessary."""
        a = self.square_up(a)
        if _is_monomial(a):
            ((i, c),) = a.terms.items()
            if c == 1:
                return i
        order = sorted(a.terms)
        detail = (tuple(a.terms[i] for i in order), a.offset)
        return self._add(Operation("form", tuple(order), detail))

    def _largest(self, alternatives: tuple[AffineForm, ...]) -> int:
        forms = [self.without_peaks(form) for form in alternatives]
        if len(forms) == 2 and _is_zero(add(*forms)):
            ((i, _),) = self.function("abs", forms[0]).terms.items()
            return i
        return self._add(Operation("largest", tuple(self.variable(form) for form in forms)))

    def _monomial(self, factors: tuple[int, ...]) -> int:
        """Return the variable that equals a product of variables."""
        factors = tuple(sorted(factors))
        if len(factors) == 1:
            return factors[0]
        if factors not in self._monomials:
            counts = Counter(factors)
            parts = [self._integer_power(i, n) for i, n in counts.items()]
            product = parts[0]
            for part in parts[1:]:
                product = self._add(Operation("product", (product, part)))
            self._monomials[factors] = product
            self._factors[product] = factors
        return self._monomials[factors]

    def _integer_power(self, i: int, n: int) -> int:
        if n == 1:
            return i
        detail = ("square", ()) if n == 2 else ("power", (("exponent", float(n)),))
        return self._add(Operation("curve", (i,), detail))

    def _factors_of(self, variable: int) -> tuple[int, ...]:
        return self._factors.get(variable, (variable,))

    def _degree(self, a: AffineForm) -> int:
        return max((len(self._factors_of(i)) for i in a.terms), default=0)

    def _add(self, operation: Operation) -> int:
        if operation not in self._places:
            if len(self.operations) == MOST_TERMS:
                raise InputError(
                    f"A condition may have at most {MOST_TERMS:,} different products and "
                    "functions of `x` and `y`; state the parts as separate properties. "
                    "Received: a condition with more of them."
                )
            self._places[operation] = self.first + len(self.operations)
            self.operations.append(operation)
        return self._places[operation]


def _variable(i: int) -> AffineForm:
    return AffineForm({i: 1}, 0)


def _linear(row: Row) -> AffineForm:
    """Return a form from the dict of its coefficients; `CONSTANT` is the key of the constant."""
    terms: dict[int, Number] = {i: c for i, c in row.items() if i != CONSTANT and c}
    return AffineForm(terms, row.get(CONSTANT, 0))


def _is_monomial(a: AffineForm) -> bool:
    return len(a.terms) == 1 and a.offset == 0 and not a.peaks


def _is_zero(a: AffineForm) -> bool:
    return a.is_constant and a.offset == 0
