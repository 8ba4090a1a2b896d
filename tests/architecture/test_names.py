"""Domains, search and questions read facts: none of them names an op."""

import ast

from architecture.source import files, name, nodes, room, words_of_code
from outrange.ops import CURVES


BLIND = ("domains", "search", "questions")

PLAIN_WORDS = {
    # Curves whose name is also a word of NumPy or of plain speech; these places use the word.
    "abs", "clip", "exp", "log", "power", "sqrt", "square", "threshold", "reciprocal", "sin", "cos",
    "sign",
}  # fmt: skip


def _blind():
    return [path for path in files() if room(path) in BLIND]


def test_no_op_is_named():
    ops = set(CURVES) - PLAIN_WORDS
    named = {name(path): sorted(words) for path in _blind() if (words := words_of_code(path) & ops)}
    assert not named, f"read a fact of the op instead of its name: {named}"


def test_no_decision_hangs_on_a_name():
    places = [
        f"{name(path)}:{node.lineno}"
        for path in _blind()
        for node in nodes(path)
        if isinstance(node, ast.Compare)
        for side in (node.left, *node.comparators)
        if isinstance(side, ast.Attribute) and ast.unparse(side).endswith("op.name")
    ]
    assert not places, f"an op's name is compared: {places}"
