"""Monotonicity: a price that must rise with quality
=================================================

A predicted price should never fall when the quality rises, although the training data is noisy.
``monotone`` proves this for every input, or returns two inputs that differ only in quality and
refute it.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np

import outrange


rng = np.random.default_rng(0)
rows = rng.uniform(0, 1, (50, 2))  # quality, age
price = 1 + np.minimum(2.5 * rows[:, 0], 1.2) - rows[:, 1] + 0.3 * rng.normal(size=50)


def train(constraint=None):
    """Train a network of quality and age; the constraint is on all weights after quality."""
    keras.utils.set_random_seed(3)
    table = keras.Input((2,), name="car")
    quality, age = table[:, :1], table[:, 1:]
    up = keras.layers.Dense(16, kernel_constraint=constraint)(quality)
    hidden = keras.layers.ReLU(max_value=1.0)(up + keras.layers.Dense(16)(age))
    hidden = keras.layers.Dense(16, "relu", kernel_constraint=constraint)(hidden)
    out = keras.layers.Dense(1, kernel_constraint=constraint, name="price")(hidden)
    model = keras.Model(table, out)
    model.compile(keras.optimizers.Adam(0.02), "mse")
    model.fit(rows, price, epochs=150, verbose=0)
    return model


free, bound = train(), train("non_neg")
models = {"free": free, "non-negative weights": bound}
answers = {
    name: outrange.monotone(model, (0, 1), inputs=0, direction="rises")
    for name, model in models.items()
}
for name, answer in answers.items():
    print(f"{name}: {answer.status}")

# %%
# If two inputs refute that the price rises, the next cell prints them:

step = answers["free"]["price[0]", "car[0]"].fall
if step is not None:
    print(f"quality {step.x[0]:.3f} -> {step.then[0]:.3f} at age {step.x[1]:.3f}")
    print(f"price   {float(np.ravel(step.y)[0]):.4f} -> {float(np.ravel(step.then_y)[0]):.4f}")

# %%
# The exact range of the slope with respect to the quality:

for name, model in models.items():
    slope = outrange.gradient_range(model, (0, 1))
    print(f"{name}: d price / d quality in [{slope.lo[0, 0]:.3f}, {slope.hi[0, 0]:.3f}]")

# %%
age = step.x[1] if step is not None else 0.5
line = np.linspace(0, 1, 200)
at = np.c_[line, np.full(200, age)]
fig, ax = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
words = {"HOLDS": "proved to rise", "VIOLATED": "falls somewhere", "UNKNOWN": "not decided"}
for (name, model), color in zip(models.items(), ("#b3312c", "#2a8a4a"), strict=True):
    label = f"{name}: {words[answers[name].status]}"
    ax.plot(line, model.predict(at, verbose=0), color=color, label=label)
if step is not None:
    ends = [step.x[0], step.then[0]]
    ax.plot(ends, np.interp(ends, line, free.predict(at, verbose=0).ravel()), "o", color="#b3312c")
ax.set(xlabel="quality", ylabel="price", title=f"Price over quality at age {age:.2f}")
ax.legend(fontsize="small")
plt.show()
