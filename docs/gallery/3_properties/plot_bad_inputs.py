"""All inputs that break a property
================================

One counterexample shows a single failure. The set of all counterexamples shows where a network
fails. ``bad_inputs`` computes this set as exact polytopes, with a proved fraction of the input
set: "6.4 % of the operating range is bad, and it is here".
"""

import keras
import matplotlib.pyplot as plt
import numpy as np

import outrange
from outrange import y


keras.utils.set_random_seed(7)
model = keras.Sequential([
    keras.Input((2,), name="state"),
    keras.layers.Dense(10, "relu"),
    keras.layers.Dense(10, "relu"),
    keras.layers.Dense(1, name="force"),
])
points = np.random.default_rng(0).uniform(-1, 1, (1024, 2))
wave = np.sin(3 * points[:, 0]) * np.cos(2 * points[:, 1])
model.compile(keras.optimizers.Adam(0.02), "mse")
model.fit(points, wave, epochs=30, batch_size=128, verbose=0)

# %%
# The force should stay below 0.8.

bad = outrange.bad_inputs(model, y[0] <= 0.8, (-1, 1), share_tol=1e-3)
print(bad)

# %%
# Every piece is a polytope on which the network is affine. The search stops when the two bounds of
# the fraction differ by at most ``share_tol``.

fig, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.6), layout="constrained")
side = np.linspace(-1, 1, 120)
grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
force = model.predict(grid, batch_size=4000, verbose=0).reshape(120, 120)
drawn = left.contourf(side, side, force, levels=12, cmap="Blues")
left.contour(side, side, force, levels=[0.8], colors="#b3312c")
for ax in (left, right):
    ax.set_aspect("equal")
left.set(title="What the network computes", xlabel="state[0]", ylabel="state[1]")
fig.colorbar(drawn, ax=left, shrink=0.7)
bad.plot(right)
right.set_title(f"Above 0.8: {bad.share_lo:.2%} to {bad.share_hi:.2%}")
plt.show()
