"""What `RangeMonitor` costs: `fit` of healthy programs of every shape, with it and without.

    python benchmarks/monitor_cost.py [--bases binary series] [--repeats 5] [--seed 9000] [--warm]

The programs are the bases of tests/diagnosis/generated, each compiled and trained as it is drawn.
A pair is one `fit` with the monitor, with its defaults, and one without, on fresh models of the
same weights, in alternating order; what the backend has compiled is forgotten before each, as at
the start of a program, unless `--warm` (PyTorch compiles nothing). Wall and processor time are
those of `fit` as a whole, from its call to its return. Printed are the medians of the pairs'
ratios, and what the monitor left in the logs.
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
    """Forget what the backend has compiled."""
    gc.collect()
    if keras.backend.backend() == "jax":
        import jax

        jax.clear_caches()


def timed(program, monitored: bool, warm: bool) -> tuple[float, float, dict, float]:
    """Wall and processor seconds of one `fit`, its history, and the monitor's own seconds."""
    model = build(keras, program)
    x, y = data(program)
    if not warm:
        forget()
    watch = RangeMonitor(x, y) if monitored else None
    wall, used = time.perf_counter(), time.process_time()
    history = model.fit(x, y, verbose=0, callbacks=[watch] if watch else None, **program.fit)
    wall, used = time.perf_counter() - wall, time.process_time() - used
    return wall, used, history.history, watch.spent if watch else 0.0


def pairs(program, repeats: int, warm: bool) -> str:
    """A line about one program."""
    timed(program, True, warm)  # Modules are loaded, files are read.
    ratios, plain, own, seen = [], [], [], {}
    for i in range(repeats):
        found = {on: timed(program, on, warm) for on in ((False, True) if i % 2 else (True, False))}
        ratios.append([found[True][j] / found[False][j] - 1.0 for j in (0, 1)])
        plain.append(found[False][:2])
        own.append(found[True][3] / found[True][0])
        seen = found[True][2]
    wall, used = (100 * statistics.median(r) for r in zip(*ratios, strict=True))
    alone = [statistics.median(p) for p in zip(*plain, strict=True)]
    known = np.array(seen["ranges/epoch"])
    looks = len(set(known[np.isfinite(known)]))
    return (
        f"{program.base:22} {alone[0]:6.2f} {alone[1]:6.2f} s  {wall:+5.1f} % {used:+5.1f} %  own "
        f"{100 * statistics.median(own):4.1f} %  {looks:2} looks, first after epoch "
        f"{np.nanmin([*known, np.inf]):.0f} of {len(known)}, last {known[-1]:.0f}, compared "
        f"{seen['ranges/compared'][-1]:.0f}"
    )


def main() -> None:
    """Read the command line, and print a line a base."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bases", nargs="+", default=list(BASES), choices=list(BASES))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seed", type=int, default=9000)
    parser.add_argument("--warm", action="store_true")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    print(
        f"{keras.backend.backend()}: fit alone, wall and processor; with the monitor; its own clock"
    )
    for name in asked.bases:
        program = BASES[name](asked.seed, Draw([asked.seed, 0]))
        print(pairs(program, asked.repeats, asked.warm), flush=True)


if __name__ == "__main__":
    main()
