"""Plants in continuous time, as a user writes them; each control is held for a period."""

import operator
from functools import reduce
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from loop_rows import Row
from loops import Writer
from onnx import TensorProto, helper
from plants import ATTITUDES, FREE, GAP, cruise_seen

from outrange import within, x


def pendulum(x: Any, u: Any) -> Any:
    """Return the derivative of an inverted pendulum."""
    return [x[1], 2 * np.sin(x[0]) + 8 * u[0]]


def cruise(x: Any, u: Any) -> Any:
    """Return the derivative of two cars, one behind the other."""
    return [
        x[1], x[2], -2 * x[2] - 4 - 1e-4 * x[1] ** 2,
        x[4], x[5], -2 * x[5] + 2 * u[0] - 1e-4 * x[4] ** 2,
    ]  # fmt: skip


def actuator(x: Any, u: Any) -> Any:
    """Return the derivative of a cart on a spring with a rotating mass (TORA)."""
    return [x[1], -x[0] + 0.1 * np.sin(x[2]), x[3], u[0]]


def unicycle(x: Any, u: Any, p: Any) -> Any:
    """Return the derivative of a unicycle with a small constant disturbance."""
    return [x[3] * np.cos(x[2]), x[3] * np.sin(x[2]), u[1], u[0] + p[0]]


def attitude(x: Any, u: Any) -> Any:
    """Return the derivative of a rotating rigid body: its rates, and its attitude."""
    w, y = x[:3], x[3:]
    pushed = [0.25 * (u[0] + w[1] * w[2]), 0.5 * u[1] - 1.5 * w[0] * w[2], u[2] + 2 * w[0] * w[1]]
    turned = 0.5 * (np.sum(y**2) * np.sum(w) + np.cross(y, w) + w)
    return np.concatenate([pushed, turned])


def arms(x: Any, u: Any) -> Any:
    """Return the derivative of a double pendulum."""
    a, b, v, w = x
    sine, cosine = np.sin(a - b), np.cos(a - b)
    first = 4 * u[0] + 2 * np.sin(a) - w**2 * sine / 2
    second = v**2 * sine + 8 * u[1] + 2 * np.sin(b) - cosine * first
    divisor = cosine**2 / 2 - 1
    return [v, w, first + cosine * second / (2 * divisor), -second / divisor]


def airplane(x: Any, f: Any) -> Any:
    """Return the derivative of an aircraft: position, velocity, angles, rates r, p, q."""
    v, w, (a, b, c), (d, e, g) = x[3:6], x[[10, 11, 9]], np.sin(x[6:9]), np.cos(x[6:9])
    across, down, turn = d * v[1] - a * v[2], a * v[1] + d * v[2], (a * w[1] + d * w[2]) / e
    along, up = e * v[0] + b * down, e * down - b * v[0]
    moved = [g * along - c * across, c * along + g * across, up]
    pushed = f[:3] - np.cross(w, v) + np.stack([-b, e * a, e * d])
    turned = [w[0] + b * turn, d * w[1] - a * w[2], turn]
    return np.concatenate([moved, pushed, turned, f[[5, 3, 4]]])


def car(x: Any, u: Any) -> Any:
    """Return the derivative of a car in the plane."""
    return [x[2] * np.cos(x[3]), x[2] * np.sin(x[3]), u[0], u[1]]


def docking(x: Any, f: Any) -> Any:
    """Return the derivative of a spacecraft near another one in orbit: position and velocity."""
    pull = 3 * ORBIT**2 * x[0]
    return [x[2], x[3], 2 * ORBIT * x[3] + pull + f[0] / 12, -2 * ORBIT * x[2] + f[1] / 12]


def quadrotor(x: Any, u: Any) -> Any:
    """Return the derivative of a quadrotor: position, velocity, angles and rates."""
    v, w, (a, b, c), (d, e, g) = x[3:6], x[9:], np.sin(x[6:9]), np.cos(x[6:9])
    across, down, turn = d * v[1] - a * v[2], a * v[1] + d * v[2], (a * w[1] + d * w[2]) / e
    along, up = e * v[0] + b * down, b * v[0] - e * down
    moved = [g * along - c * across, c * along + g * across, up]
    pushed = np.cross(v, w) + 9.81 * np.stack([-b, e * a, e * d - 1]) - np.stack([0, 0, u[0] / 1.4])
    spun = np.stack([u[1] - 0.05 * w[1] * w[2], u[2] + 0.05 * w[0] * w[2], 0.0]) / 0.054
    return np.concatenate([moved, pushed, [w[0] + b * turn, d * w[1] - a * w[2], turn], spun])


