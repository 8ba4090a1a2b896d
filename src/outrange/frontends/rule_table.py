"""Tables of rules: an operation's name to the function that writes it as a graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar


Entered = TypeVar("Entered", bound=Callable)


def enter(table: dict[str, Callable], rules: Mapping[str, Callable]) -> None:
    """Add rules to a table.

    Args:
        table: Name to rule.
        rules: The same; none of them may be there already.

    Raises:
        ValueError: A name has a rule already: which of them counted would hang on the order of
            imports.
    """
    twice = sorted(set(table) & set(rules))
    if twice:
        raise ValueError(f"An operation has one rule. Received: a second one for {twice}.")
    table.update(rules)


def entering(
    table: dict[str, Callable],
) -> Callable[..., Callable[[Entered], Entered]]:
    """`@rule("Add", "Sum")` enters a function in `table` under these names."""

    def rule(*names: str) -> Callable[[Entered], Entered]:
        def under_names(function: Entered) -> Entered:
            enter(table, dict.fromkeys(names, function))
            return function

        return under_names

    return rule
