"""Closed loops of a controller and a plant in discrete time, unrolled as one ONNX model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from scipy.linalg import expm


@dataclass(frozen=True)
class Loop:
    """A closed loop: a controller, a plant and a set of initial states.

    Args:
        controller: A file in the folder of controllers, or a model.
        step: Function from a writer, the state's entries and the controls to the next state's
            entries.
        lo: Lower bounds of the initial state.
        hi: Upper bounds of the initial state.
        steps: Numbers of steps for which the loop is unrolled.
        tol: Relative tolerance.
        observe: Function from a writer and the state's entries to the controller's input.
        skip: Number of nodes at the controller's beginning to leave out.
    """

    controller: str | onnx.ModelProto
    step: Callable
    lo: tuple[float, ...]
    hi: tuple[float, ...]
    steps: tuple[int, ...]
    tol: float = 1e-3
    observe: Callable | None = None
    skip: int = 0


class Writer:
    """A writer of ONNX nodes; scalars are values of shape `(1, 1)`, represented by their names."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self.count = 0

    def node(self, kind: str, *inputs: str, **attributes) -> str:
        """Add a node with one output; return the name of the output."""
        self.count += 1
        name = f"v{self.count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def number(self, value, dtype=np.float32) -> str:
        """Return the name of a constant."""
        array = np.asarray(value, dtype)
        name = f"c_{array.tobytes().hex()[:64]}_{array.dtype}_{'x'.join(map(str, array.shape))}"
        self.constants.setdefault(name, numpy_helper.from_array(array, name))
        return name

    def scaled(self, factor: float, x: str) -> str:
        """Return the name of `factor * x`."""
        return self.node("Mul", x, self.number([[factor]]))

    def total(self, *parts: str) -> str:
        """Return the name of the sum."""
        out = parts[0]
        for part in parts[1:]:
            out = self.node("Add", out, part)
        return out

    def product(self, *parts: str) -> str:
        """Return the name of the product."""
        out = parts[0]
        for part in parts[1:]:
            out = self.node("Mul", out, part)
        return out

    def shifted(self, shift: float, x: str) -> str:
        """Return the name of `x + shift`."""
        return self.node("Add", x, self.number([[shift]]))

    def entries(self, x: str, count: int) -> list[str]:
        """Return the names of the columns of a value of shape `(1, count)`."""
        return [self.node("Gather", x, self.number([i], np.int64), axis=1) for i in range(count)]

    def controller(self, model: onnx.ModelProto, x: str, skip: int) -> str:
        """Add a copy of a model's nodes that reads `x`; copies share their weights."""
        graph = model.graph
        weights = {tensor.name for tensor in graph.initializer}
        (given,) = (slot for slot in graph.input if slot.name not in weights)
        shape = [max(d.dim_value, 1) for d in given.type.tensor_type.shape.dim]
        # A file may declare 1x1 images and nevertheless multiply them by matrices.
        images = any(node.op_type == "Conv" for node in graph.node)
        shaped = self.node("Reshape", x, self.number(shape, np.int64)) if images else x
        names = {given.name: shaped}
        for tensor in graph.initializer:
            names[tensor.name] = f"w_{tensor.name}"
            if names[tensor.name] not in self.constants:
                copy = onnx.TensorProto()
                copy.CopyFrom(tensor)
                copy.name = names[tensor.name]
                self.constants[copy.name] = copy
        for i, node in enumerate(graph.node):
            if i < skip:
                names[node.output[0]] = names[node.input[0]]
                continue
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            self.count += 1
            copy.name = ""
            # `broadcast` is an attribute of old operator sets.
            kept = [a for a in copy.attribute if a.name != "broadcast"]
            del copy.attribute[:]
            copy.attribute.extend(kept)
            copy.input[:] = [names[name] for name in node.input]
            copy.output[:] = [f"v{self.count}_{name}" for name in node.output]
            names.update(zip(node.output, copy.output, strict=True))
            self.nodes.append(copy)
        return self.node("Reshape", names[graph.output[0].name], self.number([1, -1], np.int64))


