"""Right sides that jump: no solution leaves the pipe, whatever it does on a jump."""

import math
from fractions import Fraction

import numpy as np
import pytest

from cases import cases
from outrange.frontends.functions.flow import flow_graphs
from outrange.frontends.functions.parts import StepParts
from outrange.frontends.functions.step import with_counts
from outrange.graph import Builder, Slot
from outrange.reach.flow import flow_pipe
from outrange.reach.polynomials import field
from outrange.reach.polynomials.models import constant


H = Fraction(1, 10)


def pipe_of(plant, lo, hi, steps):
    """Return the pipe of a plant without a controller, with period `H`."""
    n = len(lo)
    b = Builder([Slot("x", (n,))])
    still = b.finish([b.affine_map(b.input_values()[0], 0.0)], ["u"])
    names = tuple(f"x{i}" for i in range(n))
    parts = StepParts([still], plant, None, None, names, {"w": 0, "p": 0, "c": 0}, [])
    graph = flow_graphs(with_counts(parts)).plant
    return flow_pipe(graph, still, [[lo, hi]], H, steps)


def braked_decay(x, u):
    """Return a decay that is twice as fast above 1."""
    return [np.where(x[0] > 1, -2 * x[0], -x[0])]


def level(t, start):
    """Return the solution of `braked_decay` from a start above 1."""
    turn = 0.5 * math.log(start)
    return start * math.exp(-2 * t) if t < turn else math.exp(turn - t)


def holds_them(lo, hi):
    for segment in pipe_of(braked_decay, (lo,), (hi,), 8).segments:
        for start in np.linspace(lo, hi, 9):
            for t in np.linspace(float(segment.start), float(segment.end), 5):
                if not segment.lo[0, 0] - 1e-9 <= level(t, start) <= segment.hi[0, 0] + 1e-9:
                    return False
    return True


def test_a_switch_is_passed():
    assert holds_them(1.5, 1.6)


def test_a_switch_is_passed_narrowly():
    (last,) = pipe_of(braked_decay, (1.5,), (1.5,), 8).instants[-1:]
    assert last.hi[0, 0] - last.lo[0, 0] < 0.02


def test_a_level_that_forgets_one_side_is_caught(monkeypatch):
    def one_side(op, x):
        rest = None if x.rest is None else 0 * x.rest
        level = constant(x.frame, op.f(x.coef[..., 0]), rest, x.sym.shape[-1])
        return level, np.zeros(x.coef.shape[:2], bool), np.zeros(len(x.coef), bool)

    monkeypatch.setattr(field, "apply_jump", one_side)
    assert not holds_them(1.5, 1.6)


def test_sliding_is_held():
    """Keep `x' = -sign(x)` at 0 once it is there, as Filippov's solutions stay."""
    for segment in pipe_of(lambda x, u: [-np.sign(x[0])], (0.1,), (0.2,), 4).segments:
        for start in (0.1, 0.15, 0.2):
            for t in (float(segment.start), float(segment.end)):
                at = max(start - t, 0.0)
                assert segment.lo[0, 0] - 1e-9 <= at <= segment.hi[0, 0] + 1e-9


@pytest.mark.parametrize("seed", range(cases(2, 40)))
def test_simulations_of_random_switches_stay_inside(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, 2, 2)) - 0.5 * np.eye(2)
    normal, offset = rng.normal(size=2), 0.3 * rng.normal()
    lo = rng.uniform(-1, 1, 2)
    pipe = pipe_of(lambda x, u: np.where(normal @ x > offset, a @ x, b @ x), lo, lo + 0.1, 4)
    points, h = rng.uniform(lo, lo + 0.1, (20, 2)), float(H) / 200
    for k in range(801):
        if k % 200 == 0 and k // 200 < len(pipe.instants):
            box = pipe.instants[k // 200]
            assert (points >= box.lo - 1e-3).all() and (points <= box.hi + 1e-3).all()
        side = (points @ normal > offset)[:, None]
        points = points + h * np.where(side, points @ a.T, points @ b.T)


def test_a_staircase_is_a_right_side_too():
    points, h = np.linspace(0.65, 0.7, 11), float(H) / 500
    pipe = pipe_of(lambda x, u: [-(x[0] % 0.3) - 0.1], (0.65,), (0.7,), 8)
    for k, box in enumerate(pipe.instants):
        assert (points >= box.lo[0, 0] - 1e-3).all() and (points <= box.hi[0, 0] + 1e-3).all()
        assert k == 0 or box.hi[0, 0] < 0.75
        for _ in range(500):
            points = points - h * (points % 0.3 + 0.1)
