"""Watching ranges while a model trains
====================================

``RangeMonitor`` is a callback for ``fit``. After each epoch, it records what the network *can*
output and how many units are dead. These proved numbers appear in the history together with the
loss. Here the learning rate is too high, and the plot shows the effect.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np

from outrange.callbacks import RangeMonitor


keras.utils.set_random_seed(3)
x = np.random.default_rng(0).uniform(0, 1, (512, 2))
y = 3 * x[:, :1] * x[:, 1:]
model = keras.Sequential([
    keras.Input((2,)),
    keras.layers.Dense(16, "relu", name="first"),
    keras.layers.Dense(16, "relu", name="second"),
    keras.layers.Dense(1, name="out"),
])
model.compile(keras.optimizers.SGD(0.5), "mse")
monitor = RangeMonitor(x, y, share=1.0)
history = model.fit(x, y, epochs=25, batch_size=64, verbose=0, callbacks=[monitor]).history
for epoch in (0, 1, 2, 5, 24):
    lo, hi, dead = (history[f"ranges/{name}"][epoch] for name in ("lo", "hi", "dead"))
    print(f"epoch {epoch:2}: can output {lo:6.2f} to {hi:.2f}, {dead:4.0%} of the units are dead")

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.0), layout="constrained")
epoch = np.arange(len(history["loss"]))
lo, hi = history["ranges/lo"], history["ranges/hi"]
left.fill_between(epoch, lo, hi, color="#b7c9e8", label="can output")
for end, label in ((0, "targets"), (3, None)):
    left.axhline(end, color="#2a8a4a", linestyle="--", label=label)
left.set(xlabel="epoch", ylabel="output", title="Possible outputs")
left.legend(fontsize="small")
right.plot(epoch, history["loss"], color="#1f4e9c")
right.set(xlabel="epoch", ylabel="loss", yscale="log", title="Loss and dead units")
bars = right.twinx()
bars.fill_between(
    epoch, 100 * np.array(history["ranges/dead"]), color="#b3312c", alpha=0.25, step="mid"
)
bars.set(ylabel="dead units [%]", ylim=(0, 100))
plt.show()
