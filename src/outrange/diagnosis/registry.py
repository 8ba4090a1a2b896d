"""The one table of rules, filled when `outrange.diagnosis` is imported."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..answers.diagnosis import Finding, Level
from ..core import OutrangeError
from .context import DiagnosisContext


if TYPE_CHECKING:
    from .context import DiagnosisContext


ModelAndData = tuple[Any, np.ndarray, np.ndarray]
"""`(model, x, y)`, the model compiled."""


@dataclass(frozen=True)
class Example:
    """A small program that shows a fault, and one that does the same job without it.

    Args:
        faulty: `faulty(keras)` to `(model, x, y)`; the framework is handed in, never imported.
        healthy: The twin.
        level: What the finding on the faulty one must be at.
        backends: Where the fault shows; elsewhere nothing above a suspicion may be said.
        options: Of `outrange.diagnose`, where the fault shows only with them.
        twin_options: Those of the twin, where they are others.
    """

    faulty: Callable[[ModuleType], ModelAndData]
    healthy: Callable[[ModuleType], ModelAndData]
    level: Level = Level.PROVED
    backends: tuple[str, ...] = ("jax", "tensorflow", "torch")
    options: Mapping[str, Any] = field(default_factory=dict)
    twin_options: Mapping[str, Any] | None = None


HARMLESS = " A proved fact is a note where copies do as well with it as with its fix."
"""What the explanation of a rule whose facts may do no harm ends with."""


@dataclass(frozen=True)
class Rule:
    """One rule.

    Args:
        code: `"OR001"`; never given to another rule.
        title: In a few words.
        why: What it looks for, what the levels rest on, what to do: the text of `explain`.
        check: From a case to findings.
        examples: Faulty and healthy programs.
        may_be_harmless: Whether a program can learn as well with what is proved as without it, so
            that copies are asked.
    """

    code: str
    title: str
    why: str
    check: Callable[[DiagnosisContext], Iterable[Finding]]
    examples: tuple[Example, ...] = field(default_factory=tuple)
    may_be_harmless: bool = False

    @property
    def text(self) -> str:
        """What `explain` says."""
        more = HARMLESS if self.may_be_harmless else ""
        return f"{self.code} {self.title}. {self.why}{more}"

    def found(self, level: Level, layer: str, message: str, fix: str, **more: Any) -> Finding:
        """A finding of this rule."""
        title = more.pop("title", self.title)
        return Finding(self.code, title, level, layer, message, fix, **more)


Check = Callable[[Rule, "DiagnosisContext"], Iterable[Finding]]

RULES: dict[str, Rule] = {}


def register(
    code: str, title: str, why: str, *examples: Example, may_be_harmless: bool = False
) -> Callable[[Check], Check]:
    """Enter the decorated check; it is called as `check(rule, case)`.

    Raises:
        OutrangeError: The code is taken.
    """

    def enter(check: Check) -> Check:
        if code in RULES:
            raise OutrangeError(f"Rule {code} is described twice; each has one file.")
        text = " ".join(why.split())
        RULES[code] = Rule(
            code, title, text, lambda case: check(RULES[code], case), examples, may_be_harmless
        )
        return check

    return enter
