"""Would the tests notice a wrong condition, sign or rounding? Each is broken on purpose, one at a time.

`python tests/checker/mutants.py [count] [seed]` tries all mutants of the checker's core, or some, prints those that
no test notices and the share of those that one does. `test_mutants.py` asserts it of a sample.
"""

import ast
import importlib.abc
import importlib.util
import os
import random
import signal
import sys
import time
from pathlib import Path


HERE = Path(__file__).parent
SOURCE = HERE.parents[1] / "checker" / "src" / "outrange_check"
MODULES = ("network", "curves", "bounds", "tree", "certificate", "__main__")
TESTS = (
    "test_last_unit",
    "test_bounds",
    "test_curves",
    "test_trees",
    "test_hostile",
    "test_second_checker",
)
"""In this order, until one fails."""

PATIENCE = 60
"""Seconds after which a mutant that hangs is taken for noticed."""

FLIPS = {
    ast.Lt: (ast.GtE, ast.LtE), ast.GtE: (ast.Lt, ast.Gt), ast.Gt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Gt, ast.Lt), ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,),
    ast.NotIn: (ast.In,), ast.In: (ast.NotIn,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
    ast.And: (ast.Or,), ast.Or: (ast.And,), ast.Add: (ast.Sub,), ast.Sub: (ast.Add,),
    ast.LShift: (ast.RShift,), ast.RShift: (ast.LShift,),
}  # fmt: skip
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}
METHODS = {
    "floor": "ceil", "ceil": "floor", "lower": "upper", "union": "intersection", "min": "max",
    "max": "min",
}  # fmt: skip

EQUIVALENT = {}
"""Mutants that do the same as the original, by label, and why."""


def changes(node):
    """What may stand here instead."""
    if isinstance(node, ast.Compare):
        for i, op in enumerate(node.ops):
            for other in FLIPS.get(type(op), ()):
                yield _with(node, ops=[*node.ops[:i], other(), *node.ops[i + 1 :]])
    if isinstance(node, ast.BoolOp | ast.BinOp | ast.AugAssign):
        for other in FLIPS.get(type(node.op), ()):
            yield _with(node, op=other())
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        yield node.left
        if isinstance(node.op, ast.Add):
            yield node.right
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.RShift | ast.FloorDiv):
        minus = _with(node, left=ast.UnaryOp(ast.USub(), node.left))
        yield ast.UnaryOp(ast.USub(), minus)  # rounded up
    if isinstance(node, ast.AugAssign):
        yield ast.Expr(node.value)
    if isinstance(node, ast.UnaryOp) and not isinstance(node.operand, ast.Constant):
        yield node.operand
    if isinstance(node, ast.Name) and node.id in NAMES:
        yield _with(node, id=NAMES[node.id])
    if isinstance(node, ast.Attribute) and node.attr in METHODS:
        yield _with(node, attr=METHODS[node.attr])
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "abs":
        yield node.args[0]
    if isinstance(node, ast.Constant) and type(node.value) is bool:
        yield ast.Constant(not node.value)
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield ast.Constant(node.value - 1)
    if isinstance(node, ast.If | ast.IfExp | ast.While) and not isinstance(node.test, ast.Compare):
        yield _with(node, test=ast.UnaryOp(ast.Not(), node.test))
    if isinstance(node, ast.If) and isinstance(node.body[0], ast.Raise):
        yield _with(node, test=ast.Constant(value=False))


def _with(node, **fields):
    return ast.copy_location(type(node)(**{**dict(ast.iter_fields(node)), **fields}), node)


def _left_out(node):
    """Words, annotations and the largest sizes of what is read: they decide nothing."""
    if isinstance(node, ast.Raise | ast.JoinedStr):
        return True
    named = isinstance(node, ast.Assign) and ast.unparse(node.targets[0])
    return bool(named) and (named.startswith("MOST_") or named == "ctx.prec")


def _inner(node):
    for name, value in ast.iter_fields(node):
        if name not in ("annotation", "returns"):
            yield from (v for v in (value if isinstance(value, list) else [value]))


