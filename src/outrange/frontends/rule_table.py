"""Tables of rules, from the name of an operation to the function that lowers it to a graph."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar


RuleFunction = TypeVar("RuleFunction", bound=Callable)

ADVICE = "Use other operations; the page on supported models lists the supported ones."
"""Advice about an operation that has no rule, or whose rule does not support its arguments."""


def advice_after(text: str) -> str:
    """Return `". "` and `ADVICE` if a message ends with "not supported", and else `""`."""
    return f". {ADVICE}" if re.search(r"not supported( yet)?(, because [^;:.]*)?\.?$", text) else ""


def add_rules(table: dict[str, Callable], rules: Mapping[str, Callable]) -> None:
    """Add lowering rules to a table that has at most one rule per operation.

    Args:
        rules: Map from name to rule; no name may be in `table` already.

    Raises:
        ValueError: A name already has a rule. With two rules for a name, the order of imports would
            decide which rule applies.
    """
    twice = sorted(set(table) & set(rules))
    if twice:
        raise ValueError(f"An operation must have one rule. Received: a second one for {twice}.")
    table.update(rules)


def rule_decorator(
    table: dict[str, Callable],
) -> Callable[..., Callable[[RuleFunction], RuleFunction]]:
    """Return a decorator; `@rule("Add", "Sum")` adds a function to `table` under both names."""

    def rule(*names: str) -> Callable[[RuleFunction], RuleFunction]:
        def under_names(function: RuleFunction) -> RuleFunction:
            add_rules(table, dict.fromkeys(names, function))
            return function

        return under_names

    return rule
