"""Names and docstrings use plain words: verbs for functions, nouns for results, real field names.

That a function's docstring opens with an imperative verb is rule D401 of ruff.
"""

import ast
import builtins
import re
from functools import cache

import pytest

from architecture.source import PACKAGE, files, name, nodes


VAGUE = frozenset("found told one known own kept said asked heard got given made taken".split())
"""Names of results that do not say what they hold."""

PARTICIPLES = frozenset(
    "told heard found kept drawn shown known spoken seen held built made taken given left said "
    "lent sent met won lost chosen written begun meant felt brought".split()
)

NOUNS = frozenset("shed embed feed need seed speed exceed proceed indeed".split())
"""Words that end like a participle and are none."""

FRAGMENT = re.compile(
    r"(?:What|Of|Who|Whoever|Whatever|Where|Which|How|As|The same|Such|So|Nothing|Nobody)\b"
)


OUTSIDE = frozenset(
    "ProcessPoolExecutor contextvars MALLOC_TRIM_THRESHOLD_ sha256sum Host CSVLogger TensorBoard "
    "History amsgrad controller.txt constraints_unsafe constraints_safe constraints_target city "
    "city_A city_B mpi4py.futures executorlib".split()
)
"""Names in docstrings that other programs, or the reader's files, define."""

FORMULA = re.compile(r"[A-Za-z]{1,3}|[A-Za-z]\d|(?:[A-Za-z]|rho|eps|slack)_[a-z]|Phi")
"""Symbols of formulas."""


def places(broken):
    return [f"{name(path)}:{line} {text}" for path, line, text in broken]


def vague_names(tree_nodes):
    """Yield each variable that does not say what it holds; fields of records have docstrings."""
    tree_nodes = list(tree_nodes)
    fields = {id(node.target) for node in tree_nodes if isinstance(node, ast.AnnAssign)}
    for node in tree_nodes:
        is_variable = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        if is_variable and id(node) not in fields and node.id in VAGUE:
            yield node.lineno, node.id


def bare_participles(tree_nodes):
    """Yield each function that is named by a participle alone; properties may be."""
    for node in tree_nodes:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        decorators = {d.id for d in node.decorator_list if isinstance(d, ast.Name)}
        word = node.name.strip("_")
        regular = re.fullmatch(r"[a-z]{2,}ed", word) and word not in NOUNS
        if not decorators & {"property", "cached_property"} and (word in PARTICIPLES or regular):
            yield node.lineno, node.name


def fragments(tree_nodes):
    """Yield each docstring that opens with a relative clause or a genitive."""
    for node in tree_nodes:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text and FRAGMENT.match(text):
                yield getattr(node, "lineno", 1), text.split("\n")[0]


def stale_fields(tree_nodes):
    """Yield each documented field that its dataclass does not have."""
    for node in tree_nodes:
        if not isinstance(node, ast.ClassDef) or node.bases:
            continue
        if not any("dataclass" in ast.dump(decorator) for decorator in node.decorator_list):
            continue
        fields = {
            part.target.id
            for part in node.body
            if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
        }
        section = re.search(r"\nArgs:\n((?: {4}.*\n?|\n)*)", ast.get_docstring(node) or "")
        for entry in re.findall(r"^ {4}(\w[\w, *]*):", section[1] if section else "", re.M):
            for field in re.split(r"[,\s*]+", entry):
                if field and field not in fields:
                    yield node.lineno, f"{node.name}.{field}"


@cache
def defined_names():
    """Return every name in the package's code: defined, read, passed, imported, or in a string."""
    names = {*dir(builtins), *OUTSIDE}
    for path in files():
        names |= set(path.relative_to(PACKAGE).with_suffix("").parts)
        docstrings = {id(node.value) for node in nodes(path) if isinstance(node, ast.Expr)}
        for node in nodes(path):
            for field in ("name", "id", "attr", "arg", "asname"):
                value = getattr(node, field, None)
                names |= set(value.split(".")) if isinstance(value, str) else set()
            text = node.value if isinstance(node, ast.Constant) else None
            if isinstance(text, str) and id(node) not in docstrings:
                names |= set(re.findall(r"\w+", text))
    return names


def unknown_names(tree_nodes):
    """Yield each name between backticks in a docstring that the package's code does not have."""
    for node in tree_nodes:
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for text in re.findall(
            r"(?<!`)`([A-Za-z_][\w.]*)(?:\(\))?`", ast.get_docstring(node) or ""
        ):
            if text not in OUTSIDE and any(
                part not in defined_names() and not FORMULA.fullmatch(part)
                for part in text.split(".")
            ):
                yield getattr(node, "lineno", 1), text


RULES = [unknown_names, vague_names, bare_participles, fragments, stale_fields]


@pytest.mark.parametrize("rule", RULES)
def test_the_source_keeps_the_rule(rule):
    broken = [(path, *place) for path in files() for place in rule(nodes(path))]
    assert not broken, "\n".join([rule.__doc__, *places(broken)])


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (vague_names, "for one in range(3):\n    pass"),
        (bare_participles, "def _stamped(answer):\n    pass"),
        (bare_participles, "def told(answer):\n    pass"),
        (unknown_names, '"""See `select_the_search`."""'),
        (fragments, '"""What the search returns."""'),
        (fragments, 'class A:\n    """Of several the last."""'),
        (
            stale_fields,
            '@dataclass\nclass A:\n    """A.\n\n    Args:\n        b: First.\n    """\n    a: int',
        ),
    ],
)
def test_each_rule_can_be_broken(rule, text):
    assert list(rule(ast.walk(ast.parse(text))))


def test_what_keeps_the_rules_is_not_reported():
    text = '''
@dataclass
class A:
    """A pair.

    Args:
        a: First.
    """

    a: int

    @property
    def closed(self):
        """Whether it is."""

    def embed(self):
        """Embed the pair."""
        bounds = self.a
        return bounds
'''
    for rule in RULES:
        assert not list(rule(ast.walk(ast.parse(text))))
