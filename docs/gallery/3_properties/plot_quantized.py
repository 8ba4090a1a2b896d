"""How far is a quantized network from the original?
=================================================

Rounding the weights to fewer bits gives a different network. ``difference_range`` returns the exact
range of the difference between two networks *on the same input*. Comparing the ranges of the two
networks says little about this difference.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np

import outrange


keras.utils.set_random_seed(1)
model = keras.Sequential([
    keras.Input((3,), name="x"),
    keras.layers.Dense(12, "relu"),
    keras.layers.Dense(8, "relu"),
    keras.layers.Dense(1, name="y"),
], name="original")
points = np.random.default_rng(0).uniform(-1, 1, (1024, 3))
model.compile(keras.optimizers.Adam(0.01), "mse")
model.fit(points, points.prod(axis=1) + points[:, 0], epochs=15, verbose=0)


def quantize(bits):
    """Return the network with its weights rounded to this number of bits."""
    other = keras.models.clone_model(model)
    steps = 2 ** (bits - 1) - 1
    weights = model.get_weights()
    other.set_weights([np.round(w / abs(w).max() * steps) / steps * abs(w).max() for w in weights])
    return other


bits = [4, 5, 6, 8]
apart = [
    outrange.difference_range(model, quantize(b), (-1, 1), tol=1e-3, budget=5) for b in bits
]
for b, answer in zip(bits, apart, strict=True):
    print(f"{b} bits: between {answer.lo[0]:+.4f} and {answer.hi[0]:+.4f}, {answer.reason}")

# %%
# The plot compares the proved ranges with 1,000 random inputs:

fig, ax = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
inputs = np.random.default_rng(1).uniform(-1, 1, (1000, 3))
for b, answer in zip(bits, apart, strict=True):
    seen = model.predict(inputs, verbose=0) - quantize(b).predict(inputs, verbose=0)
    ax.bar(b, answer.hi[0] - answer.lo[0], bottom=answer.lo[0], width=0.6, color="#b7c9e8")
    ax.bar(b, np.ptp(seen), bottom=seen.min(), width=0.3, color="#1f4e9c")
ax.axhline(0, color="#888", linewidth=0.8)
ax.margins(y=0.1)
ax.set(xticks=bits, xlabel="bits per weight", ylabel="original - quantized")
ax.set_title("Proved range of the difference (pale), 1,000 inputs (dark)")
plt.show()
