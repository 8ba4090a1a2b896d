"""What sampling misses
====================

Outputs at random inputs rarely come close to the minimum or maximum. The more inputs a network has,
the farther away they stay. The proved range shows how much is missing.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np

import outrange


keras.utils.set_random_seed(2)
model = keras.Sequential([
    keras.Input((8,), name="x"),
    keras.layers.Dense(16, "relu", kernel_initializer="he_normal"),
    keras.layers.Dense(1, kernel_initializer="he_normal", name="out"),
], name="eight_inputs")
answer = outrange.output_range(model, (-1, 1))
print(answer)

# %%
# The next cell draws between ten and a million samples:

points = np.random.default_rng(0).uniform(-1, 1, (1_000_000, 8))
values = model.predict(points, batch_size=100_000, verbose=0).ravel()
counts = 10 ** np.arange(1, 7)
lo = np.array([values[:n].min() for n in counts])
hi = np.array([values[:n].max() for n in counts])
missed = 1 - (hi - lo) / (answer.hi[0] - answer.lo[0])
for n, share in zip(counts, missed, strict=True):
    print(f"{n:>9,} samples miss {share:5.1%} of the range")

# %%
fig, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
ax.fill_between(counts, lo, hi, color="#1f4e9c", alpha=0.85, label="seen in samples")
ax.axhspan(answer.lo[0], answer.hi[0], color="#b7c9e8", zorder=0, label="proved, and attained")
ax.set(xscale="log", xlabel="samples", ylabel="output", xlim=(counts[0], counts[-1]))
ax.set_title("A million samples do not reach the ends")
fig.legend(loc="outside lower center", ncols=2, fontsize="small")
plt.show()
