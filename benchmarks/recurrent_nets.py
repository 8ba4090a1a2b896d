"""Random recurrent networks as weights and as graphs, and the input boxes of the questions."""

import numpy as np

from outrange.graph import Builder, Graph, Slot


KINDS = ("rnn", "gru", "lstm")
GATES = {"rnn": 1, "gru": 3, "lstm": 4}


def weights(kind: str, steps: int, units: int, features: int, seed: int) -> dict:
    """Return weights as large as those of initializers, and a sequence as the center of boxes."""
    rng = np.random.default_rng((seed, steps, units, KINDS.index(kind)))
    n = GATES[kind] * units
    return {
        "kernel": rng.normal(size=(features, n)) / np.sqrt(features),
        "recurrent": rng.normal(size=(units, n)) / np.sqrt(units),
        "bias": 0.1 * rng.normal(size=n),
        "head": rng.normal(size=(units, 2)) / np.sqrt(units),
        "center": rng.normal(size=(steps, features)),
    }


def graph(kind: str, w: dict) -> Graph:
    """Return a network's graph as in Keras (GRU with `reset_after`), with a dense head."""
    steps, features = w["center"].shape
    b = Builder([Slot("x", (steps, features))])
    (x,) = b.input_values()
    units = w["head"].shape[0]
    h = c = np.zeros((1, units))
    for t in range(steps):
        xt = b.reshape(b.structural(lambda a, t=t: a[0][:, t], [x]), (1, features))
        h, c = _cell(kind, b, xt, h, c, w, units)
    return b.finish([b.dense(h, w["head"])], ["y"])


def _cell(kind: str, b: Builder, x, h, c, w: dict, units: int):
    def part(z, i):
        return b.structural(lambda a: a[0][:, i * units : (i + 1) * units], [z])

    own = b.dense(x, w["kernel"], w["bias"])
    before = b.dense(h, w["recurrent"])
    if kind == "rnn":
        return b.curve("tanh", b.add(own, before)), c
    if kind == "gru":
        z, r = (b.curve("sigmoid", b.add(part(own, i), part(before, i))) for i in (0, 1))
        new = b.curve("tanh", b.add(part(own, 2), b.multiply(r, part(before, 2))))
        kept = b.multiply(z, h)
        return b.add(kept, b.multiply(b.affine_map(z, -1.0, 1.0), new)), c
    z = b.add(own, before)
    i, f, o = (b.curve("sigmoid", part(z, j)) for j in (0, 1, 3))
    c = b.add(b.multiply(f, c), b.multiply(i, b.curve("tanh", part(z, 2))))
    return b.multiply(o, b.curve("tanh", c)), c


def box(w: dict, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the box of inputs within `width / 2` of the sequence."""
    center = w["center"].ravel()
    return center - 0.5 * width, center + 0.5 * width
