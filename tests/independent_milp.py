"""The least and largest output of a small piecewise-linear net, by a mixed-integer program.

It knows nothing of outrange: nets are NumPy weights, bounds are plain intervals sharpened by linear
programs, and the solver is HiGHS. Two programs that agree without sharing code are evidence.

A net is a list of layers, each a tuple whose first entry names its form:

    ("dense", W, b)                  x @ W + b, with W of shape (inputs, outputs)
    ("pieces", knots, slopes, base)  elementwise: `base` at the first knot (at 0 without knots),
                                     slopes[p] (a float, or one a unit) on piece p between knots
    ("pool", k)                      the largest of every k neighbors
    ("residual", layers)             x + (what the layers make of x)
"""

from dataclasses import dataclass

import highspy
import numpy as np


SLACK = 1e-7
"""What bounds that came from linear programs are widened by, relative and absolute."""


def pieces(layer, n):
    """Break points `(k,)`, and per unit slopes and intercepts `(n, k + 1)` of a "pieces" layer."""
    _, knots, slopes, base = layer
    knots = np.asarray(knots, float)
    slopes = np.stack([np.broadcast_to(np.asarray(s, float), (n,)) for s in slopes], axis=1)
    first = knots[0] if knots.size else 0.0
    cuts = np.empty_like(slopes)
    cuts[:, 0] = base - slopes[:, 0] * first
    for p, knot in enumerate(knots):
        cuts[:, p + 1] = cuts[:, p] + (slopes[:, p] - slopes[:, p + 1]) * knot
    return knots, slopes, cuts


def run(net, x):
    """The net's value at points `(batch, inputs)`."""
    for layer in net:
        match layer[0]:
            case "dense":
                x = x @ layer[1] + layer[2]
            case "pieces":
                knots, slopes, cuts = pieces(layer, x.shape[1])
                p = np.searchsorted(knots, x)
                unit = np.arange(x.shape[1])
                x = slopes[unit, p] * x + cuts[unit, p]
            case "pool":
                x = x.reshape(len(x), -1, layer[1]).max(axis=2)
            case "residual":
                x = x + run(layer[1], x)
    return x


@dataclass
class End:
    """One end of one output: HiGHS's proved `bound`, the net's own `value` at its best point."""

    bound: float
    value: float
    closed: bool


