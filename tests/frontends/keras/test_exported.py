"""A Keras model and the ONNX file that Keras exports of it have the same verdicts and bounds."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest


pytestmark = pytest.mark.backends

TESTS = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Return the worker's results, on PyTorch, whose exporter needs no other package."""
    if find_spec("torch") is None:
        pytest.fail("torch is not installed; run `make backends`")
    folder = tmp_path_factory.mktemp("exported")
    paths = [str(TESTS), str(TESTS.parent / "src"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "KERAS_BACKEND": "torch", "PYTHONPATH": os.pathsep.join(paths)}
    worker = Path(__file__).with_name("export_worker.py")
    done = subprocess.run(
        [sys.executable, str(worker), str(folder)],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "found.json").read_text())


REWRITTEN = {"batch_normalization": 1e-7}
"""The exporter folds these layers into new float32 constants: another network, by that much."""


def test_same_bounds(results):
    assert len(results) >= 10
    for name, both in results.items():
        keras, onnx = (np.array(part) for part in both["ends"])
        scale = np.maximum(1.0, np.abs(keras))
        assert (np.abs(keras - onnx) <= REWRITTEN.get(name, 1e-9) * scale).all(), name


def test_same_verdicts(results):
    decided = 0
    for name, both in results.items():
        for (keras, low), (onnx, high) in zip(*both["verdicts"], strict=True):
            assert keras == onnx, name
            decided += keras != "UNKNOWN"
            if low is not None:
                near = REWRITTEN.get(name, 1e-9)
                assert low == pytest.approx(high, rel=near, abs=near), name
    assert decided >= 75
