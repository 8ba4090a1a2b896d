"""Errors in property files, with the line of each error."""

import re

from ...core import ModelError


class Fault(Exception):
    """Error in a property file; the reader catches it and raises an error that states the line.

    Args:
        rule: The rule that the file violates, as a sentence.
        kind: The class of the error that the reader then raises.
    """

    def __init__(self, rule: str, kind: type[ModelError] = ModelError) -> None:
        super().__init__(rule)
        self.kind = kind


def refusal(
    name: str, line: int, rule: str, received: str, kind: type[ModelError] = ModelError
) -> ModelError:
    """Build an error whose message states the file, the line, the rule and the received text."""
    shown = re.sub(r"\s+", " ", received).strip()
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    return kind(f"`{name}`, line {line}: {rule} Received: `{shown}`.")


def line_of(text: str, at: int) -> int:
    """Return the line number, from 1, of character `at` of `text`."""
    return text.count("\n", 0, at) + 1
