"""Tubes of ten differential equations, with other enclosures of their trajectories as oracles.

One is the integrator in balls of `reach/oracle.py`. The other is CAPD, a library of
computer-assisted proofs, where it is installed (`uj-capdpy`, built from its sources: it has no
wheels for Linux). A trajectory that an oracle encloses must never be certainly outside of the tube.
"""

import importlib.util
import json
import subprocess
import sys
from fractions import Fraction
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from cases import cases
from outrange import ControlLoop, closed_loop
from reach.odes import ODES
from reach.oracle import inside, trajectory


def periods(ode):
    """Return the number of periods to follow."""
    return cases(-(-ode.steps // 2), ode.steps)


@cache
def tube(name):
    """Return the pipe of an equation without controls."""
    ode = ODES[name]
    return closed_loop(
        ControlLoop(
            lambda x: [0.0 * x[0]],
            lambda t, x, u: ode.function(np, x, u, t, []),
            (list(ode.lo), list(ode.hi)),
            dt=ode.dt,
        ),
        steps=periods(ode),
        time_limit=60,
    ).pipe


def starts(ode, count):
    rng, lo, hi = np.random.default_rng(0), np.array(ode.lo), np.array(ode.hi)
    yield lo
    yield hi
    for i in range(count - 2):
        corner = np.where(rng.integers(0, 2, lo.size) > 0, lo, hi)
        yield corner if i % 2 else rng.uniform(lo, hi)


def capd_ends(ode, boxes):
    """Return CAPD's ends of the states from boxes; None where it fails."""
    if importlib.util.find_spec("capdpy") is None:
        pytest.skip("CAPD is not installed")
    time = float(periods(ode) * ode.dt)
    assert Fraction(time) == periods(ode) * ode.dt
    questions = [
        json.dumps([ode.formula, [float(v) for v in lo], [float(v) for v in hi], time])
        for lo, hi in boxes
    ]
    run = subprocess.run(
        [sys.executable, Path(__file__).with_name("capd_ends.py")], input="\n".join(questions),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(answers) == len(questions)
    return [None if ends is None else np.array(ends) for ends in answers]


@pytest.mark.parametrize("name", ODES)
def test_trajectories_in_balls(name):
    ode, pipe = ODES[name], tube(name)
    assert np.isfinite([pipe.lo, pipe.hi]).all()
    unit = ode.dt / 64
    times = [[round(Fraction(v) / unit) * unit for v in e] for e in (pipe.start, pipe.stop)]
    for start in islice(starts(ode, 12), cases(4, 12)):
        run = trajectory(ode.function, None, start.tolist(), ode.dt, periods(ode), pieces=1)
        for time, x in run:
            at_time = [i for i, (a, b) in enumerate(zip(*times, strict=True)) if a <= time <= b]
            assert at_time and all(inside(x, pipe.lo[i], pipe.hi[i]) for i in at_time), time


@pytest.mark.parametrize("name", ODES)
def test_trajectories_of_capd(name, capsys):
    ode, last = ODES[name], tube(name).final
    points = list(starts(ode, cases(6, 40)))
    *ends, whole = capd_ends(ode, [*zip(points, points, strict=True), (ode.lo, ode.hi)])
    for start, (lo, hi) in zip(points, ends, strict=True):
        assert (lo <= last.hi).all() and (last.lo <= hi).all(), start
        # CAPD's boxes are so narrow that they hide no error of a tube's end.
        assert (hi - lo <= 1e-6 * (last.hi - last.lo)).all()
    if whole is None:
        with capsys.disabled():
            print(f"\n{name}: CAPD fails on a set of this width")
        return
    lo, hi = whole
    with capsys.disabled():
        ratio = np.round((last.hi - last.lo) / (hi - lo), 3).tolist()
        print(f"\n{name}: our widths over those of CAPD, which does not split, {ratio}")
    # Two enclosures of one set intersect.
    assert (lo <= last.hi).all() and (last.lo <= hi).all()
