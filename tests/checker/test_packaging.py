"""The checker stands alone: its imports, its size, and what its distribution declares."""

import ast
import hashlib
import sys
import tomllib
from pathlib import Path

import pytest

from checker.by_hand import LINE
from outrange_check import verified
from outrange_check.network import Refused


ROOT = Path(__file__).parents[2] / "checker"
FILES = sorted((ROOT / "src" / "outrange_check").rglob("*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MAIN = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["project"]

FILE, FUNCTION, FOLDER = 300, 60, 16


def name(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", FILES, ids=name)
def test_it_imports_python_flint_and_itself_only(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules = [str(node.module)]
        else:
            continue
        for module in modules:
            assert module.split(".")[0] in sys.stdlib_module_names | {"flint"}, module


@pytest.mark.parametrize("path", FILES, ids=name)
def test_nothing_is_run_that_a_file_says(path):
    """No `eval`, no pickles, no import by a name that was read."""
    words = {
        getattr(node.func, "id", getattr(node.func, "attr", ""))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
    }
    text = path.read_text()
    assert not words & {"eval", "exec", "__import__", "import_module", "system", "Popen"}
    assert not any(module in text for module in ("import pickle", "import marshal", "importlib"))


@pytest.mark.parametrize("path", FILES, ids=name)
def test_files_and_functions_are_short(path):
    text = path.read_text()
    assert len(text.splitlines()) <= FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < FUNCTION, node.name
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            bare = [a.arg for a in arguments if a.annotation is None]
            assert node.returns is not None and set(bare) <= {"self", "cls"}, node.name


def test_folders_are_not_too_full():
    for folder in {path.parent for path in FILES}:
        assert len([path for path in FILES if path.parent == folder]) <= FOLDER, folder


def test_its_distribution_is_what_the_library_expects():
    assert PROJECT["dependencies"] == ["python-flint>=0.7"]
    assert "python-flint>=0.7" in MAIN["dependencies"]
    assert PROJECT["requires-python"] == MAIN["requires-python"]
    assert (ROOT / "LICENSE").read_text() == (ROOT.parent / "LICENSE").read_text()
    (extra,) = MAIN["optional-dependencies"]["certificates"]
    assert extra == f"{PROJECT['name']}>={PROJECT['version'].rsplit('.', 1)[0]}"


def test_without_the_proved_program_the_error_says_how_to_build_it(monkeypatch):
    monkeypatch.setattr(verified, "PROGRAM", "no-such-program")
    with pytest.raises(Refused, match="make verified"):
        verified.find_program()


@pytest.mark.skipif(sys.platform == "win32", reason="the program is a shell script")
def test_the_verdict_names_the_proved_program_that_ran(monkeypatch, tmp_path):
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\ncat >/dev/null\necho CERTIFIED\n")
    program.chmod(0o755)
    monkeypatch.setattr(verified, "find_program", lambda: str(program))
    digest = hashlib.sha256(program.read_bytes()).hexdigest()
    assert verified.check_proved({"parts": []}, LINE, b"").splitlines() == [
        "The proved checker accepts it too.",
        f"Proved checker (SHA-256): {digest} {program.resolve()}",
    ]
