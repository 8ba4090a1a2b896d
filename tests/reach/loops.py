"""Small random closed loops: controllers and plants as plain functions."""

import numpy as np

import outrange


def controller(rng, states, controls=1, width=6, act="relu"):
    """Draw a network with one hidden layer that pulls the state towards 0."""
    first = rng.normal(size=(width, states))
    second = rng.normal(size=(controls, width)) / width
    shift = 0.3 * rng.normal(size=width)
    gain = -0.3 * np.abs(rng.normal(size=(controls, states)))

    def relu(x):
        return second @ np.maximum(first @ x + shift, 0.0) + gain @ x

    def tanh(x):
        return second @ np.tanh(first @ x + shift) + gain @ x

    return {"relu": relu, "tanh": tanh}[act]


def linear(rng, states, controls=1):
    """Draw a plant `A x + B u + c`."""
    a = np.eye(states) + 0.2 * rng.normal(size=(states, states))
    return outrange.linear_plant(
        a, 0.4 * rng.normal(size=(states, controls)), 0.1 * rng.normal(size=states)
    )


def draw_kinked_plant(rng, states, controls=1):
    """Draw a piecewise-linear plant."""
    plain, weight = linear(rng, states, controls), rng.normal(size=(states, states))

    def plant(x, u):
        return plain(x, u) + 0.1 * np.abs(weight @ x) - 0.05 * np.clip(x, -0.5, 0.5)

    return plant


def smooth(rng, states, controls=1):
    """Draw a plant with sines, products and a quotient."""
    plain = linear(rng, states, controls)
    weight = rng.normal(size=(3, states, states))

    def plant(x, u):
        a, b, c = (w @ x for w in weight)
        return plain(x, u) + 0.1 * np.sin(a) * b + 0.05 * x * u[0] + 0.1 * c / (2.0 + a**2)

    return plant


def loops(*arguments, **options):
    """Return the list of `every_loop`."""
    return list(every_loop(*arguments, **options))


def every_loop(count, kinds=(linear, draw_kinked_plant, smooth), acts=("relu", "tanh")):
    """Yield `(controller, plant, lo, hi, steps)` of `count` random loops, of kinds in turn."""
    for seed in range(count):
        rng = np.random.default_rng(seed)
        states = 1 + seed % 3
        middle, radius = rng.normal(size=states), rng.uniform(0.01, 0.3, states)
        act, kind = acts[seed % len(acts)], kinds[seed % len(kinds)]
        yield (
            controller(rng, states, act=act), kind(rng, states),
            middle - radius, middle + radius, 2 + seed % 4,
        )  # fmt: skip
