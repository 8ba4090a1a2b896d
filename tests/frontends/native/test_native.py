"""Layers written for a backend, traced by the backend itself, in one process per backend."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest


pytestmark = pytest.mark.backends

HERE = Path(__file__).parent
TESTS = HERE.parents[1]


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_code_of_the_backend(backend):
    if find_spec(backend) is None:
        pytest.fail(f"{backend} is not installed; run `make backends`")
    paths = [str(HERE), str(TESTS.parent / "src"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        [sys.executable, str(HERE / "native_worker.py")],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, f"{backend}: {done.stdout}{done.stderr[-3000:]}"
