"""Domains, search and questions read facts: none of them names an op."""

import ast

import pytest

from architecture.source import files, name, room, tree, words_of_code
from outrange.ops import CURVES


BLIND = ("domains", "search", "questions")

PLAIN_WORDS = {
    # Curves whose name is also a word of NumPy or of plain speech; these places use the word.
    "abs", "clip", "exp", "log", "power", "sqrt", "square", "threshold", "reciprocal", "sin", "cos",
    "sign",
}  # fmt: skip


@pytest.mark.parametrize("path", [p for p in files() if room(p) in BLIND], ids=name)
def test_no_op_is_named(path):
    named = words_of_code(path) & (set(CURVES) - PLAIN_WORDS)
    assert not named, f"{name(path)} names {sorted(named)}; read a fact of the op instead"


@pytest.mark.parametrize("path", [p for p in files() if room(p) in BLIND], ids=name)
def test_no_decision_hangs_on_a_name(path):
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.Compare):
            continue
        for side in (node.left, *node.comparators):
            by_name = isinstance(side, ast.Attribute) and ast.unparse(side).endswith("op.name")
            assert not by_name, f"{name(path)}:{node.lineno} compares an op's name"
