"""The pinned files hold everything that the project declares, and `make` says what it installs."""

import re
import tomllib
from pathlib import Path


ROOT = Path(__file__).parents[2]


def _names(lines) -> set[str]:
    return {re.split(r"[<>=!~;\[ ]", line)[0].lower().replace("_", "-") for line in lines}


def _pins(name) -> list[str]:
    return (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()[1:]


def _list_declared(*extras) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    more = project["optional-dependencies"]
    return _names([*project["dependencies"], *(line for name in extras for line in more[name])])


def test_the_lock_holds_what_is_declared():
    wanted = _list_declared("keras", "onnx", "plot", "vnnlib", "dev")
    assert wanted - {"outrange"} <= _names(_pins("dev"))


def test_the_demo_needs_a_part_of_the_lock():
    demo = _pins("demo")
    assert set(demo) < set(_pins("dev"))
    assert _list_declared("keras") | {"jax"} <= _names(demo)
    assert not {"sphinx", "pyright", "pytest"} & _names(demo)


def test_a_target_that_installs_says_so_first():
    rules = re.findall(r"^(\S+):.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    installing = {name: lines for name, lines in rules if re.search(r"\$\(PIP\)|install -", lines)}
    assert {"$(VENV)/demo", "$(VENV)/built", "$(VENV)/dev", "browser"} <= set(installing)
    silent = [name for name, lines in installing.items() if not _is_announced(lines)]
    assert not silent


def _is_announced(recipe) -> bool:
    """Return whether the recipe prints a line before it installs anything."""
    announced, begun = recipe.find("echo "), re.search(r"\$\(PIP\)|install -", recipe)
    return begun is not None and 0 <= announced < begun.start()
