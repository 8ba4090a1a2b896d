"""A network that predicts the joint torques of a two-link robot arm, trained to imitate physics.

The inputs are the two joint angles, their speeds and their accelerations. The outputs are the
torques that the two motors need. The engineer's question is: what is the largest torque that the
network can request? The extremes do not lie at corners of the input set, and random inputs rarely
come near them.
"""

from types import ModuleType
from typing import Any

import numpy as np


JOINT = ("shoulder", "elbow")

REACH = np.array([3.0, 3.0, 2.0, 2.0, 4.0, 4.0])
"""Largest absolute values of the angles (rad), the speeds (rad/s) and the accelerations
(rad/s^2)."""

MASS, LENGTH, GRAVITY = 1.0, 0.5, 9.81
"""Mass at the end of each link in kg, length of each link in m, and gravity in m/s^2."""

EXAMPLES, EPOCHS, BATCH = 40_000, 30, 256


def torques(states: np.ndarray) -> np.ndarray:
    """Return the torques in N m, `(n, 2)`, that produce the accelerations in states `(n, 6)`.

    Reference: R. Murray, Z. Li, S. Sastry, *A Mathematical Introduction to Robotic Manipulation*,
    1994, section 4.2: the planar arm with point masses, angles from the hanging position.
    """
    q1, q2, v1, v2, a1, a2 = np.moveaxis(states, -1, 0)
    inertia = MASS * LENGTH**2
    cos, sin = np.cos(q2), np.sin(q2)
    weight = MASS * GRAVITY * LENGTH
    shoulder = (
        inertia * (3 + 2 * cos) * a1
        + inertia * (1 + cos) * a2
        - inertia * sin * (2 * v1 * v2 + v2**2)
        + weight * (2 * np.sin(q1) + np.sin(q1 + q2))
    )
    elbow = (
        inertia * (1 + cos) * a1 + inertia * a2 + inertia * sin * v1**2 + weight * np.sin(q1 + q2)
    )
    return np.stack([shoulder, elbow], axis=-1)


def examples(count: int = EXAMPLES, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return random states, `(count, 6)`, and their torques, `(count, 2)`, in float32."""
    states = np.random.default_rng(seed).uniform(-REACH, REACH, (count, 6))
    return states.astype(np.float32), torques(states).astype(np.float32)


def train(keras: ModuleType, epochs: int = EPOCHS, units: int = 32) -> tuple[Any, float]:
    """Train the example network to predict the torques of a robot arm.

    Args:
        keras: The Keras module, on any backend.
        epochs: Number of passes over the examples.
        units: Number of units of each of the two hidden layers.

    Returns:
        The model, and its mean absolute error on new examples in N m.
    """
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((6,), name="motion"),
            keras.layers.Dense(units, activation="relu", name="hidden_1"),
            keras.layers.Dense(units, activation="relu", name="hidden_2"),
            keras.layers.Dense(2, name="torque"),
        ],
        name="arm",
    )
    schedule = keras.optimizers.schedules.CosineDecay(0.01, epochs * (EXAMPLES // BATCH))
    model.compile(optimizer=keras.optimizers.Adam(schedule), loss="mse")
    x, y = examples()
    model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0)
    x, y = examples(5_000, seed=1)
    error = float(np.mean(np.abs(model.predict(x, verbose=0) - y)))
    return model, error
