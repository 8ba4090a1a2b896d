"""Public names that a module imports on first use."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any


def attach(
    module: str,
    homes: Mapping[str, str],
    *,
    modules: Sequence[str] = (),
    unlisted: Sequence[str] = (),
    renamed: Mapping[str, str] | None = None,
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return `__getattr__`, `__dir__` and `__all__` for a module whose names are imported lazily.

    Args:
        module: The module's `__name__`.
        homes: Dict from a module, relative to the package, to the names that it defines, separated
            by spaces.
        modules: Submodules to import on first use; `__all__` and `__dir__` do not list them.
        unlisted: Names of `homes` that `__all__` does not list.
        renamed: Dict from former name to current name.
    """
    home_of = {name: home for home, names in homes.items() for name in names.split()}
    public = sorted(home_of.keys() - set(unlisted))

    def hint(name: str) -> str:
        if name.startswith("_"):  # Python and tools ask for such names often.
            return ""
        near = get_close_matches(name, public, n=1)
        return f". Did you mean `{near[0]}`?" if near else ""

    def get(name: str) -> Any:
        """Import and return a public name when it is first used.

        Raises:
            AttributeError: `name` is not public, or it is a former name; the message then states
                the current one. In `from module import name`, a former name raises an
                `ImportError` with the same message.
        """
        if name in modules:
            return import_module(f"{module}.{name}")
        if renamed is not None and name in renamed:
            # `from module import name` replaces the text of an AttributeError.
            is_import = sys._getframe(1).f_code.co_name == "_handle_fromlist"
            error = ImportError if is_import else AttributeError
            raise error(f"`{module}.{name}` is now `{module}.{renamed[name]}`.")
        if name not in home_of:
            raise AttributeError(f"module {module!r} has no attribute {name!r}{hint(name)}")
        here = sys.modules[module]
        value = getattr(import_module(home_of[name], here.__package__), name)
        setattr(here, name, value)
        return value

    return get, lambda: public, public
