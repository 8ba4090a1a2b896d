"""A force that stays within its limit
===================================

A trained model may break a rule that its users rely on: a force is never larger than 0.8. A
clipped output would hide the fault. ``repair`` changes the weights of the last layer until the rule
is proved for every input, and reports how much the outputs change.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np

import outrange
from outrange import y


keras.utils.set_random_seed(7)
rng = np.random.default_rng(0)
position = rng.uniform(-1, 1, (512, 1))
wave = np.sin(3 * position)
model = keras.Sequential([
    keras.Input((1,), name="position"),
    keras.layers.Dense(24, "relu"),
    keras.layers.Dense(24, "relu"),
    keras.layers.Dense(1, name="force"),
])
model.compile(keras.optimizers.Adam(0.02), "mse")
model.fit(position, wave, epochs=40, batch_size=64, verbose=0)

# %%
# The answer states how much the outputs change on the data, and proves the rule for the copy.

rule = (y[0] <= 0.8) & (y[0] >= -0.8)
fixed = outrange.repair(model, rule, (-1, 1), x=position)
print(fixed)

# %%
# The pale line is the original model, in red where it breaks the rule. The dark line is the new
# model.

ax = fixed.plot()
for limit in (-0.8, 0.8):
    ax.axhline(limit, color="#888", linewidth=0.8)
ax.set(xlabel="position", ylabel="force")
plt.show()
