"""A controller with names and units
=================================

A small network decides how hard a cart brakes. Its inputs have names, ranges and units, and one
input is fixed. How hard can the cart brake?
"""

import keras
import matplotlib.pyplot as plt
import numpy as np

import outrange


keras.utils.set_random_seed(4)
speed = keras.Input((1,), name="speed")  # m/s
distance = keras.Input((1,), name="distance")  # m to the obstacle
wet = keras.Input((1,), name="wet")  # 0 on a dry road, 1 on a wet one
h = keras.layers.Concatenate()(
    [
        keras.layers.Rescaling(1 / 30)(speed),
        keras.layers.Rescaling(1 / 100)(distance),
        wet,
    ]
)
h = keras.layers.Dense(16, "relu")(h)
h = keras.layers.Dense(8, "relu")(h)
brake = keras.layers.Dense(1, name="brake")(h)  # m/s^2
model = keras.Model([speed, distance, wet], brake, name="cart")

rng = np.random.default_rng(0)
rows = {
    "speed": rng.uniform(0, 30, (2048, 1)),
    "distance": rng.uniform(1, 100, (2048, 1)),
    "wet": rng.integers(0, 2, (2048, 1)).astype(float),
}
needed = np.clip(rows["speed"] ** 2 / (2 * rows["distance"]), 0, 9 - 4 * rows["wet"])
model.compile(keras.optimizers.Adam(0.01), "mse")
_ = model.fit(rows, needed, epochs=20, batch_size=128, verbose=0)

# %%
# The input set is a dict with an interval for each unknown value and a number for each known value.

dry = outrange.output_range(model, {"speed": (0, 30), "distance": (1, 100), "wet": 0.0})
print(dry)

# %%
# The training data contains no value below 0 or above 9 m/s². The network goes beyond both limits.
# The answer contains the inputs where this happens, so that you can use them in a simulation. These
# inputs attain the maximum:

for name, value in dry.at_hi.items():
    print(f"{name:9} {value.item():6.1f}")

# %%
# The plot compares the proved ranges on a dry and on a wet road with 10,000 random inputs each:

wet = outrange.output_range(model, {"speed": (0, 30), "distance": (1, 100), "wet": 1.0})
fig, ax = plt.subplots(figsize=(6.4, 2.6), layout="constrained")
for row, (answer, state) in enumerate([(dry, 0.0), (wet, 1.0)]):
    points = {
        "speed": rng.uniform(0, 30, (10_000, 1)),
        "distance": rng.uniform(1, 100, (10_000, 1)),
        "wet": np.full((10_000, 1), state),
    }
    seen = model.predict(points, batch_size=10_000, verbose=0)
    ax.barh(row, answer.hi[0] - answer.lo[0], left=answer.lo[0], height=0.6, color="#b7c9e8")
    ax.barh(row, np.ptp(seen), left=seen.min(), height=0.3, color="#1f4e9c")
ax.axvspan(0, 9, color="#2a7", alpha=0.12, label="range in training")
ax.set(yticks=[0, 1], yticklabels=["dry road", "wet road"], xlabel="brake [m/s²]")
ax.set_xlim(-1.5, 14)
ax.set_title("Proved range (pale) and 10,000 samples (dark)")
ax.legend(loc="upper right", fontsize="small")
plt.show()
