"""One saved zoo gives the same graphs and ranges on three backends, each in its own process."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest


pytestmark = pytest.mark.backends

BACKENDS = ("jax", "tensorflow", "torch")
TESTS = Path(__file__).parents[2]


def run(backend: str, what: str, folder: Path) -> None:
    """Run the worker on one backend; fail with the worker's own error text."""
    paths = [str(TESTS), str(TESTS.parent / "src"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": os.pathsep.join(paths)}
    worker = Path(__file__).with_name("backend_worker.py")
    done = subprocess.run(
        [sys.executable, str(worker), what, str(folder)],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, f"{backend}: {done.stderr[-3000:]}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Save the zoo once."""
    folder = tmp_path_factory.mktemp("zoo")
    run("torch", "save", folder)
    return folder


def results_of(folder: Path, backend: str) -> dict[str, np.ndarray]:
    """Return the results of a backend, whose worker runs at most once."""
    if find_spec(backend) is None:
        pytest.fail(f"{backend} is not installed; run `make backends`")
    result = folder / f"{backend}.npz"
    if not result.exists():
        run(backend, "read", folder)
    return dict(np.load(result))


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_model_is_read(folder, backend):
    assert sum(name.endswith(" values") for name in results_of(folder, backend)) >= 25


WRITTEN_OTHERWISE = {"masked"}
"""Models for which Keras itself takes other steps on other backends to the same values."""


@pytest.mark.parametrize("backend", BACKENDS[1:])
def test_graphs_are_the_same(folder, backend):
    first, other = results_of(folder, BACKENDS[0]), results_of(folder, backend)
    assert sorted(first) == sorted(other)
    apart = []
    for name, array in first.items():
        model, what = name.rsplit(" ", 1)
        if what in ("range", "closed") or (what != "values" and model in WRITTEN_OTHERWISE):
            continue
        same = other[name].shape == array.shape
        if not same or not np.allclose(other[name], array, rtol=1e-12, atol=1e-12):
            apart.append(name)
    assert not apart


@pytest.mark.parametrize("backend", BACKENDS[1:])
def test_ranges_are_the_same(folder, backend):
    first, other = results_of(folder, BACKENDS[0]), results_of(folder, backend)
    both = [
        name.removesuffix(" closed")
        for name in first
        if name.endswith(" closed") and first[name] and other[name]
    ]
    assert len(both) >= 25
    for name in both:
        (lo, hi), (other_lo, other_hi) = first[f"{name} range"], other[f"{name} range"]
        # Each is closed to 1e-6 of the observed range; the graphs differ by floats of about 1e-12.
        allowed = 2e-6 * (hi - lo) + 1e-9
        assert (np.abs(lo - other_lo) <= allowed).all(), name
        assert (np.abs(hi - other_hi) <= allowed).all(), name
