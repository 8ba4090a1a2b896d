"""Files, bodies of functions and lines stay short; going over needs a written reason."""

import ast

from architecture.source import ROOT, files, name, nodes


FILE, FUNCTION, LINE = 450, 60, 100

LONG_FILES: dict[str, str] = {}
"""File to the reason why it may be longer."""

LONG_FUNCTIONS: dict[str, str] = {}
"""`file:function` to the reason why it may be longer."""


def _sources():
    return [*files(), *sorted((ROOT / "src" / "outrange").rglob("*.[ch]"))]


def test_files_are_short():
    sizes = {name(path): len(path.read_text().splitlines()) for path in _sources()}
    long = {path: n for path, n in sizes.items() if n > FILE and path not in LONG_FILES}
    assert not long, f"longer than {FILE} lines: {long}"


def test_lines_of_the_kernel_are_short():
    """Ruff keeps those of Python files short."""
    wide = [
        f"{name(path)}:{i}"
        for path in _sources()
        if path.suffix != ".py"
        for i, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > LINE
    ]
    assert not wide, f"wider than {LINE}: {wide}"


def test_functions_are_short():
    long = {}
    for path in files():
        for node in nodes(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                length = node.end_lineno - body[0].lineno + 1 if body else 0
                key = f"{name(path)}:{node.name}"
                if length > FUNCTION and key not in LONG_FUNCTIONS:
                    long[key] = length
    assert not long, f"more than {FUNCTION} lines of code: {long}"


def test_every_exception_is_needed():
    lengths = {name(path): len(path.read_text().splitlines()) for path in _sources()}
    for path, reason in LONG_FILES.items():
        assert reason
        assert lengths.get(path, FILE + 1) > FILE, f"{path} is short now: take it off the list"
