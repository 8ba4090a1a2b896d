"""Slopes and the Lipschitz constant
=================================

This example computes the range of every partial derivative over a whole box, and the Lipschitz
constant: how much an output can change per unit of input distance. The norms of the weight matrices
also give a bound, but a loose one.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np

import outrange


keras.utils.set_random_seed(2)
model = keras.Sequential([
    keras.Input((2,), name="x"),
    keras.layers.Dense(8, "relu"),
    keras.layers.Dense(6, "relu"),
    keras.layers.Dense(1, name="out"),
])
points = np.random.default_rng(0).uniform(-1, 1, (512, 2))
model.compile(keras.optimizers.Adam(0.02), "mse")
model.fit(points, points[:, 0] ** 2 - 0.5 * np.abs(points[:, 1]), epochs=30, verbose=0)

slopes = outrange.gradient_range(model, (-1, 1), budget=2)
for i in range(2):
    print(f"d out / d x[{i}] in [{slopes.lo[0, i]:.4f}, {slopes.hi[0, i]:.4f}]")
print(slopes.reason)

# %%
# If both inputs change by at most one unit, the output changes by at most the sum of the largest
# absolute slopes. The exact constant is smaller, because the two slopes are not largest at the same
# input.

exact = outrange.lipschitz(model, (-1, 1), budget=2)
matrices = [np.abs(w).sum(axis=0).max() for w in model.get_weights() if w.ndim == 2]
print(f"Lipschitz constant (largest entry): {exact.hi[0]:.4f}")
print(f"product of the matrices' norms:     {np.prod(matrices):.4f}")

# %%
fig, ax = plt.subplots(figsize=(5.0, 4.0), layout="constrained")
side = np.linspace(-1, 1, 161)
grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
value = model.predict(grid, batch_size=4000, verbose=0).reshape(161, 161)
down, across = np.gradient(value, side, side)
drawn = ax.imshow(
    np.abs(across) + np.abs(down), origin="lower", extent=(-1, 1, -1, 1), cmap="Blues"
)
fig.colorbar(drawn, ax=ax, label="steepness")
ax.set(xlabel="x[0]", ylabel="x[1]", title=f"Nowhere steeper than {exact.hi[0]:.3f}")
plt.show()