def unrolled(loop: Loop, model: onnx.ModelProto, steps: int) -> onnx.ModelProto:
    """Return a model of the last state as a function of the first."""
    n = len(loop.lo)
    w = Writer()
    state, inputs = w.entries("x", n), "x"
    for _ in range(steps):
        seen = inputs if loop.observe is None else loop.observe(w, state)
        u = w.controller(model, seen, loop.skip)
        size = _outputs(model)
        state = loop.step(w, state, w.entries(u, size))
        inputs = w.node("Concat", *state, axis=1)
    graph = helper.make_graph(
        w.nodes,
        "loop",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, n])],
        [helper.make_tensor_value_info(inputs, TensorProto.FLOAT, [1, n])],
        list(w.constants.values()),
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(made)
    return made


def _outputs(model: onnx.ModelProto) -> int:
    return model.graph.output[0].type.tensor_type.shape.dim[-1].dim_value


def linear(a: np.ndarray, b: np.ndarray) -> Callable:
    """Return the plant `x' = A x + B u` in discrete time."""

    def step(w: Writer, x: Sequence[str], u: Sequence[str]) -> list[str]:
        both = w.node("Concat", *x, *u, axis=1)
        matrix = w.number(np.concatenate([a, b], axis=1).T)
        return w.entries(w.node("MatMul", both, matrix), len(x))

    return step


def euler(dt: float, slope: Callable) -> Callable:
    """Return the plant `x' = x + dt f(x, u)`."""

    def step(w: Writer, x: Sequence[str], u: Sequence[str]) -> list[str]:
        return [w.total(a, w.scaled(dt, b)) for a, b in zip(x, slope(w, x, u), strict=True)]

    return step


def sampled(a: np.ndarray, b: np.ndarray, dt: float) -> Callable:
    """Return the plant `x' = A x + B u` in continuous time, with the control held for `dt`."""
    n, m = b.shape
    whole = np.zeros((n + m, n + m))
    whole[:n] = np.concatenate([a, b], axis=1)
    both = expm(whole * dt)
    return linear(both[:n, :n], both[:n, n:])


def pendulum(w: Writer, x: Sequence[str], u: Sequence[str]) -> list[str]:
    """Return the derivative of a pendulum: an angle and its rate."""
    return [x[1], w.total(w.scaled(2.0, w.node("Sin", x[0])), w.scaled(8.0, u[0]))]


def cruise(w: Writer, x: Sequence[str], u: Sequence[str]) -> list[str]:
    """Return the derivative of two cars: position, speed and acceleration of each."""

    def pulled(speed: str, acceleration: str, push: str) -> str:
        drag = w.scaled(-1e-4, w.product(speed, speed))
        return w.total(w.scaled(-2.0, acceleration), push, drag)

    return [
        x[1], x[2], w.shifted(-4.0, w.total(w.scaled(-2.0, x[2]), w.scaled(
            -1e-4, w.product(x[1], x[1])))),
        x[4], x[5], pulled(x[4], x[5], w.scaled(2.0, u[0])),
    ]  # fmt: skip


def cruise_seen(w: Writer, x: Sequence[str]) -> str:
    """Return the controller's input: set speed, time gap, own speed, distance, speed difference."""
    away, slower = (w.total(x[i], w.scaled(-1.0, x[i + 3])) for i in (0, 1))
    return w.node("Concat", w.number([[30.0]]), w.number([[1.4]]), x[4], away, slower, axis=1)


def car(w: Writer, x: Sequence[str], u: Sequence[str]) -> list[str]:
    """Return the derivative of a car in the plane: position, speed, heading."""
    # The official state is x, y, v, theta.
    cos, sin = w.node("Cos", x[3]), w.node("Sin", x[3])
    return [w.product(x[2], cos), w.product(x[2], sin), u[0], u[1]]


