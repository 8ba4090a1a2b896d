"""Errors of property files, with the line."""

import re

from ...core import ModelError


class Fault(Exception):
    """Raised where something is wrong; the reader's loop, which knows the place, catches it.

    Args:
        rule: A sentence.
        kind: The error to raise in the end.
    """

    def __init__(self, rule: str, kind: type[ModelError] = ModelError) -> None:
        super().__init__(rule)
        self.kind = kind


def refusal(
    name: str, line: int, rule: str, received: str, kind: type[ModelError] = ModelError
) -> ModelError:
    """The error that names file, line, rule and text."""
    shown = re.sub(r"\s+", " ", received).strip()
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    return kind(f"`{name}`, line {line}: {rule} Received: `{shown}`.")


def line_of(text: str, at: int) -> int:
    """The line, from 1, that character `at` of `text` is on."""
    return text.count("\n", 0, at) + 1
