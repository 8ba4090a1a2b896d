"""A relu that starts dead
=======================

With a relu, one neuron either learns *y* = 2 *x* + 1 perfectly or always predicts 0, depending on
the seed. All inputs are positive, so a negative weight turns the unit off on every row, and no
gradient passes through it.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np

import outrange


x = np.arange(1.0, 8.0).reshape(-1, 1)
y = 2 * x + 1
lines = {}
for seed in range(8):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, "relu", name="line")])
    start = outrange.output_range(model, (1, 7))
    model.compile(keras.optimizers.SGD(0.01), "mse")
    model.fit(x, y, epochs=60, verbose=0)
    dead = start.hi[0] == 0
    lines[seed] = (dead, model.predict(x, verbose=0))
    print(f"seed {seed}: at the start [0, {start.hi[0]:.2f}]", "-> stays dead" if dead else "")

# %%
# The probability of a dead start can be computed before any training:

chance = outrange.training.dead_start(keras.layers.Dense(1, "relu", name="line"), x)
print(chance)

# %%
fig, ax = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
for dead, line in lines.values():
    ax.plot(x, line, color="#b3312c" if dead else "#2a8a4a", alpha=0.7)
ax.plot(x, y, "o", color="black", label="targets")
ax.plot([], [], color="#2a8a4a", label="alive at the start")
ax.plot([], [], color="#b3312c", label="dead at the start")
stuck = sum(dead for dead, _ in lines.values())
ax.set(xlabel="x", ylabel="prediction after 60 epochs")
ax.set_title(f"{stuck} of {len(lines)} seeds never learn")
ax.legend(fontsize="small")
plt.show()
