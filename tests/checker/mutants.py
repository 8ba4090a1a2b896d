"""Would the tests notice a wrong condition, sign or rounding? Each is broken on purpose.

`python tests/checker/mutants.py [count] [seed]` tries all mutants of the checker's core, or some.
It prints those that no test notices, and how many are noticed. `test_mutants.py` asserts it of a
sample.
"""

import ast
import os
import random
import resource
import signal
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import FunctionType

import pytest


HERE = Path(__file__).parent
SOURCE = HERE.parents[1] / "checker" / "src" / "outrange_check"
MODULES = ("network", "curves", "bounds", "tree", "certificate", "command")
TESTS = (
    "by_hand", "files_by_hand", "growth_by_hand", "last_unit", "trees", "bounds", "curves",
    "hostile", "memory", "second_checker", "growth",
)  # fmt: skip
"""In this order, until one fails; but those of a module's own first."""

FIRST = {
    "network": "files_by_hand", "curves": "curves", "bounds": "last_unit", "tree": "last_unit",
    "certificate": "by_hand", "command": "files_by_hand",
}  # fmt: skip

PATIENCE, MEMORY = 60, 4 << 30
"""Seconds of the processor and bytes that a mutant gets; one that needs more is noticed."""

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

ONE_ITEM = "a list of one item has the same at 0 and at -1"
NO_TERM = "a coefficient of 0 contributes 0 whichever end it takes"
NOT_ZERO = "the coefficient is an integer, and not 0"
A_SIGN = "signs are 1 and -1"
SAME_LINE = "where the slopes are the same, both lines are that line"
BOTH_HOLD = "inputs with the sum 0 are in the case above, too, and the range of a value holds 0"
SEVENS = "shifts are multiples of 7: 4095 is one, and 4096 is none"
NOT_YET = "it is compared before any unit is bounded, and has one bit at most"
ENDS = "times * v * (self.inputs.get(c) or self.values[c])[%s]"
LIMITS = "self.work[%s] >= 0 and self.held <= MOST_HELD and (self.unit.bit_length() <= MOST_BITS)"
START = "self.empty, self.unit, self.held, self.work = (False, %s, 0, work or [MOST_WORK])"
TURNS = (
    "(turn, 0, chord, -(-max(ends) >> BITS)) if above %s below"
    " else (chord, min(ends) >> BITS, turn, 0)"
)
EQUIVALENT = {
    "network: room[0] -= len(values)  ->  room[-1] -= len(values)": ONE_ITEM,
    "network: room[0] >= 0  ->  room[-1] >= 0": ONE_ITEM,
    "curves: one = pieces[0][2] if len(pieces) == 1 else 0"
    "  ->  one = pieces[-1][2] if len(pieces) == 1 else 0": ONE_ITEM,
    f"curves: {TURNS % '>='}  ->  {TURNS % '>'}": SAME_LINE,
    "bounds: self.work[0] -= products  ->  self.work[-1] -= products": ONE_ITEM,
    f"bounds: {LIMITS % 0}  ->  {LIMITS % -1}": ONE_ITEM,
    f"bounds: {START % 0}  ->  {START % -1}": NOT_YET,
    f"bounds: {ENDS % '(v < 0) is (times > 0)'}  ->  {ENDS % '(v <= 0) is (times > 0)'}": NO_TERM,
    f"bounds: {ENDS % '(v < 0) is (times > 0)'}  ->  {ENDS % '(v < 0) is (times >= 0)'}": NO_TERM,
    f"bounds: {ENDS % '(v < 0) is (times > 0)'}  ->  {ENDS % '(v < 0) is (times > -1)'}": NO_TERM,
    "bounds: slope, offset = line[:2] if c > 0 else line[2:]"
    "  ->  slope, offset = line[:2] if c >= 0 else line[2:]": NOT_ZERO,
    "bounds: slope, offset = line[:2] if c > 0 else line[2:]"
    "  ->  slope, offset = line[:2] if c > -1 else line[2:]": NOT_ZERO,
    "tree: part.ranges[k] = (max(low, 0), high) if sign > 0 else (low, min(high, 0))"
    "  ->  part.ranges[k] = (max(low, 0), high) if sign >= 0 else (low, min(high, 0))": A_SIGN,
    "tree: part.ranges[k] = (max(low, 0), high) if sign > 0 else (low, min(high, 0))"
    "  ->  part.ranges[k] = (max(low, 0), high) if sign > -1 else (low, min(high, 0))": A_SIGN,
    "tree: part.ranges[k] = (max(low, 0), high) if sign > 0 else (low, min(high, 0))"
    "  ->  part.ranges[k] = (max(low, 0), high) if sign > 0 else (low, min(high, -1))": BOTH_HOLD,
    "tree: need(shift < 4096, 'a number in the tree has more than 586 bytes')"
    "  ->  need(shift <= 4096, 'a number in the tree has more than 586 bytes')": SEVENS,
}
"""Mutants that do the same as the original, by label, and why."""


def changes(node):
    """Yield the nodes that may replace a node."""
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
    if isinstance(node, ast.Expr) and ast.unparse(node).startswith("need("):
        yield ast.Pass()
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
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "need":
        yield _with(node, args=[ast.Constant(value=True), *node.args[1:]])


