"""Random closed loops as a user writes them: controllers as ONNX models, plants as functions."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import onnx
from loop_rows import Row
from loops import Writer
from onnx import TensorProto, helper


ACTIVATIONS = "Relu", "Tanh", "Sigmoid"


def random_controller(rng: np.random.Generator, states: int, controls: int) -> onnx.ModelProto:
    """Return a network with two hidden layers plus a linear control toward 0."""
    w, x, kind = Writer(), "x", ACTIVATIONS[int(rng.integers(3))]
    sizes = [states, *rng.integers(3, 12, 2).tolist(), controls]
    for k, (a, b) in enumerate(pairwise(sizes)):
        weight, bias = rng.normal(size=(a, b)) / np.sqrt(a), 0.3 * rng.normal(size=b)
        x = w.node("Gemm", x, w.number(weight), w.number(bias))
        x = w.node(kind, x) if k < 2 else x
    pull = w.node("MatMul", "x", w.number(-0.3 * np.abs(rng.normal(size=(states, controls)))))
    ends = [("x", states), (w.node("Add", x, pull), controls)]
    slots = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, size]) for n, size in ends]
    graph = helper.make_graph(w.nodes, "net", slots[:1], slots[1:], list(w.constants.values()))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def random_rate(rng: np.random.Generator, n: int, m: int, bends: bool) -> Callable:
    """Return a random right-hand side with products, quotients, sines, exponentials and the time.

    With `bends`, it also contains absolute values.
    """
    linear, drive = 0.4 * rng.normal(size=(n, n)), rng.normal(size=(n, m))
    first, second, third = rng.integers(n, size=(3, n))
    pull, wave, share, flat = 0.4 * rng.normal(size=(4, n))
    slow = float(rng.uniform(0.1, 2.0))

    def rate(t: Any, x: Any, u: Any, w: Any) -> Any:
        found = []
        for i, (a, b, c) in enumerate(zip(first, second, third, strict=True)):
            total = linear[i] @ x + drive[i] @ u + pull[i] * x[a] * x[b] - 0.5 * x[i]
            total = total + wave[i] * np.sin(x[c]) + share[i] * x[a] / (1 + x[b] ** 2)
            total = total + flat[i] * (abs(x[c]) if bends else np.tanh(x[c]))
            total = total + 0.1 * np.exp(-(x[a] ** 2)) + 0.2 * np.sin(slow * t)
            found.append(total + (w[0] if i == 0 else 0.0))
        return found

    return rate


def random_row(seed: int) -> Row:
    """Return a random loop, in discrete time if `seed` is even, otherwise in continuous time."""
    rng = np.random.default_rng(seed)
    n, m, steps = int(rng.integers(1, 5)), int(rng.integers(1, 3)), int(rng.integers(3, 12))
    flows = bool(seed % 2)
    rate = random_rate(rng, n, m, not flows)

    def step(t: Any, x: Any, u: Any, w: Any) -> Any:
        return [a + 0.1 * b for a, b in zip(x, rate(t, x, u, w), strict=True)]

    ends = (np.array([-0.05]), np.array([0.1])) if rng.integers(2) else (0.0, 0.0)
    more: dict[str, Any] = {"unknown": {"w": ends}}
    if flows:
        more["dt"] = float(rng.choice([0.03, 0.05, 0.1]))
    middle, half = rng.normal(size=n), 10.0 ** rng.uniform(-3, -0.5, n)
    lo, hi = tuple((middle - half).tolist()), tuple((middle + half).tolist())
    controller = random_controller(rng, n, m)
    return Row(
        f"random {seed}", controller, rate if flows else step, lo, hi, steps, None, "REACHED", more
    )
