"""Would the laws notice a wrong condition or rounding? Each is broken on purpose, one at a time.

`python tests/checker/mutants.py [count] [seed]` tries all, or some, and prints those that no law
notices. No test runs it yet: there are survivors.
"""

import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


HERE = Path(__file__).parent
SOURCE = HERE.parents[1] / "checker" / "src" / "outrange_check"
LAWS = [str(HERE / name) for name in ("test_bounds.py", "test_curves.py", "test_trees.py")]
MODULES = ("bounds", "curves", "tree")

FLIPS = {
    ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.NotIn: ast.In, ast.In: ast.NotIn,
    ast.And: ast.Or, ast.Or: ast.And, ast.Add: ast.Sub, ast.Sub: ast.Add,
}  # fmt: skip
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}


def places(tree):
    """What may be broken: `(label, function that breaks it)`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and type(node.ops[0]) in FLIPS:
            yield "comparison", node, lambda n: n.ops.__setitem__(0, FLIPS[type(n.ops[0])]())
        if isinstance(node, ast.BoolOp | ast.BinOp | ast.AugAssign) and type(node.op) in FLIPS:
            yield "operator", node, lambda n: setattr(n, "op", FLIPS[type(n.op)]())
        if isinstance(node, ast.Name) and node.id in NAMES:
            yield "name", node, lambda n: setattr(n, "id", NAMES[n.id])
        if isinstance(node, ast.If) and isinstance(node.body[0], ast.Raise):
            yield "check", node, lambda n: setattr(n, "test", ast.Constant(value=False))


def mutants():
    out = []
    for module in MODULES:
        text = (SOURCE / f"{module}.py").read_text()
        for i, (label, node, _) in enumerate(places(ast.parse(text))):
            out.append((module, i, f"{module}:{node.lineno}:{node.col_offset} {label}"))
    return out


def noticed(module, i):
    """Whether a law fails with the i-th place broken."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(SOURCE, Path(folder) / "outrange_check")
        file = Path(folder) / "outrange_check" / f"{module}.py"
        tree = ast.parse(file.read_text())
        _, node, wrong = list(places(tree))[i]
        wrong(node)
        file.write_text(ast.unparse(tree))
        path = os.pathsep.join([folder, str(HERE.parent)])
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
        command += ["--noconftest", "-c", os.devnull, "--rootdir", folder, *LAWS]
        environment = {**os.environ, "PYTHONPATH": path, "OUTRANGE_CASES": "few"}
        try:
            run = subprocess.run(command, env=environment, capture_output=True, timeout=60)
        except subprocess.TimeoutExpired:
            return True
        return run.returncode != 0


if __name__ == "__main__":
    asked = mutants()
    random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 0).shuffle(asked)
    asked = asked[: int(sys.argv[1])] if len(sys.argv) > 1 else asked
    left = []
    for count, (module, i, label) in enumerate(asked, 1):
        if not noticed(module, i):
            left.append(label)
        print(f"{count - len(left)} of {count} noticed; not: {left}", flush=True)
