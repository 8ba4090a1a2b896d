"""Robustness of a transformer block
=================================

A block of attention, ``LayerNormalization`` and a feed-forward layer classifies a signal of six
tokens. The bounds are tight for small perturbations, but the gap is wide for large perturbations.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np

import outrange


keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
slope = rng.normal(0, 1, (1200, 1, 1))
signals = slope * np.linspace(-1, 1, 6)[:, None] * [1, -1] + rng.normal(0, 0.4, (1200, 6, 2))
rises = (slope.ravel() > 0).astype(int)  # the first channel rises, the second falls


class Position(keras.layers.Layer):
    """Adds a learned vector to each token."""

    def build(self, shape):
        self.vectors = self.add_weight(shape=shape[1:], initializer="random_normal")

    def call(self, tokens):
        return tokens + self.vectors


signal = keras.Input((6, 2), name="signal")
tokens = Position()(keras.layers.Dense(8)(signal))
attended = keras.layers.MultiHeadAttention(num_heads=2, key_dim=4)(tokens, tokens)
tokens = keras.layers.LayerNormalization()(tokens + attended)
hidden = keras.layers.Dense(16, "relu")(tokens)
tokens = keras.layers.LayerNormalization()(tokens + keras.layers.Dense(8)(hidden))
pooled = keras.layers.GlobalAveragePooling1D()(tokens)
model = keras.Model(signal, keras.layers.Dense(2, name="trend")(pooled), name="transformer")
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
model.fit(signals[:1000], rises[:1000], epochs=8, batch_size=100, verbose=0)
accuracy = model.evaluate(signals[1000:], rises[1000:], verbose=0)[1]
print(f"accuracy on 200 other signals: {accuracy:.1%}")

# %%
# Take a signal near the decision boundary. How far can all of its numbers be perturbed without a
# change of class? A proved radius bounds the answer from below, and an adversarial input bounds it
# from above.

one = signals[1007]
radius = outrange.robustness(model, one, budget=6)
print(radius)

# %%
# The margin is the logit of "rises" minus the logit of "falls". The next cell computes its range
# for several radii:

radii = [0.0, 0.02, 0.03, 0.04, 0.05, 0.07]
network = outrange.load(model)
margins = [
    outrange.output_range(network, outrange.ball(one, r), rows=[[-1, 1]], tol=0.01, budget=2)
    for r in radii
]
for r, m in zip(radii, margins, strict=True):
    print(f"radius {r:.2f}: proved {m.lo[0]:.2f} to {m.hi[0]:.2f}, "
          f"attained {m.seen_lo[0]:.2f} to {m.seen_hi[0]:.2f}")  # fmt: skip

# %%
# Attention and ``LayerNormalization`` multiply and divide values that depend on the input. Their
# bounds (:doc:`/recurrent`) become looser in a wider ball: at a radius of 0.07, the proof says
# little. A larger budget closes the gap only slowly.

fig, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
ax.axvspan(0, radius.lo, color="#cde8d2", lw=0, label="class proved")
ax.axvspan(radius.hi, radii[-1], color="#f5d0d3", lw=0, label="class can change")
for lo, hi, color, label in [
    ("lo", "hi", "#9dbcf2", "proved limits"), ("seen_lo", "seen_hi", "#1f4e9c", "attained")
]:  # fmt: skip
    lower, upper = ([getattr(m, side)[0] for m in margins] for side in (lo, hi))
    ax.fill_between(radii, lower, upper, color=color, label=label)
    ax.plot(radii, lower, ".", radii, upper, ".", color=color)
ax.axhline(0, color="black", lw=1)
ax.set(xlim=(0, radii[-1]), ylim=(-4, 6), xlabel="perturbation of every number of the signal")
ax.set(ylabel="margin of the class", title="What is proved, attained, and open")
fig.legend(loc="outside lower center", ncols=4, fontsize="small")
plt.show()
