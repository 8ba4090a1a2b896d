"""Tubes, as users get them, contain trajectories enclosed in balls.

`benchmarks/closed_loop_truth.py` tests this law for loops of every kind, at scale.
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from flint import ctx

from cases import cases
from outrange import ControlLoop, closed_loop
from reach.loops import controller, draw_kinked_plant, linear, smooth
from reach.oracle import BITS, exact, inside, trajectory
from reach.plants import layers
from reach.test_flow_laws import random_field


H = Fraction(1, 10)

SHARES = 1.0, 1e-3, 1e-14
"""Sizes of a random initial set: trajectories from a small one are all near the edge of its tube.
"""


def starts(rng, lo, hi, count):
    """Yield corners, corners a unit in the last place inside, and inner points."""
    for i in range(count):
        corner = np.where(rng.integers(0, 2, lo.size) > 0, lo, hi)
        inner = np.nextafter(corner, 0.5 * lo + 0.5 * hi)
        yield [corner, inner, np.clip(rng.uniform(lo, hi), lo, hi)][i % 3]


def initial(rng, n, share):
    middle, radius = rng.uniform(-0.5, 0.5, n), share * rng.uniform(0.02, 0.1, n)
    return middle - radius, middle + radius


def outside(pipe, runs, unit=Fraction(1)):
    """Count the points `(time, balls)` outside of a pipe, and those compared."""
    ends = [[round(Fraction(v) / unit) * unit for v in e] for e in (pipe.start, pipe.stop)]
    out, count = 0, 0
    for time, x in runs:
        for i, (start, stop) in enumerate(zip(*ends, strict=True)):
            if start <= time <= stop:
                assert np.isfinite([pipe.lo[i], pipe.hi[i]]).all()
                out += not inside(x, pipe.lo[i], pipe.hi[i])
                count += 1
    return out, count


def steps_of(seed, share):
    """Return a pipe in discrete time, and points on its trajectories, computed in balls."""
    rng = np.random.default_rng(seed)
    n, kind = 1 + seed % 3, (linear, draw_kinked_plant, smooth)[seed % 3]
    pull, plant = controller(rng, n, act=("relu", "tanh")[seed % 2]), kind(rng, n)
    lo, hi = initial(rng, n, share)
    answer = closed_loop(ControlLoop(pull, plant, (lo, hi)), steps=4, time_limit=20, tol=0.5)
    runs = []
    with ctx.workprec(BITS):
        for start in starts(rng, lo, hi, 9):
            x = np.array([exact(v) for v in start], object)
            runs.append((Fraction(0), list(x)))
            for k in range(4):
                x = np.array(plant(x, pull(x)), object)
                runs.append((Fraction(k + 1), list(x)))
    return answer.pipe, runs


def flow_of(seed, share):
    """Return a pipe in continuous time, and points on its trajectories."""
    rng = np.random.default_rng(seed)
    n, m, act = 1 + seed % 3, 1 + seed % 2, ("relu", "tanh")[seed % 2]
    function, network = random_field(rng, n, m), layers(rng, n, m, act)

    def pull(x):
        for weight, bias, activation in network:
            x = weight.T @ x + bias
            bent = np.tanh if activation == "tanh" else lambda v: np.maximum(v, 0.0)
            x = x if activation is None else bent(x)
        return x

    lo, hi = initial(rng, n, share)
    answer = closed_loop(
        ControlLoop(pull, lambda x, u: function(np, x, u, None, []), (lo, hi), dt=H),
        steps=3,
        time_limit=20,
    )
    runs = []
    for start in starts(rng, lo, hi, 3):
        runs += trajectory(function, network, start.tolist(), H, 3, pieces=3)
    return answer.pipe, runs


@pytest.mark.parametrize("seed", range(cases(2, 12)))
@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("run", [steps_of, flow_of])
def test_no_trajectory_is_outside_of_its_tube(run, share, seed):
    pipe, runs = run(seed, share)
    out, count = outside(pipe, runs, H / 64 if run is flow_of else Fraction(1))
    assert count >= len(runs) and not out


@pytest.mark.parametrize(("run", "unit"), [(steps_of, Fraction(1)), (flow_of, H / 64)])
def test_tubes_that_are_a_little_too_narrow_are_caught(run, unit):
    pipe, runs = run(0, 1e-3)
    narrow = replace(pipe, hi=pipe.hi - 1e-3 * (pipe.hi - pipe.lo))
    assert outside(narrow, runs, unit)[0] > 0
