"""Interface to HiGHS, and a function that solves linear programs with few rows.

No other module imports HiGHS.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

import numpy as np

from ...core import Clock, work
from ...core.clock import charge, is_counted


def module() -> Any:
    """Import the `highspy` package, and return it."""
    import highspy

    return highspy


def least_linear(
    cost: np.ndarray,
    lo: np.ndarray,
    hi: np.ndarray,
    rows: np.ndarray,
    least: np.ndarray,
    most: np.ndarray,
) -> tuple[np.ndarray, np.ndarray] | None:
    """Minimize `cost . x` over a box where `least <= rows @ x <= most`.

    Args:
        cost: Array of shape `(d,)`.
        lo: Array of shape `(d,)`.
        hi: Array of shape `(d,)`.
        rows: Array of shape `(r, d)`.
        least: `(r,)`, `-inf` for no limit.
        most: `(r,)`, `inf` for no limit.

    Returns:
        A point `(d,)` near the optimum and the rows' multipliers `(r,)`, positive where `least` is
        active. If the program is infeasible, the point is the box's center, and the multipliers
        prove infeasibility (a Farkas vector). The result is None if HiGHS finds neither an optimum
        nor such a proof.
    """
    highspy = module()
    program = highspy.HighsLp()
    program.num_col_, program.num_row_ = cost.size, len(rows)
    program.col_cost_, program.col_lower_, program.col_upper_ = cost, lo, hi
    program.row_lower_, program.row_upper_ = least, most
    matrix = program.a_matrix_
    matrix.format_ = highspy.MatrixFormat.kRowwise
    matrix.start_ = (np.arange(len(rows) + 1) * cost.size).astype(np.int32)
    matrix.index_ = np.tile(np.arange(cost.size), len(rows)).astype(np.int32)
    matrix.value_ = np.ascontiguousarray(rows, np.float64).ravel()
    solver = quiet_solver()
    solver.setOptionValue("primal_feasibility_tolerance", 1e-9)
    solver.setOptionValue("dual_feasibility_tolerance", 1e-9)
    solver.setOptionValue("presolve", "off")  # It may detect infeasibility without a Farkas vector.
    solver.passModel(program)
    run(solver)
    iterations = max(0, solver.getInfo().simplex_iteration_count)
    charge(work.PIVOT * iterations * (cost.size + len(rows)))
    status = solver.getModelStatus()
    if status == highspy.HighsModelStatus.kOptimal:
        solution = solver.getSolution()
        x = np.clip(np.array(solution.col_value), lo, hi)
        return x, np.array(solution.row_dual)
    if status == highspy.HighsModelStatus.kInfeasible:
        there, *ray = solver.getDualRay()[1:]
        if there:
            return 0.5 * lo + 0.5 * hi, np.array(ray[0])
    return None


def run(solver: Any, seconds: float = np.inf) -> None:
    """Run the solver within a time limit; raise `KeyboardInterrupt` only after it has stopped.

    HiGHS calls back into Python. An exception raised inside such a callback would not reach the
    caller, so an interrupt only asks HiGHS to stop.

    Args:
        seconds: Time limit on the ambient clock.
    """
    interrupts = []
    if is_counted():
        _count_checks(solver, Clock(seconds))
    elif np.isfinite(seconds):
        solver.setOptionValue("time_limit", float(seconds))

    def stop(number: int, frame: FrameType | None) -> None:
        interrupts.append(number)
        solver.cancelSolve()

    solver.HandleUserInterrupt = True
    main = threading.current_thread() is threading.main_thread()
    usual = signal.signal(signal.SIGINT, stop) if main else None
    try:
        solver.run()
    finally:
        if main:
            signal.signal(signal.SIGINT, usual)
    if interrupts:
        raise KeyboardInterrupt


def _count_checks(solver: Any, clock: Clock) -> None:
    """Charge counted time at every interrupt check of HiGHS, and stop HiGHS after the limit.

    HiGHS checks for interrupts after fixed amounts of its own work, independently of any clock. So
    a run can be repeated exactly.
    """
    each = work.SOLVER_CHECK * solver.getNumCol()

    def check(event: Any) -> None:
        charge(each)
        if clock.expired:
            event.interrupt()

    solver.cbMipInterrupt.subscribe(check)


def quiet_solver() -> Any:
    """Create a solver that prints nothing."""
    highspy = module()

    class Quiet(highspy.Highs):
        def enableCallbacks(self) -> None:
            # The constructor prints a banner unless this is set before.
            self.silent()
            super().enableCallbacks()

    return Quiet()
