"""Imports go one way, each framework enters at one door, and a plain import is light."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components

from architecture.source import PACKAGE, files, imports, name, room


ALLOWED = {
    "lazy": set(),
    "core": set(),
    "executors": {"core"},
    "ops": {"core"},
    "graph": {"core", "ops"},
    "program": {"graph"},
    "frontends": {"core", "ops", "graph", "program", "domains"},
    "domains": {"core", "ops", "graph"},
    "search": {"core", "ops", "graph", "domains", "executors"},
    "answers": {"core", "lazy"},
    "questions": {"core", "ops", "graph", "domains", "search", "answers", "executors"},
    "diagnosis": {
        "core",
        "ops",
        "graph",
        "program",
        "domains",
        "search",
        "questions",
        "answers",
    },
    "reach": {"core", "executors", "ops", "graph", "domains", "search", "answers", "questions"},
    "certify": {"core", "executors", "ops", "graph", "search", "answers", "questions"},
    # A repair runs Keras models, and asks for verdicts on its candidates.
    "repairs": {"core", "ops", "graph", "questions", "answers", "frontends", "layers"},
    # Training builds and runs Keras models: it takes Keras from the front-end's door.
    "train": {
        "core",
        "ops",
        "graph",
        "program",
        "domains",
        "answers",
        "questions",
        "frontends",
        "diagnosis",
        "executors",
    },
    # Assertions for tests of models are questions to a model.
    "testing": {"core", "ops", "graph", "domains", "search", "questions", "answers", "api"},
    "live": {"core", "answers"},
    "reports": {"core", "graph", "questions", "answers"},
    "explorer": {"core", "graph", "domains", "search", "questions", "answers", "reports"},
    "_demo": {"core", "graph"},
    "layers": {"train"},
    "losses": {"train"},
}
"""What each room may import, itself aside. Rooms not listed join things and may import anything."""

JOINERS = {
    "__init__", "__main__", "cli", "api", "callbacks", "training", "vnnlib",
}  # fmt: skip

LAZY = {
    # A Keras file may hold layers of this library: Keras finds them once they are imported.
    ("frontends", "layers"), ("frontends", "losses"),
    # A loaded network offers the variables of conditions, `f.y`.
    ("frontends", "questions"),
    # A public name that the package imports on first use.
    ("answers", "api"),
}  # fmt: skip

FRAMEWORKS = (
    "keras", "onnx", "onnxruntime", "torch", "tensorflow", "jax", "h5py", "scipy", "highspy",
    "matplotlib", "rich", "click", "numba", "vnnlib",
    "distributed", "flint", "mpmath", "pandas", "starlette", "uvicorn", "anywidget", "IPython",
)  # fmt: skip


def test_every_room_is_listed():
    rooms = {room(path) for path in files()}
    assert rooms <= JOINERS | set(ALLOWED), f"ALLOWED does not list {rooms - set(ALLOWED)}"


def test_imports_go_one_way():
    wrong = []
    for path in files():
        here = room(path)
        if here in JOINERS:
            continue
        for target in imports(path):
            parts = target.split(".")
            if parts[0] != "outrange" or len(parts) < 2 or parts[1] == here:
                continue
            if parts[1] not in ALLOWED[here] and (here, parts[1]) not in LAZY:
                wrong.append(f"{name(path)} imports {target}; `{here}` may not")
    assert not wrong, "\n".join(wrong)


def test_only_entry_points_import_the_command_line():
    users = {room(p) for p in files() if any(t.startswith("outrange.cli") for t in imports(p))}
    assert users <= {"cli", "__main__"}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_each_framework_has_one_door(framework):
    doors = [name(p) for p in files() if any(t.split(".")[0] == framework for t in imports(p))]
    assert len(doors) <= 1, f"{framework} is imported in {doors}"


def test_c_is_called_from_two_files():
    doors = {name(p) for p in files() if any(t.split(".")[0] == "ctypes" for t in imports(p))}
    assert doors == {"search/kernel/binding.py", "executors/worker_settings.py"}


@pytest.mark.parametrize("module", "answers callbacks training vnnlib".split())
def test_import_loads_no_third_party_package(module):
    code = (
        "import sys; before = {*sys.modules}; "
        f"import outrange, outrange.{module}; "
        "print(*{name.partition('.')[0] for name in {*sys.modules} - before})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) - sys.stdlib_module_names == {"outrange"}


def test_import_flow_has_no_cycle():
    order = ["core", "ops", "graph", "domains", "search", "questions"]
    for i, lower in enumerate(order):
        assert not ALLOWED[lower] & set(order[i:])


def test_renderers_know_no_record():
    for path in files():
        if name(path).startswith("answers/render/"):
            for target in imports(path):
                allowed = ("outrange.answers.render", "outrange.core")
                assert not target.startswith("outrange.") or target.startswith(allowed), name(path)


_COMPOSITES = (
    "graph/builder.py", "graph/composites/einsum.py", "graph/composites/pointwise.py",
    "graph/composites/products.py", "graph/values.py", "graph/integer_inference.py",
)  # fmt: skip

_EXPRESSIONS = (
    "questions/expressions/arrays.py", "questions/expressions/evaluate.py",
    "questions/expressions/nodes.py", "questions/expressions/numpy_calls.py",
    "questions/expressions/order.py", "questions/expressions/text.py",
)  # fmt: skip

_FORMULAS = (
    "ops/pointwise/expression.py", "ops/pointwise/identities.py", "ops/pointwise/text.py",
)  # fmt: skip

CIRCLES: dict[frozenset[str], str] = {
    frozenset(_COMPOSITES): "the builder offers composites as methods; they take a builder, which "
    "they import for its type alone",
    frozenset(_FORMULAS): "formulas are simplified and written while they are built; identities "
    "and text import the table for its type alone",
    frozenset(_EXPRESSIONS): "an expression has the operators of Python and NumPy, which make "
    "expressions: what they do to one is a file a topic",
}
"""Files that import each other, if only for types, to the reason why they may."""


def test_imports_run_in_circles_nowhere_else():
    places = {path: i for i, path in enumerate(files())}
    homes = {".".join(("outrange", *_module(path))): i for path, i in places.items()}
    arrows = np.zeros((len(places), len(places)), bool)
    for path, i in places.items():
        for target in imports(path):
            # `from .a import b` names module `a.b` or something in module `a`.
            home = homes.get(target, homes.get(target.rpartition(".")[0]))
            if home is not None and home != i:
                arrows[i, home] = True
    _, group = connected_components(arrows, directed=True, connection="strong")
    cycles = {
        frozenset(name(path) for path, i in places.items() if group[i] == g)
        for g in np.flatnonzero(np.bincount(group) > 1)
    }
    assert cycles == set(CIRCLES)
    assert len(CIRCLES) <= 3


def _module(path) -> tuple[str, ...]:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def _arrows_of_search(depth: int) -> tuple[set[tuple[str, ...]], set[tuple]]:
    """Return the folders of search up to a depth, and the pairs of which one imports the other."""
    rooms, arrows = set(), set()
    for path in files():
        here = _module(path)[:-1] if path.name != "__init__.py" else _module(path)
        if here[:1] != ("search",):
            continue
        rooms.add(here[:depth])
        for target in imports(path):
            parts = tuple(target.split("."))[1:]
            there = parts[:-1] if (PACKAGE.joinpath(*parts[:-1])).is_dir() else parts[:-2]
            if there[:1] == ("search",) and there[:depth] != here[:depth]:
                arrows.add((here[:depth], there[:depth]))
    return rooms, arrows


def test_rooms_of_search_are_loosely_coupled():
    rooms, arrows = _arrows_of_search(2)
    assert len(rooms) <= 14
    assert len(arrows) <= 45
    while rooms:
        lowest = {room for room in rooms if not any(a == room and b in rooms for a, b in arrows)}
        assert lowest, f"these import each other: {sorted(rooms)}"
        rooms -= lowest


def test_methods_of_search_know_nothing_of_each_other():
    """So any of them can be left out, and no engine enters one."""
    _, arrows = _arrows_of_search(3)
    methods = ("search", "methods")
    between = [(a, b) for a, b in arrows if a[:2] == b[:2] == methods and len(a) == len(b) == 3]
    assert not between
    entered = {a[:2] for a, b in arrows if b[:2] == methods and a[:2] != methods}
    assert entered <= {("search",), ("search", "preimage")}
