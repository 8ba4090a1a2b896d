"""Random graphs of every kind of op, for tests of rewrites."""

import numpy as np

from outrange.graph import Builder, Graph, Slot


def random_graph(rng: np.random.Generator, steps: int = 14) -> Graph:
    """Build a graph of `steps` random operations on random earlier values."""
    slots = [Slot("a", (int(rng.integers(1, 5)),)), Slot("b", (int(rng.integers(1, 5)),))]
    b = Builder(slots)
    values = b.input_values()
    for i in range(steps):
        b.source = f"layer_{i}"
        value = _step(b, rng, values)
        b.mark_layer(b.source, value)
        values.append(value)
    picked = [values[i] for i in rng.choice(len(values), 2, replace=False)]
    return b.finish(picked, ["first", "second"])


def _step(b: Builder, rng: np.random.Generator, values):
    x = values[rng.integers(len(values))]
    n = x.size
    x = b.reshape(x, (1, n))
    match rng.integers(8):
        case 0:
            return b.dense(x, rng.standard_normal((n, int(rng.integers(1, 6)))) / np.sqrt(n))
        case 1:
            return b.curve("relu", x)
        case 2:
            return b.rearrange([x], rng.integers(-1, n, (1, int(rng.integers(1, 7)))), 0.5)
        case 3:
            return b.structural(lambda a: a[0][:, ::-1], [x])
        case 4:
            other = values[rng.integers(len(values))]
            return b.concat([x, np.ones((1, 1)), b.reshape(other, (1, -1))], axis=1)
        case 5:
            windows = rng.integers(-1, n, (int(rng.integers(1, 5)), int(rng.integers(1, 6))))
            windows[:, rng.integers(windows.shape[1])] = rng.integers(0, n, len(windows))
            return b.largest(x, windows, (1, len(windows)))
        case 6:
            return b.affine_map(x, np.ones(n))
        case _:
            return b.subtract(x, b.structural(lambda a: np.roll(a[0], 1, axis=1), [x]))
