"""Processor time per box for every level of a wheel's kernel, relative to a native build.

    python benchmarks/kernel_levels.py --wheel dist/outrange-*-manylinux*_x86_64.whl

All kernels bound the same boxes of the same networks in turns; medians of the ratios are printed.
"""

import argparse
import contextlib
import tempfile
import time
import zipfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np

from outrange.graph import Builder, Slot
from outrange.search.kernel.binding import CompiledProgram, address, kernels
from outrange.search.kernel.compile import compile_layers


ROOT = Path(__file__).parents[1]
NETS = {
    "5-50x6": (5, 50, 6, 0.05, 71),
    "3-64x2": (3, 64, 2, 0.5, 75),
    "8-100x3": (8, 100, 3, 0.05, 200),
    "4-16x2": (4, 16, 2, 1.0, 147),
}
"""Number of inputs, width, depth, radius of the box, and largest number of boxes."""


def native(folder):
    """Return the kernel compiled for this processor, as `pip install .` does."""
    spec = spec_from_file_location("setup", ROOT / "setup.py")
    assert spec is not None and spec.loader is not None
    build = module_from_spec(spec)
    spec.loader.exec_module(build)
    file = Path(folder, "native.so")
    with contextlib.chdir(ROOT):
        build.compile_kernel(["cc"], "linux", {"native": ["-march=native"]}, file)
    return kernels(file)


def of_wheel(wheel, folder):
    """Return the kernels of a wheel that this processor can run."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(("_kernel.so", "_kernel.dll")))
        return kernels(Path(archive.extract(name, folder)))


def network(inputs, width, depth):
    """Return a random network as a layer program."""
    rng = np.random.default_rng(0)
    b = Builder([Slot("x", (inputs,))])
    x = b.input_values()[0]
    for _ in range(depth):
        weight = rng.normal(size=(x.shape[1], width)) * np.sqrt(2.0 / x.shape[1])
        x = b.curve("relu", b.dense(x, weight, 0.1 * rng.normal(size=width)))
    x = b.dense(x, rng.normal(size=(width, 1)) / np.sqrt(width), np.zeros(1))
    graph = b.finish([x], ["y"])
    tape = compile_layers(graph, np.ones((1, 1)), np.zeros(1), np.full(inputs, np.nan))
    assert tape is not None
    return tape


def seconds(found, radius, budget):
    """Return the processor seconds per box of a search, whose boxes depend only on the bounds."""
    d, m, s, cap = found.program.inputs, found.objectives, found.program.states, budget + 4
    lo, hi = np.full((1, d), 0.3 - radius), np.full((1, d), 0.3 + radius)
    given = [lo, hi, np.full((1, m), -np.inf), np.zeros((1, s), np.int8), np.ones((1, m), np.uint8)]
    best, at, tol = np.full(m, 1e9), np.zeros((m, d)), np.full(m, 1e-7)
    out = [np.zeros((cap, d)), np.zeros((cap, d)), np.zeros((cap, m))]
    out += [np.zeros((cap, s), np.int8), np.zeros((cap, m), np.uint8)]
    closed, stats = np.full(m, np.inf), np.zeros(5, np.int64)
    start = time.process_time()
    found.lib.explore(
        *(found.handle, 1, *map(address, given), budget, 6, 40, 4, 1),
        *map(address, (best, at, tol, np.ones(m))),
        *(None, None, *map(address, out), address(closed), address(stats)),
    )
    return (time.process_time() - start) / stats[0]


def main():
    """Print a row for each network and level."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--wheel", required=True)
    parser.add_argument("--turns", type=int, default=30)
    asked = parser.parse_args()
    print(f"{'network':8} {'kernel':10} {'us a box':>8}  {'of native':>9}")
    with tempfile.TemporaryDirectory() as folder:
        there = [*native(folder), *of_wheel(asked.wheel, folder)]
        for name, (inputs, width, depth, radius, budget) in NETS.items():
            tape = network(inputs, width, depth)
            built = [CompiledProgram(tape, np.ones(inputs), kernel=kernel) for kernel in there]
            took = np.array(
                [[seconds(one, radius, budget) for one in built] for _ in range(asked.turns)]
            )
            for k, kernel in enumerate(there):
                ratio = np.median(took[:, k] / took[:, 0])
                micro = 1e6 * np.median(took[:, k])
                print(f"{name:8} {kernel.level:10} {micro:8.2f}  {ratio:9.3f}")


if __name__ == "__main__":
    main()
