"""One neuron, y = 2 x + 1: why do some activations predict nonsense?

A single Dense(1) is trained on x = 1..7 with each activation. Its *possible* outputs show which
activations can never succeed.
"""

import keras
import numpy as np

import outrange


x = np.arange(1.0, 8.0).reshape(-1, 1)
y = 2 * x + 1

for activation in ("linear", "relu", "sigmoid", "tanh"):
    keras.utils.set_random_seed(1)
    neuron = keras.layers.Dense(1, activation=activation)
    model = keras.Sequential([keras.Input((1,)), neuron])
    model.compile(keras.optimizers.SGD(0.01), "mse")
    model.fit(x, y, epochs=60, verbose=0)

    loss = model.evaluate(x, y, verbose=0)
    answer = outrange.output_range(model, x)  # over the range of the data
    lo, hi = float(answer.lo[0]), float(answer.hi[0])
    # A lower bound for these weights: the distance of each target from the range.
    apart = np.maximum(0, np.maximum(lo - y, y - hi))
    print(
        f"{activation:8}: exactly [{lo:.4f}, {hi:.4f}] on x in [1, 7]; "
        f"{int((apart > 0.5).sum())} of 7 targets are unreachable; "
        f"loss {loss:.3f}, at least {(apart**2).mean():.3f} for these weights"
    )

# For all weights: a sigmoid or tanh never exceeds 1, and the targets are 3, 5, ..., 15.
print(f"sigmoid and tanh, any weights: mean squared error >= {((y - 1) ** 2).mean():.1f}")
