"""Pins today's versions in `demo.txt`, `dev.txt`, `backends.txt`, `bench.txt` and `wheels.txt`.

Run by `make lock`. `dev.txt` is the closure of DEV; `demo.txt` is the part of it that DEMO needs.
The others are the closures of their lines in MORE, without what `dev.txt` pins.
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
DEMO = [*CAPS, *PROJECT["dependencies"], *EXTRAS["keras"], "setuptools>=77", "wheel"]
DEMO += [line for line in EXTRAS["dev"] if line.startswith("jax")]
DEV = [
    *DEMO,
    *(line for name in USED for line in EXTRAS[name]),
    *(line for line in EXTRAS["dev"] if not line.startswith("outrange")),
]
MORE = {
    "backends": [*DEV, "tensorflow-cpu>=2.18", "torch>=2.9", "vnnlib-satisfactory>=1.0.1"],
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
    dev = closure(DEV, [])
    files = {"demo": {name: dev[name] for name in closure(DEMO, [])}, "dev": dev}
    for name, wanted in MORE.items():
        packages = closure(wanted, dev.values())
        files[name] = {key: line for key, line in packages.items() if key not in dev}
    for name, packages in files.items():
        lines = sorted(packages.values())
        header = f"# Written by `make lock` (requirements/lock.py); used by the Makefile: {name}.\n"
        (HERE / f"{name}.txt").write_text(header + "\n".join(lines) + "\n")
        print(f"{name}.txt: {len(lines)} packages")


if __name__ == "__main__":
    main()