def _with(node, **fields):
    return ast.copy_location(type(node)(**{**dict(ast.iter_fields(node)), **fields}), node)


def _left_out(node):
    """Return whether a node decides nothing: a message, a size limit, or the precision."""
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
    """Return a copy of a tree in which one node is replaced."""
    if tree is node:
        return other
    fields = {}
    for name, value in ast.iter_fields(tree):
        if isinstance(value, list):
            value = [_put(v, node, other) if isinstance(v, ast.AST) else v for v in value]
        fields[name] = _put(value, node, other) if isinstance(value, ast.AST) else value
    return ast.copy_location(type(tree)(**fields), tree)


@cache
def parse_with_places(module):
    """Return the syntax tree of a module and its `places`."""
    tree = ast.parse((SOURCE / f"{module}.py").read_text(encoding="utf-8"))
    return tree, list(places(tree))


def mutants():
    """`(module, index, label)` of all."""
    return [
        (module, i, f"{module}: {label}")
        for module in MODULES
        for i, (label, _, _) in enumerate(parse_with_places(module)[1])
    ]


def broken(module, i):
    """The text of a module with its i-th place broken."""
    tree, every = parse_with_places(module)
    return ast.unparse(ast.fix_missing_locations(_put(tree, *every[i][1:])))


def spoil(module, text):
    """Puts the functions, tables and constants of another text in the place of a module's own.

    Whoever imported them has the wrong ones too.
    """
    new = {"__name__": module.__name__, "__package__": module.__package__}
    exec(compile(text, module.__name__, "exec"), new)
    for name, value in new.items():
        old = vars(module).get(name)
        if isinstance(value, FunctionType) and value.__module__ == module.__name__:
            old.__code__, old.__defaults__ = value.__code__, value.__defaults__
        elif isinstance(value, type) and value.__module__ == module.__name__:
            for method, found in vars(value).items():
                found = getattr(found, "__func__", found)
                if isinstance(found, FunctionType) and found.__module__ == module.__name__:
                    before = vars(old)[method]
                    before = getattr(before, "__func__", before)
                    before.__code__, before.__defaults__ = found.__code__, found.__defaults__
        elif isinstance(value, dict) and not name.startswith("__"):
            old.clear()
            old.update(value)
        elif isinstance(value, int | tuple):
            for other in list(sys.modules.values()):
                if name in vars(other) and vars(other)[name] is old:
                    setattr(other, name, value)


class Trials:
    """Runs the collected tests on each mutant, every one in a process of its own."""

    def __init__(self, asked):
        self.asked, self.left = asked, []
        self.sound = None
        """Whether the tests pass without any mutant."""

    def pytest_runtestloop(self, session):
        session.config._tmp_path_factory.getbasetemp()
        self.sound = not session.testsfailed and not self._is_noticed(session, None, 0)
        for module, i, label in self.asked if self.sound else ():
            if not self._is_noticed(session, module, i):
                self.left.append(label)
                print(f"not noticed: {label}", file=sys.__stderr__, flush=True)
        return True

    def _is_noticed(self, session, module, i):
        first = f"test_{FIRST.get(module)}"
        child = os.fork()
        if not child:
            signal.setitimer(signal.ITIMER_PROF, PATIENCE)
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            try:
                if module is not None:
                    spoil(sys.modules[f"outrange_check.{module}"], broken(module, i))
                for item in sorted(session.items, key=lambda item: item.path.stem != first):
                    session.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
                    if session.testsfailed:
                        os._exit(1)
                os._exit(0)
            except BaseException:
                os._exit(2)
        return os.waitpid(child, 0)[1] != 0


def try_mutants(asked):
    """Try some of `mutants()` and return those that no test notices."""
    trials = Trials(asked)
    with tempfile.TemporaryDirectory() as folder:
        command = [
            "-x",
            "-p",
            "no:terminal",
            "-p",
            "no:cacheprovider",
            "--noconftest",
            "--capture=sys",
        ]
        command += ["-c", os.devnull, "--rootdir", str(HERE), "--basetemp", f"{folder}/tests"]
        command += ["--import-mode=importlib", "-W", "ignore"]
        command += ["--assert=plain"]  # nobody reads why
        command += [str(HERE / f"test_{name}.py") for name in TESTS]
        pytest.main(command, plugins=[trials])
    assert trials.sound, f"without any mutant a test fails, or all take over {PATIENCE} s"
    return trials.left


def draw_mutants(count=None, seed=0):
    """Return all mutants that are not in `EQUIVALENT`, or a random sample of them."""
    every = [mutant for mutant in mutants() if mutant[2] not in EQUIVALENT]
    return every if count is None else random.Random(seed).sample(every, count)


def main():
    # With all their cases the tests take longer than `PATIENCE`, and a mutant is noticed by few.
    os.environ["OUTRANGE_CASES"] = "few"
    sys.path[:0] = [str(HERE.parent), str(SOURCE.parent)]
    import outrange_check.__main__  # noqa: F401

    chosen = draw_mutants(*map(int, sys.argv[1:]))
    left = try_mutants(chosen)
    share = 1 - len(left) / len(chosen)
    print(f"{len(chosen) - len(left)} of {len(chosen)} mutants are noticed ({share:.1%})")


if __name__ == "__main__":
    main()
