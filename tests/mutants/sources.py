"""Functions whose source is changed in one place, while a test runs."""

import inspect
import textwrap


def break_source(monkeypatch, function, old, new):
    """Let a function do something else.

    Args:
        monkeypatch: Of the test: it puts everything back.
        function: As it is looked up, of a module or a class.
        old: A part of its source, which is there once.
        new: In its place.
    """
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(old) == 1, (function, old, source.count(old))
    known = dict(function.__globals__)
    source = "from __future__ import annotations\n" + source.replace(old, new)
    exec(compile(source, "", "exec"), known)
    made = known[function.__name__]
    made = made.__func__ if isinstance(made, staticmethod) else made
    monkeypatch.setattr(function, "__code__", made.__code__)
