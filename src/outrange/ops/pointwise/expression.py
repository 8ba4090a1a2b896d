"""Expressions of one real variable, each with one canonical form.

An expression is an index into a table. Sums of products of powers are expanded where that is cheap,
so that terms cancel: `2 e - (1 + e)` is `e - 1`. Constants are fractions, so nothing is rounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from ...core import UnsupportedError
from . import identities
from .limits import EXPRESSION_WORK, MOST_EXPRESSIONS, MOST_TERMS, Effort, check_sum, exact
from .nodes import (
    Apply,
    CurveVariable,
    Expression,
    Monomial,
    Need,
    Number,
    Restricted,
    Sum,
    Switch,
    Terms,
    multiply_monomials,
)
from .text import format_formula


class Expressions:
    """A table of expressions of one variable.

    Args:
        effort: Counter and limit of the work done with the table.

    Example:
        >>> table = Expressions()
        >>> x = table.x
        >>> e = table.multiply(x, table.apply("sigmoid", x))
        >>> table.show(e)
        'x*sigmoid(x)'
        >>> table.subtract(table.add(x, e), x) == e
        True
    """

    def __init__(self, effort: Effort | None = None) -> None:
        self.nodes: list[Expression] = []
        self.effort = Effort() if effort is None else effort
        self.ranges: dict[int, tuple[float, float]] = {}
        """Lower and upper bounds on the values of expressions, as far as they are recorded."""
        self.slopes: dict[int, int] = {}
        """Derivatives computed so far, by expression."""
        self.domains: dict[int, frozenset[Need]] = {}
        """Conditions under which expressions are defined, as far as computed (see `domain`)."""
        self.made: dict[tuple, int] = {}
        """Expressions derived from others, by the name of the operation and all its arguments."""
        self._indices: dict[Expression, int] = {}
        self._first = 0
        self.x = self._enter(CurveVariable())
        self.zero, self.one = self.constant(0), self.constant(1)

    def _enter(self, node: Expression) -> int:
        if node not in self._indices:
            if len(self.nodes) - self._first >= MOST_EXPRESSIONS:
                raise UnsupportedError("a function of one variable whose formula is too long")
            if isinstance(node, Sum):
                check_sum(node)
            self.effort.spend(EXPRESSION_WORK)
            self._indices[node] = len(self.nodes)
            self.nodes.append(node)
        return self._indices[node]

    def begin(self) -> None:
        """Start a new formula; earlier formulas are not included in its length."""
        self._first = len(self.nodes)

    # ---- construction -----------------------------------------------------------------------

    def constant(self, value: Number) -> int:
        """Return a number as a constant expression; a float is converted exactly.

        Raises:
            UnsupportedError: The number is not finite.
        """
        return self._enter(Sum((), exact(value) if isinstance(value, float) else Fraction(value)))

    def value_of(self, e: int) -> Fraction | None:
        """Return the value of a constant expression, or None for any other expression."""
        node = self.nodes[e]
        return node.constant if isinstance(node, Sum) and not node.terms else None

    def terms(self, e: int) -> tuple[Terms, Fraction]:
        """Return the terms and the constant of a sum; any other expression is a single term."""
        node = self.nodes[e]
        if isinstance(node, Sum):
            return dict(node.terms), node.constant
        return {((e, 1),): Fraction(1)}, Fraction(0)

    def sum(self, terms: Mapping[Monomial, Fraction], constant: Fraction) -> int:
        """Return the sum of terms and a constant; sums among the terms are flattened."""
        terms, constant = identities.in_sum(self, terms, constant)
        flat: Terms = {}
        for monomial, c in terms.items():
            inner = self.nodes[monomial[0][0]] if len(monomial) == 1 else None
            if isinstance(inner, Sum) and monomial[0][1] == 1:
                constant += c * inner.constant
                parts = ((m, c * d) for m, d in inner.terms)
            else:
                parts = ((monomial, c),)
            for m, d in parts:
                flat[m] = flat.get(m, Fraction(0)) + d
        nonzero = tuple(sorted((m, c) for m, c in flat.items() if c))
        if len(nonzero) == 1 and not constant and nonzero[0][1] == 1:
            ((base, power),) = nonzero[0][0] if len(nonzero[0][0]) == 1 else ((0, 0),)
            if power == 1:
                return base
        return self._enter(Sum(nonzero, constant))

    def combine(self, parts: Iterable[tuple[Number, int]], constant: int | Fraction = 0) -> int:
        """Return `constant + sum of c * e` over the pairs `(c, e)` in `parts`."""
        total, rest = {}, Fraction(constant)
        for c, e in parts:
            terms, inner_constant = self.terms(e)
            rest += Fraction(c) * inner_constant
            for m, d in terms.items():
                total[m] = total.get(m, Fraction(0)) + Fraction(c) * d
        return self.sum(total, rest)

    def add(self, a: int, b: int) -> int:
        """Return the expression `a + b`."""
        return self.combine([(1, a), (1, b)])

    def subtract(self, a: int, b: int) -> int:
        """Return the expression `a - b`."""
        return self.combine([(1, a), (-1, b)])

    def scale(self, a: int, factor: Number, shift: int | Fraction = 0) -> int:
        """Return the expression `factor * a + shift`."""
        return self.combine([(factor, a)], shift)

    def as_monomial(self, e: int) -> tuple[Monomial, Fraction] | None:
        """Return `(monomial, c)` if `e` is `c * monomial`, or None for a sum of several terms."""
        terms, constant = self.terms(e)
        if not terms:
            return (), constant
        if len(terms) == 1 and not constant:
            return next(iter(terms.items()))
        return None

    def multiply(self, a: int, b: int) -> int:
        """Return `a * b`; polynomials are multiplied out, unless the result would be too long."""
        if self._expands(a, b):
            return self._expand(a, b)
        (m, c), (n, d) = (self.as_monomial(e) or (((e, 1),), Fraction(1)) for e in (a, b))
        return self.monomial(multiply_monomials(m, n), c * d)

    def _expands(self, a: int, b: int) -> bool:
        """Return whether `multiply` expands `a * b`: both are polynomials, and not too long."""
        if not (self.is_polynomial(a) and self.is_polynomial(b)):
            return False
        return (len(self.terms(a)[0]) + 1) * (len(self.terms(b)[0]) + 1) <= MOST_TERMS

    def _expand(self, a: int, b: int) -> int:
        (left, c), (right, d) = self.terms(a), self.terms(b)
        total: Terms = {}
        for m, p in {**left, (): c}.items():
            for n, q in {**right, (): d}.items():
                key = multiply_monomials(m, n)
                total[key] = total.get(key, Fraction(0)) + p * q
        constant = total.pop((), Fraction(0))
        return self.sum(total, constant)

    def monomial(self, monomial: Monomial, coefficient: Number = Fraction(1)) -> int:
        """Return the expression `coefficient * monomial`."""
        monomial = identities.in_product(self, monomial)
        if not monomial:
            return self.constant(coefficient)
        return self.sum({monomial: Fraction(coefficient)}, Fraction(0))

    def power(self, a: int, exponent: int) -> int:
        """Return the expression `a ** exponent`, with an integer exponent."""
        if exponent == 0:
            return self.one
        if exponent > 0 and exponent <= 8 and self.is_polynomial(a):
            out = a
            for _ in range(exponent - 1):
                out = self.multiply(out, a)
            return out
        m, c = self.as_monomial(a) or (((a, 1),), Fraction(1))
        if not c and exponent < 0:
            raise UnsupportedError("a division by the constant 0")
        return self.monomial(tuple((b, p * exponent) for b, p in m), c**exponent)

    def divide(self, a: int, b: int) -> int:
        """Return the expression `a / b`."""
        return self.multiply(a, self.power(b, -1))

    def apply(self, name: str, argument: int, **attributes: float) -> int:
        """Apply a primitive (see `primitives`) to an expression."""
        simplified = identities.simplify_apply(self, name, argument)
        if simplified is not None:
            return simplified
        if name == "power" and attributes["exponent"] > 0 and self.value_of(argument) == 0:
            return self.zero
        return self._enter(Apply(name, tuple(sorted(attributes.items())), argument))

    def switch(
        self, argument: int, knots: Iterable[Number], branches: Sequence[int], at: Sequence[int]
    ) -> int:
        """Return an expression that selects a branch by the value of `argument`.

        For a constant argument, this is the selected branch itself.
        """
        knots = tuple(Fraction(k) for k in knots)
        value = self.value_of(argument)
        if value is not None:
            if value in knots:
                return at[knots.index(value)]
            return branches[sum(k < value for k in knots)]
        if len({*branches, *at}) == 1:
            return branches[0]
        return self._enter(Switch(argument, knots, tuple(branches), tuple(at)))

    def restrict(self, value: int, needs: Iterable[Need]) -> int:
        """Return the expression that is `value` where all `needs` hold, and undefined elsewhere."""
        return self._enter(Restricted(value, tuple(sorted(needs))))

    # ---- inspection -------------------------------------------------------------------------

    def split(self, e: int) -> tuple[int, tuple[Need, ...]]:
        """Return an expression without its restrictions, and the conditions that restrict it."""
        node = self.nodes[e]
        return (node.value, node.needs) if isinstance(node, Restricted) else (e, ())

    def polynomial(self, e: int) -> dict[int, Fraction] | None:
        """Return the coefficients by power if `e` is a polynomial in `x`, otherwise None."""
        terms, constant = self.terms(e)
        coefficients = {0: constant} if constant else {}
        for monomial, c in terms.items():
            if len(monomial) != 1 or monomial[0][0] != self.x or monomial[0][1] < 0:
                return None
            coefficients[monomial[0][1]] = c
        return coefficients

    def is_polynomial(self, e: int) -> bool:
        """Return whether `e` is a polynomial in `x`."""
        return self.polynomial(e) is not None

    def children(self, e: int) -> tuple[int, ...]:
        """Return the operands of `e`."""
        node = self.nodes[e]
        if isinstance(node, Sum):
            return tuple({b for m, _ in node.terms for b, _ in m})
        if isinstance(node, Apply):
            return (node.argument,)
        if isinstance(node, Switch):
            return (node.argument, *node.branches, *node.at)
        if isinstance(node, Restricted):
            return (node.value, *(n.argument for n in node.needs))
        return ()

    def dependencies(self, *roots: int) -> list[int]:
        """Return all expressions on which `roots` depend, arguments first."""
        reached, pending = set(), list(roots)
        while pending:
            e = pending.pop()
            if e not in reached:
                reached.add(e)
                pending.extend(self.children(e))
        # An expression is entered after its operands.
        return sorted(reached)

    def substitute(self, e: int, replaced: dict[int, int]) -> int:
        """Return `e` with each key of `replaced` replaced by its value."""
        out = dict(replaced)
        for k in self.dependencies(e):
            if k in out:
                continue
            if all(out[j] == j for j in self.children(k)):
                out[k] = k  # nothing in it is replaced
                continue
            self.effort.spend(EXPRESSION_WORK)
            node = self.nodes[k]
            if isinstance(node, Sum):
                parts = [(c, self._product(m, out)) for m, c in node.terms]
                out[k] = self.combine(parts, node.constant)
            elif isinstance(node, Apply):
                out[k] = self.apply(node.name, out[node.argument], **dict(node.attributes))
            elif isinstance(node, Switch):
                branches, at = ([out[b] for b in part] for part in (node.branches, node.at))
                out[k] = self.switch(out[node.argument], node.knots, branches, at)
        return out[e]

    def _product(self, monomial: Monomial, of: dict[int, int]) -> int:
        total = self.one
        for base, power in monomial:
            total = self.multiply(total, self.power(of[base], power))
        return total

    def show(self, e: int, most: int | None = None) -> str:
        """Return the formula of `e` as text for reports, cut off after `most` characters."""
        return format_formula(self, e, most)
