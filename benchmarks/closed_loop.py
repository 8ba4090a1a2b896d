"""Verdicts and pipes of closed loops in discrete and continuous time, with default settings.

    python benchmarks/closed_loop.py --data FOLDER
    python benchmarks/closed_loop.py --rows D1 D2 --time 60

The controllers of the ARCH-COMP competition (category AINNCS) are not part of this project. Without
their folder, only D1 runs, which has a controller of our own. The script prints the verdict and
whether it is the expected one, the seconds of the whole call, the margin, the looseness of the pipe
(proved over seen width, both the largest and that of the last step), the number of boxes, the lines
that a user writes, the published result of CROWN-Reach, and whether the answer meets the row's
requirements (on two quiet cores).
"""

import argparse
import inspect
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from flows import FLOWS, network_of
from loop_musts import must_of
from loop_rows import Row
from loops import own_controller
from onnx import TensorProto, helper
from plants import (
    ATTITUDES,
    FREE,
    GAP,
    INTEGRATOR,
    PARKED,
    aircraft,
    aircraft_seen,
    arms,
    attitude,
    car,
    cruise,
    cruise_seen,
    pendulum,
    unicycle,
)

import outrange
from outrange import within, x


def advised(pilot: str, climb: float, expected: str) -> Row:
    """Return a row of VCAS, the vertical collision avoidance system."""
    name = f"VCAS {pilot} {climb:g}"
    nets = {k: f"VCAS/VertCAS_noResp_pra0{k + 1}_v9_20HU_200.onnx" for k in range(9)}
    more: dict[str, Any] = {"observe": aircraft_seen}
    if pilot == "all":
        more["unknown"] = {"c": [-1, 0, 1]}
    far = (abs(x[0]) > 100).always(1)
    lo, hi = (-133, climb, 25, 0), (-129, climb, 25, 0)
    return Row(f"D5 {name}", {3: nets}, aircraft(pilot), lo, hi, 10, far, expected, more)


CAR = (2.9, 2.9, 0, 0), (3.1, 3.1, 0, 0)

ROWS = [
    Row("D1 double integrator 5", own_controller((2, 10, 5, 1), np.array([[-0.4, -1.0]])),
        INTEGRATOR, (2.5, -0.25), (3.0, 0.25), 5, None, "REACHED"),
    Row("D1 double integrator 20", own_controller((2, 10, 5, 1), np.array([[-0.4, -1.0]])),
        INTEGRATOR, (2.5, -0.25), (3.0, 0.25), 20, None, "REACHED"),
    Row("D2 single pendulum", "Single_Pendulum.onnx", pendulum, (1.0, 0.0), (1.175, 0.2), 20,
        (x[0] <= 1).during(10, 20), "VIOLATED"),
    Row("D3 ACC", "ACC.onnx", cruise, (90, 32, 0, 10, 30, 0), (110, 32.2, 0, 11, 30.2, 0), 50,
        GAP, "HOLDS", {"observe": cruise_seen}, skip=1),
    Row("D4 NAV set", "NAV_set.onnx", car, *CAR, 30, FREE & PARKED, "HOLDS"),
    Row("D4 NAV point", "NAV_point.onnx", car, *CAR, 30, FREE & PARKED, "HOLDS"),
    *(advised("middle", v, "HOLDS" if v > -24 else "VIOLATED")
      for v in (-19.5, -22.5, -25.5, -28.5)),
    *(advised("worst", v, "HOLDS" if v > -20 else "VIOLATED")
      for v in (-19.5, -22.5, -25.5, -28.5)),
    advised("all", -19.5, "HOLDS"),
    Row("D6 attitude", "Attitude-Control.onnx", attitude, (-0.45, -0.55, 0.65, -0.75, 0.85, -0.65),
        (-0.44, -0.54, 0.66, -0.74, 0.86, -0.64), 30, ATTITUDES, "HOLDS"),
    Row("D6 unicycle", "Benchmark10-Unicycle.onnx", unicycle, (9.5, -4.5, 2.1, 1.5),
        (9.55, -4.45, 2.11, 1.51), 50, within([-0.6, -0.2, -0.06, -0.3], [0.6, 0.2, 0.06, 0.3])
        .at(50), "HOLDS", {"actuate": lambda y: y - 20, "unknown": {"w": ([-1e-4], [1e-4])}}),
    Row("D6 double pendulum", "Double_Pendulum_less.onnx", arms, (1.0,) * 4, (1.3,) * 4, 20,
        within([-1.7] * 4, [2.0] * 4), "HOLDS"),
    *FLOWS,
]  # fmt: skip


