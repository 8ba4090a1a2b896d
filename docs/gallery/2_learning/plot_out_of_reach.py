"""Targets that a sigmoid cannot reach
===================================

One neuron should learn *y* = 2 *x* + 1 from seven points. With a sigmoid or a tanh, it predicts at
most 1 for every learning rate and number of epochs. The range of the outputs shows why, even before
training.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np

import outrange


x = np.arange(1.0, 8.0).reshape(-1, 1)
y = 2 * x + 1
models, wide = {}, np.linspace(0, 8, 200).reshape(-1, 1)
for activation in ("linear", "sigmoid", "tanh"):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([
        keras.Input((1,), name="x"),
        keras.layers.Dense(1, activation=activation, name="line"),
    ])
    model.compile(keras.optimizers.SGD(0.01), "mse")
    model.fit(x, y, epochs=60, verbose=0)
    models[activation] = model
    answer = outrange.output_range(model, (1, 7))
    print(f"{activation:8} on [1, 7]: [{answer.lo[0]:.5f}, {answer.hi[0]:.5f}], targets in [3, 15]")

# %%
# These are the ranges with the trained weights. ``diagnose`` covers *all* weights and also bounds
# the loss:

print(outrange.diagnose(models["sigmoid"], x, y))

# %%
fig, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
for color, (activation, model) in zip(
    ("#2a8a4a", "#b3312c", "#e08a1e"), models.items(), strict=True
):
    ax.plot(wide, model.predict(wide, verbose=0), color=color, label=activation)
ax.axhspan(0, 1, color="#b3312c", alpha=0.15, label="all outputs of a sigmoid")
ax.plot(x, y, "o", color="black", label="targets")
ax.set(xlabel="x", ylabel="y", title="No training lifts a sigmoid above 1")
ax.legend(fontsize="small")
plt.show()
