"""The certificate of a property: no input of any box satisfies a clause of its negation."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from ..answers.answer import Answer
from ..core import Atom, Box, Formula, InputError, Region, Warrant
from ..core.formula import atoms
from ..questions.conditions.clause_groups import expand_groups
from .certificates import Subject, certify, describe_certificate
from .errors import NoCertificateError
from .file import Claim


A = TypeVar("A", bound=Answer)


def certify_verdict(
    path: str | os.PathLike,
    about: Subject,
    answer: A,
    unsafe: Formula,
    regions: Sequence[Region],
    notes: dict[str, Any],
) -> A:
    """Write the certificate of a property that holds, and return the answer that refers to it.

    Args:
        path: The file to write.
        about: The network in exact numbers.
        answer: The result of the search: the property holds.
        unsafe: The negated property; its variables are the flat inputs, then the flat outputs.
        regions: The regions whose union is the input set.
        notes: Notes that are stored in the file but not certified.

    Raises:
        OutOfTime: The ambient deadline passed.
        NoCertificateError: The input bounds alone decide the property, its negation has too many
            clauses, or `certify` failed.
    """
    parts = []
    for group in expand_groups(unsafe, regions, lambda i: f"x[{i}]"):
        claims = [(_claim(about, clause), 1.0) for clause in group.clauses]
        for lo, hi in zip(group.roots.lo, group.roots.hi, strict=True):
            parts.append((Box(lo, hi), claims))
    if not parts:
        raise NoCertificateError("the property already follows from the bounds of the inputs")
    certify(path, about, parts, notes)
    return replace(answer, warrant=Warrant.CERTIFIED, certificate=describe_certificate(path))


def check_covered(inputs: int, outputs: int, unsafe: Formula, regions: Sequence[Region]) -> None:
    """Reject a property or an input set that certificates do not cover.

    Args:
        inputs: Number of flat inputs.
        outputs: Number of flat outputs.
        unsafe: The negated property; its variables are the flat inputs, then the flat outputs.
        regions: The regions whose union is the input set.

    Raises:
        InputError: A region is not a box of real inputs, or an inequality is not linear, or relates
            an input to other inputs or to outputs.
    """
    if not all(region.is_box for region in regions) or any(r.integer.any() for r in regions):
        raise InputError(
            "A certificate covers boxes of real inputs. Leave out `certificate=`, or pass a box. "
            "Received: a set with integers, a ball, or constraints on `x`."
        )
    for atom in atoms(unsafe):
        if any(at >= inputs + outputs for at, _ in atom.terms):
            raise InputError(
                "A certificate covers linear inequalities in the outputs. Leave out "
                "`certificate=`; the verdict is a proof without it. Received: a condition with "
                "products or functions of `x` and `y`."
            )
        if len(atom.terms) > 1 and any(at < inputs for at, _ in atom.terms):
            raise InputError(
                "A certificate covers linear inequalities in the outputs, and bounds on single "
                "inputs. Leave out `certificate=`. Received: a condition that combines inputs "
                "with one another or with outputs."
            )


def _claim(about: Subject, clause: Sequence[Formula]) -> Claim:
    """Return the claim that at every input, at least one inequality of the clause fails."""
    inputs, outputs = about.network.inputs, len(about.network.outputs)
    rows, plus, strict = np.zeros((len(clause), outputs)), np.zeros(len(clause)), []
    for row, (i, part) in zip(rows, enumerate(clause), strict=True):
        if not isinstance(part, Atom) or any(at < inputs for at, _ in part.terms):
            raise NoCertificateError("the negated property has too many clauses to expand")
        for at, coefficient in part.terms:
            row[at - inputs] = float(coefficient)
        plus[i] = float(part.offset)
        strict.append(part.strict)
    # At 0, an inequality holds unless it is strict. So the largest may be 0 only if all are strict.
    return Claim(rows, plus, 0.0, strict=not all(strict))
