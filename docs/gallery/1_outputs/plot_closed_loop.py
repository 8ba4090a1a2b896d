"""A closed loop inside a Keras model
==================================

A controller steers a damped pendulum for six steps. Each step computes the next state from the
current one. In Keras, this loop is a recurrent cell that ``RNN`` unrolls. The proved range of every
state shows where the pendulum can be.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np

import outrange


STEPS, TIME = 6, 0.15


class Pendulum(keras.layers.Layer):
    """One time step: a network chooses the torque, and the state (angle, speed) is updated."""

    state_size = output_size = 2

    def build(self, input_shape):
        self.hidden = keras.layers.Dense(4, "relu", kernel_initializer="he_normal")
        self.torque = keras.layers.Dense(1)
        self.hidden.build((None, 2))
        self.torque.build((None, 4))

    def call(self, inputs, states):
        push = self.torque(self.hidden(states[0])) + inputs
        angle, speed = states[0][:, :1], states[0][:, 1:]
        new = keras.ops.concatenate(
            [angle + TIME * speed, speed + TIME * (4 * push - angle - 0.5 * speed)], axis=-1
        )
        return new, [new]


keras.utils.set_random_seed(1)
start = keras.Input((2,), name="start")
wind = keras.layers.Lambda(
    lambda s: keras.ops.repeat(0.0 * s[:, None, :1], STEPS, axis=1), output_shape=(STEPS, 1)
)(start)
path = keras.layers.RNN(Pendulum(), return_sequences=True)(wind, initial_state=start)
model = keras.Model(start, path)

# The controller learns to bring the pendulum to rest. Training runs through the whole loop.
x = np.random.default_rng(0).uniform(-1, 1, (128, 2))
model.compile(keras.optimizers.Adam(0.02), "mse")
model.fit(x, np.zeros((128, STEPS, 2)), epochs=10, verbose=0)

# %%
# The input set contains all initial states with an angle in [0.4, 0.6] and almost no speed:

answer = outrange.output_range(model, ([0.4, -0.05], [0.6, 0.05]), tol=1e-2, budget=5)
for step in range(0, STEPS, 2):
    lo, hi = answer.lo[step], answer.hi[step]
    print(f"step {step + 1}: angle {lo[0]:6.3f} to {hi[0]:.3f}, ", end="")
    print(f"speed {lo[1]:6.3f} to {hi[1]:.3f}")
print(answer.reason)

# %%
points = np.random.default_rng(1).uniform([0.4, -0.05], [0.6, 0.05], (200, 2))
runs = np.asarray(model(points))
time = TIME * np.arange(1, STEPS + 1)
fig, axes = plt.subplots(1, 2, figsize=(7.2, 3.0), layout="constrained")
for i, (ax, name) in enumerate(zip(axes, ("angle [rad]", "speed [rad/s]"), strict=True)):
    ax.fill_between(time, answer.lo[:, i], answer.hi[:, i], color="#b7c9e8", label="proved")
    ax.plot(time, runs[:40, :, i].T, color="#1f4e9c", linewidth=0.5)
    ax.set(xlabel="time [s]", ylabel=name)
axes[0].legend(fontsize="small")
fig.suptitle("Every initial state stays in the pale band (40 runs inside)")
plt.show()
