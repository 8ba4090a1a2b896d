"""Small networks with known ranges, built without a framework."""

from dataclasses import dataclass, field

import numpy as np

from outrange.graph import Builder, Slot


@dataclass(frozen=True)
class Layer:
    path: str
    kind: str
    shape: tuple
    parameters: int
    before: int | None
    after: int


@dataclass(frozen=True)
class Net:
    graph: object
    predict: object = None
    name: str = "toy"
    terms: object = None
    model: object = None
    products: dict = field(default_factory=dict)
    layers: tuple = ()
    places: dict = field(default_factory=dict)
    bypassed: frozenset = frozenset()

    @property
    def written(self):
        return self.graph


def dense_net(sizes, curves, seed=0, *, weights=None, outputs=None):
    """Build dense layers of these sizes with the named curves (None for linear)."""
    rng = np.random.default_rng(seed)
    b = Builder([Slot("x", (sizes[0],))])
    (h,) = b.input_values()
    layers = []
    for k, (n, m, curve) in enumerate(zip(sizes[:-1], sizes[1:], curves, strict=True)):
        if weights is None:
            weight, bias = rng.normal(size=(n, m)), rng.normal(size=m)
        else:
            weight, bias = (np.asarray(w, float) for w in weights[k])
        weight, bias = (np.float32(w).astype(float) for w in (weight, bias))
        z = b.dense(h, weight, bias)
        h = z if curve is None else b.curve(curve, z)
        name = f"dense_{k}"
        b.mark_layer(name, h)
        before = None if curve is None else z.index
        layers.append(Layer(name, "Dense", (m,), n * m + m, before, h.index))
    graph = b.finish([h], ["y"])
    return Net(graph, lambda x: graph.run(np.float32(x)), layers=tuple(layers))


def two_in_two_out():
    """Build `sum = x0 + x1 + u`, `pair = (x0 - x1, 3 u)` with inputs `x` (2,) and `u` (1,)."""
    b = Builder([Slot("x", (2,)), Slot("u", (1,))])
    x, u = b.input_values()
    total = b.dense(b.concat([x, u], 1), np.ones((3, 1)))
    first = b.dense(x, np.array([[1.0], [-1.0]]))
    pair = b.concat([first, b.affine_map(u, 3.0)], 1)
    return Net(b.finish([total, pair], ["sum", "pair"]))
