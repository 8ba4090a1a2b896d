"""Comparison of trajectories in ball arithmetic with tubes: no point may lie outside.

    python benchmarks/closed_loop_truth.py --data FOLDER --points 4000 --record truth.jsonl
    python benchmarks/closed_loop_truth.py --rows random --random 200

A point is the state of a trajectory at a time. Every loop of `closed_loop.py`, and random loops,
are bounded over their initial sets and over small parts of these, whose tubes are so narrow that
every trajectory is near their edges. With `--record`, the counts are stored in a file, and a second
run resumes after them.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from ball_flows import pieces
from ball_loops import DIGITS, LOST, BallLoop, BallState, Digits, controlled, exact, next_state
from ball_networks import BallNetwork
from closed_loop import ROWS, controllers
from flint import arb, ctx
from loop_rows import Row
from random_loops import random_row

import outrange
from outrange.core import OutOfTime, deadline


SHARES = (1.0, 0.03, 1e-4, 1e-13)
"""Sizes of the initial sets, as fractions of the row's own set."""

PATIENCE = 20.0
"""Largest number of seconds for a trajectory; one that takes longer is lost."""

MOMENTS = 12
"""Number of times within a period at which a trajectory is compared, in addition to its end."""

FINEST = 1 << 12
"""These times are multiples of the period divided by this."""

NARROW = 1e-3
"""A point is near the edge if its distance from it is at most this fraction of the tube's width."""

Point = tuple[Fraction, list[arb], int | None]
"""A time and the states; or the controls from then on, with the number of their step."""


@dataclass
class Count:
    """The counts for one tube.

    Args:
        loop: Name of the row.
        share: Size of the initial set, as a fraction of the row's.
        points: Number of points at times when the tube is bounded.
        outside: Number of points that are certainly outside.
        open: Number of points whose ball crosses the edge.
        near: Number of points near the edge.
        lost: Number of trajectories that could not be followed to the end, such as those of the
            cart pole, whose errors grow in boxes although the loop contracts.
        tube: Seconds to compute the tube.
        seconds: Seconds for the trajectories.
    """

    loop: str
    share: float
    points: int = 0
    outside: int = 0
    open: int = 0
    near: int = 0
    lost: int = 0
    tube: float = 0.0
    seconds: float = 0.0


def trajectory(
    loop: BallLoop, x: list[float], steps: int, noise: np.ndarray, rng: np.random.Generator
) -> Iterator[Point]:
    """Yield the points of a trajectory, with as many digits as necessary.

    Raises:
        ArithmeticError: The highest precision is not enough; the known points were yielded before.
    """
    found: list[Point] = []
    lost = True
    for digits in DIGITS:
        found, lost = [], False
        with ctx.workprec(digits.bits):
            ctx.cap = digits.order + 4
            try:
                for point in _run(loop, x, steps, noise, rng, digits):
                    lost = any(not b.rad() < LOST for b in point[1])
                    if lost:
                        break
                    found.append(point)
            except ArithmeticError:
                lost = True
            except OutOfTime:
                lost = True
                break
        if not lost:
            break
    yield from found
    if lost:
        raise ArithmeticError("all digits are lost")


def _run(
    loop: BallLoop, x: list[float], steps: int, noise: np.ndarray, rng: np.random.Generator,
    digits: Digits,
) -> Iterator[Point]:  # fmt: skip
    at = BallState([exact(v) for v in x], [arb(0) for _ in x])
    yield Fraction(0), at.balls, None
    for k in range(steps):
        w = [exact(v) for v in noise[k]]
        u, start = controlled(loop, at), k * (loop.dt or Fraction(1))
        yield start, u.balls, k
        if loop.dt is None:
            at = next_state(loop, at, u, k, w)
            yield start + 1, at.balls, None
            continue
        drawn = rng.integers(1, FINEST, MOMENTS).tolist()
        moments = sorted(start + loop.dt * Fraction(j, FINEST) for j in drawn)
        for piece in pieces(loop, at, u, (start, start + loop.dt), w, digits):
            end = piece.start + piece.h
            yield from ((t, piece.holds(t), None) for t in moments if piece.start < t <= end)
            at = piece.last
        yield start + loop.dt, at.balls, None


