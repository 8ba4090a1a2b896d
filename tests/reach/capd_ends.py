"""Ends of trajectories by CAPD, in a separate process, because it changes the rounding mode.

`python capd_ends.py` reads lines of JSON: a formula, the lower ends, the upper ends, the time. It
writes for each line the lower and the upper ends at that time, or null if CAPD fails.
"""

import json
import sys


ORDER = 20


def ends(formula, lo, hi, time):
    """Return the ends of the solutions from a box at a time."""
    import capdpy  # only needed here, and maybe not installed

    # The solver keeps no reference to the map, nor the time map to the solver.
    field = capdpy.IMap(formula)
    solver = capdpy.IOdeSolver(field, ORDER)
    flow = capdpy.ITimeMap(solver)
    box = capdpy.IVector([capdpy.Interval(a, b) for a, b in zip(lo, hi, strict=True)])
    image = flow(capdpy.Interval(time), capdpy.C0Rect2Set(box))
    parts = [image[i] for i in range(len(lo))]
    return [v.leftBound() for v in parts], [v.rightBound() for v in parts]


if __name__ == "__main__":
    for line in sys.stdin:
        try:
            result = ends(*json.loads(line))
        except Exception as error:  # CAPD has many classes of errors
            print(error, file=sys.stderr)
            result = None
        print(json.dumps(result), flush=True)
