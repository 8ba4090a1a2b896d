"""Every public name says what it is, and every file what it is for."""

import ast
import inspect
import re
import sys
from enum import IntEnum

import outrange
from architecture import docstring_rules as rules
from architecture.source import files, name, tree
from outrange.frontends.network import Network


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


def test_public_docstrings_keep_every_rule():
    problems = list(public_problems())
    assert not problems, "\n".join(problems)


def public_problems():
    """Yield the rules that docstrings of public names break."""
    for called, thing in _reachable():
        if inspect.isfunction(thing):
            name = called.rpartition(".")[2]
            yield from rules.function_problems(called, thing, name not in rules.UNBOUNDED)
        elif inspect.isclass(thing):
            if not issubclass(thing, BaseException | IntEnum):
                yield from rules.class_problems(called, thing, is_record(thing))
            yield from _method_problems(called, thing)
        else:
            yield from _method_problems(called, type(thing))


def _reachable():
    for called in [*outrange.__all__, *outrange._MODULES]:
        thing = getattr(outrange, called)
        if inspect.ismodule(thing):
            parts = {part: getattr(thing, part) for part in dir(thing) if part[0] != "_"}
            yield from ((f"{called}.{p}", found) for p, found in parts.items() if _is_ours(found))
        else:
            yield called, thing
    yield from (("(y <= 0)", outrange.y <= 0), ("y.argmax()", outrange.y.argmax()))
    yield from ((cls.__name__, cls) for cls in (Network, *_parts_of_records()))


def _parts_of_records():
    """The classes that fields of the answers hold, and those that fields of these hold."""
    classes, open_ = {}, [getattr(outrange.answers, called) for called in dir(outrange.answers)]
    while open_:
        record = open_.pop()
        if not (inspect.isclass(record) and is_record(record)):
            continue
        home = vars(sys.modules[record.__module__])
        words = {
            w for note in record.__annotations__.values() for w in re.findall(r"\w+", str(note))
        }
        fresh = [home[word] for word in words & set(home) if word not in classes]
        classes |= {
            part.__name__: part for part in fresh if inspect.isclass(part) and is_record(part)
        }
        open_ += fresh
    return [
        part for called, part in sorted(classes.items()) if not hasattr(outrange.answers, called)
    ]


def _is_ours(thing) -> bool:
    """The laws that ops must pass have docstrings of their own form."""
    module = getattr(thing, "__module__", "") if callable(thing) else ""
    return module.startswith("outrange.") and not module.startswith("outrange.testing.")


def is_record(cls) -> bool:
    """An answer or a note of progress: made by the package, read by its users."""
    return cls is Network or cls.__module__.startswith("outrange.answers")


def _method_problems(called, cls):
    ours = [base for base in cls.__mro__ if base.__module__.startswith("outrange.")]
    for part, method in {k: v for base in reversed(ours) for k, v in vars(base).items()}.items():
        function = getattr(method, "__func__", method)
        if not part.startswith("_") and _is_shown(function):
            stated = sum(part in vars(base) for base in cls.__mro__) > 1
            yield from rules.method_problems(f"{called}.{part}", function, stated)


def _is_shown(function) -> bool:
    return inspect.isfunction(function) and not function.__name__.startswith("_")
