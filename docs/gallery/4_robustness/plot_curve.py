"""A robustness curve
==================

Accuracy against the size of the change, for a classifier of wines by their analysis. An attack
gives the upper line, a proof the lower one; what lies between is not known.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine

import outrange


data = load_wine()
x = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0)
order = np.random.default_rng(0).permutation(len(x))
train, test = order[:120], order[120:150]
keras.utils.set_random_seed(0)
model = keras.Sequential([
    keras.Input((13,), name="analysis"),
    keras.layers.Dense(16, "relu"),
    keras.layers.Dense(3, name="cultivar"),
])
model.compile(
    keras.optimizers.Adam(0.01),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
)
model.fit(x[train], data.target[train], epochs=30, verbose=0)

# %%
# Inputs are in standard deviations, so a change of 0.5 is half a standard deviation of every
# measurement at once.

sizes = np.array([0.05, 0.2, 0.4, 0.6, 0.8])
shares = [
    outrange.robust_accuracy(model, x[test], data.target[test], eps=e, each=0.5) for e in sizes
]
for size, share in zip(sizes, shares, strict=True):
    print(f"{size:4}: proved {share.lo:4.0%}, attacks leave {share.hi:4.0%}")
print(f"not known, at most: {max(share.hi - share.lo for share in shares):.0%} of the wines")

# %%
fig, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
lo, hi = (np.array([100 * getattr(s, end) for s in shares]) for end in ("lo", "hi"))
ax.fill_between(sizes, lo, hi, color="#f0c9a0", label="not known")
ax.plot(sizes, hi, color="#b3312c", marker="o", linewidth=5, alpha=0.5, label="attacks leave")
ax.plot(sizes, lo, color="#2a8a4a", marker="o", label="proved")
ax.axhline(100 * shares[0].accuracy, color="#888", linestyle=":", label="accuracy on the data")
ax.set(
    xlabel="change of every measurement [standard deviations]", ylabel="accuracy [%]", ylim=(0, 105)
)
ax.set_title("How much accuracy survives the worst change")
fig.legend(loc="outside lower center", ncols=2, fontsize="small")
plt.show()
