"""The glossary leads to every module of search and domains, and names no other."""

import ast
import re
from collections import defaultdict
from pathlib import Path

from architecture.source import PACKAGE, ROOT, files, name, nodes


GLOSSARY = ROOT / "docs" / "glossary.md"

SAME_NAME: dict[str, str] = {}
"""Class name to the reason why it may stand for two things."""


def _rows() -> list[list[str]]:
    lines = [line for line in GLOSSARY.read_text().splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row[0] != "term" and not set(row[0]) <= {"-"}]


def _paths() -> set[str]:
    return {path for row in _rows() for path in re.findall(r"`([\w/]+(?:\.(?:py|c|h)|/))`", row[2])}


def test_it_has_eighty_terms_each_explained():
    rows = _rows()
    assert len(rows) >= 80
    assert len({row[0] for row in rows}) == len(rows), "a term stands there twice"
    assert all(len(row) == 4 and row[1] and row[2] for row in rows)


def test_every_path_exists():
    missing = [path for path in _paths() if not (PACKAGE / path).exists()]
    assert not missing


def test_every_module_of_search_and_domains_is_reachable():
    named = _paths()
    rooms = [
        path for path in files() if path.relative_to(PACKAGE).parts[0] in ("search", "domains")
    ]
    lost = [name(path) for path in rooms if path.name != "__init__.py" and name(path) not in named]
    assert not lost, f"the glossary leads to none of {lost}"


def test_one_class_name_is_one_thing():
    homes: defaultdict[str, list[str]] = defaultdict(list)
    for path in files():
        for node in nodes(path):
            if isinstance(node, ast.ClassDef):
                homes[node.name].append(name(path))
    twice = {called: places for called, places in homes.items() if len(places) > 1}
    assert set(twice) == set(SAME_NAME), twice
    assert len(SAME_NAME) <= 5


def test_no_folder_is_too_full():
    catalogues = {"ops/curves", "diagnosis/rules", "frontends/keras/rules", "frontends/onnx/rules"}
    count: defaultdict[Path, int] = defaultdict(int)
    for path in files():
        count[path.parent] += 1
    full = {name(f): n for f, n in count.items() if n > 16 and name(f) not in catalogues}
    assert not full