class TubeBoxes:
    """The boxes of a pipe by their exact times.

    Args:
        pipe: The pipe of an answer.
        dt: The period; None in discrete time.
    """

    def __init__(self, pipe: Any, dt: Fraction | None) -> None:
        unit = Fraction(1) if dt is None else dt / 64
        ends = [[round(Fraction(v) / unit) * unit for v in e] for e in (pipe.start, pipe.stop)]
        self.boxes: dict[int, list[tuple[Fraction, Fraction, int]]] = {}
        self.period = Fraction(1) if dt is None else dt
        for i, (a, b) in enumerate(zip(*ends, strict=True)):
            for k in {int(a / self.period), int(b / self.period)}:
                self.boxes.setdefault(k, []).append((a, b, i))
        self.pipe = pipe

    def compare(self, point: Point, count: Count) -> None:
        """Compare a point or controls with the pipe, and update the counts."""
        moment, values, step = point
        pipe = self.pipe
        if step is not None:
            known = [(pipe.control_lo[step], pipe.control_hi[step])]
        else:
            near = self.boxes.get(int(moment / self.period), [])
            known = [(pipe.lo[i], pipe.hi[i]) for a, b, i in near if a <= moment <= b]
        known = [ends for ends in known if np.isfinite(ends).all()]
        count.points += step is None and bool(known)
        for i, (lo, hi) in enumerate(known):
            side, near_edge = _side(values, lo, hi)
            count.near += near_edge and i == 0 and step is None
            if side == "inside":
                continue
            if side == "outside":
                count.outside += 1
                told = list(zip(lo.tolist(), map(float, values), hi.tolist(), strict=True))
                print(f"OUTSIDE {count.loop} {count.share} at {moment}: {told}", flush=True)
            else:
                count.open += 1
            return


def _side(values: list[arb], lo: np.ndarray, hi: np.ndarray) -> tuple[str, bool]:
    """Return if balls are certainly inside or outside a box, or neither, and if near its edge."""
    middle, radius = (np.array([float(f(b)) for b in values]) for f in (arb.mid, arb.rad))
    radius = radius * 1.001 + 1e-15 * np.abs(middle) + 1e-300
    room = np.minimum(middle - lo, hi - middle)
    near = bool(((room <= NARROW * (hi - lo)) & (lo < hi)).any())
    if (room > radius).all():
        return "inside", near
    ends = [(arb(float(a)), arb(float(b))) for a, b in zip(lo, hi, strict=True)]
    if any(x < a or x > b for x, (a, b) in zip(values, ends, strict=True)):
        return "outside", near
    whole = all(a <= x <= b for x, (a, b) in zip(values, ends, strict=True))
    return "inside" if whole else "open", near


