"""Bounds without any split on convolutional networks, compared with auto_LiRPA's optimized bounds.

    python benchmarks/root_bounds.py --lirpa PYTHON SOURCES [--iterations 20] [--every 1]

The networks and properties are those of `oval21`: the nine margins of an image's class over the
others. `PYTHON` is an interpreter with PyTorch and onnx2pytorch, and `SOURCES` is a checkout of
auto_LiRPA (the bounds of alpha-beta-CROWN). Our bounds are those proved within auto_LiRPA's time;
an unfinished step does not count. A gap is the distance from a bound to the least value that we
found. The script compares the sums of the gaps of each instance.
"""

import argparse
import json
import re
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
from many_inputs import instances
from verifiers import plain

import outrange
from cases import data_folder, read_box
from outrange.core import Box
from outrange.search.attack.momentum import attack
from outrange.search.common.incumbent import Incumbent
from outrange.search.common.problem import with_rows
from outrange.search.common.solution import Stop
from outrange.search.neuron_split.search import NeuronSplitSearch


WORKER = Path(__file__).with_name("root_lirpa.py")
STEP = 1e-3
"""Seconds, less than one of our steps takes, so that each step ends a turn."""


def margins(path: Path, outputs: int) -> np.ndarray:
    """Return the rows `larger - smaller` for every `(<= Y_larger Y_smaller)` in a property."""
    units = np.eye(outputs)
    found = re.findall(r"\(([<>])= Y_(\d+) Y_(\d+)\)", path.read_text())
    return np.array(
        [
            units[int(a)] - units[int(b)] if sign == "<" else units[int(b)] - units[int(a)]
            for sign, a, b in found
        ]
    )


def theirs(onnx: Path, box: Box, rows: np.ndarray, shape, options, folder: Path) -> dict:
    """Return auto_LiRPA's bounds and seconds, by method."""
    asked = folder / "asked.npz"
    np.savez(asked, lo=box.lo, hi=box.hi, rows=rows, shape=shape)
    python, sources = options.lirpa
    command = [python, WORKER, onnx, asked, sources, options.iterations, 2]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise SystemExit(done.stderr[-2000:])
    return json.loads(lines[-1])


def ours(graph, box: Box, seconds: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Return our bounds after these seconds, the least values found, and the last step's end."""
    state = Incumbent(np.eye(graph.value_size(graph.output)), 1e-6, 10 * seconds, None)
    search = NeuronSplitSearch(graph, box, state, splits=False)
    low, taken = search.lower(), state.clock.seconds
    stopped = Stop.PAUSED
    while stopped is Stop.PAUSED and taken <= seconds:
        stopped = search.run(state.clock.seconds + STEP)
        if state.clock.seconds <= seconds:
            low = search.lower()
        taken = state.clock.seconds
    found = attack(graph, box, np.arange(state.best.size), 8, np.random.default_rng(0))
    state.offer(*found)
    return low, state.best, taken


def main() -> None:
    """Print a row for each instance, and one for each network."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lirpa", nargs=2, metavar=("PYTHON", "SOURCES"), required=True)
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--every", type=int, default=1, help="take every k-th instance")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    ratios = defaultdict(list)
    for onnx, vnnlib in instances(data_folder() / "oval21", options.every):
        if options.only not in vnnlib.name:
            continue
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            model, asked = plain(onnx, folder), plain(vnnlib, folder)
            network = outrange.load(model)
            slot = network.graph.inputs[0]
            rows = margins(asked, network.graph.value_size(network.graph.output))
            box = Box(*read_box(asked))
            rival = theirs(model, box, rows, (1, *slot.shape), options, folder)
        best = rival["CROWN-Optimized"]
        graph = with_rows(network.graph, rows, np.zeros(len(rows)))
        low, seen, taken = ours(graph, box, best["seconds"])
        gap = {method: (seen - np.array(found["lo"])).sum() for method, found in rival.items()}
        mine = (seen - low).sum()
        ratio = mine / gap["CROWN-Optimized"]
        ratios[onnx.name.split(".")[0]].append(ratio)
        worst = ((seen - low) / (seen - np.array(best["lo"]))).max()
        print(
            f"{vnnlib.name.split('.vnnlib')[0]:46s} gaps: CROWN {gap['CROWN']:9.4f}  optimized "
            f"{gap['CROWN-Optimized']:9.4f} in {best['seconds']:5.1f} s  ours {mine:9.4f} in "
            f"{taken:5.1f} s  ratio {ratio:.3f} (one margin: at most {worst:.3f})",
            flush=True,
        )
    for net, found in ratios.items():
        print(
            f"{net}: {len(found)} pictures, our gap over theirs: median "
            f"{np.median(found):.3f}, largest {max(found):.3f}"
        )


if __name__ == "__main__":
    main()
