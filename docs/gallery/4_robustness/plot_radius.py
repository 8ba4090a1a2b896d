"""The certified radius of one input
=================================

How large is the largest box around an input in which the decision stays the same? A proof bounds
its radius from below, and an adversarial input bounds it from above.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np

import outrange


rng = np.random.default_rng(0)
turn = rng.uniform(0, 3, 400)
arm = rng.integers(0, 2, 400)
angle = 2 * turn + np.pi * arm
moons = np.c_[turn * np.cos(angle), turn * np.sin(angle)] / 3 + 0.02 * rng.normal(size=(400, 2))
keras.utils.set_random_seed(0)
model = keras.Sequential([
    keras.Input((2,), name="point"),
    keras.layers.Dense(16, "relu"),
    keras.layers.Dense(16, "relu"),
    keras.layers.Dense(2, name="arm"),
])
model.compile(
    keras.optimizers.Adam(0.02),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
)
model.fit(moons, arm, epochs=40, batch_size=100, verbose=0)

# %%
point = np.array([-0.62, 0.1])
answer = outrange.robustness(model, point, tol=0.01)
print(answer)

# %%
# For a dozen points, the proved squares never cross the decision boundary.

side = np.linspace(-1.2, 1.2, 220)
grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
choice = model.predict(grid, batch_size=4000, verbose=0).argmax(axis=1).reshape(220, 220)
fig, ax = plt.subplots(figsize=(5.4, 5.2), layout="constrained")
colors = plt.matplotlib.colors.ListedColormap(["#dbe6f7", "#f8e2cf"])
ax.imshow(choice, origin="lower", extent=(-1.2, 1.2, -1.2, 1.2), cmap=colors)
for at in moons[:12]:
    near = outrange.robustness(model, at, tol=0.05, budget=1)
    ax.add_patch(plt.Rectangle(at - near.lo, 2 * near.lo, 2 * near.lo, fill=False, color="#2a8a4a"))
    ax.plot(*at, ".", color="#444")
adversarial = answer.adversarial.x.ravel()
ax.add_patch(
    plt.Rectangle(point - answer.lo, 2 * answer.lo, 2 * answer.lo, fill=False, linewidth=2)
)
ax.plot(*point, "o", color="black", label="the point above")
ax.plot(*adversarial, "X", color="#b3312c", markersize=10, label="adversarial input")
ax.set(title="Squares in which the decision is provably constant", xlabel="x[0]", ylabel="x[1]")
ax.set_xticks([-1, -0.5, 0, 0.5, 1])
fig.legend(loc="outside lower center", ncols=2)
plt.show()
