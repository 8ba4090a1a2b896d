"""The cost of `RangeMonitor`: `fit` of healthy programs of many kinds, with and without it.

    python benchmarks/monitor_cost.py [--bases binary series] [--repeats 5] [--seed 9000] [--warm]

The programs are the bases of tests/diagnosis/generated, each compiled and trained as it is drawn. A
round consists of one `fit` with the monitor at its defaults and two without it, on fresh models
with the same weights, in changing order. Compiled programs are dropped before each, as at the start
of a program, unless `--warm` is set. Wall and processor time are those of `fit` as a whole. The
script prints medians over the rounds: seconds without the monitor (wall, processor), the additional
time with it (wall, processor), the difference between the two runs without it, which is noise, the
processor time inside the monitor's methods, and the entries that the monitor left in the logs.
"""

import argparse
import gc
import os
import statistics
import sys
import time
import warnings
from pathlib import Path


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import keras
import numpy as np

from diagnosis.generated.draw import Draw
from diagnosis.generated.program import build, data
from diagnosis.generated.sample import BASES
from outrange.callbacks import RangeMonitor


def forget() -> None:
    """Drop the programs that the backend has compiled."""
    gc.collect()
    if keras.backend.backend() == "jax":
        import jax

        jax.clear_caches()


class Timed(RangeMonitor):
    """A monitor that counts the processor time inside its own methods."""

    used = 0.0

    def on_train_begin(self, logs=None):
        self.counted(super().on_train_begin, logs)

    def on_epoch_end(self, epoch, logs=None):
        keras.ops.convert_to_numpy(self.model.trainable_variables[-1])
        self.counted(super().on_epoch_end, epoch, logs)

    def on_train_end(self, logs=None):
        self.counted(super().on_train_end, logs)

    def counted(self, call, *given):
        start = time.process_time()
        call(*given)
        self.used += time.process_time() - start


def timed(program, monitored: bool, warm: bool):
    """Return wall and processor seconds of one `fit`, its history, and the monitor's seconds."""
    model = build(keras, program)
    x, y = data(program)
    if not warm:
        forget()
    watch = Timed(x, y) if monitored else None
    wall, used = time.perf_counter(), time.process_time()
    history = model.fit(x, y, verbose=0, callbacks=[watch] if watch else None, **program.fit)
    wall, used = time.perf_counter() - wall, time.process_time() - used
    return wall, used, watch.used if watch else 0.0, history.history


def rounds(program, repeats: int, warm: bool) -> str:
    """Return a line about one program."""
    timed(program, True, warm)  # Modules are loaded, files are read.
    names = ["plain", "again", "watched"]
    ratios, plain, own, seen = [], [], [], {}
    for i in range(repeats):
        order = names[i % 3 :] + names[: i % 3]
        found = {name: timed(program, name == "watched", warm) for name in order}
        base = [(found["plain"][j] + found["again"][j]) / 2 for j in (0, 1)]
        null = found["again"][1] / found["plain"][1]
        ratios.append([found["watched"][0] / base[0], found["watched"][1] / base[1], null])
        plain.append(base)
        own.append(found["watched"][2] / base[1])
        seen = found["watched"][3]
    wall, used, null = (100 * (statistics.median(r) - 1) for r in zip(*ratios, strict=True))
    alone = [statistics.median(p) for p in zip(*plain, strict=True)]
    known = np.array(seen["ranges/epoch"])
    looks = len(set(known[np.isfinite(known)]))
    return (
        f"{program.base:22} {alone[0]:5.2f} {alone[1]:5.2f} s {wall:+6.1f} % {used:+6.1f} % "
        f"{null:+6.1f} %  own {100 * statistics.median(own):4.1f} %; {looks:2} looks, epochs "
        f"{np.nanmin([*known, np.inf]):.0f} to {known[-1]:.0f} of {len(known)}, compared "
        f"{seen['ranges/compared'][-1]:.0f}"
    )


def main() -> None:
    """Run the command, and print a line for each base."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bases", nargs="+", default=list(BASES), choices=list(BASES))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seed", type=int, default=9000)
    parser.add_argument("--warm", action="store_true")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"{keras.backend.backend()}: fit; with the monitor; noise; in its methods")
    for name in asked.bases:
        program = BASES[name](asked.seed, Draw([asked.seed, 0]))
        print(rounds(program, asked.repeats, asked.warm), flush=True)


if __name__ == "__main__":
    main()
