"""Random formulas of one number, many of them with a domain, some of it cancelled."""

import numpy as np

from outrange.graph import Builder, Slot
from outrange.graph.composites import logic


CURVES = (
    "sqrt", "log", "reciprocal", "rsqrt", "square", "exp", "relu", "abs", "tanh", "log1p",
    "sigmoid", "sign",
)  # fmt: skip
PAIRS = ("add", "subtract", "multiply", "divide", "maximum", "minimum")


def draw_formula(rng, steps=5):
    """Draw a graph of one input and one output; return it, and its plain form.

    Args:
        rng: Source of the random operations.
        steps: Number of operations.
    """
    b = Builder([Slot("x", (1,))])
    pool: list = [b.input_values()[0]]
    for _ in range(steps):
        pool.append(_step(b, rng, pool))
    graph = b.finish([pool[-1]], ["y"])
    return graph, b.plain or graph


def _step(b, rng, pool):
    # The last values are read more often, or most of them would be idle.
    u, v = (pool[-1 - min(int(rng.geometric(0.6)) - 1, len(pool) - 1)] for _ in range(2))
    kind = rng.integers(10)
    if kind < 4:
        return b.curve(str(rng.choice(CURVES)), u)
    if kind < 5:
        return b.curve("power", u, exponent=float(rng.choice([1.5, 0.25, -0.5, 3.0])))
    if kind < 6:
        return b.affine_map(u, float(rng.choice([0.0, -1.0, 2.0])), float(rng.choice([0, 1, -1])))
    if kind < 9:
        return getattr(b, str(rng.choice(PAIRS)))(u, v)
    return logic.select(b, logic.compare(b, "greater", u, 0.5), v, pool[0])


def points(rng):
    """Numbers at and about which such formulas begin and end to be defined."""
    marks = np.array([-4.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 4.0])
    near = np.concatenate([marks, marks + 1e-3, marks - 1e-3])
    return np.concatenate([near, rng.uniform(-4.0, 4.0, 40)])[:, None]