class Program:
    """Rows and columns of a net over a box, grown layer by layer."""

    def __init__(self, net, lo, hi):
        self.net, self.lo, self.hi = net, np.asarray(lo, float), np.asarray(hi, float)
        self.solver = highspy.Highs()
        self.solver.setOptionValue("output_flag", False)
        self.binaries = 0
        inputs = [self.column(a, b) for a, b in zip(self.lo, self.hi, strict=True)]
        self.outputs, self.ends = self.layers(net, inputs, (self.lo, self.hi))

    def column(self, lo, hi, binary=False):
        """A new column; its number."""
        self.solver.addCol(0.0, float(lo), float(hi), 0, np.zeros(0, np.int32), np.zeros(0))
        number = self.solver.getNumCol() - 1
        if binary:
            self.solver.changeColIntegrality(number, highspy.HighsVarType.kInteger)
            self.binaries += 1
        return number

    def row(self, lo, hi, columns, values):
        """A new row `lo <= values @ columns <= hi`."""
        values = np.asarray(values, float)
        nonzero = values != 0
        index = np.asarray(columns, np.int32)[nonzero]
        self.solver.addRow(float(lo), float(hi), int(nonzero.sum()), index, values[nonzero])

    def layers(self, net, x, ends):
        """Encode layers on the columns `x` with bounds `ends`; the new columns and bounds."""
        for layer in net:
            match layer[0]:
                case "dense":
                    x, ends = self.dense(layer, x, ends)
                case "pieces":
                    x, ends = self.elementwise(layer, x, ends)
                case "pool":
                    x, ends = self.pool(layer[1], x, ends)
                case "residual":
                    inner, ends_in = self.layers(layer[1], x, ends)
                    lo, hi = ends[0] + ends_in[0], ends[1] + ends_in[1]
                    y = [self.column(a, b) for a, b in zip(lo, hi, strict=True)]
                    for a, b, c in zip(x, inner, y, strict=True):
                        self.row(0.0, 0.0, [a, b, c], [1.0, 1.0, -1.0])
                    x, ends = y, (lo, hi)
        return x, ends

    def dense(self, layer, x, ends):
        """Columns of an affine layer."""
        _, weight, bias = layer
        lo = ends[0] @ np.maximum(weight, 0) + ends[1] @ np.minimum(weight, 0) + bias
        hi = ends[1] @ np.maximum(weight, 0) + ends[0] @ np.minimum(weight, 0) + bias
        y = [self.column(a, b) for a, b in zip(lo, hi, strict=True)]
        for j, c in enumerate(y):
            self.row(-bias[j], -bias[j], [*x, c], [*weight[:, j], -1.0])
        return y, (lo, hi)

    def sharpen(self, column, lo, hi):
        """Bound a column by two linear programs over the rows encoded so far."""
        ends = []
        self.solver.setOptionValue("solve_relaxation", True)
        for sign in (1.0, -1.0):
            self.solver.changeColCost(column, sign)
            self.solver.run()
            done = self.solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
            value = sign * self.solver.getInfo().objective_function_value
            ends.append(value if done else (lo, None, hi)[1 - int(sign)])
        self.solver.changeColCost(column, 0.0)
        self.solver.setOptionValue("solve_relaxation", False)
        room = SLACK * (1.0 + abs(ends[0]) + abs(ends[1]))
        lo, hi = max(lo, ends[0] - room), min(hi, ends[1] + room)
        self.solver.changeColBounds(column, lo, hi)
        return lo, hi

    def elementwise(self, layer, x, ends):
        """Columns of a "pieces" layer: one binary for each piece that a unit can be on."""
        knots, slopes, cuts = pieces(layer, len(x))
        y, lows, highs = [], [], []
        for j, column in enumerate(x):
            lo, hi = ends[0][j], ends[1][j]
            if ((lo < knots) & (knots < hi)).any():
                lo, hi = self.sharpen(column, lo, hi)
            first, last = np.searchsorted(knots, lo, "right"), np.searchsorted(knots, hi, "left")
            last = max(first, last)
            unit_pieces = slice(first, last + 1)
            marks = np.array([lo, *knots[first:last], hi])
            output = self.unit(column, marks, slopes[j, unit_pieces], cuts[j, unit_pieces])
            y.append(output[0])
            lows.append(output[1])
            highs.append(output[2])
        return y, (np.array(lows), np.array(highs))

    def unit(self, x, marks, slopes, cuts):
        """`y = slopes[p] x + cuts[p]` for `marks[p] <= x <= marks[p + 1]`; column and ends."""
        heights = np.append(slopes * marks[:-1] + cuts, slopes[-1] * marks[-1] + cuts[-1])
        lo, hi = marks[0], marks[-1]
        y = self.column(heights.min(), heights.max())
        if len(slopes) == 1:
            self.row(cuts[0], cuts[0], [y, x], [1.0, -slopes[0]])
            return y, heights.min(), heights.max()
        chosen = [self.column(0.0, 1.0, binary=True) for _ in slopes]
        self.row(1.0, 1.0, chosen, np.ones(len(chosen)))
        for p, z in enumerate(chosen):
            line = slopes[p] * marks + cuts[p] - heights
            above, below = max(line.max(), 0.0), max(-line.min(), 0.0)
            # y >= line - above (1 - z),  y <= line + below (1 - z)
            self.row(cuts[p] - above, np.inf, [y, x, z], [1.0, -slopes[p], -above])
            self.row(-np.inf, cuts[p] + below, [y, x, z], [1.0, -slopes[p], below])
            self.row(lo, np.inf, [x, z], [1.0, lo - marks[p]])
            self.row(-np.inf, hi, [x, z], [1.0, hi - marks[p + 1]])
        return y, heights.min(), heights.max()

    def pool(self, k, x, ends):
        """Columns of a maximum over every `k` neighbors."""
        y, lows, highs = [], [], []
        for start in range(0, len(x), k):
            lo, hi = ends[0][start : start + k], ends[1][start : start + k]
            least, most = lo.max(), hi.max()
            c = self.column(least, most)
            able = [i for i in range(k) if hi[i] >= least]
            chosen = [self.column(0.0, 1.0, binary=len(able) > 1) for _ in able]
            self.row(1.0, 1.0, chosen, np.ones(len(able)))
            for i, z in zip(able, chosen, strict=True):
                room = most - lo[i]
                self.row(0.0, np.inf, [c, x[start + i]], [1.0, -1.0])
                self.row(-np.inf, room, [c, x[start + i], z], [1.0, -1.0, room])
            y.append(c)
            lows.append(least)
            highs.append(most)
        return y, (np.array(lows), np.array(highs))

    def minimize(self, output, sign, time_limit):
        """The least `sign * output`, as an `End` (its numbers multiplied by `sign` again)."""
        solver = self.solver
        for name in ("mip_feasibility_tolerance", "primal_feasibility_tolerance"):
            solver.setOptionValue(name, 1e-9)
        for name in ("mip_rel_gap", "mip_abs_gap"):
            solver.setOptionValue(name, 0.0)
        solver.setOptionValue("time_limit", float(time_limit))
        solver.changeColCost(self.outputs[output], float(sign))
        solver.run()
        info = solver.getInfo()
        closed = solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
        bound = info.mip_dual_bound if self.binaries else info.objective_function_value
        point = solver.getSolution().col_value[: len(self.lo)]
        solver.changeColCost(self.outputs[output], 0.0)
        value = np.inf * sign
        if info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible:
            x = np.clip(np.array(point), self.lo, self.hi)
            value = float(run(self.net, x[None])[0, output])
        return End(sign * bound, value, closed)


def output_range(net, lo, hi, output=0, time_limit=60.0):
    """The ends of one output: `(End of the minimum, End of the maximum)`."""
    program = Program(net, lo, hi)
    return program.minimize(output, 1, time_limit), program.minimize(output, -1, time_limit)
