"""Start-up time of the command on a small ONNX network, compared with importing dependencies.

    python benchmarks/startup.py [--runs 7]

A cold run has no compiled bytecode anywhere (the box kernel is compiled when the package is built,
never at run time). Warm runs are those from the second on. The script prints medians of several
runs, for which the commands take turns.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


BARE = [sys.executable, "-c", "import numpy, onnx"]
ALLOWED = 0.5
"""Largest number of seconds that the whole command may take in addition to the imports."""
HEAVY = ("keras", "onnx", "torch", "tensorflow", "jax", "highspy", "numba", "scipy", "matplotlib")


def write_net(path: Path) -> None:
    """Write a network with 3 inputs, 16 hidden units and 2 outputs."""
    rng = np.random.default_rng(0)
    arrays = {
        "w0": rng.normal(size=(3, 16)), "b0": rng.normal(size=16),
        "w1": rng.normal(size=(16, 2)), "b1": rng.normal(size=2),
    }  # fmt: skip
    constants = [numpy_helper.from_array(a.astype(np.float32), name) for name, a in arrays.items()]
    nodes = [
        helper.make_node("Gemm", ["x", "w0", "b0"], ["z"]),
        helper.make_node("Relu", ["z"], ["h"]),
        helper.make_node("Gemm", ["h", "w1", "b1"], ["y"]),
    ]
    slots = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, n])
        for name, n in (("x", 3), ("y", 2))
    ]
    graph = helper.make_graph(nodes, "small", slots[:1], slots[1:], constants)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)


def seconds(command, **environment) -> float:
    """Return the wall time of a command."""
    begin = time.perf_counter()
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return time.perf_counter() - begin


def compare(label: str, command, runs: int, cold: bool) -> bool:
    """Print both medians; return whether the difference is allowed."""
    taken = {"bare": [], "ours": []}
    with tempfile.TemporaryDirectory() as cache:
        for run in range(runs + 1):
            for name, line in (("bare", BARE), ("ours", command)):
                # Every cold run has a new bytecode folder; warm runs share one, which the first of
                # them fills.
                folder = str(Path(cache) / (f"{name}{run}" if cold else "warm"))
                taken[name].append(seconds(line, PYTHONPYCACHEPREFIX=folder))
    bare, ours = (statistics.median(taken[name][1:]) for name in ("bare", "ours"))
    print(
        f"{label}: outrange range {ours:.2f} s, bare import of numpy and onnx {bare:.2f} s, "
        f"difference {ours - bare:+.2f} s (allowed {ALLOWED}); {runs} runs"
    )
    return ours - bare <= ALLOWED


def light_import() -> bool:
    """Print the time of `import outrange` and its modules; return whether none of them is heavy."""
    command = [sys.executable, "-X", "importtime", "-c", "import outrange"]
    report = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    times = {}
    for entry in report.splitlines()[1:]:
        _, cumulative, name = entry.removeprefix("import time:").split("|")
        times[name.strip()] = int(cumulative)
    heavy = [name for name in times if name.split(".")[0] in HEAVY]
    print(
        f"import outrange: {times['outrange'] / 1e3:.0f} ms, of which numpy "
        f"{times.get('numpy', 0) / 1e3:.0f} ms; {len(times)} modules; heavy ones: {heavy or 'none'}"
    )
    return not heavy


def main():
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    fine = light_import()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.onnx"
        write_net(path)
        command = [sys.executable, "-m", "outrange", "range", str(path), "--box", "0", "1"]
        fine &= compare("warm", command, options.runs, cold=False)
        fine &= compare("cold", command, options.runs, cold=True)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