def starts(
    lo: np.ndarray, hi: np.ndarray, seen: np.ndarray, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Yield initial states: corners, corners moved inward by an ulp, random and simulated ones."""
    while True:
        corner = np.where(rng.integers(0, 2, lo.size) > 0, lo, hi)
        yield corner
        yield np.nextafter(corner, 0.5 * lo + 0.5 * hi)
        yield np.clip(rng.uniform(lo, hi), lo, hi)
        if len(seen):
            yield np.clip(seen[rng.integers(len(seen)), 0], lo, hi)


def drawn_noise(row: Row, rng: np.random.Generator) -> np.ndarray:
    """Return a random disturbance, constant parameters or random choices, for every step."""
    unknown = row.more.get("unknown", {})
    if "c" in unknown:
        return rng.choice(unknown["c"], (row.steps, 1)).astype(float)
    ends = unknown.get("w", unknown.get("p", ([], [])))
    lo, hi = (np.atleast_1d(v).astype(float) for v in ends)
    times = row.steps if "w" in unknown else 1
    found = np.where(rng.integers(0, 2, (times, lo.size)) > 0, lo, hi)
    found = np.where(rng.integers(0, 2, (times, 1)) > 0, found, rng.uniform(lo, hi, found.shape))
    return np.broadcast_to(found, (row.steps, lo.size))


def counted(row: Row, share: float, points: int, limit: float, folder: tuple) -> Count | None:
    """Compute a tube and compare trajectories with it; return None without the files of a row."""
    rng = np.random.default_rng([crc32(row.name.encode()), round(-np.log(share)), points])
    lo, hi = np.array(row.lo, float), np.array(row.hi, float)
    if share < 1:
        half = 0.5 * share * (hi - lo)
        middle = rng.uniform(lo + half, hi - half)
        lo, hi = np.maximum(middle - half, lo), np.minimum(middle + half, hi)
    controller = controllers(row, *folder)
    if controller is None:
        return None
    modes = controller if isinstance(controller, dict) else {None: {0: controller}}
    ((mode, files),) = modes.items()
    more = row.more
    dt = None if "dt" not in more else Fraction(str(more["dt"]))
    networks = {key: BallNetwork.of(outrange.load(file).graph) for key, file in files.items()}
    loop = BallLoop(row.plant, networks, dt, more.get("observe"), more.get("actuate"), mode)
    began = time.process_time()
    count = Count(row.name, share)
    try:
        answer = outrange.closed_loop(
            outrange.ControlLoop(controller, row.plant, (lo.tolist(), hi.tolist()), **more),
            steps=row.steps,
            spec=row.spec if share == 1 else None,
            time_limit=limit,
        )
    except outrange.InputError as told:
        print(f"{row.name} {share}: no tube, {told}", flush=True)
        return count
    count.tube = time.process_time() - began
    boxes, began = TubeBoxes(answer.pipe, dt), time.process_time()
    each = row.steps * (1 if dt is None else MOMENTS + 1)
    from_points = starts(lo, hi, answer.trajectories, rng)
    for _ in range(max(3, -(-points // each))):
        try:
            run = trajectory(
                loop, next(from_points).tolist(), row.steps, drawn_noise(row, rng), rng
            )
            with deadline(PATIENCE):
                for point in run:
                    boxes.compare(point, count)
        except ArithmeticError:
            count.lost += 1
    count.seconds = time.process_time() - began
    return count


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of the ARCH-COMP controllers")
    parser.add_argument("--rows", nargs="*", default=[], help="beginnings of names: D1 random")
    parser.add_argument("--random", type=int, default=200, help="random loops")
    parser.add_argument("--points", type=int, default=1000, help="of every tube")
    parser.add_argument("--time", type=float, default=120.0, help="seconds for each tube")
    parser.add_argument("--shares", nargs="*", type=float, default=list(SHARES))
    parser.add_argument("--record", type=Path, help="a file of what was counted")
    given = parser.parse_args()
    kept = given.record.read_text().splitlines() if given.record and given.record.exists() else []
    done = [Count(**json.loads(line)) for line in kept]
    known = {(count.loop, count.share) for count in done}
    rows = chain(ROWS, map(random_row, range(given.random)))
    for row in rows:
        if given.rows and not row.name.startswith(tuple(given.rows)):
            continue
        for share in given.shares:
            if (row.name, share) in known:
                continue
            with tempfile.TemporaryDirectory() as name:
                folder = given.data, Path(name)
                count = counted(row, share, given.points, given.time, folder)
            if count is None:
                print(f"{row.name}: skipped, there is no such file", flush=True)
                break
            done.append(count)
            print(" ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}"
                           for k, v in asdict(count).items()), flush=True)  # fmt: skip
            if given.record:
                with given.record.open("a") as file:
                    file.write(json.dumps(asdict(count)) + "\n")
    total = {k: sum(getattr(c, k) for c in done) for k in ("points", "outside", "open", "near")}
    print(total, f"{sum(c.seconds for c in done):.0f} s of trajectories in {len(done)} tubes")
    if total["outside"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
