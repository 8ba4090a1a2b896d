"""Measurement of how well each phase of a call uses the cores.

    python benchmarks/cores.py                        six cases, some minutes, on a quiet machine
    python benchmarks/cores.py --only tree images
    python benchmarks/cores.py --seconds 5

A hundred times a second, another process counts the threads of this one that are running; a thread
that waits, also for the interpreter lock, is not running. A moment counts if a thread is running
for every core. Twenty times a second, a thread of this process notes the current phase. For each
phase, the script prints the seconds and the fraction of them in which all cores worked. For calls
of more than 5 s, the goal is at least 85 % in total.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from bisect import bisect
from collections import defaultdict
from pathlib import Path

import numpy as np
from random_nets import layers, written

import outrange
from cases import data_folder


EVERY = 0.05
"""Seconds between two readings of the phase."""

LOOKER = """
import os, sys, time
folder = f"/proc/{sys.argv[1]}/task"
while True:
    time.sleep(0.01)
    running = 0
    for one in os.listdir(folder):
        if one != sys.argv[2]:
            try:
                running += open(f"{folder}/{one}/stat").read().rpartition(")")[2].split()[0] == "R"
            except OSError:
                pass
    print(time.monotonic(), running, flush=True)
"""
"""Program that prints how many threads of a process are running, without the one that notes
phases."""

PHASES = (
    ("evidence", ("/questions/evidence/", "/graph/precise", "/graph/ball_pass")),
    ("reading", ("/frontends/",)),
    ("descents", ("/search/attack/", "/attack_open_boxes")),
    ("tree", ("/search/common/search.py",)),
    ("first bounds", ("/search/select_search.py", "/search/selection.py", "/search/prefilter.py")),
)
"""For each phase, parts of file names on the stack; the first phase that matches counts."""


class Watch:
    """A context that notes the phases of the main thread and counts the running threads."""

    def __enter__(self):
        self._phases, self._over = [], threading.Event()
        self._main = threading.main_thread().ident
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        argv = [sys.executable, "-c", LOOKER, str(os.getpid()), str(self._thread.native_id)]
        self._looker = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        self._lines = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._begin = time.monotonic()
        return self

    def __exit__(self, *_):
        end = time.monotonic()
        self._over.set()
        self._looker.kill()
        self._looker.wait()
        self._thread.join()
        self._reader.join()
        self.moments = defaultdict(list)
        times = [when for when, _ in self._phases]
        last, cores = self._begin, len(os.sched_getaffinity(0))
        for when, running in (map(float, line.split()) for line in self._lines):
            if self._begin <= when <= end and times:
                phase = self._phases[max(0, bisect(times, when) - 1)][1]
                self.moments[phase].append((when - last, running >= cores))
                last = when

    def _read(self):
        self._lines.extend(line for line in self._looker.stdout if line.endswith("\n"))

    def _look(self):
        while not self._over.wait(EVERY):
            self._phases.append((time.monotonic(), self._phase()))

    def _phase(self):
        frame, names = sys._current_frames().get(self._main), []
        while frame is not None:
            names.append(frame.f_code.co_filename)
            frame = frame.f_back
        for phase, parts in PHASES:
            if any(part in name for name in names for part in parts):
                return phase
        return "rest"


def listed(folder, number):
    """Return the files of an instance in a family's list."""
    rows = (data_folder() / folder / "instances.csv").read_text().splitlines()
    found = [data_folder() / folder / name.strip() for name in rows[number].split(",")[:2]]
    return [str(path if path.exists() else f"{path}.gz") for path in found]


def ranges(path, seconds):
    return lambda: outrange.output_range(path, (0, 1), time_limit=seconds, solver=False)


def properties(folder, number, seconds):
    files = listed(folder, number)
    return lambda: outrange.verify(*files, time_limit=seconds)


def smooth(seconds):
    """Return the question about a `tanh` network, which runs on the array engine."""
    import keras

    keras.utils.set_random_seed(0)
    dense = keras.layers.Dense
    parts = [keras.Input((6,)), dense(48, "tanh"), dense(48, "tanh"), dense(2)]
    return ranges(keras.Sequential(parts), seconds)


def made(seconds):
    parts = layers((12, 64, 64, 2), seed=0, bias=0.1)
    return ranges(written(parts, Path(tempfile.mkdtemp()) / "mlp_12_64.onnx"), seconds)


CASES = {
    "tree": lambda s: ranges(data_folder() / "mlp" / "mlp_10_64.onnx", s),
    "wide": made,
    "smooth": smooth,
    "images": lambda s: properties("oval21", 0, s),
    "attention": lambda s: properties("vit", 0, s),
    "signs": lambda s: properties("traffic_signs", 0, s),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--seconds", type=float, default=20.0, help="Of each case.")
    options = parser.parse_args()
    names = [phase for phase, _ in PHASES] + ["rest"]
    print(f"{'case':10} {'all':>12} " + " ".join(f"{name:>14}" for name in names))
    for name in options.only:
        ask = CASES[name](options.seconds)
        with Watch() as watch:
            ask()
        every = [moment for moments in watch.moments.values() for moment in moments]
        cells = [told(every)] + [told(watch.moments[phase]) for phase in names]
        print(f"{name:10} {cells[0]:>12} " + " ".join(f"{c:>14}" for c in cells[1:]), flush=True)


def told(moments):
    """Format seconds and the fraction in which all cores worked, such as `12.0 s 87%`."""
    if not moments:
        return "-"
    seconds, both = np.array(moments, float).T
    return f"{seconds.sum():.1f} s {(seconds * both).sum() / seconds.sum():4.0%}"


if __name__ == "__main__":
    main()
