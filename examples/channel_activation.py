"""A sigmoid on the first channel of a 19 x 19 x 5 tensor, a relu on the other four.

Two implementations for every backend: a function of `keras.ops`, and `ChannelActivation`. A proof
shows that both compute the same function, and their ranges are exact.
"""

import keras
import numpy as np

import outrange
from outrange.layers import ChannelActivation


@keras.saving.register_keras_serializable(package="example")
def mixed_activation(x):
    """Apply a sigmoid to channel 0 and a relu to channels 1 to 4."""
    first, rest = x[..., 0:1], x[..., 1:5]
    return keras.ops.concatenate([keras.ops.sigmoid(first), keras.ops.relu(rest)], axis=-1)


def model_with(activation) -> keras.Model:
    """Build a dense layer over the channels of every pixel."""
    layer = keras.layers.Dense(5, activation=activation, name="pixels")
    model = keras.Sequential([keras.Input((19, 19, 5)), layer])
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    return model


by_function = model_with(mixed_activation)
by_layer = model_with(ChannelActivation([(0, "sigmoid"), (slice(1, 5), "relu")]))

# All pixels share their weights, so one of them suffices. The others are fixed at 0.
lo, hi = np.zeros((19, 19, 5)), np.zeros((19, 19, 5))
lo[9, 9], hi[9, 9] = -1.0, 1.0
rows = np.zeros((5, 19 * 19 * 5))
rows[np.arange(5), (9 * 19 + 9) * 5 + np.arange(5)] = 1.0
apart = outrange.difference_range(by_function, by_layer, (lo, hi), rows=rows)
print(f"function and layer differ by {np.abs([apart.lo, apart.hi]).max():g} at most")
answer = outrange.output_range(by_layer, (lo, hi), rows=rows)
for channel in range(5):
    print(f"channel {channel}: exactly [{answer.lo[channel]:.6f}, {answer.hi[channel]:.6f}]")
print(f"status: {answer.status}")
