"""Tubes of ten differential equations, with other enclosures of their trajectories as oracles.

One is the integrator in balls of `reach/oracle.py`; the other CAPD, a library of computer-assisted
proofs, where it is installed (`uj-capdpy`, built from its sources: it has no wheels for Linux).
A trajectory that an oracle encloses must never be certainly outside of the tube.
"""

from fractions import Fraction
from functools import cache

import numpy as np
import pytest

from cases import cases
from outrange import closed_loop
from reach.odes import ODES
from reach.oracle import inside, trajectory


@cache
def tube(name):
    """The pipe of an equation without controls."""
    ode = ODES[name]
    return closed_loop(
        lambda x: [0.0 * x[0]],
        lambda t, x, u: ode.function(np, x, u, t, []),
        (list(ode.lo), list(ode.hi)),
        steps=ode.steps,
        dt=ode.dt,
        time_limit=60,
    ).pipe


def starts(ode, count):
    rng, lo, hi = np.random.default_rng(0), np.array(ode.lo), np.array(ode.hi)
    yield lo
    yield hi
    for i in range(count - 2):
        corner = np.where(rng.integers(0, 2, lo.size) > 0, lo, hi)
        yield corner if i % 2 else rng.uniform(lo, hi)


def capd_ends(ode, lo, hi):
    """Ends of the states at the end, by CAPD, from a box."""
    capd = pytest.importorskip("capdpy", reason="CAPD is not installed")
    solver = capd.IOdeSolver(capd.IMap(ode.formula), 20)
    box = capd.IVector([capd.interval(float(a), float(b)) for a, b in zip(lo, hi, strict=True)])
    time = float(ode.steps * ode.dt)
    assert Fraction(time) == ode.steps * ode.dt
    found = capd.ITimeMap(solver)(capd.interval(time), capd.C0Rect2Set(box))
    ends = [(found[i].leftBound(), found[i].rightBound()) for i in range(len(lo))]
    return np.array(ends).T


@pytest.mark.parametrize("name", ODES)
def test_trajectories_in_balls(name):
    ode, pipe = ODES[name], tube(name)
    assert np.isfinite([pipe.lo, pipe.hi]).all()
    unit = ode.dt / 64
    times = [[round(Fraction(v) / unit) * unit for v in e] for e in (pipe.start, pipe.stop)]
    for start in starts(ode, cases(2, 12)):
        run = trajectory(ode.function, None, start.tolist(), ode.dt, ode.steps, pieces=1)
        for time, x in run:
            known = [i for i, (a, b) in enumerate(zip(*times, strict=True)) if a <= time <= b]
            assert known and all(inside(x, pipe.lo[i], pipe.hi[i]) for i in known), time


@pytest.mark.parametrize("name", ODES)
def test_trajectories_of_capd(name, capsys):
    ode, last = ODES[name], tube(name).final
    for start in starts(ode, cases(6, 40)):
        lo, hi = capd_ends(ode, start, start)
        assert (lo <= last.hi).all() and (last.lo <= hi).all(), start
    lo, hi = capd_ends(ode, ode.lo, ode.hi)
    wide, own = (hi - lo), (last.hi - last.lo)
    with capsys.disabled():
        print(f"\n{name}: our widths over CAPD's {np.round(own / wide, 3).tolist()}")
    # Two enclosures of one set share its points.
    assert (lo <= last.hi).all() and (last.lo <= hi).all()
