"""PyTorch modules, exported programs and `.pt2` files, in a process without JAX."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest


pytestmark = pytest.mark.backends


@pytest.mark.parametrize(
    "worker", ["torch_worker.py", "torch_rows.py", "torch_odd.py", "torch_functions.py"]
)
def test_modules_and_files(worker, tmp_path):
    if find_spec("torch") is None:
        pytest.fail("torch is not installed; run `make backends`")
    path = Path(__file__).with_name(worker)
    done = subprocess.run(
        [sys.executable, str(path), str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr[-3000:]}"
