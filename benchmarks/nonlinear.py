"""Verification of nonlinear conditions whose truth is planted.

    python benchmarks/nonlinear.py --seed 0 --count 60 --time 20

Half of the conditions are true by construction, and half are false because of a needle (see
`tests/planted/planted_conditions.py`). The script prints one line per question, then the number of
wrong verdicts, the number of decided questions, and the median time.
"""

import argparse
import sys
import time
from pathlib import Path


sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import numpy as np

import outrange
from planted.planted_conditions import FAMILIES, draw


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--time", type=float, default=20.0, help="seconds per question")
    options = parser.parse_args()
    names, seconds, decided, wrong = list(FAMILIES), [], 0, 0
    for k in range(options.count):
        case = draw(names[k // 2 % len(names)], k % 2 == 0, options.seed * 1000 + k)
        began, used = time.perf_counter(), time.process_time()
        verdict = outrange.verify(case.network, case.condition, case.box, time_limit=options.time)
        seconds.append(time.perf_counter() - began)
        used = time.process_time() - used
        decided += verdict.status != "UNKNOWN"
        wrong += verdict.status == ("VIOLATED" if case.holds else "HOLDS")
        print(
            f"{case.name:12} {'true' if case.holds else 'false':6} {verdict.status:9} "
            f"{seconds[-1]:6.1f} s  {used:6.1f} s CPU  {verdict.cost.boxes:6} boxes",
            flush=True,
        )
    print(
        f"{wrong} wrong, {decided} of {options.count} decided, "
        f"median {np.median(seconds):.2f} s, longest {max(seconds):.1f} s"
    )


if __name__ == "__main__":
    main()
