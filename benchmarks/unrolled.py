"""Ranges of the last state of closed loops, unrolled as networks.

    python benchmarks/unrolled.py --data FOLDER
    python benchmarks/unrolled.py --loops double_integrator pendulum --time 60

The controllers of the ARCH-COMP competition (category AINNCS) are not part of this project. Without
their folder, only the loops with a controller of our own run. The script prints the steps, the
status, the largest gap of an output relative to its attained range, and the seconds including
loading.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
from loops import (
    Loop,
    arms,
    attitude,
    car,
    cart,
    cruise,
    cruise_seen,
    euler,
    linear,
    own_controller,
    pendulum,
    sampled,
    unrolled,
)

import outrange


N = 0.001027
"""Mean motion of the docking target in rad/s."""

ORBIT = np.array([
    [0, 0, 1, 0], [0, 0, 0, 1], [3 * N * N, 0, 0, 2 * N], [0, 0, -2 * N, 0],
], float)  # fmt: skip

THRUST = np.array([[0, 0], [0, 0], [1, 0], [0, 1]]) / 12.0

INTEGRATOR = linear(np.array([[1.0, 1.0], [0.0, 1.0]]), np.array([[0.5], [1.0]]))

HOVER = np.kron(np.array([[1.0, 0.1], [0.0, 1.0]]), np.eye(3))
"""State matrix of three positions and three velocities over 0.1 s."""

PUSH = np.concatenate([0.005 * np.eye(3), 0.1 * np.eye(3)])

LOOPS = {
    "double_integrator": Loop(
        own_controller((2, 10, 5, 1), np.array([[-0.4, -1.0]])),
        INTEGRATOR, (2.5, -0.25), (3.0, 0.25), (1, 5, 20), tol=1e-6,
    ),
    "quadrotor": Loop(
        own_controller((6, 32, 32, 3), -np.concatenate([np.eye(3), 1.5 * np.eye(3)], axis=1)),
        linear(HOVER, PUSH), (0.5, 0.5, 0.5, -0.1, -0.1, -0.1), (0.6, 0.6, 0.6, 0.1, 0.1, 0.1),
        (1, 6, 12),
    ),
    "pendulum": Loop(
        "Single_Pendulum.onnx", euler(0.05, pendulum), (1.0, 0.0), (1.175, 0.2), (5, 10, 20),
    ),
    "cruise": Loop(
        "ACC.onnx", euler(0.1, cruise), (90, 32, 0, 10, 30, 0), (110, 32.2, 0, 11, 30.2, 0),
        (5, 20, 50), observe=cruise_seen, skip=1,
    ),
    "car_set": Loop(
        "NAV_set.onnx", euler(0.2, car), (2.9, 2.9, 0, 0), (3.1, 3.1, 0, 0), (5, 15, 30), tol=1e-2,
    ),
    "car_point": Loop(
        "NAV_point.onnx", euler(0.2, car), (2.9, 2.9, 0, 0), (3.1, 3.1, 0, 0), (5, 15, 30),
        tol=1e-2,
    ),
    "cart_pole": Loop(
        "CartPole.onnx", euler(0.02, cart), (-0.1, -0.05, -0.1, -0.05), (0.1, 0.05, 0.1, 0.05),
        (10,), tol=1e-2,
    ),
    "docking": Loop(
        "Docking.onnx", sampled(ORBIT, THRUST, 1.0), (70, 70, -0.28, -0.28),
        (106, 106, 0.28, 0.28), (1, 3, 10), tol=1e-2,
    ),
    "double_pendulum": Loop(
        "Double_Pendulum_less.onnx", euler(0.05, arms), (1.0,) * 4, (1.3,) * 4, (2, 5), tol=1e-2,
    ),
    "attitude": Loop(
        "Attitude-Control.onnx", euler(0.1, attitude), (-0.45, -0.55, 0.65, -0.75, 0.85, -0.65),
        (-0.44, -0.54, 0.66, -0.74, 0.86, -0.64), (3, 10), tol=1e-2,
    ),
}  # fmt: skip


def show(name: str, loop: Loop, data: Path | None, limit: float, most: int) -> None:
    """Print a line for each number of steps."""
    model = loop.controller
    if isinstance(model, str):
        if data is None or not (data / model).exists():
            print(f"{name:18} skipped: no file `{model}`; give its folder by --data", flush=True)
            return
        model = onnx.load(data / model)
    for steps in (s for s in loop.steps if s <= most):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{name}.onnx"
            onnx.save(unrolled(loop, model, steps), path)
            box = list(loop.lo), list(loop.hi)
            began = time.perf_counter()
            found = outrange.output_range(path, box, tol=loop.tol, time_limit=limit)
            seconds = time.perf_counter() - began
        inside = np.ravel(found.seen_hi) - np.ravel(found.seen_lo)
        ends = "; ".join(
            f"[{a:.5g}, {b:.5g}] seen {w:.3g}"
            for a, b, w in zip(np.ravel(found.lo), np.ravel(found.hi), inside, strict=True)
        )
        gap = float(np.max(found.relative_gap))
        print(
            f"{name:18} {steps:3} {found.status:9} {gap:8.1e} {seconds:6.1f} s  {ends}", flush=True
        )


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of the ARCH-COMP controllers")
    parser.add_argument("--loops", nargs="*", default=list(LOOPS), choices=list(LOOPS))
    parser.add_argument("--time", type=float, default=60.0, help="seconds for each line")
    parser.add_argument("--steps", type=int, default=1000, help="at most so many steps")
    given = parser.parse_args()
    print(f"{'loop':18} steps status         gap    time  proved, and the width of what was seen")
    for name in given.loops:
        show(name, LOOPS[name], given.data, given.time, given.steps)


if __name__ == "__main__":
    main()
