"""A graph A -> B -> C -> F with feedback from F to B, a shared layer, and n passes.

Named layers, edges, and one feedback edge. `wire` unrolls the loop with shared weights; the result
trains by `fit`, and its range for every number of passes is exact.
"""

import keras
import numpy as np

import outrange
from outrange.layers import wire


def graph(passes: int) -> keras.Model:
    """Build the graph, unrolled for a number of passes."""
    keras.utils.set_random_seed(0)
    return wire({
        "nodes": [
            {"name": "A", "units": 2, "input": True},
            {"name": "B", "units": 4, "activation": "relu"},
            {"name": "C", "units": 4, "activation": "relu"},
            {"name": "F", "units": 4, "activation": "tanh"},
            {"name": "Y", "units": 1},
        ],
        "edges": [
            {"from": "A", "to": "B"},
            {"from": "B", "to": "C", "shared": "square"},
            {"from": "C", "to": "F", "shared": "square"},  # the same layer as B -> C
            {"from": "F", "to": "B", "feedback": True},
            # A -> Y does not exist, and B -> Y only from B's first two units.
            {"from": "B", "to": "Y", "mask": [[1], [1], [0], [0]]},
            {"from": "C", "to": "Y"},
        ],
        "outputs": "Y",
        "passes": passes,
    })  # fmt: skip


rng = np.random.default_rng(0)
x = rng.uniform(-1, 1, (256, 2)).astype("float32")
y = np.abs(x[:, :1]) - x[:, 1:] ** 2

for passes in (2, 3):
    model = graph(passes)
    model.compile(keras.optimizers.AdamW(0.02, weight_decay=0.01), "mse")
    before = model.evaluate(x, y, verbose=0)
    model.fit(x, y, epochs=15, verbose=0)
    after = model.evaluate(x, y, verbose=0)
    forbidden = np.asarray(model.get_layer("B_to_Y").kernel)[2:]
    answer = outrange.output_range(model, (-1, 1), tol=1e-3, time_limit=20)
    print(
        f"{passes} passes: loss {before:.3f} -> {after:.3f}, forbidden weights "
        f"{np.abs(forbidden).max():g}, Y in [{answer.lo[0]:.4f}, {answer.hi[0]:.4f}], "
        f"{answer.reason}"
    )