def cart(x: Any, f: Any) -> Any:
    """Return the derivative of a pole on a cart: position and speed, angle and rate."""
    push = 9.8 * np.sin(x[2]) - 2 * f[0] * np.cos(x[2])
    return [x[1], 2 * f[0], x[3], (0.08 * 0.41 * push - 0.0021 * x[3]) / 0.0105]


def network_of(path: Path) -> onnx.ModelProto:
    """Read a network from text: sizes, weights and biases by neuron, an offset and a scale."""
    numbers = path.read_text().split()
    count = int(numbers[2])
    sizes = [int(numbers[0]), *map(int, numbers[3 : 3 + count]), int(numbers[1])]
    rest = np.array(numbers[3 + count :], float)
    last = "Sigmoid" if "sigmoid" in path.name else "Tanh"
    w, at, value = Writer(), 0, "x"
    for k, (a, b) in enumerate(pairwise(sizes)):
        layer = rest[at : at + b * (a + 1)].reshape(b, a + 1)
        at += layer.size
        value = w.node("Gemm", value, w.number(layer[:, :-1].T), w.number(layer[:, -1]))
        hidden = last if last == "Sigmoid" else "Relu"
        value = w.node(hidden if k < count else last, value)
    shapes = [("x", sizes[0]), (value, sizes[-1])]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, size]) for n, size in shapes]
    graph = helper.make_graph(w.nodes, "net", ends[:1], ends[1:], list(w.constants.values()))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


TORA = (0.6, -0.7, -0.4, 0.5), (0.7, -0.6, -0.3, 0.6)

REACH = (-0.77, -0.45, 0.51, -0.3), (-0.75, -0.43, 0.54, -0.28)

THERE = within([-0.1, -0.9, None, None], [0.2, -0.6, None, None]).at(5)

CAR = (2.9, 2.9, 0, 0), (3.1, 3.1, 0, 0)

TRIMMED = within([None, -1, *[None] * 4, -1, -1, -1, *[None] * 3],
                 [None, 1, *[None] * 4, 1, 1, 1, *[None] * 3])  # fmt: skip

PARKED_AT_6 = within([-0.5, -0.5, None, None], [0.5, 0.5, None, None]).at(6)

ORBIT = 0.001027


def slow_near(sides: int = 32) -> Any:
    """Return a condition that implies: the speed is at most 0.2 + 2 n times the distance.

    Polygons replace the circles. The speed is at most its component along the nearest of several
    directions, divided by the cosine of half the angle between two of these. The distance is at
    least its component along any direction.
    """
    angles = 2 * np.pi * np.arange(sides) / sides
    close, ahead = np.cos(np.pi / sides), np.deg2rad([31, 45, 59])
    parts = []
    for c, s in zip(np.cos(angles), np.sin(angles), strict=True):
        room = [0.2 + 2 * ORBIT * (np.cos(b) * x[0] + np.sin(b) * x[1]) for b in ahead]
        ways = [c * x[2] + s * x[3] <= close * one for one in room]
        parts.append(reduce(operator.or_, ways))
    return reduce(operator.and_, parts)


BALANCED = np.array([0.1, 0.05, 0.1, 0.05])

STILL = within([-0.001, None, -0.001, -0.001], [0.001, None, 0.001, 0.001]).during(8, 10)

FLYING = np.array([0.4] * 6 + [0.0] * 6)

HOVERS = within([None, None, 0.94, *[None] * 9], [None, None, 1.06, *[None] * 9]).at(5)

