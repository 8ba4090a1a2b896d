"""The networks and boxes on which the benchmarks run.

The data are in the folder that the environment variable OUTRANGE_DATA names, by default
`../shared/data` next to the repository: `mlp/*.onnx` (random networks) and `acasxu/` (VNN-COMP's
ACAS Xu networks and properties).
"""

import gzip
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np


MLP = tuple(f"mlp_{n}_{width}" for n in (2, 3, 5, 8, 10) for width in (32, 64))
ACAS = tuple((net, prop) for net in ("1_1", "2_9", "3_3", "4_2", "5_8") for prop in (1, 2, 3))


@dataclass(frozen=True)
class Case:
    """A case: a network file and a box over its flat inputs."""

    name: str
    path: Path
    lo: np.ndarray
    hi: np.ndarray


def data_folder() -> Path:
    """Return the folder with the networks.

    Raises:
        SystemExit: There is no such folder.
    """
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("OUTRANGE_DATA", default))
    if not (folder / "mlp").is_dir():
        raise SystemExit(f"No benchmark data in {folder}: set OUTRANGE_DATA (see this file).")
    return folder


def cases() -> list[Case]:
    """Return all cases, small ones first."""
    folder = data_folder()
    found = []
    for name in MLP:
        inputs = int(name.split("_")[1])
        path = folder / "mlp" / f"{name}.onnx"
        found.append(Case(name, path, np.zeros(inputs), np.ones(inputs)))
    for net, prop in ACAS:
        path = folder / "acasxu" / "onnx" / f"ACASXU_run2a_{net}_batch_2000.onnx.gz"
        lo, hi = read_box(folder / "acasxu" / "vnnlib" / f"prop_{prop}.vnnlib.gz")
        found.append(Case(f"acas_{net}_p{prop}", path, lo, hi))
    return found


def read_box(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the input box of a VNN-LIB 1.0 file, from bounds such as `(assert (<= X_i number))`.

    Raises:
        ValueError: An input has no bound on one side.
    """
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
    text = re.sub(r";.*", "", text)
    number = r"([-+]?[\d.]+(?:[eE][-+]?\d+)?)"
    inputs = len(set(re.findall(r"declare-const\s+X_(\d+)\s", text)))
    lo, hi = np.full(inputs, np.nan), np.full(inputs, np.nan)
    for sign, i, value in re.findall(rf"assert\s*\(\s*(<=|>=)\s+X_(\d+)\s+{number}\s*\)", text):
        ends = hi if sign == "<=" else lo
        ends[int(i)] = float(value)
    if np.isnan([lo, hi]).any():
        raise ValueError(f"{path} leaves an input without a bound.")
    return lo, hi
