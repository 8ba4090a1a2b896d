"""The certificate of a proved property: no input of any box satisfies a clause of its negation."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from ..answers.answer import Answer
from ..core import Atom, Box, Formula, InputError, Region, Warrant
from ..questions.conditions.clause_groups import cases
from .certificates import Subject, certify
from .file import Claim


Found = TypeVar("Found", bound=Answer)


def certified_verdict(
    path: str | os.PathLike,
    about: Subject,
    answer: Found,
    unsafe: Formula,
    regions: Sequence[Region],
    check: bool,
    notes: dict[str, Any],
) -> Found:
    """Write the certificate of a property that holds.

    Args:
        path: Where to.
        about: The network.
        answer: What the search found: it holds.
        unsafe: The negated property, over `[x, y]`.
        regions: The input sets; a union.
        check: Whether to run the checker.
        notes: Kept in the file, and not part of what is certified.

    Raises:
        OutOfTime: The ambient deadline passed.
        InputError: The clauses are about more than boxes and linear forms of the outputs, or see
            `certify`.
    """
    parts = []
    for group in cases(unsafe, regions, lambda i: f"x[{i}]"):
        if group.distances or (group.roots.whole is not None and np.any(group.roots.whole)):
            raise InputError(
                "A certificate covers boxes of real inputs: no balls, no whole numbers."
            )
        claims = [(_claim(about, clause), 1.0) for clause in group.clauses]
        for lo, hi in zip(group.roots.lo, group.roots.hi, strict=True):
            parts.append((Box(lo, hi), claims))
    if not parts:
        raise InputError(
            "The property holds by the bounds of the inputs alone: nothing to certify."
        )
    is_checked = certify(path, about, parts, notes, check)
    method = f"certificate {os.fspath(path)}" + ", checked by outrange-check" * is_checked
    held: dict[str, Any] = {"methods": (*getattr(answer, "methods", ()), method)}
    return replace(answer, **held, **({"warrant": Warrant.CERTIFIED} if is_checked else {}))


def _claim(about: Subject, clause: Sequence[Formula]) -> Claim:
    """That at every input some inequality of the clause fails."""
    inputs, outputs = about.network.inputs, len(about.network.outputs)
    rows, plus, strict = np.zeros((len(clause), outputs)), np.zeros(len(clause)), []
    for row, (i, part) in zip(rows, enumerate(clause), strict=True):
        if not isinstance(part, Atom) or any(at < inputs for at, _ in part.terms):
            raise InputError(
                "A certificate covers linear inequalities of the outputs. Received: a condition "
                "that joins inputs and outputs, or is nested."
            )
        for at, coefficient in part.terms:
            row[at - inputs] = float(coefficient)
        plus[i] = float(part.offset)
        strict.append(part.strict)
    # At 0 an inequality holds unless it is strict: only where all are, may the largest be 0.
    return Claim(rows, plus, 0.0, strict=not all(strict))
