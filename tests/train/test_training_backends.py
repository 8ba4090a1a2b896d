"""Comparing, monitoring and expecting on each backend. One process per backend."""

import functools
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest


pytestmark = pytest.mark.backends

BACKENDS = ("jax", "tensorflow", "torch")
TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def results_of(tmp_path_factory):
    """Return the results of a backend, which runs only once."""
    folder = tmp_path_factory.mktemp("training")

    @functools.cache
    def run(backend):
        if find_spec(backend) is None:
            pytest.fail(f"{backend} is not installed; run `make backends`")
        paths = [str(TESTS), str(TESTS.parent / "src"), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": os.pathsep.join(paths)}
        worker = Path(__file__).with_name("training_worker.py")
        done = subprocess.run(
            [sys.executable, str(worker), str(folder)],
            env=environment, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, f"{backend}: {done.stderr[-3000:]}"
        return json.loads((folder / f"{backend}.json").read_text())

    return run


@pytest.mark.parametrize("backend", BACKENDS)
def test_final_losses_are_those_of_plain_keras(results_of, backend):
    compared = results_of(backend)["compared"]
    assert len(compared["found"]) == 8
    for name, loss in compared["found"].items():
        assert loss == pytest.approx(compared["plain"][name], rel=2e-5, abs=1e-6), name
    assert compared["explained"]
    assert compared["backend"].startswith(backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_logs_reach_the_callbacks_that_follow(results_of, backend):
    seen = results_of(backend)["monitored"]
    assert {"ranges/dead", "ranges/unreachable", "ranges/hidden/gradient_hi"} <= set(seen["keys"])
    assert set(seen["keys"]) <= set(seen["columns"])
    assert seen["epochs"] == [0.0, 1.0, 2.0]
    assert seen["unreachable"] == [1.0] * 3
    assert seen["idle"] == seen["zero"], "units that the trained model itself shows as silent"


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_code_is_warned_of_once(results_of, backend):
    warned = results_of(backend)["monitored"]["warned"]
    codes = [text.split()[0] for text in warned]
    assert "OR001" in codes
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("backend", BACKENDS)
def test_chances_of_a_dead_start(results_of, backend):
    assert results_of(backend)["exact"] == 0.5
    sampled = results_of(backend)["sampled"]
    assert sampled["lo"] <= sampled["chance"] <= sampled["hi"]
