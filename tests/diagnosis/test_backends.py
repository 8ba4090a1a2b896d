"""Diagnosis compared with the behavior of Keras on each backend, in one process per backend."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from diagnosis.programs import PROGRAMS, programs_on


pytestmark = pytest.mark.backends

BACKENDS = ("jax", "tensorflow", "torch")
TESTS = Path(__file__).parents[1]

RUNS = [(backend, name) for backend in BACKENDS for name in programs_on(backend)]
NO_GRADIENT = [(backend, name) for backend, name in RUNS if PROGRAMS[name][2] == "OR005"]


@pytest.fixture(scope="module")
def results_of(tmp_path_factory):
    """Return the results of each backend, which runs only once."""
    results = {}

    def run(backend: str) -> dict:
        if find_spec(backend) is None:
            pytest.fail(f"{backend} is not installed; run `make backends`")
        if backend not in results:
            target = tmp_path_factory.mktemp("diagnosis") / f"{backend}.json"
            paths = [str(TESTS), str(TESTS.parent / "src"), os.environ.get("PYTHONPATH", "")]
            environment = {
                **os.environ,
                "KERAS_BACKEND": backend,
                "PYTHONPATH": os.pathsep.join(paths),
            }
            worker = Path(__file__).with_name("backend_worker.py")
            done = subprocess.run(
                [sys.executable, str(worker), str(target)], env=environment, capture_output=True,
                text=True,
            )  # fmt: skip
            assert done.returncode == 0, f"{backend}: {done.stderr[-3000:]}"
            results[backend] = json.loads(target.read_text())
        return results[backend]

    return run


@pytest.mark.parametrize(("backend", "name"), RUNS)
def test_the_faulty_program_is_found(results_of, backend, name):
    _, _, code, levels = PROGRAMS[name]
    answer = results_of(backend)[name]["faulty"]
    assert [code, levels[backend]] in answer["found"], answer["text"]
    assert answer["untouched"]


@pytest.mark.parametrize(("backend", "name"), RUNS)
def test_the_twin_gives_none(results_of, backend, name):
    answer = results_of(backend)[name]["healthy"]
    assert not answer["found"], answer["text"]
    assert answer["untouched"]


@pytest.mark.parametrize(("backend", "name"), NO_GRADIENT)
def test_what_is_said_about_fit_is_what_fit_does(results_of, backend, name):
    answer, tried = results_of(backend)[name]["faulty"], results_of(backend)[name]["fit"]
    (finding,) = (f for f in answer["details"] if f["code"] == "OR005")
    if "there is no error" in finding["message"]:
        assert max(tried["moved"]) == 0.0
    else:
        quoted = finding["message"].split('"')[1]
        assert quoted in tried["error"]
    assert finding["cost"]["share"] == 1.0
    assert finding["cost"]["operations"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_soft_index_trains(results_of, backend):
    losses = results_of(backend)["soft index"]["fit"]["loss"]
    assert losses[-1] < 0.7 * losses[0]


def test_the_backends_differ_where_it_is_said(results_of):
    """A softmax over one unit: TensorFlow's loss falls, the others stand still."""
    name = "softmax(1) and binary crossentropy"
    for backend in BACKENDS:
        tried, text = results_of(backend)[name]["fit"], results_of(backend)[name]["faulty"]["text"]
        falls = tried["loss"][-1] < tried["loss"][0]
        assert falls == (backend == "tensorflow")
        assert ("still falls" in " ".join(text.split())) == falls


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_training_gets_below_the_floor_of_so_many_steps(results_of, backend):
    for name, result in results_of(backend)["step budget"].items():
        (finding,) = result["found"]
        assert (finding["level"], finding["steps"]) == ("PROVED", 15), (name, result)
        assert min(result["losses"]) >= finding["floor"] * (1 - 1e-6), (name, result)


@pytest.mark.parametrize("backend", BACKENDS)
def test_too_few_epochs_are_measured(results_of, backend):
    few, enough = results_of(backend)["too few"]
    assert ["OR030", "MEASURED"] in few
    assert not enough
