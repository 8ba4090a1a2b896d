"""Translation of the forms inside `assert`, `(operator part ...)`, to terms and conditions."""

from __future__ import annotations

from typing import Any, NoReturn, TypeAlias

from ...core import And, Atom, Formula, Or, UnsupportedError
from .conditions import Draft, Not, compare_neighbors, connect, not_equal
from .errors import Fault
from .terms import CONSTANT, NUMBER, Term, literal, over, plus, times


BINDINGS, BINDING = "the bindings of a let", "a binding of a let"
"""Operators of the two kinds of forms inside a `let` that have no operator in the file. They
contain spaces, so no token equals them."""

_TRUTH = {"true": And(()), "false": Or(())}

_COMPARISONS = frozenset(["<=", ">=", "<", ">", "=", "=="])

_REFUSED = frozenset("ite min max abs xor distinct forall exists div mod ^".split())

_MOST_COPIED = 10**6


Part: TypeAlias = "str | Term | Draft | tuple[Any, ...]"
"""Part of a form: a token, a term, a condition, or a binding of a `let`."""


class FormReader:
    """Evaluator of SMT-LIB forms (parenthesized expressions), from the innermost outward.

    The parts of an evaluated form are tokens, terms, conditions, or bindings of a `let`.

    `places` maps every variable to its index in `[x, y]`; the reader of the declarations fills it.
    """

    def __init__(self) -> None:
        self.places: dict[str, int] = {}
        self._scopes: list[dict[str, Term]] = []
        self._copied = 0

    @property
    def binds(self) -> bool:
        """Whether an enclosing `let` may change the meaning of a name."""
        return bool(self._scopes)

    def reduce(self, form: list) -> Part:
        """Evaluate a form whose inner forms are already evaluated.

        Raises:
            Fault: The form is malformed or not supported.
        """
        operator, parts = (form[0], form[1:]) if form else ("", [])
        if operator in _COMPARISONS:
            return self._comparison(operator, parts)
        if operator in ("and", "or"):
            _check_count(operator, parts, 1)
            return connect(And if operator == "and" else Or, [self.condition(p) for p in parts])
        if operator in ("+", "-", "*", "/"):
            return self._arithmetic(operator, parts)
        if operator == "not":
            _check_count(operator, parts, 1, 1)
            return Not(self.condition(parts[0]))
        if operator == "=>":
            _check_count(operator, parts, 2)
            *premises, claim = (self.condition(p) for p in parts)
            return connect(Or, [*(Not(premise) for premise in premises), claim])
        if operator == "!=":
            _check_count(operator, parts, 2, 2)
            left, right = (self.term(p) for p in parts)
            return not_equal(left, right)
        return self._let(operator, parts)

    def condition(self, part: Part) -> Draft:
        """Return a part of a form as a condition.

        Raises:
            Fault: The part is neither a condition nor `true` or `false`.
        """
        if isinstance(part, Atom | And | Or | Not):
            return part
        if isinstance(part, str) and part in _TRUTH:
            return _TRUTH[part]
        raise Fault(f"a condition is needed here, not {_describe_part(part)}.")

    def term(self, part: Part) -> Term:
        """Return a part of a form as a term; replace a name or a number by its term.

        Raises:
            Fault: The part is neither a term, nor a number, nor a name that is declared.
        """
        if isinstance(part, dict):
            return part
        if not isinstance(part, str):
            raise Fault(f"a number is needed here, not {_describe_part(part)}.")
        for scope in reversed(self._scopes):
            if part in scope:
                self._copied += len(scope[part])
                if self._copied > _MOST_COPIED:
                    raise Fault(
                        f"the names of `let` may expand to at most {_MOST_COPIED} terms.",
                        UnsupportedError,
                    )
                return scope[part]
        place = self.places.get(part)
        if place is not None:
            return {place: 1}
        if part[0] in "+-.0123456789":
            return {CONSTANT: literal(part)}
        raise Fault(f"`{part[:40]}` is not declared above, and is not a number.")

    def bound(self, operator: str, name: str, number: str) -> Atom | None:
        """Return the bound `(operator name number)` of a variable as an atom.

        The result is None if `name` is not a variable, or an enclosing `let` might rebind it. It is
        also None if `number` is malformed, has 100 or more characters, or is at least 1e300 in
        size.
        """
        place = self.places.get(name)
        if place is None or self.binds or not NUMBER.fullmatch(number) or len(number) >= 100:
            return None
        value = float(number)
        if not -1e300 < value < 1e300:
            return None
        below = operator == "<="
        sign = 1.0 if below else -1.0
        return Atom(((place, sign),), (-value if below else value) + 0.0)

    def _comparison(self, operator: str, parts: list) -> Formula:
        if len(parts) == 2 and operator in ("<=", ">=") and not self._scopes:
            # Nearly every line of a file is a bound `(<= X_0 0.5)`, which needs no fractions.
            name, number = parts
            if type(name) is str and type(number) is str:
                atom = self.bound(operator, name, number)
                if atom is not None:
                    return atom
        _check_count(operator, parts, 2)
        return compare_neighbors(operator, [self.term(part) for part in parts])

    def _arithmetic(self, operator: str, parts: list) -> Term:
        _check_count(operator, parts, 2 if operator == "/" else 1)
        terms = [self.term(part) for part in parts]
        if operator == "*":
            return times(terms)
        if operator == "/":
            return over(terms)
        first = -1 if operator == "-" and len(terms) == 1 else 1
        return plus(terms, [first] + [1 if operator == "+" else -1] * (len(terms) - 1))

    def _let(self, operator: Part, parts: list) -> Part:
        """Evaluate one of the forms of `let`: a binding, the list of bindings, or the whole form.

        The list of bindings opens a scope, and the whole form closes it.
        """
        if operator == BINDING:
            if len(parts) != 2 or not isinstance(parts[0], str):
                raise Fault("a binding must have the form `(name term)`.")
            return parts[0], self.term(parts[1])
        if operator == BINDINGS:
            if not all(isinstance(part, tuple) for part in parts):
                raise Fault("`let` must have the form `(let ((name term) ...) condition)`.")
            names = [name for name, _ in parts]
            if len(set(names)) < len(names):
                raise Fault("`let` must not bind a name twice.")
            self._scopes.append(dict(parts))
            return tuple(names)
        if operator == "let":
            if len(parts) != 2 or not isinstance(parts[0], tuple):
                raise Fault("`let` must have the form `(let ((name term) ...) condition)`.")
            body = parts[1]
            if isinstance(body, str):
                body = _TRUTH[body] if body in _TRUTH else self.term(body)
            self._scopes.pop()
            return body
        return _raise_unknown_operator(operator)


def _raise_unknown_operator(operator: Part) -> NoReturn:
    if not isinstance(operator, str) or operator == "":
        raise Fault("a form must start with the name of an operator.")
    if operator in _REFUSED:
        raise Fault(f"`{operator}` is not supported; use `and` and `or`.", UnsupportedError)
    if operator in ("assert", "declare-const", "declare-fun", "check-sat"):
        raise Fault(
            f"`{operator}` must not be inside another form; check whether a closing "
            "parenthesis is missing above."
        )
    raise Fault(f"`{operator[:40]}` is not a supported operator.", UnsupportedError)


def _check_count(operator: str, parts: list, least: int, most: int | None = None) -> None:
    if len(parts) < least or (most is not None and len(parts) > most):
        some = f"{least}" if most == least else f"{least} or more"
        raise Fault(f"`{operator}` must have {some} operands, not {len(parts)}.")


def _describe_part(part: Part) -> str:
    if isinstance(part, str):
        return f"`{part[:40]}`"
    return "a number" if isinstance(part, dict) else "a condition"
