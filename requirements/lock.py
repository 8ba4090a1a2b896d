"""Pins what pip chooses today: `dev.txt`, `backends.txt`, `bench.txt`, `wheels.txt` beside it.

Run by `make lock`. Each file is the closure of its line in WANTED, less what
`dev.txt` pins already.
"""

import json
import subprocess
import sys
import tomllib
from pathlib import Path


HERE = Path(__file__).parent
PROJECT = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
USED = ("keras", "onnx", "plot", "vnnlib", "pandas", "explore", "distributed")
CAPS = ["h5py<3.15", "mpmath<1.4"]
"""What TensorFlow and PyTorch (by SymPy) ask for, so that one environment holds all files."""
DEV = [
    *CAPS,
    *PROJECT["dependencies"],
    *(line for name in USED for line in EXTRAS[name]),
    *(line for line in EXTRAS["dev"] if not line.startswith("outrange")),
    "setuptools>=77",
    "wheel",
]
WANTED = {
    "dev": DEV,
    "backends": [*DEV, "tensorflow-cpu>=2.18", "torch>=2.9"],
    "bench": [*DEV, "maraboupy>=2.0"],
    # The compiler decides the bits of what a wheel computes: as in pyproject.toml.
    "wheels": [*DEV, "ziglang==0.17.1", "auditwheel>=6.5", "build", "macholib", "pefile"],
}
LOOSE = {"torch": "torch>=2.9"}
"""Builds for one processor type carry versions of their own, so a range is what can be pinned."""


def closure(wanted, pinned):
    """`{name: line}` of everything pip would install into an empty environment."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
    command += ["--report", "-", *wanted, *pinned]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    found = {}
    for item in report["install"]:
        name = item["metadata"]["name"].lower().replace("_", "-")
        found[name] = LOOSE.get(name, f"{name}=={item['metadata']['version']}")
    return found


def main():
    """Write the files."""
    dev = closure(WANTED["dev"], [])
    for name, wanted in WANTED.items():
        found = dev if name == "dev" else closure(wanted, dev.values())
        lines = sorted(line for key, line in found.items() if name == "dev" or key not in dev)
        header = f"# Written by `make lock` (requirements/lock.py); used by the Makefile: {name}.\n"
        (HERE / f"{name}.txt").write_text(header + "\n".join(lines) + "\n")
        print(f"{name}.txt: {len(lines)} packages")


if __name__ == "__main__":
    main()
