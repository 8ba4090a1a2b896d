"""Law: smooth networks close to 1e-4 of the seen range, and no sample lies outside.

The tests take the smallest inputs; `python -m pytest -m slow tests/laws/test_smooth.py` takes all.
"""

import numpy as np
import pytest

from cases import combine
from outrange.core import Box
from outrange.graph import Builder, Graph, Slot
from outrange.search.solve import solve


CURVES = ("tanh", "sigmoid", "gelu", "silu", "softplus")
TOLERANCE = 1e-4
SECONDS = 30.0


def smooth_net(curve: str, inputs: int, seed: int) -> Graph:
    """Build an `inputs`-32-32-2 network with weights of trained size."""
    rng = np.random.default_rng((seed, inputs))
    b = Builder([Slot("x", (inputs,))])
    x = b.input_values()[0]
    for width, gain in ((32, 1.0), (32, 1.5), (2, 1.0)):
        weight = gain * rng.normal(size=(x.shape[1], width)) / np.sqrt(x.shape[1])
        x = b.dense(x, weight, 0.3 * rng.normal(size=width))
        x = b.curve(curve, x) if width == 32 else x
    return b.finish([x], ["y"])


def close(curve: str, inputs: int, seed: int) -> None:
    graph = smooth_net(curve, inputs, seed)
    box = Box(-np.ones(inputs), np.ones(inputs))
    rows = np.vstack([np.eye(2), -np.eye(2)])
    solution = solve(graph, box, rows, tol=TOLERANCE, time_limit=SECONDS)
    values = graph.run(box.sample(np.random.default_rng(1), 100_000)) @ rows.T
    assert np.all(solution.lower <= values.min(axis=0))
    width = -(solution.seen[:2] + solution.seen[2:])
    gap = solution.seen - solution.lower
    assert np.all(gap <= TOLERANCE * np.tile(width, 2)), (gap / np.tile(width, 2), solution.status)


@pytest.mark.parametrize(("curve", "inputs"), combine(CURVES, [1, 2]))
def test_few_inputs(curve, inputs):
    close(curve, inputs, 0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("inputs", [1, 2, 3, 4])
def test_up_to_four_inputs(curve, inputs, seed):
    close(curve, inputs, seed)
