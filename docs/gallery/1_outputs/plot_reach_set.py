"""Reachable outputs: a robot arm's workspace
==========================================

A network has learned to compute the position of a two-link arm's hand from its joint angles. Ranges
bound each coordinate separately. ``reach_set`` computes exactly which coordinates are possible
*together*.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np

import outrange


def hand(angles):
    """Return the position of the hand of an arm with links of length 1 and 0.7."""
    first, both = angles[:, 0], angles.sum(axis=1)
    return np.stack([np.cos(first) + 0.7 * np.cos(both), np.sin(first) + 0.7 * np.sin(both)], 1)


keras.utils.set_random_seed(2)
model = keras.Sequential([
    keras.Input((2,), name="angles"),
    keras.layers.Dense(16, "relu"),
    keras.layers.Dense(16, "relu"),
    keras.layers.Dense(2, name="hand"),
])
lo, hi = np.array([0.0, 0.3]), np.array([1.6, 2.4])
angles = np.random.default_rng(0).uniform(lo, hi, (2048, 2))
model.compile(keras.optimizers.Adam(0.01), "mse")
model.fit(angles, hand(angles), epochs=30, batch_size=64, verbose=0)

# %%
# The input set contains all joint angles within their limits:

image = outrange.reach_set(model, (lo, hi))
print(image)

# %%
# The image is far from a box: most of the rectangle spanned by the two ranges cannot be reached.
# Each piece is the image of a polygon of angles on which the network is affine. The left plot
# shows the true workspace.

fig, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.6), layout="constrained", sharey=True)
grid = np.stack(np.meshgrid(*np.linspace(lo, hi, 120).T), axis=-1).reshape(-1, 2)
left.plot(*hand(grid).T, ".", color="#b7c9e8", markersize=2)
left.set(title="Workspace of the arm", xlabel="hand[0]", ylabel="hand[1]")
image.plot(right, seen=False)
right.set(title="Workspace in the network", ylabel="")
for ax in (left, right):
    ax.set_aspect("equal")
plt.show()

# %%
# ``contains`` proves whether a position is reachable or not:

places = np.array([[0.6, 1.0], [0.3, 0.2], [-0.5, 0.9]])
print(dict(zip(map(tuple, places.tolist()), image.contains(places), strict=True)))
