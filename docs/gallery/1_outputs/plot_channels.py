"""Activations per channel
=======================

The head of a detector needs a sigmoid on its first channel (is there an object?) and a relu on the
other four channels (where is it, and how large?). Handwritten code for this head needs a slice and
a concatenation. Is the code right, and what can the head output?
"""

import keras
import matplotlib.pyplot as plt
import numpy as np

import outrange
from outrange.layers import ChannelActivation


def by_hand(t):
    """Sigmoid on channel 0, relu on channels 1 to 4."""
    first, rest = t[..., :1], t[..., 1:]
    return keras.ops.concatenate([keras.ops.sigmoid(first), keras.ops.relu(rest)], axis=-1)


def head(activation):
    """One dense layer over the channels of a pixel."""
    model = keras.Sequential([
        keras.Input((5,), name="pixel"),
        keras.layers.Dense(5, activation=activation, name="channel"),
    ], name="head")
    model.set_weights([np.random.default_rng(1).normal(size=(5, 5)), np.zeros(5)])
    return model


mine = head(by_hand)
layer = head(ChannelActivation([(0, "sigmoid"), (slice(1, 5), "relu")]))

# %%
# Both versions compute the same function: their difference is 0 for every input of the box.

apart = outrange.difference_range(mine, layer, (-1, 1))
print("largest difference:", max(abs(apart.lo).max(), abs(apart.hi).max()))

# %%
# The exact range of each channel:

answer = outrange.output_range(layer, (-1, 1))
print(answer)

# %%
# The plot shows the range of each channel on the curve of its activation. Channel 0 never leaves
# the interval between the two dots.

before = outrange.output_range(head(None), (-1, 1))
t = np.linspace(before.lo.min() - 0.5, before.hi.max() + 0.5, 400)
fig, axes = plt.subplots(1, 2, figsize=(7.2, 3.0), layout="constrained")
for ax, name, curve, channels in (
    (axes[0], "sigmoid", 1 / (1 + np.exp(-t)), [0]),
    (axes[1], "relu", np.maximum(t, 0), [1, 2, 3, 4]),
):
    ax.plot(t, curve, color="#999", linewidth=1)
    for shift, i in enumerate(channels):
        inside = (t >= before.lo[i]) & (t <= before.hi[i])
        lift = 0.06 * shift * (curve.max() - curve.min())
        ax.plot(t[inside], curve[inside] + lift, linewidth=4, label=f"channel {i}", color=f"C{i}")
    ax.plot(
        [before.lo[channels[0]], before.hi[channels[0]]],
        [answer.lo[channels[0]], answer.hi[channels[0]]], "o", color=f"C{channels[0]}",
    )
    ax.set(title=name, xlabel="before the activation")
    ax.legend(fontsize="small")
axes[0].set_ylabel("output")
plt.show()
