"""The scorecard of `diagnose` on real questions, corrected programs, and published architectures.

    python benchmarks/diagnoses.py                   # the questions, on the backend in use
    python benchmarks/diagnoses.py --applications    # and keras.applications, with times

A detection is a finding above SUSPECTED whose rule names the cause in the accepted answer. A false
alarm is any finding above SUSPECTED on the corrected program.
"""

import argparse
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path


sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

PUBLISHED = """
Figures published for other tools, on other programs (a comparison of kind, not of rank):
  right diagnosis, 52 programs of DeepFD's evaluation sheet:
    DeepFD 27, UMLAUT 14, AutoTrainer 10, DeepLocalize 7
  alarms on AutoTrainer's healthy models, from the result files of DeepDiagnosis (ICSE 2022):
    DeepLocalize 133 of 186 (72 %), DeepDiagnosis 68 of 188 (36 %), UMLAUT 109 of 109
  NeuraLint: recall 70.5 %, precision 100 % on 34 real and 28 synthetic programs, with style rules
  replication by Humbatova et al. (EMSE 2025): best recall 0.33, precision 0.21, one ground truth
""".strip("\n")


def questions(first: int, last: int) -> None:
    """Diagnose a slice of the questions; print a line for each, which the parent counts."""
    import keras

    import outrange
    from diagnosis.real import CASES

    for case in CASES[first:last]:
        keras.utils.set_random_seed(0)
        start = time.perf_counter()
        faulty, fixed = (outrange.diagnose(*build(keras)) for build in (case.faulty, case.fixed))
        seconds = time.perf_counter() - start
        hits = [f for f in faulty if f.code in case.codes]
        level = max((f.level.name for f in hits), default="-", key=_rank)
        alarms = " ".join(f"{f.code}:{f.level.name}" for f in fixed) or "-"
        codes = ",".join(sorted({f.code for f in hits})) or "-"
        print(f"|{case.source}|{case.about}|{level}|{codes}|{alarms}|{seconds:.1f}", flush=True)


def _rank(name: str) -> int:
    return ("-", "SUSPECTED", "MEASURED", "PROVED").index(name)


def table(count: int, chunk: int = 12) -> None:
    """Diagnose all questions in separate processes, so that compiled programs do not accumulate."""
    rows = []
    for first in range(0, count, chunk):
        code = [sys.executable, __file__, "--slice", str(first), str(first + chunk)]
        done = subprocess.run(code, capture_output=True, text=True, env=os.environ)
        if done.returncode:
            raise SystemExit(done.stderr)
        rows += [line[1:].split("|") for line in done.stdout.splitlines() if line.startswith("|")]
    for source, about, level, codes, alarms, seconds in rows:
        print(f"{level:9} {codes:12} {source:36} {about[:58]:58} {alarms:18} {seconds:>5} s")
    detected = [r for r in rows if _rank(r[2]) >= 2]
    proved = [r for r in rows if r[2] == "PROVED"]
    alarms = [part for r in rows for part in r[4].split() if part != "-"]
    print(
        f"\n{len(rows)} faulty programs: the cause is PROVED in {len(proved)}, PROVED or MEASURED "
        f"in {len(detected)} ({100 * len(detected) / len(rows):.0f} %).\n"
        f"{len(rows)} corrected programs: {sum('PROVED' in a for a in alarms)} PROVED, "
        f"{sum('MEASURED' in a for a in alarms)} MEASURED, "
        f"{sum('SUSPECTED' in a for a in alarms)} SUSPECTED findings.\n\n{PUBLISHED}"
    )


def applications() -> None:
    """Print times and findings for published architectures with random weights."""
    import keras
    import numpy as np

    import outrange
    from diagnosis.test_applications import ARCHITECTURES

    for name, size in ARCHITECTURES.items():
        keras.utils.set_random_seed(0)
        build = getattr(keras.applications, name)
        model = build(weights=None, classes=10, input_shape=(size, size, 3))
        model.compile("adam", "sparse_categorical_crossentropy")
        rng = np.random.default_rng(0)
        x = rng.uniform(-1, 1, (16, size, size, 3)).astype("float32")
        start = time.perf_counter()
        answer = outrange.diagnose(model, x, rng.integers(0, 10, (16, 1)))
        seconds = time.perf_counter() - start
        print(f"{name:18} {model.count_params():>12,} weights {seconds:6.1f} s  {answer!r}")


def main() -> None:
    """Read the options and run."""
    warnings.simplefilter("ignore")
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--applications", action="store_true")
    options.add_argument("--slice", nargs=2, type=int, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.slice:
        return questions(*given.slice)
    from diagnosis.real import CASES

    table(len(CASES))
    if given.applications:
        print()
        applications()
    return None


if __name__ == "__main__":
    main()