def places(tree):
    """`(label, node, other node)` of every mutant of a module, in order; the label says both."""
    todo = [(tree, ())]
    while todo:
        node, above = todo.pop()
        text = ast.unparse(node)
        above = above or ((node, text),) if len(text) < 100 else ()
        for other in changes(node):
            whole, before = above[0] if above else (node, text)
            after = ast.unparse(ast.fix_missing_locations(_put(whole, node, other)))
            yield f"{_head(before)}  ->  {_head(after)}", node, other
        inner = [v for v in _inner(node) if isinstance(v, ast.AST) and not _left_out(v)]
        todo += [(v, above) for v in reversed(inner)]


def _head(text):
    return " ".join(text.split())


def _put(tree, node, other):
    """The same tree with another node."""
    if tree is node:
        return other
    fields = {}
    for name, value in ast.iter_fields(tree):
        if isinstance(value, list):
            value = [_put(v, node, other) if isinstance(v, ast.AST) else v for v in value]
        fields[name] = _put(value, node, other) if isinstance(value, ast.AST) else value
    return ast.copy_location(type(tree)(**fields), tree)


def mutants():
    """`(module, index, label)` of all."""
    out = []
    for module in MODULES:
        tree = ast.parse((SOURCE / f"{module}.py").read_text(encoding="utf-8"))
        out += [(module, i, f"{module}: {label}") for i, (label, _, _) in enumerate(places(tree))]
    return out


def broken(module, i):
    """The text of a module with its i-th place broken."""
    tree = ast.parse((SOURCE / f"{module}.py").read_text(encoding="utf-8"))
    _, node, other = list(places(tree))[i]
    return ast.unparse(ast.fix_missing_locations(_put(tree, node, other)))


class _Broken(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds one module of the checker with another text."""

    def __init__(self, module, text):
        self.name, self.text = f"outrange_check.{module}", text

    def find_spec(self, name, path, target=None):
        return importlib.util.spec_from_loader(name, self) if name == self.name else None

    def exec_module(self, module):
        exec(compile(self.text, self.name, "exec"), module.__dict__)


def noticed(module, i):
    """Whether a test fails with the i-th place broken; in a process of its own."""
    child = os.fork()
    if not child:
        os._exit(_tested(module, broken(module, i)) if i is not None else _tested(module, None))
    end = time.monotonic() + PATIENCE
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status != 0
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return True
        time.sleep(0.01)


def _tested(module, text):
    import pytest

    for name in list(sys.modules):
        if name.split(".")[0] in ("outrange_check", "checker") or name.startswith(
            "outrange.certify"
        ):
            del sys.modules[name]
    if text is not None:
        sys.meta_path.insert(0, _Broken(module, text))
    with open(os.environ.get("MUTANT_LOG", os.devnull), "a") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    command = ["-x", "-q", "-p", "no:cacheprovider", "--noconftest", "--tb=line", "-c", os.devnull]
    command += ["--rootdir", str(HERE), *(str(HERE / f"{name}.py") for name in TESTS)]
    return int(pytest.main(command))


def prepare():
    """Imports what takes long, once for all mutants."""
    os.environ.update(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", OUTRANGE_CASES="few")
    sys.path[:0] = [str(HERE.parent), str(SOURCE.parent)]
    import checker.certificates  # noqa: F401
    import outrange_check.__main__  # noqa: F401


def main():
    prepare()
    if noticed("network", None):
        raise SystemExit("a test fails without any mutant")
    asked = [mutant for mutant in mutants() if mutant[2] not in EQUIVALENT]
    random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 0).shuffle(asked)
    asked = asked[: int(sys.argv[1])] if len(sys.argv) > 1 else asked
    left = []
    for module, i, label in asked:
        if not noticed(module, i):
            left.append(label)
            print(f"not noticed: {label}", flush=True)
    print(
        f"{len(asked) - len(left)} of {len(asked)} mutants are noticed ({1 - len(left) / len(asked):.1%})"
    )


if __name__ == "__main__":
    main()
