"""Built-in activations as undescribed formulas: time to prove their facts, tightness of lines.

    python benchmarks/unknown_curves.py

For each activation, the script prints the milliseconds of processor time to analyze the formula,
the number of knots, and the largest ratio, over random intervals, of the gap between the lines to
the gap with hand-written facts.
"""

import sys
import time
from pathlib import Path

import numpy as np

from outrange.ops import curve
from outrange.ops.pointwise import Expressions, analyze
from outrange.ops.relaxation.relax import relax


sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from formulas import ATTRIBUTES, FORMULAS


def gap(lines, x):
    """Return the distance between the line above and the line below at `x`."""
    return lines.hi_slope * x + lines.hi_offset - (lines.lo_slope * x + lines.lo_offset)


def measure(name: str, intervals: int = 4000, seed: int = 1) -> tuple[float, int, float]:
    """Return the milliseconds, the number of knots, and the largest ratio of gaps."""
    best = np.inf
    for _ in range(3):
        table = Expressions()
        start = time.process_time()
        found = analyze(table, FORMULAS[name](table), name)
        best = min(best, time.process_time() - start)
    by_hand = curve(name, **ATTRIBUTES.get(name, {}))
    rng = np.random.default_rng(seed)
    middle, radius = rng.normal(0.0, 3.0, intervals), 10.0 ** rng.uniform(-3.0, 1.0, intervals)
    lo, hi = middle - radius, middle + radius
    worst = 0.0
    for share in (0.1, 0.5, 0.9):
        x = (1 - share) * lo + share * hi
        one, two = gap(relax(by_hand, lo, hi), x), gap(relax(found, lo, hi), x)
        seen = np.maximum(one, two) > 1e-9
        worst = max(worst, float((two[seen] / one[seen]).max(initial=1.0)))
    return 1e3 * best, len(found.knots), worst


def main() -> None:
    """Print a row per activation, and the worst values of all."""
    rows = {name: measure(name) for name in FORMULAS}
    print(f"{'activation':16}{'ms':>8}{'knots':>7}{'gap / gap by hand':>20}")
    for name, (milliseconds, knots, ratio) in rows.items():
        print(f"{name:16}{milliseconds:8.1f}{knots:7}{ratio:20.4f}")
    slowest, loosest = (max(row[i] for row in rows.values()) for i in (0, 2))
    print(f"{len(rows)} activations; slowest {slowest:.1f} ms, loosest {loosest:.4f}")


if __name__ == "__main__":
    main()
