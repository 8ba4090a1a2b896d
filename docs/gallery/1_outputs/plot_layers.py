"""Dead and saturated units, layer by layer
========================================

``outrange.summary`` is ``model.summary()`` with proved ranges. It shows which units are dead on the
whole input set, which are always on (and could be merged into a linear layer), and which are
saturated.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np

import outrange


keras.utils.set_random_seed(5)
model = keras.Sequential([
    keras.Input((4,)),
    keras.layers.Dense(24, "relu", name="first"),
    keras.layers.Dense(16, "relu", name="second"),
    keras.layers.Dense(8, "tanh", name="third"),
    keras.layers.Dense(2, name="out"),
], name="plant")
x = np.random.default_rng(0).uniform(0, 1, (512, 4))
model.compile(keras.optimizers.Adam(0.02), "mse")
model.fit(x, np.c_[8 * x[:, 0] * x[:, 1], np.sin(6 * x[:, 2])], epochs=20, verbose=0)

table = outrange.summary(model, (0, 1))
print(table)

# %%
# The plot shows one line per unit, from the smallest to the largest value before the activation,
# sorted by the largest value. Red units are dead for every input of the set, and green units are
# always on. Dead units can be removed, and units that are always on can be merged, without changing
# any output.

fig, axes = plt.subplots(1, 3, figsize=(7.2, 3.2), layout="constrained", sharey=True)
for ax, row in zip(axes, table.layers, strict=False):
    lo, hi = (np.ravel(end) for end in row.before)
    dead, on = row.dead.ravel(), row.always_on.ravel()
    for place, unit in enumerate(np.argsort(hi)):
        color = "#b3312c" if dead[unit] else "#2a8a4a" if on[unit] else "#1f4e9c"
        ax.plot([place, place], [lo[unit], hi[unit]], color=color, linewidth=4)
    ax.axhline(0, color="#888", linewidth=0.8)
    ax.set(title=f"{row.name} ({len(lo)} units)", xticks=[], xlabel="units, sorted")
    ax.margins(x=0.08)
axes[0].set_ylabel("before the activation")
fig.suptitle("Ranges of all units (red: dead, green: always on)")
plt.show()
