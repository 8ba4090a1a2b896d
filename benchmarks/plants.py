"""The plants of `closed_loop.py`, in discrete time, as a user writes them."""

from collections.abc import Callable
from typing import Any

import numpy as np

import outrange
from outrange import avoid, within, x


INTEGRATOR = outrange.linear_plant([[1, 1], [0, 1]], [0.5, 1])


def pendulum(x: Any, u: Any) -> Any:
    """Return the next state of an inverted pendulum, by Euler's rule with 0.05 s."""
    return [x[0] + 0.05 * x[1], x[1] + 0.05 * (2 * np.sin(x[0]) + 8 * u[0])]


def cruise(x: Any, u: Any) -> Any:
    """Return the next state of two cars, one behind the other, after 0.1 s."""
    slope = [
        x[1], x[2], -2 * x[2] - 4 - 1e-4 * x[1] ** 2,
        x[4], x[5], -2 * x[5] + 2 * u[0] - 1e-4 * x[4] ** 2,
    ]  # fmt: skip
    return x + 0.1 * np.stack(slope)


def cruise_seen(x: Any) -> Any:
    """Return the controller's input: set speed, time gap, and the radar's measurements."""
    return [30.0, 1.4, x[4], x[0] - x[3], x[1] - x[4]]


def car(x: Any, u: Any) -> Any:
    """Return the next state of a car in the plane, after 0.2 s."""
    return x + 0.2 * np.stack([x[2] * np.cos(x[3]), x[2] * np.sin(x[3]), u[0], u[1]])


def unicycle(x: Any, u: Any, w: Any) -> Any:
    """Return the next state of a unicycle with a small disturbance, after 0.2 s."""
    return x + 0.2 * np.stack([x[3] * np.cos(x[2]), x[3] * np.sin(x[2]), u[1], u[0] + w[0]])


def attitude(x: Any, u: Any) -> Any:
    """Return the next state of a rotating rigid body, after 0.1 s: its rates, and its attitude."""
    w, y = x[:3], x[3:]
    pushed = [0.25 * (u[0] + w[1] * w[2]), 0.5 * u[1] - 1.5 * w[0] * w[2], u[2] + 2 * w[0] * w[1]]
    turned = 0.5 * (np.sum(y**2) * np.sum(w) + np.cross(y, w) + w)
    return x + 0.1 * np.concatenate([pushed, turned])


def arms(x: Any, u: Any) -> Any:
    """Return the next state of a double pendulum, after 0.05 s."""
    a, b, v, w = x
    sine, cosine = np.sin(a - b), np.cos(a - b)
    first = 4 * u[0] + 2 * np.sin(a) - w**2 * sine / 2
    second = v**2 * sine + 8 * u[1] + 2 * np.sin(b) - cosine * first
    divisor = cosine**2 / 2 - 1
    slope = [v, w, first + cosine * second / (2 * divisor), -second / divisor]
    return x + 0.05 * np.stack(slope)


G = 32.2

ADVISED = {
    # Accelerations that an advisory permits, and whether a climb rate in ft/min complies with it.
    1: (-G / 3, -G / 4, lambda v: v <= 0), 2: (G / 4, G / 3, lambda v: v >= 0),
    3: (-G / 3, -G / 4, lambda v: 60 * v <= -1500), 4: (G / 4, G / 3, lambda v: 60 * v >= 1500),
    5: (-G / 3, -G / 3, lambda v: 60 * v <= -1500), 6: (G / 3, G / 3, lambda v: 60 * v >= 1500),
    7: (-G / 3, -G / 3, lambda v: 60 * v <= -2500), 8: (G / 3, G / 3, lambda v: 60 * v >= 2500),
}  # fmt: skip


def aircraft(pilot: str) -> Callable:
    """Return the plant of an aircraft whose pilot follows an advisory.

    The state consists of height, climb rate, seconds to go, and advisory.
    """

    def acceleration(advisory: Any, before: Any, v: Any, c: Any) -> Any:
        total = 0.0
        for k, (least, most, complies) in ADVISED.items():
            middle, half = (least + most) / 2, (most - least) / 2
            # The worst case is the smallest advised acceleration.
            chosen = {"middle": middle, "worst": middle - half * np.sign(middle)}.get(pilot)
            pushed = middle + half * c[0] if chosen is None else chosen
            obeys = (advisory == k) & ~((before == k) & complies(v))
            total = total + pushed * obeys
        return total

    def plant(x: Any, u: Any) -> Any:
        h, v, tau, before = x
        advisory = np.argmax(u)
        a = acceleration(advisory, before, v, None)
        return [h - v - 0.5 * a, v + a, tau - 1, advisory]

    def chosen_plant(x: Any, u: Any, c: Any) -> Any:
        h, v, tau, before = x
        advisory = np.argmax(u)
        a = acceleration(advisory, before, v, c)
        return [h - v - 0.5 * a, v + a, tau - 1, advisory]

    return chosen_plant if pilot == "all" else plant


def aircraft_seen(x: Any) -> Any:
    """Return the normalized input of the advisory networks."""
    return [x[0] / 16000, x[1] / 5000, (x[2] - 20) / 40]


GAP = x[0] - x[3] - 1.4 * x[4] >= 10

FREE = avoid([1, 1, None, None], [2, 2, None, None])

PARKED = within([-0.5, -0.5, None, None], [0.5, 0.5, None, None]).at(30)

ATTITUDES = avoid([-0.2, -0.5, 0, -0.7, 0.7, -0.4], [0, -0.4, 0.2, -0.6, 0.8, -0.2])
