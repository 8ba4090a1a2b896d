"""Domains of expressions, which are preserved when the expressions are rewritten.

Algebra drops subexpressions: `x / x` becomes 1, `0 log(x)` becomes 0, `sqrt(x)**2` becomes `x`. The
model computes these subexpressions, so it is undefined where one of them is undefined. Therefore, a
caller that writes a model's operation as an expression compares the conditions before and after the
rewriting. Lost conditions are stored in a `Restricted` expression.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction

from .expression import Expressions
from .nodes import NONNEGATIVE, NONZERO, PASSED, POSITIVE, Apply, Need, Restricted, Sum, Switch
from .primitives import PRIMITIVES


_POSITIVE = {"exp", "sigmoid", "softplus", "cosh", "erfc"}
"""Primitives that are positive everywhere."""

_DEEPEST = 16
"""Largest depth to which the test for a positive expression descends."""


def apply_with_domain(t: Expressions, function: Callable[..., int], operands: Sequence[int]) -> int:
    """Apply a function to expressions; the result is defined only where all operands are.

    Args:
        t: The table of expressions.
        function: A function of one unrestricted expression per operand.
        operands: Indices of expressions; a negative number means an absent operand and is passed
            on.
    """
    parts = [t.split(e) if e >= 0 else (e, ()) for e in operands]
    result = function(*(value for value, _ in parts))
    # Lost conditions stay; a logarithm may become the argument of a branch.
    lost = restrict(t, result, {n for _, restrictions in parts for n in restrictions})
    stated = needs(t, t.split(result)[0])
    shown = {n for value, _ in parts if value >= 0 for n in needs(t, value)}
    shown = {n for n in shown if n._replace(sign=PASSED) not in stated}
    # If a branch that would have absorbed an infinity is gone, there is no value.
    strict = {n._replace(sign=POSITIVE) if n.sign == PASSED else n for n in shown}
    return restrict(t, lost, strict)


def restrict(t: Expressions, e: int, conditions: Iterable[Need]) -> int:
    """Restrict `e` to where `conditions` hold; return `e` itself if it implies them."""
    value, restrictions = t.split(e)
    stated = needs(t, value)
    lost = {n for n in (*restrictions, *conditions) if not _is_implied(n, stated)}
    return t.restrict(value, lost) if lost else value


def needs(t: Expressions, e: int) -> frozenset[Need]:
    """Collect the conditions under which `e` has a value.

    Conditions within a branch hold only where the branch is taken, and are left out. The logarithm
    of 0 is minus infinity, which is not a value. It may still select a branch, because it lies on a
    known side of every knot.
    """
    pending = [e]
    while pending:
        k = pending[-1]
        missing = [j for j in _operands(t, k) if j not in t.domains] if k not in t.domains else []
        pending += missing
        if missing:
            continue
        if pending.pop() not in t.domains:
            t.domains[k] = _with_own(t, k)
    return t.domains[e]


def _operands(t: Expressions, e: int) -> tuple[int, ...]:
    """Return the operands that `e` evaluates whichever branch is taken."""
    node = t.nodes[e]
    return (node.argument,) if isinstance(node, Switch) else t.children(e)


def _with_own(t: Expressions, e: int) -> frozenset[Need]:
    """Return the conditions under which `e` has a value, given the conditions of its operands."""
    node = t.nodes[e]
    inner = _one_logarithm(t, node.argument) if isinstance(node, Switch) else None
    if inner is not None:
        passed = {n._replace(sign=PASSED) for n in _of_primitive(inner)}
        return t.domains[inner.argument].union(n for n in passed if not always(t, n))
    conditions = frozenset(n for n in _own(t, e) if not always(t, n))
    return conditions.union(*(t.domains[j] for j in _operands(t, e)))


def every_need(t: Expressions, e: int) -> frozenset[Need]:
    """Collect the conditions under which `e` and all its branches have a value."""
    return frozenset(n for k in t.dependencies(e) for n in _own(t, k) if not always(t, n))


def _own(t: Expressions, e: int) -> Iterable[Need]:
    """Return the conditions that an expression adds to the conditions of its operands."""
    node = t.nodes[e]
    if isinstance(node, Restricted):
        return node.needs
    if isinstance(node, Sum):
        bases = {base for m, _ in node.terms for base, p in m if p < 0}
        return [Need(base, Fraction(0), NONZERO) for base in bases]
    return _of_primitive(node) if isinstance(node, Apply) else ()


def _of_primitive(node: Apply) -> set[Need]:
    primitive = PRIMITIVES[node.name]
    if primitive.above is None:
        return set()
    has_pole = primitive.pole or dict(node.attributes).get("exponent", 1.0) < 0
    sign = POSITIVE if has_pole else NONNEGATIVE
    return {Need(node.argument, Fraction(primitive.above), sign)}


def _one_logarithm(t: Expressions, e: int) -> Apply | None:
    """Return the only logarithm in `e`, or None if another part may be undefined somewhere."""
    logarithm: Apply | None = None
    for monomial in t.terms(e)[0]:
        base, power = monomial[0]
        node = t.nodes[base]
        if isinstance(node, Apply) and PRIMITIVES[node.name].pole and monomial == ((base, 1),):
            if logarithm is not None:
                return None
            logarithm = node
        elif power < 0 or any(p < 0 or needs(t, b) for b, p in monomial):
            return None
    return logarithm


def unconditional(t: Expressions, e: int) -> list[int]:
    """Return all expressions evaluated for `e` whichever branches are taken, arguments first."""
    evaluated, pending = set(), [e]
    while pending:
        k = pending.pop()
        if k not in evaluated:
            evaluated.add(k)
            pending += _operands(t, k)
    return sorted(evaluated)


def always(t: Expressions, need: Need) -> bool:
    """Return whether the signs of terms prove that a condition holds everywhere."""
    value = t.value_of(need.argument)
    if value is not None:
        if need.sign == NONZERO:
            return value != need.limit
        return value > need.limit or (value == need.limit and need.sign != POSITIVE)
    if need.limit:
        return False
    sign = _sign(t, need.argument, _DEEPEST)
    return sign == POSITIVE or (sign == NONNEGATIVE and need.sign in (NONNEGATIVE, PASSED))


def never(t: Expressions, need: Need) -> bool:
    """Return whether the argument of a condition is a constant that violates it."""
    return t.value_of(need.argument) is not None and not always(t, need)


def _is_implied(need: Need, stated: frozenset[Need]) -> bool:
    return need in stated or need._replace(sign=POSITIVE) in stated or _follows(need, stated)


def _follows(need: Need, stated: frozenset[Need]) -> bool:
    """Return whether `need` is `u > l`, and `stated` contains both `u >= l` and `u != l`."""
    parts = {need._replace(sign=NONNEGATIVE), need._replace(sign=NONZERO)}
    return need.sign == POSITIVE and parts <= stated


def _sign(t: Expressions, e: int, depth: int) -> str | None:
    """Return `POSITIVE` or `NONNEGATIVE` if `e` is proved to have this sign, otherwise None."""
    node = t.nodes[e]
    if isinstance(node, Apply):
        if node.name in _POSITIVE:
            return POSITIVE
        return NONNEGATIVE if node.name in ("sqrt", "power") else None
    if not isinstance(node, Sum) or node.constant < 0 or not depth:
        return None
    signs = {POSITIVE} if node.constant else set()
    for monomial, c in node.terms:
        factors = [
            NONNEGATIVE if p % 2 == 0 and sign is None else sign
            for base, p in monomial
            for sign in [_sign(t, base, depth - 1)]
            if not (p % 2 and sign is None)
        ]
        if c < 0 or len(factors) < len(monomial):
            return None
        signs.add(POSITIVE if set(factors) == {POSITIVE} else NONNEGATIVE)
    return POSITIVE if POSITIVE in signs else NONNEGATIVE
