"""Tests of short trainings, run once more under each other backend of Keras.

They have a file of their own, since a file runs on one core and these take minutes.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest


pytestmark = pytest.mark.backends

TESTS = Path(__file__).parents[1]

FILES = "short_trainings", "measured_as_in_a_graph", "trials"


@pytest.mark.parametrize("backend", ["tensorflow", "torch"])
def test_short_trainings_are_those_of_keras(backend):
    files = [str(TESTS / "diagnosis" / f"test_{name}.py") for name in FILES]
    for name in ("functions_of_ones_own", "other_in_training"):
        files.append(str(TESTS / "regressions" / f"test_{name}.py"))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files],
        env={**os.environ, "KERAS_BACKEND": backend}, cwd=TESTS.parent, capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
