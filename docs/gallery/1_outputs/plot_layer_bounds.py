"""Bounds of units for a mixed-integer solver
==========================================

A solver that optimizes over a trained network needs bounds on the input of every ReLU. They become
the big-M values of its program, and a unit whose bounds do not contain 0 needs no binary variable.
``outrange.layer_bounds`` computes them as tightly as the time limit allows.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np

import outrange


keras.utils.set_random_seed(3)
model = keras.Sequential(
    [
        keras.Input((2,)),
        keras.layers.Dense(16, "relu", name="first"),
        keras.layers.Dense(16, "relu", name="second"),
        keras.layers.Dense(16, "relu", name="third"),
        keras.layers.Dense(1, name="cost"),
    ],
    name="process",
)
x = np.random.default_rng(0).uniform(-1, 1, (512, 2))
model.compile(keras.optimizers.Adam(0.02), "mse")
model.fit(x, np.sin(4 * x[:, :1]) * x[:, 1:] + x[:, :1] ** 2, epochs=15, verbose=0)

once = outrange.summary(model, (-1, 1))
bounds = outrange.layer_bounds(model, (-1, 1), time_limit=20)
print(bounds)

# %%
# The gray bars are the bounds of one pass over the network, and the colored bars those of
# ``layer_bounds``. Red units are inactive and green units are active for every input, so only the
# blue units need a binary variable.

fig, axes = plt.subplots(1, 3, figsize=(7.2, 3.4), layout="constrained")
for ax, name in zip(axes, ("first", "second", "third"), strict=True):
    wide, tight = once[name].before, bounds[name]
    lo, hi = tight.pre
    order = np.argsort(lo + hi)
    ax.bar(range(16), (wide[1] - wide[0])[order], bottom=wide[0][order], color="#d8dbe0")
    colors = np.where(tight.active, "#2a8a4a", np.where(tight.inactive, "#b3312c", "#1f4e9c"))
    ax.bar(range(16), (hi - lo)[order], bottom=lo[order], color=colors[order], width=0.5)
    ax.axhline(0, color="#444", linewidth=0.8)
    ax.set(title=f"{name}: {tight.count('unstable')} unstable", xticks=[], xlabel="units, sorted")
axes[0].set_ylabel("before the activation")
fig.suptitle("Bounds of every ReLU: one pass (gray), and layer_bounds")
plt.show()

# %%
# ``bounds.to_omlt(block)``, ``bounds.to_gurobi_ml(predictor)`` and
# ``bounds.to_pyscipopt_ml(predictor)`` set these bounds in a model of the package, and
# ``outrange.to_mip`` writes the whole program as a file.
