"""Functions whose source is changed in one place, while a test runs."""

import inspect
import textwrap


def break_source(monkeypatch, function, old, new):
    """Change the source of a function at one place, until the test ends.

    Args:
        monkeypatch: The fixture of the test, which undoes the change.
        function: The function, as an attribute of a module or a class.
        old: Part of its source that occurs exactly once.
        new: Source that replaces `old`.
    """
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(old) == 1, (function, old, source.count(old))
    namespace = dict(function.__globals__)
    source = "from __future__ import annotations\n" + source.replace(old, new)
    exec(compile(source, "", "exec"), namespace)
    changed = namespace[function.__name__]
    changed = changed.__func__ if isinstance(changed, staticmethod) else changed
    monkeypatch.setattr(function, "__code__", changed.__code__)
