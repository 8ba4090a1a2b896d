"""Random conditions in three forms: for outrange, as VNN-LIB text, and as exact clauses.

A tree is `("and" | "or", parts)`, `("not", part)` or `("atom", coefficients, sign)`: coefficients
of `[x, y]` and a constant, `sign` one of `<= < = >= > !=`, compared with 0.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from outrange import x, y


SIGNS = ("<=", "<", ">=", ">")
OPPOSITE = {"<=": ">", "<": ">=", ">=": "<", ">": "<=", "=": "!=", "!=": "="}


def random_tree(r: random.Random, sizes: tuple[int, int], depth: int, constants: Sequence) -> tuple:
    """A tree over `sizes[0]` inputs and `sizes[1]` outputs; its limits are near `constants`."""
    if depth == 0 or r.random() < 0.2:
        d, m = sizes
        c = [Fraction(r.choice([0, 0, 1, -1, 3]), 4) for _ in range(d)]
        c += [Fraction(r.choice([0, 1, 1, -1, 2]), 2) for _ in range(m)]
        if not any(c):
            c[-1] = Fraction(1)
        return ("atom", (*c, -r.choice(constants)), r.choice(SIGNS))
    how = r.choice(["and", "or", "or", "not"])
    if how == "not":
        return ("not", random_tree(r, sizes, depth - 1, constants))
    parts = [random_tree(r, sizes, depth - 1, constants) for _ in range(r.randint(2, 3))]
    return (how, parts)


def true_at(tree: tuple, v: Sequence[Any]) -> bool:
    """Whether it holds for the values `v` of `[x, y]`."""
    if tree[0] == "atom":
        total = sum((c * e for c, e in zip(tree[1], v, strict=False)), tree[1][-1])
        return {
            "<=": total <= 0,
            "<": total < 0,
            ">=": total >= 0,
            ">": total > 0,
            "=": total == 0,
            "!=": total != 0,
        }[tree[2]]
    if tree[0] == "not":
        return not true_at(tree[1], v)
    return (all if tree[0] == "and" else any)(true_at(part, v) for part in tree[1])


def clauses(tree: tuple, flip: bool = False) -> list[list]:
    """Disjunctive normal form, in atoms `(coefficients, strict)` of `... <= 0` or `< 0`."""
    if tree[0] == "not":
        return clauses(tree[1], not flip)
    if tree[0] == "atom":
        c, sign = tree[1], OPPOSITE[tree[2]] if flip else tree[2]
        less, more = (c, "<" in sign and "=" not in sign), (tuple(-e for e in c), sign == ">")
        return {
            "=": [[(c, False), (more[0], False)]],
            "!=": [[(c, True)], [(more[0], True)]],
        }.get(sign, [[less if "<" in sign else more]])
    inner = [clauses(part, flip) for part in tree[1]]
    if (tree[0] == "or") != flip:
        return list(itertools.chain(*inner))
    return [list(itertools.chain(*choice)) for choice in itertools.product(*inner)]


def expression(tree: tuple, d: int) -> Any:
    """The condition on `outrange.x` and `outrange.y`."""
    if tree[0] == "not":
        return ~expression(tree[1], d)
    if tree[0] in ("and", "or"):
        total = expression(tree[1][0], d)
        for part in tree[1][1:]:
            more = expression(part, d)
            total = total & more if tree[0] == "and" else total | more
        return total
    c, sign = tree[1], tree[2]
    form: Any = 0
    for i, factor in enumerate(c[:-1]):
        if factor:
            form = form + float(factor) * (x[i] if i < d else y[i - d])
    limit = -float(c[-1])
    return {
        "<=": lambda: form <= limit,
        "<": lambda: form < limit,
        ">=": lambda: form >= limit,
        ">": lambda: limit < form,
        "=": lambda: form == limit,
        "!=": lambda: form != limit,
    }[sign]()


def vnnlib(tree: tuple, d: int, outputs: int, box: tuple | None, flip: bool = False) -> str:
    """A property file of version 1.0 whose unsafe points satisfy the tree inside `box`."""
    names = [f"X_{i}" for i in range(d)] + [f"Y_{j}" for j in range(outputs)]
    lines = [f"(declare-const {name} Real)" for name in names]
    if box is not None:
        for name, lo, hi in zip(names, *box, strict=False):
            lines.append(f"(assert (>= {name} {_literal(lo)}))")
            lines.append(f"(assert (<= {name} {_literal(hi)}))")
    return "\n".join([*lines, f"(assert {_condition(tree, names, flip)})"]) + "\n"


def _literal(v: Any) -> str:
    """Dyadic numbers have finite decimals."""
    text = format(float(abs(v)), ".40f").rstrip("0")
    text += "0" if text.endswith(".") else ""
    return f"(- {text})" if v < 0 else text


def _condition(tree: tuple, names: Sequence[str], flip: bool) -> str:
    """In nested and/or; `not` is pushed inwards, by changing the signs."""
    if tree[0] == "not":
        return _condition(tree[1], names, not flip)
    if tree[0] in ("and", "or"):
        how = tree[0] if not flip else {"and": "or", "or": "and"}[tree[0]]
        return f"({how} {' '.join(_condition(part, names, flip) for part in tree[1])})"
    c, sign = tree[1], OPPOSITE[tree[2]] if flip else tree[2]
    terms = [f"(* {_literal(f)} {n})" for f, n in zip(c, names, strict=False) if f]
    left = terms[0] if len(terms) == 1 else f"(+ {' '.join(terms)})"
    limit = _literal(-c[-1])
    if sign == "!=":
        return f"(or (< {left} {limit}) (> {left} {limit}))"
    return f"({sign} {left} {limit})"
