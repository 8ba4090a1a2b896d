"""One module of `src` reads time, and no test does that is not marked `wallclock`."""

import ast
from pathlib import Path

import outrange
from outrange.core import clock


TESTS = Path(__file__).parents[1]
SOURCES = Path(outrange.__file__).parent

HELPERS = {"conftest.py", "shared_draws.py"}

SCRIPTS = {"laws/test_against_milp.py"}
"""Files that are scripts, too: there the script alone looks at the clock."""


def names_in(node: ast.AST) -> set[str]:
    """Return the names that some code mentions."""
    return {child.id for child in ast.walk(node) if isinstance(child, ast.Name)}


def imported_clocks(tree: ast.AST) -> set[str]:
    """Return the names under which a file imports a clock."""
    clocks = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            clocks |= {a.asname or a.name for a in node.names if a.name == "time"}
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            clocks |= {a.asname or a.name for a in node.names}
    return clocks


def is_marked(node: ast.AST) -> bool:
    """Return whether code mentions the marker `wallclock`."""
    return any(
        isinstance(child, ast.Attribute) and child.attr == "wallclock" for child in ast.walk(node)
    )


def unmarked_tests(tree: ast.Module) -> list[str]:
    """Return the tests of a file that read a clock, themselves or by a helper, without the mark."""
    marks = [node for node in tree.body if isinstance(node, ast.Assign)]
    if any("pytestmark" in names_in(node) and is_marked(node) for node in marks):
        return []
    functions = {
        node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    reading = imported_clocks(tree)
    while more := {n for n, f in functions.items() if n not in reading and names_in(f) & reading}:
        reading |= more
    tests = [functions[name] for name in reading if name.startswith("test_")]
    return sorted(
        test.name for test in tests if not any(is_marked(mark) for mark in test.decorator_list)
    )


def test_tests_that_read_a_clock_are_marked():
    wrong = {}
    for path in sorted(TESTS.rglob("*.py")):
        name = path.relative_to(TESTS).as_posix()
        if name not in SCRIPTS and path.name not in HELPERS:
            tests = unmarked_tests(ast.parse(path.read_text()))
            wrong |= {name: tests} if tests else {}
    assert not wrong


def test_a_test_that_reads_a_clock_by_a_helper_is_seen():
    source = "import time\ndef wait():\n    time.sleep(1)\ndef test_it():\n    wait()\n"
    assert unmarked_tests(ast.parse(source)) == ["test_it"]
    marked = source.replace("def test_it", "@pytest.mark.wallclock\ndef test_it")
    assert unmarked_tests(ast.parse(marked)) == []


def test_one_module_of_the_library_reads_time():
    reading = [
        path.relative_to(SOURCES).as_posix()
        for path in sorted(SOURCES.rglob("*.py"))
        if imported_clocks(ast.parse(path.read_text()))
    ]
    assert reading == ["core/clock.py"]


def test_other_tests_cannot_read_real_time():
    """The fixture `_counted_time` holds this test, too."""
    assert clock.is_counted()
    try:
        clock.WallTime().read()
    except AssertionError as refusal:
        assert "wallclock" in str(refusal)
    else:
        raise AssertionError("real time was read")
