"""Verify a property, or get a counterexample
==========================================

A network gives advice at a crossing: keep going, slow down, or stop. The property is "If the other
car is near, the network never advises to keep going." ``verify`` proves this for every input, or
returns an input that breaks the property.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np

import outrange
from outrange import x, y


ADVICE = ("keep", "slow", "stop")
rng = np.random.default_rng(1)
rows = rng.uniform([0, 0], [1, 1], (600, 2))  # distance (of 100 m), speed (of 30 m/s)
risk = rows[:, 1] - rows[:, 0]
labels = np.digitize(risk, [-0.2, 0.2])
keras.utils.set_random_seed(0)
model = keras.Sequential([
    keras.Input((2,), name="car"),
    keras.layers.Dense(12, "relu"),
    keras.layers.Dense(3, name="advice"),
])
model.compile(
    keras.optimizers.Adam(0.03),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
)
model.fit(rows, labels, epochs=25, verbose=0)

# %%
# The first input set contains all cars that are within 20 m and drive at 12 m/s or faster:

never_keep = y.argmax() != 0
verdict = outrange.verify(model, never_keep, ([0.0, 0.4], [0.2, 1.0]))
print(verdict)

# %%
# The second set contains all cars that are within 25 m, at any speed:

box = ([0.0, 0.0], [0.25, 1.0])
verdict = outrange.verify(model, never_keep, box)
print(verdict)

# %%
# The Keras model itself was run on the counterexample. The plot marks this input on a map of the
# advice for all inputs:

side = np.linspace(0, 1, 200)
grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
advice = model.predict(grid, batch_size=4000, verbose=0).argmax(axis=1).reshape(200, 200)
fig, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
colors = plt.matplotlib.colors.ListedColormap(["#cfe8cf", "#f6e3b4", "#f2c4c0"])
ax.imshow(advice, origin="lower", extent=(0, 100, 0, 30), aspect="auto", cmap=colors)
(left, low), (right, high) = box
ax.add_patch(plt.Rectangle(
    (100 * left, 30 * low), 100 * (right - left), 30 * (high - low), fill=False, linewidth=2,
))
if verdict.counterexample is not None:
    at = verdict.counterexample.x.ravel()
    cross = {"color": "#b3312c", "markersize": 11, "clip_on": False, "zorder": 5}
    ax.plot(100 * at[0], 30 * at[1], "X", label="breaks it", **cross)
    fig.legend(loc="outside lower center")
ax.set(xlabel="distance [m]", ylabel="speed [m/s]")
ax.set(title="Advice: keep (green), slow (yellow), stop (red)")
plt.show()

# %%
# Conditions may combine inputs and outputs, and ``where`` restricts the input set:

print(outrange.verify(model, never_keep, (0, 1), where=x[1] - x[0] >= 0.3))
