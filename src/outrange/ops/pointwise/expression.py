"""Expressions of one real variable, each written once and in one way.

An expression is a number, an index into a table. A sum of products of powers is kept expanded where
that is free, so that what cancels does: `2 e - (1 + e)` is `e - 1`. Constants are fractions:
nothing is rounded while rewriting.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from ...core import UnsupportedError
from . import identities
from .nodes import Apply, CurveVariable, Expression, Monomial, Sum, Switch, Terms, merged


MOST = 4000
"""Expressions in one table; a formula that needs more is not one anybody wrote."""

_MOST_TERMS = 48
"""Terms that multiplying out may lead to."""


class Expressions:
    """A table of expressions of one variable.

    Example:
        >>> table = Expressions()
        >>> x = table.x
        >>> e = table.multiply(x, table.apply("sigmoid", x))
        >>> table.show(e)
        'x*sigmoid(x)'
        >>> table.subtract(table.add(x, e), x) == e
        True
    """

    def __init__(self):
        self.nodes: list[Expression] = []
        self._known: dict[Expression, int] = {}
        self.x = self._enter(CurveVariable())
        self.zero, self.one = self.constant(0), self.constant(1)

    def _enter(self, node: Expression) -> int:
        if node not in self._known:
            if len(self.nodes) >= MOST:
                raise UnsupportedError("a function of one variable with too long a formula")
            self._known[node] = len(self.nodes)
            self.nodes.append(node)
        return self._known[node]

    # ---- making -----------------------------------------------------------------------------

    def constant(self, value) -> int:
        """A number; a float stands for exactly itself."""
        return self._enter(Sum((), Fraction(value)))

    def value_of(self, e: int) -> Fraction | None:
        """The number that a constant is, else None."""
        node = self.nodes[e]
        return node.constant if isinstance(node, Sum) and not node.terms else None

    def terms(self, e: int) -> tuple[Terms, Fraction]:
        """Any expression as a sum."""
        node = self.nodes[e]
        if isinstance(node, Sum):
            return dict(node.terms), node.constant
        return {((e, 1),): Fraction(1)}, Fraction(0)

    def sum(self, terms: Mapping[Monomial, Fraction], constant: Fraction) -> int:
        """A sum; what is itself a sum in it is added up with the rest."""
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
        kept = tuple(sorted((m, c) for m, c in flat.items() if c))
        if len(kept) == 1 and not constant and kept[0][1] == 1:
            ((base, power),) = kept[0][0] if len(kept[0][0]) == 1 else ((0, 0),)
            if power == 1:
                return base
        return self._enter(Sum(kept, constant))

    def combine(self, parts, constant: int | Fraction = 0) -> int:
        """`constant + sum of c * e` of pairs `(c, e)`."""
        total, rest = {}, Fraction(constant)
        for c, e in parts:
            terms, own = self.terms(e)
            rest += Fraction(c) * own
            for m, d in terms.items():
                total[m] = total.get(m, Fraction(0)) + Fraction(c) * d
        return self.sum(total, rest)

    def add(self, a: int, b: int) -> int:
        """`a + b`."""
        return self.combine([(1, a), (1, b)])

    def subtract(self, a: int, b: int) -> int:
        """`a - b`."""
        return self.combine([(1, a), (-1, b)])

    def scale(self, a: int, factor, shift: int | Fraction = 0) -> int:
        """`factor * a + shift`."""
        return self.combine([(factor, a)], shift)

    def as_monomial(self, e: int) -> tuple[Monomial, Fraction] | None:
        """`c * monomial` if `e` is one; a sum of several terms stays whole, as a base."""
        terms, constant = self.terms(e)
        if not terms:
            return (), constant
        if len(terms) == 1 and not constant:
            return next(iter(terms.items()))
        return None

    def multiply(self, a: int, b: int) -> int:
        """`a * b`; polynomials are multiplied out."""
        if self.is_polynomial(a) and self.is_polynomial(b):
            return self._expanded(a, b)
        (m, c), (n, d) = (self.as_monomial(e) or (((e, 1),), Fraction(1)) for e in (a, b))
        return self.monomial(merged(m, n), c * d)

    def _expanded(self, a: int, b: int) -> int:
        (left, c), (right, d) = self.terms(a), self.terms(b)
        total: Terms = {}
        for m, p in {**left, (): c}.items():
            for n, q in {**right, (): d}.items():
                key = merged(m, n)
                total[key] = total.get(key, Fraction(0)) + p * q
        constant = total.pop((), Fraction(0))
        return self.sum(total, constant)

    def monomial(self, monomial: Monomial, coefficient=Fraction(1)) -> int:
        """`coefficient * monomial`."""
        monomial = identities.in_product(self, monomial)
        if not monomial:
            return self.constant(coefficient)
        return self.sum({monomial: Fraction(coefficient)}, Fraction(0))

    def power(self, a: int, exponent: int) -> int:
        """`a ** exponent`, a whole number."""
        if exponent == 0:
            return self.one
        if exponent > 0 and exponent <= 8 and self.is_polynomial(a):
            out = a
            for _ in range(exponent - 1):
                out = self._expanded(out, a)
            return out
        m, c = self.as_monomial(a) or (((a, 1),), Fraction(1))
        if not c and exponent < 0:
            raise UnsupportedError("a division by the constant 0 has no value")
        return self.monomial(tuple((b, p * exponent) for b, p in m), c**exponent)

    def divide(self, a: int, b: int) -> int:
        """`a / b`."""
        return self.multiply(a, self.power(b, -1))

    def apply(self, name: str, argument: int, **attributes: float) -> int:
        """A primitive (see `primitives`) of an expression."""
        known = identities.applied(self, name, argument)
        if known is not None:
            return known
        return self._enter(Apply(name, tuple(sorted(attributes.items())), argument))

    def switch(self, argument: int, knots, branches, at) -> int:
        """A branch by the value of `argument`; a constant argument decides it at once."""
        knots = tuple(Fraction(k) for k in knots)
        value = self.value_of(argument)
        if value is not None:
            if value in knots:
                return at[knots.index(value)]
            return branches[sum(k < value for k in knots)]
        if len({*branches, *at}) == 1:
            return branches[0]
        return self._enter(Switch(argument, knots, tuple(branches), tuple(at)))

    # ---- looking ----------------------------------------------------------------------------

    def polynomial(self, e: int) -> dict[int, Fraction] | None:
        """Power to coefficient if `e` is a polynomial in x."""
        terms, constant = self.terms(e)
        found = {0: constant} if constant else {}
        for monomial, c in terms.items():
            if len(monomial) != 1 or monomial[0][0] != self.x or monomial[0][1] < 0:
                return None
            found[monomial[0][1]] = c
        return found

    def is_polynomial(self, e: int) -> bool:
        """Whether `e` is a polynomial in x."""
        return self.polynomial(e) is not None

    def children(self, e: int) -> tuple[int, ...]:
        """The expressions that `e` is made of."""
        node = self.nodes[e]
        if isinstance(node, Sum):
            return tuple({b for m, _ in node.terms for b, _ in m})
        if isinstance(node, Apply):
            return (node.argument,)
        if isinstance(node, Switch):
            return (node.argument, *node.branches, *node.at)
        return ()

    def needed(self, *roots: int) -> list[int]:
        """Everything that `roots` are made of, arguments first."""
        found, pending = set(), list(roots)
        while pending:
            e = pending.pop()
            if e not in found:
                found.add(e)
                pending.extend(self.children(e))
        # An expression is entered after what it is made of.
        return sorted(found)

    def substitute(self, e: int, replaced: dict[int, int]) -> int:
        """`e` with some expressions in the place of others, written anew."""
        out = dict(replaced)
        for k in self.needed(e):
            if k in out:
                continue
            node = self.nodes[k]
            if isinstance(node, Sum):
                parts = [(c, self._product(m, out)) for m, c in node.terms]
                out[k] = self.combine(parts, node.constant)
            elif isinstance(node, Apply):
                out[k] = self.apply(node.name, out[node.argument], **dict(node.attributes))
            elif isinstance(node, Switch):
                branches, at = ([out[b] for b in part] for part in (node.branches, node.at))
                out[k] = self.switch(out[node.argument], node.knots, branches, at)
            else:
                out[k] = k
        return out[e]

    def _product(self, monomial: Monomial, of: dict[int, int]) -> int:
        total = self.one
        for base, power in monomial:
            total = self.multiply(total, self.power(of[base], power))
        return total

    def multiplied_out(self, e: int) -> int:
        """`e` with products of sums expanded, unless that makes it long."""
        terms, constant = self.terms(e)
        total: Terms = {}
        for monomial, c in terms.items():
            rows: Terms = {(): c}
            for base, power in monomial:
                inner = self.nodes[base]
                rounds = power if isinstance(inner, Sum) and 0 < power <= 3 else 0
                parts = {**dict(inner.terms), (): inner.constant} if isinstance(inner, Sum) else {}
                for _ in range(rounds):
                    rows = _products(rows, parts)
                if not rounds:
                    rows = {merged(m, ((base, power),)): d for m, d in rows.items()}
                if len(rows) > _MOST_TERMS:
                    return e
            for m, d in rows.items():
                total[m] = total.get(m, Fraction(0)) + d
        constant += total.pop((), Fraction(0))
        return self.sum(total, constant)

    def show(self, e: int) -> str:
        """The formula, for reports."""
        node = self.nodes[e]
        if isinstance(node, CurveVariable):
            return "x"
        if isinstance(node, Apply):
            extra = "".join(f", {k}={v:g}" for k, v in node.attributes)
            return f"{node.name}({self.show(node.argument)}{extra})"
        if isinstance(node, Switch):
            return f"piecewise({self.show(node.argument)})"
        parts = []
        for monomial, c in node.terms:
            text = "*".join(self._show_power(b, p) for b, p in monomial)
            parts.append(text if c == 1 else f"-{text}" if c == -1 else f"{float(c):.6g}*{text}")
        if node.constant or not parts:
            parts.append(f"{float(node.constant):.6g}")
        return " + ".join(parts).replace("+ -", "- ")

    def _show_power(self, base: int, power: int) -> str:
        text = self.show(base)
        text = f"({text})" if isinstance(self.nodes[base], Sum) else text
        return text if power == 1 else f"{text}^{power}"


def _products(rows: Terms, parts: Terms) -> Terms:
    out: Terms = {}
    for m, c in rows.items():
        for n, d in parts.items():
            if d:
                key = merged(m, n)
                out[key] = out.get(key, Fraction(0)) + c * d
    return out
