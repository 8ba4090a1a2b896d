"""The exact mixed-integer form of a piecewise-linear graph, solved by HiGHS.

Every value is stored as affine forms of the program's columns. A curve with `k` knots in its range
needs `k + 1` length columns, which state how far a point has moved along each straight piece, and
`k` binary columns, which state whether the previous piece is full. This is the tightest linear
relaxation of one unit. A maximum needs one binary column per candidate. Stable units cost nothing.

Warrant: SOLVER_TOLERANCE. HiGHS satisfies rows to about 1e-9 and reports its own dual bound, so a
result is never published as proved.

Reference: Vielma, *Mixed integer linear programming formulation techniques* (2015), section 10.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...core import Box, InputError, UnsupportedError, check_deadline
from ...graph import Graph
from ...graph.graph import Op
from ...ops import Affine, Curve, Largest, Rearrange
from .highs import module, quiet_solver, run


FEASIBILITY = 1e-9
"""Tolerance of HiGHS for rows, columns and integrality."""


class MilpBound(NamedTuple):
    """Result of one minimization by HiGHS.

    Args:
        lower: The dual bound, or the cutoff if no point lies below it; `-inf` if there is no bound.
        at: `(d,)` the inputs of the best point, inside the box; None if no point was found.
        optimal: Whether HiGHS closed the gap, or excluded points below the cutoff.
    """

    lower: float
    at: np.ndarray | None
    optimal: bool


def milp_bound(
    graph: Graph,
    box: Box,
    row: np.ndarray,
    bounds: Sequence[tuple[np.ndarray, np.ndarray]],
    *,
    cutoff: float = np.inf,
    time_limit: float = np.inf,
) -> MilpBound:
    """Minimize `row @ output` over the box.

    Args:
        graph: A graph whose curves are all piecewise linear, without jumps.
        box: Box of the inputs.
        row: Array of shape `(outputs,)`.
        bounds: Finite bounds `(lo, hi)` on every value of the graph, each of the value's length.
        cutoff: Only minima below this value are searched for.
        time_limit: Time limit in seconds.

    Returns:
        The bound; see `MilpBound`.

    Raises:
        UnsupportedError: An op of the graph is not piecewise linear.
        InputError: The bounds on some value have the wrong length or are not finite.
    """
    encoding = Encoding(graph, box, bounds)
    return encoding.minimize(row, cutoff=cutoff, time_limit=time_limit)


class Encoding:
    """Mixed-integer program of one graph over one box, for any number of objectives.

    A *form* is an array `(1 + columns, n)`: the constants in row 0, then one row per column.
    """

    def __init__(
        self, graph: Graph, box: Box, bounds: Sequence[tuple[np.ndarray, np.ndarray]]
    ) -> None:
        self.box = box
        self.lower, self.upper = list(box.lo), list(box.hi)
        self.integer = [False] * box.size
        self.names = [f"x_{i}" for i in range(box.size)]
        self.rows: list[tuple[np.ndarray, float, float]] = []
        forms = [np.concatenate([np.zeros((1, box.size)), np.eye(box.size)])]
        for i, node in enumerate(graph.nodes):
            check_deadline()
            ends = [_finite(bounds[j], graph, j) for j in node.inputs]
            parts = tuple(self._pad(forms[j]) for j in node.inputs)
            forms.append(self._encode(node.op, parts, ends, f"node {i} of `{node.source}`"))
        self.output = self._pad(forms[graph.output])

    @property
    def binaries(self) -> int:
        """Number of binary variables of the program."""
        return sum(self.integer)

    def minimize(
        self, row: np.ndarray, *, cutoff: float = np.inf, time_limit: float = np.inf
    ) -> MilpBound:
        """Minimize `row @ output`; see `milp_bound`."""
        highspy = module()
        form = self.output @ np.asarray(row, np.float64)
        solver = quiet_solver()
        for name, value in (
            ("mip_rel_gap", 0.0),
            ("mip_abs_gap", 0.0),
            ("mip_feasibility_tolerance", FEASIBILITY),
            ("primal_feasibility_tolerance", FEASIBILITY),
            ("dual_feasibility_tolerance", FEASIBILITY),
            ("objective_bound", float(cutoff)),
        ):
            solver.setOptionValue(name, value)
        solver.passModel(self.program(form))
        run(solver, time_limit)
        status, kinds = solver.getModelStatus(), highspy.HighsModelStatus
        info = solver.getInfo()
        is_feasible = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
        at = None
        if is_feasible:
            point = np.array(solver.getSolution().col_value[: self.box.size])
            at = np.clip(point, self.box.lo, self.box.hi)
        if status == kinds.kOptimal:
            least = info.mip_dual_bound if self.binaries else info.objective_function_value
            # HiGHS prunes above the cutoff, so a larger number is not a bound.
            return MilpBound(min(float(least), float(cutoff)), at, True)
        if np.isfinite(cutoff) and status in (kinds.kInfeasible, kinds.kObjectiveBound):
            return MilpBound(float(cutoff), None, True)
        if status in (kinds.kTimeLimit, kinds.kInterrupt) and self.binaries:
            return MilpBound(min(float(info.mip_dual_bound), float(cutoff)), at, False)
        return MilpBound(-np.inf, at, False)

    def add_outputs(self, lo: np.ndarray, hi: np.ndarray) -> list[int]:
        """Add one named column per output, and return the indices of their rows in a form.

        Args:
            lo: Lower bounds of the outputs, `(outputs,)`.
            hi: Upper bounds of the outputs, `(outputs,)`.
        """
        columns = []
        for j in range(self.output.shape[1]):
            column = self._column(float(lo[j]), float(hi[j]), f"y_{j}")
            self._row({column: -1.0}, 0.0, 0.0, self.output[:, j])
            columns.append(column)
        return columns

    # ---- the encoding ---------------------------------------------------------------------

    def _encode(
        self,
        op: Op,
        parts: tuple[np.ndarray, ...],
        ends: list[tuple[np.ndarray, np.ndarray]],
        where: str,
    ) -> np.ndarray:
        """Add the variables and constraints that an op needs; return the forms of its value."""
        if isinstance(op, Affine):
            form = op.apply(parts, False)
            form[0] += op.bias
            return form
        if isinstance(op, Rearrange):
            form = op.run(parts, fill=False)
            form[0] = op.run(tuple(part[0] for part in parts))
            return form
        if isinstance(op, Largest):
            return self._largest(op, parts[0], *ends[0])
        if isinstance(op, Curve) and has_encoding(op):
            return self._curve(op, parts[0], *ends[0])
        raise UnsupportedError(
            "Only piecewise-linear graphs have an exact mixed-integer form. "
            f"Received: `{op.name}` at {where}."
        )

    def _curve(self, op: Curve, form: np.ndarray, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        """Encode a piecewise-linear curve; entries with one piece in range need no column."""
        knots = np.array(op.knots)
        gap = np.searchsorted(knots, lo, side="right")
        inside = np.searchsorted(knots, hi, side="left") - gap
        middle = np.where(inside > 0, lo, 0.5 * (lo + hi))
        slope = np.where(lo == hi, 0.0, op.df(middle))
        out = form * slope
        out[0] += op.f(lo) - slope * lo
        for j in np.flatnonzero(inside > 0).tolist():
            ends = np.array([lo[j], *knots[gap[j] : gap[j] + inside[j]], hi[j]])
            out = self._pieces(op, form[:, j], ends, out, j)
        return out

    def _pieces(
        self, op: Curve, entry: np.ndarray, ends: np.ndarray, out: np.ndarray, j: int
    ) -> np.ndarray:
        """Encode entry `j` of a curve, and return the updated forms `out`.

        Args:
            entry: Form of the curve's input, `(1 + columns,)`.
            ends: Lower bound of the input, the knots in its range, and its upper bound.
        """
        lengths = np.diff(ends)
        slopes = np.asarray(op.df(0.5 * (ends[1:] + ends[:-1])), np.float64)
        along = [self._column(0.0, length, "t") for length in lengths]
        for k, length in enumerate(lengths[1:]):
            full = self._column(0.0, 1.0, "q", integer=True)
            # Piece k is full before piece k + 1 begins.
            self._row({along[k]: 1.0, full: -lengths[k]}, 0.0, np.inf)
            self._row({along[k + 1]: 1.0, full: -length}, -np.inf, 0.0)
        self._row(dict.fromkeys(along, -1.0), ends[0], ends[0], entry)
        out = self._pad(out)
        out[:, j] = 0.0
        out[0, j] = float(op.f(ends[:1])[0])
        out[along, j] = slopes
        return out

    def _largest(self, op: Largest, form: np.ndarray, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        """Encode maxima; a maximum with a single possible candidate needs no column."""
        out = np.zeros((len(form), op.size))
        for j, window in enumerate(op.windows):
            window = window[window >= 0]
            least = lo[window].max()
            able = window[hi[window] >= least]
            if able.size == 1 or np.ptp(form[:, able], axis=1).max() == 0.0:
                out[: len(form), j] = form[:, able[0]]  # Earlier maxima may have added columns.
                continue
            most = hi[able].max()
            y = self._column(least, most, "t")
            chosen = [self._column(0.0, 1.0, "q", integer=True) for _ in able]
            self._row(dict.fromkeys(chosen, 1.0), 1.0, 1.0)
            for entry, z in zip(able, chosen, strict=True):
                self._row({y: -1.0}, -np.inf, 0.0, form[:, entry])
                slack = most - lo[entry]
                self._row({y: -1.0, z: -slack}, -slack, np.inf, form[:, entry])
            out = self._pad(out)
            out[y, j] = 1.0
        return out

    # ---- rows and columns -----------------------------------------------------------------

    def _pad(self, form: np.ndarray) -> np.ndarray:
        """Extend a form by zero rows for the columns added since it was built."""
        missing = 1 + len(self.lower) - len(form)
        return np.concatenate([form, np.zeros((missing, form.shape[1]))])

    def _column(self, lo: float, hi: float, name: str, integer: bool = False) -> int:
        """Add a column, and return the index of its row in a form.

        If `name` contains no `_`, the number of columns before it is appended.
        """
        self.names.append(name if "_" in name else f"{name}_{len(self.names)}")
        self.lower.append(lo)
        self.upper.append(hi)
        self.integer.append(integer)
        return len(self.lower)

    def _row(
        self, entries: dict[int, float], lo: float, hi: float, form: np.ndarray | None = None
    ) -> None:
        """Add the constraint `lo <= form + sum of entries <= hi`.

        Args:
            entries: Maps the index of a column's row in a form to the column's coefficient.
            lo: Lower bound; the form's constant is subtracted from it.
            hi: Upper bound; the form's constant is subtracted from it.
            form: Form `(1 + columns,)` of one entry, or None.
        """
        row = np.zeros(1 + len(self.lower))
        if form is not None:
            row[: len(form)] = form
        for column, value in entries.items():
            row[column] += value
        self.rows.append((row[1:], lo - row[0], hi - row[0]))

    def program(self, objective: np.ndarray) -> Any:
        """Build the HiGHS program that minimizes the form `objective`."""
        highspy = module()
        kinds = highspy.HighsVarType
        columns, starts, values = [], [0], []
        for row, _, _ in self.rows:
            at = np.flatnonzero(row)
            columns.append(at)
            values.append(row[at])
            starts.append(starts[-1] + at.size)
        program = highspy.HighsLp()
        program.num_col_, program.num_row_ = len(self.lower), len(self.rows)
        program.col_cost_, program.offset_ = objective[1:], float(objective[0])
        program.col_lower_, program.col_upper_ = np.array(self.lower), np.array(self.upper)
        if self.binaries:
            program.integrality_ = [
                kinds.kInteger if whole else kinds.kContinuous for whole in self.integer
            ]
        program.col_names_ = self.names
        program.row_lower_ = np.array([lo for _, lo, _ in self.rows])
        program.row_upper_ = np.array([hi for _, _, hi in self.rows])
        matrix = program.a_matrix_
        matrix.format_ = highspy.MatrixFormat.kRowwise
        matrix.start_ = np.array(starts, np.int32)
        matrix.index_ = np.concatenate([*columns, np.zeros(0, np.int64)]).astype(np.int32)
        matrix.value_ = np.concatenate([*values, np.zeros(0)])
        return program


def has_encoding(op: Op) -> bool:
    """Return whether an op is piecewise linear without jumps, so that it has an exact encoding."""
    if isinstance(op, Curve):
        return bool(op.is_piecewise_linear) and not op.jumps
    return isinstance(op, Affine | Rearrange | Largest)


def _finite(
    ends: tuple[np.ndarray, np.ndarray], graph: Graph, value: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the bounds of a value as vectors.

    Raises:
        InputError: The bounds have the wrong length, or one of them is infinite or NaN.
    """
    lo, hi = (np.asarray(end, np.float64).reshape(-1) for end in ends)
    size = graph.value_size(value)
    if lo.shape != (size,) or hi.shape != (size,) or not np.isfinite([lo, hi]).all():
        raise InputError(
            f"The mixed-integer form needs finite bounds of length {size} for value {value}. "
            f"Received: shapes {lo.shape} and {hi.shape}, {int((~np.isfinite([lo, hi])).sum())} "
            "infinite or NaN entries."
        )
    return lo, hi
