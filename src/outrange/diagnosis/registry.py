"""The table of all rules, filled when `outrange.diagnosis` is imported."""

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
"""`(model, x, y)` with a compiled model."""


@dataclass(frozen=True)
class Example:
    """A small program with a fault, and one that does the same task without the fault.

    Args:
        faulty: `faulty(keras)` returns `(model, x, y)`. The framework is an argument; examples
            never import it.
        healthy: `healthy(keras)` returns the program without the fault.
        level: The level that the finding on the faulty program must have.
        backends: Backends on which the fault appears; on others the finding may only be a
            suspicion.
        options: Additional arguments that `outrange.diagnose` needs to find the fault.
        twin_options: Arguments for the healthy program, if they differ.
    """

    faulty: Callable[[ModuleType], ModelAndData]
    healthy: Callable[[ModuleType], ModelAndData]
    level: Level = Level.PROVED
    backends: tuple[str, ...] = ("jax", "tensorflow", "torch")
    options: Mapping[str, Any] = field(default_factory=dict)
    twin_options: Mapping[str, Any] | None = None


HARMLESS = (
    " A proved finding becomes a note if trained copies of the model do as well without its fix as "
    "with it."
)
"""The last sentence of the explanation of a rule whose proved findings may be harmless."""


@dataclass(frozen=True)
class Rule:
    """A rule of the diagnosis, with its check, its explanation and its examples.

    Args:
        code: Permanent code of the rule, for example `"OR001"`; codes are never reused.
        title: A title of a few words.
        why: The explanation: what the rule checks, how it determines the level of a finding, and
            remedies.
        check: The function that returns the findings of the rule for a program under diagnosis.
        examples: Pairs of a faulty and a healthy program.
        may_be_harmless: Whether a program may learn as well with the proved fault as without it. If
            so, trained copies decide whether the fault is reported as a finding or as a note.
    """

    code: str
    title: str
    why: str
    check: Callable[[DiagnosisContext], Iterable[Finding]]
    examples: tuple[Example, ...] = field(default_factory=tuple)
    may_be_harmless: bool = False

    @property
    def text(self) -> str:
        """The explanation of the rule, as `Diagnosis.explain` returns it."""
        more = HARMLESS if self.may_be_harmless else ""
        return f"{self.code} {self.title}. {self.why}{more}"

    def finding(self, level: Level, layer: str, message: str, fix: str, **more: Any) -> Finding:
        """Create a finding of this rule; `more` sets further fields of `Finding`."""
        title = more.pop("title", self.title)
        return Finding(self.code, title, level, layer, message, fix, **more)


Check = Callable[[Rule, "DiagnosisContext"], Iterable[Finding]]

RULES: dict[str, Rule] = {}


def register(
    code: str, title: str, why: str, *examples: Example, may_be_harmless: bool = False
) -> Callable[[Check], Check]:
    """Return a decorator that registers a check, which is called as `check(rule, case)`.

    The arguments describe the rule; see `Rule`.

    Raises:
        OutrangeError: Another rule has this code; raised by the decorator.
    """

    def enter(check: Check) -> Check:
        if code in RULES:
            raise OutrangeError(f"Rule {code} is registered twice. Give each rule its own code.")
        text = " ".join(why.split())
        RULES[code] = Rule(
            code, title, text, lambda case: check(RULES[code], case), examples, may_be_harmless
        )
        return check

    return enter
