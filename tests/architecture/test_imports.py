"""Imports go one way, each framework enters at one door, and a plain import is light."""

import subprocess
import sys

import pytest

from architecture.source import files, imports, name, room


ALLOWED = {
    "core": set(),
    "ops": {"core"},
    "graph": {"core", "ops"},
    "program": {"graph"},
    "frontends": {"core", "ops", "graph", "program", "domains"},
    "domains": {"core", "ops", "graph"},
    "search": {"core", "ops", "graph", "domains"},
    "answers": {"core"},
    "questions": {"core", "ops", "graph", "domains", "search", "answers"},
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
    },
    "testing": {"core", "ops", "graph", "domains", "search", "questions", "answers"},
    "_demo": {"core", "graph"},
    "layers": {"train"},
    "losses": {"train"},
}
"""What each room may import, itself aside. Rooms not listed join things and may import anything."""

JOINERS = {"__init__", "__main__", "cli", "api", "callbacks", "version"}

LAZY = {
    # A Keras file may hold layers of this library: Keras finds them once they are imported.
    ("frontends", "layers"), ("frontends", "losses"),
}  # fmt: skip

FRAMEWORKS = (
    "keras", "onnx", "onnxruntime", "torch", "tensorflow", "jax", "h5py", "scipy", "highspy",
    "matplotlib", "rich", "click", "ctypes", "numba", "vnnlib",
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


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_each_framework_has_one_door(framework):
    doors = [name(p) for p in files() if any(t.split(".")[0] == framework for t in imports(p))]
    assert len(doors) <= 1, f"{framework} is imported in {doors}"


def test_import_loads_numpy_and_nothing_heavier():
    code = "import outrange, sys; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "numpy" in loaded
    light = {"ctypes"}  # NumPy loads it itself
    assert not loaded & (set(FRAMEWORKS) - light)


def test_import_flow_has_no_cycle():
    order = ["core", "ops", "graph", "domains", "search", "questions"]
    for i, lower in enumerate(order):
        assert not ALLOWED[lower] & set(order[i:])
