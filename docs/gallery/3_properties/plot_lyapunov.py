"""Prove that a controller is stable
=================================

A network balances a pendulum upright. A *Lyapunov function* ``V`` measures the distance from the
upright position. If every step decreases it, the pendulum approaches the upright position.
``verify`` proves the decrease for all states in a ring around this position. The condition is
written as in a textbook.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np

import outrange
from outrange import x, y


STEP, GRAVITY, FRICTION = 0.05, 9.8, 0.5  # s, 1/s^2, 1/s
rng = np.random.default_rng(1)
states = rng.uniform([-0.6, -2.5], [0.6, 2.5], (2000, 2))  # angle (rad), speed (rad/s)
torques = states @ [[-22.0], [-7.0]]  # a linear rule to imitate
keras.utils.set_random_seed(1)
controller = keras.Sequential([
    keras.Input((2,), name="state"),
    keras.layers.Dense(6, "tanh"),
    keras.layers.Dense(1, name="torque"),
])
controller.compile(keras.optimizers.Adam(0.02), "mse")
controller.fit(states, torques, epochs=30, batch_size=100, verbose=0)

# %%
# The state after one step, and the Lyapunov function:


def after(angle, speed, torque):
    push = GRAVITY * np.sin(angle) - FRICTION * speed + torque
    return angle + STEP * speed, speed + STEP * push


def V(angle, speed):
    return 9 * angle**2 + 2 * angle * speed + 0.5 * speed**2


# %%
# These functions take numbers as well as ``x`` and ``y``. So the property is written as in a
# textbook: V decreases at every step from a state with V between 0.2 and 1.5.

now, then = V(x[0], x[1]), V(*after(x[0], x[1], y[0]))
box = ([-0.5, -2.0], [0.5, 2.0])
stable = outrange.verify(
    controller, then < now, box, where=(now >= 0.2) & (now <= 1.5)
)
print(stable)

# %%
# *A barrier certificate.* No trajectory leaves the set ``V <= 1.5``. This set lies inside the box,
# in which the angle is at most 0.5 rad. So a pendulum that starts in the set never falls over:

print(outrange.verify(controller, then <= 1.5, box, where=now <= 1.5).status)
inside = (abs(x[0]) <= 0.5) & (abs(x[1]) <= 2.0)
larger = ([-1.0, -4.0], [1.0, 4.0])
print(outrange.verify(controller, inside, larger, where=now <= 1.5).status)

# %%
# The plot shows the level sets of V, and simulated trajectories:

angles, speeds = np.meshgrid(np.linspace(-0.6, 0.6, 120), np.linspace(-2.5, 2.5, 120))
fig, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
ax.contourf(angles, speeds, V(angles, speeds), [0.2, 1.5], colors=["#cfe8cf"])
ax.contour(angles, speeds, V(angles, speeds), [0.2, 0.6, 1.0, 1.5], colors="#4a7a4a", linewidths=1)
turn = np.linspace(0, 2 * np.pi, 9)[:-1]
root = np.linalg.cholesky([[9.0, 1.0], [1.0, 0.5]])
runs = [np.sqrt(1.5) * np.linalg.solve(root.T, np.array([np.cos(turn), np.sin(turn)])).T]
for _ in range(60):
    torque = np.asarray(controller(runs[-1]))[:, 0]
    runs.append(np.stack(after(*runs[-1].T, torque), axis=1))
paths = np.array(runs)
ax.plot(paths[:, :, 0], paths[:, :, 1], color="#31548c", linewidth=1)
ax.plot(paths[0, :, 0], paths[0, :, 1], "o", color="#31548c", markersize=4)
ax.set(xlabel="angle [rad]", ylabel="speed [rad/s]")
ax.set(title="V decreases at every state of the green ring")
plt.show()
