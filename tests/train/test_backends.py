"""Layers and losses trained on one backend and read on every other: the same functions."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest


pytestmark = pytest.mark.backends

BACKENDS = ("jax", "tensorflow", "torch")
TESTS = Path(__file__).parents[1]


def run(backend: str, what: str, folder: Path) -> None:
    """The worker on one backend; its own error text is the test's."""
    if find_spec(backend) is None:
        pytest.fail(f"{backend} is not installed; run `make backends`")
    paths = [str(TESTS), str(TESTS.parent / "src"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": os.pathsep.join(paths)}
    worker = Path(__file__).with_name("layers_worker.py")
    done = subprocess.run(
        [sys.executable, str(worker), what, str(folder)],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, f"{backend}: {done.stderr[-3000:]}"


@pytest.mark.parametrize("backend", BACKENDS)
def test_trained_here_and_read_everywhere(backend, tmp_path):
    run(backend, "train", tmp_path)
    outputs = {}
    for other in BACKENDS:
        run(other, "read", tmp_path)
        outputs[other] = dict(np.load(tmp_path / f"{other}.npz"))
    for other in BACKENDS:
        assert outputs[other]["order"] == "HOLDS"
        for name, values in outputs[backend].items():
            if name != "order":
                np.testing.assert_allclose(outputs[other][name], values, rtol=1e-9, atol=1e-9)