FLOWS = [
    Row("C1 single pendulum", "Single_Pendulum.onnx", pendulum, (1.0, 0.0), (1.175, 0.2), 20,
        (x[0] <= 1).during(0.5, 1) & (x[0] >= 0).during(0.5, 1), "HOLDS", {"dt": 0.05}),
    Row("C1 single pendulum 1.2", "Single_Pendulum.onnx", pendulum, (1.0, 0.0), (1.2, 0.2), 20,
        (x[0] <= 1).during(0.5, 1) & (x[0] >= 0).during(0.5, 1), "VIOLATED", {"dt": 0.05}),
    Row("C2 ACC", "ACC.onnx", cruise, (90, 32, 0, 10, 30, 0), (110, 32.2, 0, 11, 30.2, 0), 50,
        GAP, "HOLDS", {"observe": cruise_seen, "dt": 0.1}, skip=1),
    Row("C3 TORA tanh", "nn_tora_relu_tanh.txt", actuator, *REACH, 10, THERE, "HOLDS",
        {"actuate": lambda y: 11 * y, "dt": 0.5}),
    Row("C3 TORA sigmoid", "nn_tora_sigmoid.txt", actuator, *REACH, 10, THERE, "HOLDS",
        {"actuate": lambda y: 11 * y, "dt": 0.5}),
    Row("C4 TORA remain", "Benchmark9-Tora.onnx", actuator, *TORA, 20,
        within([-2.0] * 4, [2.0] * 4), "HOLDS", {"actuate": lambda y: y - 10, "dt": 1}),
    Row("C5 unicycle", "Benchmark10-Unicycle.onnx", unicycle, (9.5, -4.5, 2.1, 1.5),
        (9.55, -4.45, 2.11, 1.51), 50, within([-0.6, -0.2, -0.06, -0.3], [0.6, 0.2, 0.06, 0.3])
        .at(10), "HOLDS", {"actuate": lambda y: y - 20, "unknown": {"p": ([-1e-4], [1e-4])},
                           "dt": 0.2}),
    Row("C6 attitude", "Attitude-Control.onnx", attitude, (-0.45, -0.55, 0.65, -0.75, 0.85, -0.65),
        (-0.44, -0.54, 0.66, -0.74, 0.86, -0.64), 30, ATTITUDES, "HOLDS", {"dt": 0.1}),
    Row("C7 double pendulum less", "Double_Pendulum_less.onnx", arms, (1.0,) * 4, (1.3,) * 4, 20,
        within([-1.7] * 4, [2.0] * 4), "HOLDS", {"dt": 0.05}),
    Row("C7 double pendulum more", "Double_Pendulum_more.onnx", arms, (1.0,) * 4, (1.3,) * 4, 20,
        within([-1.5] * 4, [1.5] * 4), "VIOLATED", {"dt": 0.02}),
    Row("C8 airplane", "Airplane.onnx", airplane, (0.0,) * 12, (0, 0, 0, *[1.0] * 6, 0, 0, 0), 20,
        TRIMMED, "VIOLATED", {"dt": 0.1}),
    Row("C9 NAV set", "NAV_set.onnx", car, *CAR, 30, FREE & PARKED_AT_6, "HOLDS", {"dt": 0.2}),
    Row("C9 NAV point", "NAV_point.onnx", car, *CAR, 30, FREE & PARKED_AT_6, "HOLDS", {"dt": 0.2}),
    Row("C10 docking 0.14", "Docking.onnx", docking, (70, 70, -0.14, -0.14),
        (106, 106, 0.14, 0.14), 40, slow_near(), "HOLDS", {"dt": 1}),
    Row("C10 docking 0.28", "Docking.onnx", docking, (70, 70, -0.28, -0.28),
        (106, 106, 0.28, 0.28), 40, slow_near(), "HOLDS", {"dt": 1}),
    Row("C11 quadrotor 1 %", "QUAD.onnx", quadrotor, tuple(-0.01 * FLYING), tuple(0.01 * FLYING),
        50, HOVERS, "HOLDS", {"dt": 0.1}),
    Row("C11 quadrotor", "QUAD.onnx", quadrotor, tuple(-FLYING), tuple(FLYING), 50, HOVERS,
        "HOLDS", {"dt": 0.1}),
    Row("C12 cart pole 0.4", "CartPole.onnx", cart, tuple(-0.4 * BALANCED), tuple(0.4 * BALANCED),
        500, STILL, "HOLDS", {"dt": 0.02}),
    Row("C12 cart pole", "CartPole.onnx", cart, tuple(-BALANCED), tuple(BALANCED), 500, STILL,
        "HOLDS", {"dt": 0.02}),
]  # fmt: skip
