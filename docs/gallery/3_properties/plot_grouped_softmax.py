"""Grouped softmax with rising classes
===================================

A network answers three questions with the classes low, middle and high. The predicted class must
not fall from one question to the next. An ``argmax`` in the loss passes no gradient, but an
expected index does. A proof shows whether the trained network satisfies the order everywhere.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np

import outrange
from outrange.layers import GroupedSoftmax, MonotoneIndexHead
from outrange.losses import GroupedCrossentropy, MonotoneIndexPenalty


GROUPS, CLASSES = 3, 3
rng = np.random.default_rng(0)
x = rng.uniform(-1, 1, (300, 2))
level = np.clip(np.floor(1.5 + x[:, :1] + np.array([-0.2, 0.0, 0.2])), 0, 2).astype(int)
level = np.where(
    rng.random(level.shape) < 0.3 * (x[:, 1:] > 0), 0, level
)  # some labels, where x[1] > 0, break the order
labels = np.eye(CLASSES)[level].reshape(len(x), -1)


def train(head, weight):
    """Train a small network with this head; `weight` is that of the penalty."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(6, "relu"), *head])
    loss = GroupedCrossentropy(GROUPS)
    if weight:
        loss = MonotoneIndexPenalty(GROUPS, loss=loss, weight=weight, margin=0.05)
    model.compile(keras.optimizers.Adam(0.03), loss)
    model.fit(x, labels, epochs=30, batch_size=100, verbose=0)
    return model


keras.utils.set_random_seed(0)
heads = {
    "no penalty": ([keras.layers.Dense(GROUPS * CLASSES), GroupedSoftmax(GROUPS)], 0),
    "penalty": ([keras.layers.Dense(GROUPS * CLASSES), GroupedSoftmax(GROUPS)], 3.0),
    "by construction": ([MonotoneIndexHead(GROUPS, CLASSES)], 0),
}
models = {name: train(*setting) for name, setting in heads.items()}
answers = {
    name: outrange.monotone(model, (-1, 1), groups=GROUPS, budget=4)
    for name, model in models.items()
}
for name, answer in answers.items():
    point = answer.order.counterexample
    index = point.flat_y.reshape(GROUPS, CLASSES).argmax(axis=1) if point is not None else ""
    print(f"{name:16} {answer.status:9} {index}")

# %%
# Red marks the inputs of a fine grid at which the predicted index falls. The cross is the
# counterexample that ``monotone`` returned. The penalty leaves fewer such inputs; only the head
# that rises by construction has none.

side = np.linspace(-1, 1, 150)
grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
fig, axes = plt.subplots(1, 3, figsize=(7.2, 2.9), layout="constrained", sharey=True)
for ax, (name, model) in zip(axes, models.items(), strict=True):
    out = model.predict(grid, batch_size=4000, verbose=0).reshape(-1, GROUPS, CLASSES)
    falls = (np.diff(out.argmax(axis=2), axis=1) < 0).any(axis=1).reshape(150, 150)
    ax.imshow(falls, origin="lower", extent=(-1, 1, -1, 1), cmap="Reds", vmin=0, vmax=1.3)
    point = answers[name].order.counterexample
    if point is not None:
        ax.plot(*np.ravel(point.x), "X", color="black")
    ax.set(title=f"{name}: {answers[name].status}", xlabel="x[0]")
    ax.title.set_fontsize(10)
axes[0].set_ylabel("x[1]")
plt.show()
