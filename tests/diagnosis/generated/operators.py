"""Mutations: what each does to a program, where it is known from, and what names it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any

from .draw import Draw
from .program import Head, Program, Spec


Change = Callable[[Draw, Program], Program | None]
"""From a program to its mutant; None where the mutation does not apply."""


@dataclass(frozen=True)
class Operator:
    """A mutation.

    Args:
        name: Short description, the id of the operator.
        source: The taxonomy that has it.
        change: Returns the mutant of a program, or None where the mutation does not apply.
        codes: Rules whose findings name the cause; `"OR017:inputs"` where title, message or fix
            must match a pattern besides, because the rule is about several causes.
        words: A pattern; a finding of any rule names the cause if its title or message matches.
    """

    name: str
    source: str
    change: Change
    codes: tuple[str, ...] = ()
    words: str = ""

    def apply(self, draw: Draw, program: Program) -> Program | None:
        """The mutant; None also where the mutation leaves everything as it was."""
        mutant = self.change(draw, program)
        return None if mutant is None or _same(program, mutant) else mutant

    def names(self, finding: Any) -> bool:
        """Whether a finding names what this mutation did."""
        text = f"{finding.title}. {finding.message}".lower()
        for code in self.codes:
            rule, _, pattern = code.partition(":")
            if finding.code == rule and re.search(pattern, f"{text} {finding.fix}".lower()):
                return True
        return bool(self.words) and re.search(self.words, text) is not None


def _same(one: Program, other: Program) -> bool:
    """Whether two programs hold the same arrays and are otherwise equal."""
    names = [f.name for f in fields(Program)]
    data = [name for name in names if name.startswith(("x", "y"))]
    if any(
        a is not b
        for name in data
        for a, b in zip(getattr(one, name), getattr(other, name), strict=True)
    ):
        return False
    return all(getattr(one, name) == getattr(other, name) for name in names if name not in data)


def heads_of(program: Program, *tasks: str) -> list[int]:
    """Return the outputs of some tasks."""
    return [i for i, head in enumerate(program.heads) if head.task in tasks]


def at_head(*tasks: str) -> Callable[[Callable[[Draw, Head], Head | None]], Change]:
    """A change of one head of some tasks."""

    def wrap(change: Callable[[Draw, Head], Head | None]) -> Change:
        def changed(draw: Draw, program: Program) -> Program | None:
            fitting = heads_of(program, *tasks)
            if not fitting:
                return None
            at = draw.one(*fitting)
            head = change(draw, program.heads[at])
            return None if head is None else program.with_head(lambda _: head, at)

        return changed

    return wrap


def has_kernel(layer: Spec) -> bool:
    """Return whether a layer has a kernel."""
    return any(name in layer.options for name in ("units", "filters")) and layer.kind != "Residual"


def any_layer(layers: Iterable[Spec], test: Callable[[Spec], bool]) -> bool:
    """Whether a layer passes a test."""
    return any(map(test, layers))