def controllers(row: Row, data: Path | None, folder: Path) -> Any:
    """Return a row's controller files, with nonstandard shapes repaired; None if missing."""
    if isinstance(row.controller, onnx.ModelProto):
        onnx.save(row.controller, folder / "own.onnx")
        return folder / "own.onnx"
    names = row.controller if isinstance(row.controller, dict) else {0: {0: row.controller}}
    ((mode, files),) = names.items()
    if data is None or not all((data / name).exists() for name in files.values()):
        return None
    if isinstance(row.controller, dict):
        return {mode: {value: data / name for value, name in files.items()}}
    if row.controller.endswith(".txt"):
        onnx.save(network_of(data / row.controller), folder / "net.onnx")
        return folder / "net.onnx"
    if not row.skip:
        return data / row.controller
    model = onnx.load(data / row.controller)
    graph, first = model.graph, model.graph.node[0]
    given = first.input[0]
    graph.node[row.skip].input[0] = given
    del graph.node[: row.skip]
    place = next(i for i, slot in enumerate(graph.input) if slot.name == given)
    size = graph.input[place].type.tensor_type.shape.dim[-1].dim_value
    del graph.input[place]
    graph.input.insert(0, helper.make_tensor_value_info(given, TensorProto.FLOAT, [1, size]))
    onnx.save(model, folder / row.controller)
    return folder / row.controller


def lines(row: Row) -> int:
    """Return the number of lines that a user writes: the plant, the observation and the call."""
    parts = [row.plant, row.more.get("observe")]
    written = [inspect.getsource(p).splitlines() for p in parts if inspect.isfunction(p)]
    return sum(len(body) - 1 for body in written) + 4


def asked(row: Row, data: Path | None, limit: float) -> str | None:
    """Answer the question of a row; return the row of the table, or None without its files."""
    with tempfile.TemporaryDirectory() as name:
        controller = controllers(row, data, Path(name))
        if controller is None:
            return None
        began = time.perf_counter()
        found = outrange.closed_loop(
            outrange.ControlLoop(controller, row.plant, (list(row.lo), list(row.hi)), **row.more),
            steps=row.steps,
            spec=row.spec,
            time_limit=limit,
        )
        seconds = time.perf_counter() - began
    right = "right" if found.status == row.expected else f"not {row.expected}"
    loose = found.pipe.looseness
    must, told = must_of(row.name), ""
    if must is not None:
        last = loose[-1].max()
        missed = must.missed(seconds, found.margin, loose.max(), last, lines(row))
        missed += [] if right == "right" else ["verdict"]
        told = f"{must.published:11}  {'missed: ' + ', '.join(missed) if missed else 'met'}"
    margin = f"{found.margin:10.4g}" if np.isfinite(found.margin) else " " * 10
    return (
        f"{found.status:9} {right:12} {seconds:6.1f} s {margin} {loose.max():10.7g} "
        f"{loose[-1].max():10.7g} {found.cost.boxes:8,} {lines(row):5}  {told}"
    )


def chosen(names: list[str]) -> Iterator[Row]:
    """Return the rows whose names begin with one of the given names; all rows without names."""
    return (row for row in ROWS if not names or row.name.startswith(tuple(names)))


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of the ARCH-COMP controllers")
    parser.add_argument("--rows", nargs="*", default=[], help="beginnings of names: D1 D4")
    parser.add_argument("--time", type=float, default=120.0, help="seconds for each row")
    given = parser.parse_args()
    head = f"{'verdict':9} {'':12} {'time':>8} {'margin':>10} {'loosest':>10} {'at the end':>10}"
    print(f"{'':24} {head} {'boxes':>8} lines  published")
    for row in chosen(given.rows):
        told = asked(row, given.data, given.time)
        print(
            f"{row.name:24} {told or 'skipped: no such file; give its folder by --data'}",
            flush=True,
        )


if __name__ == "__main__":
    main()
