"""Reads the package's source: what each file imports, defines and names."""

import ast
import re
from functools import cache
from pathlib import Path


ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "outrange"


def files() -> list[Path]:
    """Every Python file of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def name(path: Path) -> str:
    """`search/milp/encoding.py` of a path in the package."""
    return path.relative_to(PACKAGE).as_posix()


def room(path: Path) -> str:
    """The sub-package a file is in; a file of the package itself is its own room."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text())


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """All nodes of that tree, walked once for all rules."""
    return tuple(ast.walk(tree(path)))


@cache
def imports(path: Path) -> set[str]:
    """Absolute dotted names of everything a file imports, at its top or inside a function."""
    package = ["outrange", *path.relative_to(PACKAGE).parent.parts]
    modules = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = [*base, *(node.module.split(".") if node.module else [])]
            modules |= {".".join([*base, alias.name]) for alias in node.names}
        elif isinstance(node, ast.Call) and _is_import_call(node):
            argument = node.args[0] if node.args else None
            if isinstance(argument, ast.Constant):
                modules.add(str(argument.value))
    return modules


def _is_import_call(node: ast.Call) -> bool:
    function = node.func
    called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return called in ("import_module", "__import__")


@cache
def words_of_code(path: Path) -> set[str]:
    """Every word in identifiers and strings of the code; comments and docstrings left out."""
    texts = []
    documentation = {
        id(node.body[0].value)
        for node in nodes(path)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in nodes(path):
        match node:
            case ast.Attribute(value=ast.Name(id="np")):
                continue  # NumPy's own functions, `np.sign` say.
            case ast.Name(id=text) | ast.Attribute(attr=text) | ast.arg(arg=text):
                texts.append(text)
            case ast.FunctionDef(name=text) | ast.ClassDef(name=text):
                texts.append(text)
            case ast.Constant(value=str(text)) if id(node) not in documentation:
                texts.append(text)
    return {word for text in texts for word in re.findall(r"[A-Za-z0-9_]+", text)}
