"""The tiers of tests lose nothing, and everybody runs them by the same targets."""

import math
import re
from pathlib import Path

import pytest

import cases


ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = re.search(r"^\.PHONY: (.*)", MAKEFILE, re.M)[1].split()


def test_the_quick_tier_enters_every_room():
    listed = [line.split("::") for line in (TESTS / "quick.txt").read_text().splitlines()]
    for path, *names in listed:
        assert (ROOT / path).exists(), path
        for name in names:
            assert f"def {name.split('[')[0]}(" in (ROOT / path).read_text(), (path, name)
    rooms = {path.parent.relative_to(TESTS).parts[0] for path in TESTS.rglob("*/test_*.py")}
    assert rooms == {path.split("/")[1] for path, *_ in listed}


def test_every_target_says_what_it_does():
    for target in TARGETS:
        assert re.search(rf"^{target}:.*  ## \S", MAKEFILE, re.M), target


@pytest.mark.parametrize(
    "script", [".ci/run", ".github/workflows/ci.yml", ".pre-commit-config.yaml"]
)
def test_nothing_is_run_but_targets(script):
    text = (ROOT / script).read_text()
    lists = re.findall(r"for targets? in (.*); do|target: \[(.*)\]", text)
    called = re.findall(r"(?:run|entry): make ([a-z]+)", text)
    called += [name for found in lists for part in found for name in re.findall(r"\w+", part)]
    assert called and set(called) <= set(TARGETS), called


@pytest.mark.parametrize("sizes", [(1,), (3, 3), (4, 6, 37), (10, 2)])
def test_a_few_combinations_hold_every_entry(sizes, monkeypatch):
    axes = [range(n) for n in sizes]
    monkeypatch.setattr(cases, "FULL", False)
    few = cases.combine(*axes, rounds=2)
    for i, axis in enumerate(axes):
        assert {combination[i] for combination in few} == set(axis)
    monkeypatch.setattr(cases, "FULL", True)
    full = cases.combine(*axes)
    assert set(few) <= set(full)
    assert len(full) == len(set(full)) == math.prod(sizes)


def test_a_number_of_cases_is_not_taken_for_cases():
    with pytest.raises(TypeError, match="alike"):
        cases.cases(range(60), 20)


def test_a_few_items_hold_every_key(monkeypatch):
    items = range(100)
    monkeypatch.setattr(cases, "FULL", False)
    few = cases.some(items, 20, lambda i: i % 7)
    assert {i % 7 for i in few} == set(range(7))
    assert len(few) == 20
    assert few == sorted(few) == cases.some(items, 20, lambda i: i % 7)
    monkeypatch.setattr(cases, "FULL", True)
    assert cases.some(items, 20) == list(items)
