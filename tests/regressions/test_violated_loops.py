"""Closed loops that break their specification: the pipe was infinite before the violation, too."""

import numpy as np
import pytest

import outrange
from outrange import x
from outrange.reach import pipes
from outrange.reach.continuous import flow_search as continuous


def vanderpol(x, u):
    return [x[1], (1 - x[0] ** 2) * x[1] - x[0] + u[0]]


def sampled_vanderpol(x, u):
    return [x[0] + 0.2 * x[1], x[1] + 0.2 * vanderpol(x, u)[1]]


def damping(x):
    return [np.tanh(-x[0] - 1.5 * x[1])]


@pytest.mark.parametrize(
    ("plant", "dt", "steps", "size", "spec"),
    [
        (sampled_vanderpol, None, 28, 1.0, (x[0] <= 1.02).during(20, 28)),
        (vanderpol, 0.1, 12, 0.3, (x[0] <= 0.303).during(0.8, 1.2)),
    ],
    ids=["discrete", "continuous"],
)
def test_the_pipe_is_finite_up_to_the_violation(plant, dt, steps, size, spec, monkeypatch):
    monkeypatch.setattr(pipes, "BROKEN", 0.01)
    for name in ("BROKEN", "BROKEN_SHARE"):
        monkeypatch.setattr(continuous, name, 1e-3)
    box = [-size, -size], [size, size]
    answer = outrange.closed_loop(outrange.ControlLoop(damping, plant, box, dt=dt), steps, spec)
    assert answer.status == "VIOLATED"
    until = answer.pipe.stop <= answer.counterexample.time
    assert until.sum() > 5 and np.isfinite([answer.pipe.lo[until], answer.pipe.hi[until]]).all()
