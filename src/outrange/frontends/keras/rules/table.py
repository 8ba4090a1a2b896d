"""The decorator by which rules enter their table."""

from collections.abc import Callable


def entering(table: dict[str, Callable]) -> Callable:
    """`@rule("Add", "Sum")` enters a function in `table` under these names."""

    def rule(*names: str) -> Callable[[Callable], Callable]:
        def enter(function: Callable) -> Callable:
            for name in names:
                table[name] = function
            return function

        return enter

    return rule
