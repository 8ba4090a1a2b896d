"""A forecast from uncertain readings
==================================

A 1-D convolutional network forecasts tomorrow's electric load from today's load. Each of today's
readings may be off by 3 %. How high can the forecast be?
"""

import keras
import matplotlib.pyplot as plt
import numpy as np

import outrange


keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
hour = np.arange(200 * 24)  # 200 days
daily = 50 + 15 * np.sin((hour - 9) * np.pi / 12) + 8 * np.exp(-(((hour % 24 - 19) / 2) ** 2))
weather = np.convolve(rng.normal(0, 0.5, len(hour) + 71), np.ones(72), "valid")
load = daily + weather + rng.normal(0, 0.7, len(hour))  # MW

model = keras.Sequential([
    keras.Input((24, 1), name="today"),
    keras.layers.Rescaling(1 / 10, offset=-5),
    keras.layers.Conv1D(4, 5, strides=2, activation="relu"),
    keras.layers.Flatten(),
    keras.layers.Dense(16, "relu"),
    keras.layers.Dense(24),
    keras.layers.Rescaling(10, offset=50, name="tomorrow"),
])  # fmt: skip
model.compile(keras.optimizers.Adam(0.01), "mse")
pairs = np.lib.stride_tricks.sliding_window_view(load[:-48], 48)[::6].astype("float32")
history = model.fit(pairs[:, :24, None], pairs[:, 24:], epochs=40, batch_size=64, verbose=0)

# %%
# The input set is a band of 3 % around the readings of one day. The answer bounds all 24 hours of
# the forecast:

today = load[-48:-24, None]
box = (0.97 * today, 1.03 * today)
answer = outrange.output_range(model, box, tol=0.01, budget=8)
print(answer)

# %%
# Random errors partly cancel each other, so samples suggest a smaller uncertainty:

readings = rng.uniform(*box, (100_000, 24, 1))
sampled = model.predict(readings, batch_size=10_000, verbose=0)
forecast = model.predict(today[None], verbose=0)[0]
peak = answer.hi.argmax()
print(f"forecast for {peak}:00           {forecast[peak]:.1f} MW")
print(f"highest in 100,000 samples   {sampled[:, peak].max():.1f} MW")
print(f"highest, proved              {answer.hi[peak]:.1f} MW")

# %%
# A reserve that is planned on the basis of samples is too small. The answer contains the readings
# that lead to the highest peak (red). Each of these readings is off by at most 3 %, but the errors
# add up. Bounds and attained values meet because the network is piecewise linear. For a GRU or an
# LSTM over 24 steps, the bounds are much wider (:doc:`/recurrent`).

worst = answer.at_hi[peak]
raised = model.predict(worst[None], verbose=0)[0]

fig, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
before, after = np.arange(24), np.arange(24, 48)
ax.fill_between(before, *(side[:, 0] for side in box), color="#cccccc", label="readings, 3 %")
ax.fill_between(after, answer.lo, answer.hi, color="#b7c9e8", label="proved, attained within 1 %")
ax.fill_between(after, sampled.min(axis=0), sampled.max(axis=0), color="#1f4e9c",
                label="seen in 100,000 samples")  # fmt: skip
ax.plot(before, worst[:, 0], color="#d1495b", lw=1.2)
ax.plot(after, raised, color="#d1495b", lw=1.2, label="readings with the highest peak")
ax.axvline(23.5, color="black", lw=0.8)
ax.set(xticks=range(0, 49, 12), xlim=(0, 47), xlabel="hour", ylabel="load [MW]")
ax.text(11.5, 82, "today", ha="center")
ax.text(35.5, 82, "tomorrow", ha="center")
fig.legend(loc="outside lower center", ncols=2, fontsize="small")
plt.show()
