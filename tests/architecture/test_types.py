"""Every function of the package says what it takes and what it gives; pyright checks the rest."""

import ast
import re
from functools import cache

from architecture.source import files, name, tree


EXCEPTIONS: dict[str, str] = {}
"""`file:function` to the reason why something of it has no annotation."""

FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef


def _functions(node: ast.AST, prefix: str = ""):
    """`(dotted name, function, parameters)` of everything defined; `self` and `cls` left out."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            continue  # It defines nothing.
        if isinstance(child, FUNCTIONS):
            arguments = child.args
            positional = [*arguments.posonlyargs, *arguments.args]
            if isinstance(node, ast.ClassDef) and not _is_static(child):
                positional = positional[1:]
            others = [a for a in (arguments.vararg, arguments.kwarg) if a is not None]
            yield prefix + child.name, child, [*positional, *arguments.kwonlyargs, *others]
        if isinstance(child, FUNCTIONS | ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.")
        else:
            yield from _functions(child, prefix)


def _is_static(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    decorators = function.decorator_list
    return any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in decorators)


def _missing(path) -> dict[str, list[str]]:
    """Per function the parameters without an annotation; `return` stands for the result."""
    missing = {}
    for called, function, parameters in _functions(tree(path)):
        bare = [a.arg for a in parameters if a.annotation is None]
        bare += ["return"] if function.returns is None else []
        if bare:
            missing[f"{name(path)}:{called}"] = bare
    return missing


@cache
def _all_missing() -> dict[str, list[str]]:
    return {key: bare for path in files() for key, bare in _missing(path).items()}


def test_every_function_is_annotated():
    missing = {key: bare for key, bare in _all_missing().items() if key not in EXCEPTIONS}
    assert not missing, f"no annotation: {missing}"


def test_what_is_ignored_is_named():
    ignored, named = r"#\s*(type|pyright): *(ignore|basic|off)", r"# pyright: ignore\[\w+\]"
    wrong = [
        f"{name(path)}:{number}"
        for path in files()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(ignored, line) and not re.search(named, line)
    ]
    assert not wrong, f"names no rule of pyright: {wrong}"


def test_every_exception_is_needed():
    missing = _all_missing()
    for key, reason in EXCEPTIONS.items():
        assert reason
        assert key in missing, f"{key} is annotated now: take it off the list"
