"""The part of the checker that has to be believed is short enough to be read in an hour."""

import ast
import io
import tokenize
from pathlib import Path


CORE = ("network", "curves", "bounds", "tree", "certificate", "command")
FOLDER = Path(__file__).parents[2] / "checker" / "src" / "outrange_check"
MOST = 400


def lines_of_code(text):
    """Logical lines, without docstrings: a statement counts once, however it is laid out."""
    docstring_lines = sum(
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        for node in ast.walk(ast.parse(text))
    )
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return sum(token.type == tokenize.NEWLINE for token in tokens) - docstring_lines


def test_a_line_is_counted_once_and_docstrings_are_not():
    text = (
        '"""Says.\n\nMore."""\nx = [\n    1,\n    2,\n]\ndef f():\n    """Says."""\n    return x\n'
    )
    assert lines_of_code(text) == 3


def test_the_core_has_at_most_400_lines():
    counts = {name: lines_of_code((FOLDER / f"{name}.py").read_text()) for name in CORE}
    assert sum(counts.values()) <= MOST, counts


def test_the_core_needs_nothing_else_but_the_readers():
    for name in CORE:
        for node in ast.walk(ast.parse((FOLDER / f"{name}.py").read_text())):
            if isinstance(node, ast.ImportFrom) and node.level:
                assert node.module in (*CORE, "readers"), (name, node.module)
            assert not isinstance(node, ast.ImportFrom) or ";" not in str(node.module)


def test_lines_are_not_joined():
    """No semicolons, and no body behind a colon: 400 lines as lines are usually written."""
    for name in CORE:
        tree = ast.parse((FOLDER / f"{name}.py").read_text())
        starts = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.stmt)]
        assert len(starts) == len(set(starts)), name
