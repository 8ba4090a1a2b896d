"""Ends of trajectories by CAPD, in a process of its own: it changes how the processor rounds.

`python capd_ends.py` reads lines of JSON: a formula, the lower ends, the upper ends, the time; and
writes for each line the lower and the upper ends at that time, or null where CAPD gives up.
"""

import json
import sys


ORDER = 20


def ends(formula, lo, hi, time):
    """The ends at a time of the solutions from a box."""
    import capdpy  # where it is not installed nothing else needs it

    # The solver keeps no reference to the map, nor the time map to the solver.
    field = capdpy.IMap(formula)
    solver = capdpy.IOdeSolver(field, ORDER)
    flow = capdpy.ITimeMap(solver)
    box = capdpy.IVector([capdpy.Interval(a, b) for a, b in zip(lo, hi, strict=True)])
    found = flow(capdpy.Interval(time), capdpy.C0Rect2Set(box))
    parts = [found[i] for i in range(len(lo))]
    return [v.leftBound() for v in parts], [v.rightBound() for v in parts]


if __name__ == "__main__":
    for line in sys.stdin:
        try:
            found = ends(*json.loads(line))
        except Exception as told:  # each kind of trouble is a class of its own
            print(told, file=sys.stderr)
            found = None
        print(json.dumps(found), flush=True)