def cart(w: Writer, x: Sequence[str], u: Sequence[str]) -> list[str]:
    """Return the derivative of a pole on a cart; the control is a force."""
    fall = w.scaled(9.8, w.node("Sin", x[2]))
    push = w.scaled(-2.0, w.product(u[0], w.node("Cos", x[2])))
    turn = w.scaled(0.08 * 0.41 / 0.0105, w.total(fall, push))
    return [x[1], w.scaled(2.0, u[0]), x[3], w.total(turn, w.scaled(-0.0021 / 0.0105, x[3]))]


def arms(w: Writer, x: Sequence[str], u: Sequence[str]) -> list[str]:
    """Return the derivative of two linked arms: two angles, two rates."""
    apart = w.total(x[0], w.scaled(-1.0, x[1]))
    sin, cos = w.node("Sin", apart), w.node("Cos", apart)
    a = w.total(
        w.scaled(4.0, u[0]),
        w.scaled(2.0, w.node("Sin", x[0])),
        w.scaled(-0.5, w.product(x[3], x[3], sin)),
    )
    b = w.total(
        w.product(x[2], x[2], sin),
        w.scaled(8.0, u[1]),
        w.scaled(2.0, w.node("Sin", x[1])),
        w.scaled(-1.0, w.product(cos, a)),
    )
    d = w.shifted(-1.0, w.scaled(0.5, w.product(cos, cos)))
    over = w.node("Div", b, d)
    return [x[2], x[3], w.total(a, w.scaled(0.5, w.product(cos, over))), w.scaled(-1.0, over)]


def attitude(w: Writer, x: Sequence[str], u: Sequence[str]) -> list[str]:
    """Return the derivative of a rigid body: three rates, three modified Rodrigues parameters."""
    (w1, w2, w3, p1, p2, p3), (u1, u2, u3) = x, u
    size = w.total(*(w.product(p, p) for p in (p1, p2, p3)))

    def minus(a: str, b: str) -> str:
        return w.total(a, w.scaled(-1.0, b))

    one = w.shifted(1.0, size)
    rows = (
        ((w2, minus(size, p3)), (w3, w.total(size, p2)), (w1, one)),
        ((w1, w.total(size, p3)), (w3, minus(size, p1)), (w2, one)),
        ((w1, minus(size, p2)), (w2, w.total(size, p1)), (w3, one)),
    )
    turning = [w.scaled(0.5, w.total(*(w.product(a, b) for a, b in row))) for row in rows]
    return [
        w.scaled(0.25, w.total(u1, w.product(w2, w3))),
        w.scaled(0.5, w.total(u2, w.scaled(-3.0, w.product(w1, w3)))),
        w.total(u3, w.scaled(2.0, w.product(w1, w2))),
        *turning,
    ]


def own_controller(sizes: Sequence[int], gain: np.ndarray, seed: int = 0) -> onnx.ModelProto:
    """Return a ReLU network whose last layer is fitted to `gain @ x`, clipped to [-1, 1]."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-3.0, 3.0, (4096, sizes[0]))
    nodes, weights, hidden, last = [], [], x, "x"
    for i, (n, m) in enumerate(pairwise(sizes[:-1])):
        matrix, bias = rng.normal(size=(n, m)) / np.sqrt(n), rng.normal(size=m)
        weights += [(f"W{i}", matrix), (f"b{i}", bias)]
        nodes.append(helper.make_node("Gemm", [last, f"W{i}", f"b{i}"], [f"h{i}"]))
        nodes.append(helper.make_node("Relu", [f"h{i}"], [f"r{i}"]))
        hidden, last = np.maximum(hidden @ matrix + bias, 0.0), f"r{i}"
    ones = np.concatenate([hidden, np.ones((len(x), 1))], axis=1)
    target = np.clip(x @ gain.T, -1.0, 1.0)
    fit = np.linalg.lstsq(ones, target, rcond=None)[0]
    weights += [("W", fit[:-1]), ("b", fit[-1])]
    nodes.append(helper.make_node("Gemm", [last, "W", "b"], ["u"]))
    graph = helper.make_graph(
        nodes,
        "controller",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, sizes[0]])],
        [helper.make_tensor_value_info("u", TensorProto.FLOAT, [1, sizes[-1]])],
        [numpy_helper.from_array(v.astype(np.float32), name) for name, v in weights],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
