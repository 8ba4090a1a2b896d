"""Three softmax groups whose predicted index must not fall from group to group.

`argmax` passes no gradient ("No gradients provided for any variable"), so the index is measured by
its expectation and a penalty on falls. A penalty of 0 on the samples proves nothing; `monotone`
returns a proof, or an input that breaks the order. A head that is monotone by construction cannot
break it.
"""

import keras
import numpy as np

import outrange
from outrange.layers import GroupedSoftmax, MonotoneIndexHead
from outrange.losses import GroupedCrossentropy, MonotoneIndexPenalty


GROUPS, CLASSES = 3, 3
rng = np.random.default_rng(0)
x = rng.uniform(-1, 1, (512, 2)).astype("float32")
# The target index of each group, with labels that occasionally break the order.
level = np.clip(np.floor(1.5 + x[:, :1] + np.array([-0.5, 0.0, 0.5])), 0, 2).astype(int)
flip = rng.random(level.shape) < 0.1
labels = np.eye(CLASSES)[np.where(flip, 0, level)].reshape(len(x), -1)


def train(head: list) -> keras.Model:
    """Train a small network with this head and the penalty."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(6, "relu"), *head])
    loss = MonotoneIndexPenalty(GROUPS, loss=GroupedCrossentropy(GROUPS), weight=3.0, margin=0.05)
    model.compile(keras.optimizers.Adam(0.03), loss)
    model.fit(x, labels, epochs=20, batch_size=64, verbose=0)
    return model


def falls_on_samples(model: keras.Model) -> int:
    """Return the number of samples that break the order."""
    index = model.predict(x, verbose=0).reshape(-1, GROUPS, CLASSES).argmax(axis=2)
    return int((np.diff(index, axis=1) < 0).any(axis=1).sum())


free = [keras.layers.Dense(GROUPS * CLASSES), GroupedSoftmax(GROUPS)]
for name, head in (("penalty", free), ("by construction", [MonotoneIndexHead(GROUPS, CLASSES)])):
    model = train(head)
    answer = outrange.monotone(model, (-1, 1), groups=GROUPS, time_limit=60)
    print(f"{name}: {falls_on_samples(model)} of {len(x)} samples break the order")
    print(f"  everywhere in the box: {answer.status}")
    if answer.order.counterexample is not None:
        point = answer.order.counterexample
        index = point.flat_y.reshape(GROUPS, CLASSES).argmax(axis=1)
        print(f"  broken at x = {np.round(point.x, 4)}: indices {index}")
