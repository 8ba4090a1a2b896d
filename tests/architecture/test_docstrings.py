"""Every public name says what it is, and every file what it is for."""

import ast
import inspect

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


def _is_overload(node) -> bool:
    """One of several signatures of a function that is documented once."""
    decorators = getattr(node, "decorator_list", [])
    return any(isinstance(d, ast.Name) and d.id == "overload" for d in decorators)


def _is_entry(path, node) -> bool:
    """A function entered in a front-end's table under the name of the framework's own op."""
    return "frontends" in path.parts and bool(node.decorator_list)


def test_every_file_says_what_it_is_for():
    silent = [name(p) for p in files() if p.stat().st_size and not ast.get_docstring(tree(p))]
    assert not silent, f"without a docstring: {silent}"


def test_every_public_name_is_documented():
    silent = []
    for path in files():
        for called, node in _public(tree(path).body):
            is_op = path.parent.name in ("curves", "stairs")
            if is_op or _explains_itself(node) or _is_entry(path, node) or _is_overload(node):
                continue
            if not ast.get_docstring(node):
                silent.append(f"{name(path)}: {called}")
    assert not silent, f"without a docstring: {silent}"


def test_every_name_of_the_package_is_documented_in_full():
    missing = []
    for called in PUBLIC:
        thing = getattr(outrange, called)
        if not callable(thing):
            continue
        text = inspect.getdoc(thing) or ""
        sections = ["Args:", "Returns:"] if _takes_arguments(thing) else []
        missing += [] if text else [f"outrange.{called}: all of it"]
        missing += [f"outrange.{called}: {part}" for part in sections if part not in text]
    assert not missing, f"missing in docstrings: {missing}"


def _takes_arguments(thing) -> bool:
    return inspect.isfunction(thing) and bool(inspect.signature(thing).parameters)
