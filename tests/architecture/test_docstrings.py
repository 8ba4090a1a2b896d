"""Every public name says what it is, and every file what it is for."""

import ast
import inspect

import pytest

import outrange
from architecture.source import files, name, tree


PUBLIC = [
    called
    for called in dir(outrange)
    if not called.startswith("_") and not inspect.ismodule(getattr(outrange, called))
]


def _public(body, prefix=""):
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from _public(node.body, f"{prefix}{node.name}.")


def _explains_itself(node) -> bool:
    """A property of three lines, or a method that fulfils an abstract or documented one, does."""
    return isinstance(node, ast.FunctionDef) and (node.end_lineno - node.lineno) <= 4


def _is_entry(path, node) -> bool:
    """A function entered in a front-end's table under the name of the framework's own op."""
    return "frontends" in path.parts and bool(node.decorator_list)


@pytest.mark.parametrize("path", [p for p in files() if p.stat().st_size], ids=name)
def test_every_file_and_public_name_is_documented(path):
    module = tree(path)
    assert ast.get_docstring(module), f"{name(path)} does not say what it is for"
    for called, node in _public(module.body):
        is_op = path.parent.name in ("curves", "stairs")
        if is_op or _explains_itself(node) or _is_entry(path, node):
            continue
        assert ast.get_docstring(node), f"{name(path)}: `{called}` has no docstring"


@pytest.mark.parametrize("called", PUBLIC)
def test_every_name_of_the_package_is_documented_in_full(called):
    thing = getattr(outrange, called)
    if not callable(thing):
        return
    text = inspect.getdoc(thing) or ""
    assert text, f"outrange.{called} has no docstring"
    if inspect.isfunction(thing) and inspect.signature(thing).parameters:
        for section in ("Args:", "Returns:"):
            assert section in text, f"outrange.{called} has no `{section}` section"
