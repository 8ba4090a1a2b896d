"""There is one zonotope domain: one record and one table of rules, with or without new symbols."""

import ast

from architecture.source import files, name, nodes
from outrange.domains import zonotopes
from outrange.reach import zonotope_pass


def _arrays(node: ast.ClassDef) -> set[str]:
    """Names of a record's fields that are arrays."""
    fields = [field for field in node.body if isinstance(field, ast.AnnAssign)]
    return {ast.unparse(f.target) for f in fields if ast.unparse(f.annotation) == "np.ndarray"}


def test_there_is_one_zonotope_domain():
    classes = [(path, n) for path in files() for n in nodes(path) if isinstance(n, ast.ClassDef)]
    records = [
        f"{name(path)}:{node.name}"
        for path, node in classes
        if _arrays(node) >= {"center", "rows", "rest"} or "onotope" in node.name
    ]
    assert records == ["domains/zonotopes.py:Zonotopes"]


def test_closed_loops_have_no_rules_of_their_own_for_kinds_of_ops():
    assert zonotope_pass.RULES is zonotopes.RULES
    tables = {
        name(path)
        for path in files()
        for node in nodes(path)
        if isinstance(node, ast.Dict)
        and {"Affine", "Product"} <= {ast.unparse(key) for key in node.keys if key}
    }
    assert "domains/zonotopes.py" in tables
    assert not {path for path in tables if path.startswith("reach/")}
