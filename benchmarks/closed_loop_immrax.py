"""Comparison with immrax (interval embeddings with CROWN) on loops with Euler steps.

    python benchmarks/closed_loop_immrax.py --data FOLDER

The script needs both `immrax` and outrange. immrax is used as in its own examples: the embedding of
the closed loop with CROWN's linear bounds and both corners advances by Euler's rule, over the whole
initial set and over its partition into 81 or 256 boxes. It is compiled before the clock starts. The
question is about x + dt f(x, N(x)), the loop in the rows `D` of `closed_loop.py`. The embedding
bounds the flow without rounding errors, so its result for Euler's rule is no proof; the script
counts the simulated points outside its boxes.

It prints processor seconds, and the widths of all states at the end relative to the simulated ones.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import equinox as eqx
import immrax
import jax
import jax.numpy as jnp
import numpy as np
from immutabledict import immutabledict

import outrange


BOXES = 1, 81
"""Numbers of boxes for immrax. A partition has equally many parts per state, so the number is
rounded."""

NEAR = 0.5
"""Fraction by which outrange's pipe may be wider than the simulated range."""

SIMULATED = 2000
"""Number of simulated trajectories."""


def pendulum(m: Any, x: Any, u: Any) -> list:
    """Return the derivative of an inverted pendulum."""
    return [x[1], 2 * m.sin(x[0]) + 8 * u[0]]


def car(m: Any, x: Any, u: Any) -> list:
    """Return the derivative of a car in the plane."""
    return [x[2] * m.cos(x[3]), x[2] * m.sin(x[3]), u[0], u[1]]


def unicycle(m: Any, x: Any, u: Any) -> list:
    """Return the derivative of a unicycle, with its controls shifted by 20."""
    return [x[3] * m.cos(x[2]), x[3] * m.sin(x[2]), u[1] - 20, u[0] - 20]


def arms(m: Any, x: Any, u: Any) -> list:
    """Return the derivative of a double pendulum."""
    a, b, v, w = x
    sine, cosine = m.sin(a - b), m.cos(a - b)
    first = 4 * u[0] + 2 * m.sin(a) - w * w * sine / 2
    second = v * v * sine + 8 * u[1] + 2 * m.sin(b) - cosine * first
    divisor = cosine * cosine / 2 - 1
    return [v, w, first + cosine * second / (2 * divisor), -second / divisor]


def attitude(m: Any, x: Any, u: Any) -> list:
    """Return the derivative of a rotating rigid body, state by state as sums and products."""
    a, b, c, p, q, r = x
    s = p * p + q * q + r * r
    return [
        0.25 * (u[0] + b * c), 0.5 * (u[1] - 3 * a * c), u[2] + 2 * a * b,
        0.5 * (b * (s - r) + c * (s + q) + a * (s + 1)),
        0.5 * (a * (s + r) + c * (s - p) + b * (s + 1)),
        0.5 * (a * (s - q) + b * (s + p) + c * (s + 1)),
    ]  # fmt: skip


@dataclass(frozen=True)
class Question:
    """A question about a loop.

    Args:
        file: File of the controller.
        rate: The derivative, as a function of a module (such as NumPy), the state and the control.
        lo: Lower bounds of the initial states.
        hi: Upper bounds of the initial states.
        steps: Number of steps.
        dt: Duration of a step.
    """

    file: str
    rate: Callable
    lo: tuple[float, ...]
    hi: tuple[float, ...]
    steps: int
    dt: float


QUESTIONS = {
    "pendulum": Question("Single_Pendulum.onnx", pendulum, (1.0, 0.0), (1.175, 0.2), 20, 0.05),
    "car": Question("NAV_set.onnx", car, (2.9, 2.9, 0, 0), (3.1, 3.1, 0, 0), 30, 0.2),
    "unicycle": Question("Benchmark10-Unicycle.onnx", unicycle, (9.5, -4.5, 2.1, 1.5),
                         (9.55, -4.45, 2.11, 1.51), 50, 0.2),
    "double pendulum": Question("Double_Pendulum_less.onnx", arms, (1.0,) * 4, (1.3,) * 4, 20,
                                0.05),
    "attitude": Question("Attitude-Control.onnx", attitude, (-0.45, -0.55, 0.65, -0.75, 0.85,
                         -0.65), (-0.44, -0.54, 0.66, -0.74, 0.86, -0.64), 30, 0.1),
}  # fmt: skip


class Plant(immrax.OpenLoopSystem):
    """A plant in the form that immrax needs.

    Args:
        question: The loop.
    """

    def __init__(self, question: Question) -> None:
        self.evolution, self.xlen, self.question = "continuous", len(question.lo), question

    def f(self, t: Any, x: Any, u: Any, w: Any) -> Any:
        """Return the derivative."""
        return jnp.array(self.question.rate(jnp, x.ravel(), u.ravel()))


def network_of(file: Path, folder: Path) -> immrax.NeuralNetwork:
    """Return the controller for immrax, with the weights that outrange reads."""
    graph = outrange.load(file).graph
    names, layers, size = [str(graph.size)], [], graph.size
    for node in graph.nodes:
        if not hasattr(node.op, "bias"):
            names.append(node.op.name)
            continue
        weight = node.op.apply((np.eye(size),), False).T
        if len(weight) == size and (weight == np.eye(size)).all() and not node.op.bias.any():
            continue
        names.append(str(len(weight)))
        layers.append((weight, node.op.bias))
        size = len(weight)
    (folder / "arch.txt").write_text(" ".join(names))
    net = immrax.NeuralNetwork(folder, load=False)
    for i, (weight, bias) in zip(_linear(net), layers, strict=True):
        place = lambda one, i=i: (one.seq[i].weight, one.seq[i].bias)  # noqa: E731
        net = eqx.tree_at(place, net, (jnp.array(weight), jnp.array(bias)))
    return net


def _linear(net: immrax.NeuralNetwork) -> list[int]:
    return [i for i, layer in enumerate(net.seq) if isinstance(layer, eqx.nn.Linear)]


def simulated(question: Question, net: immrax.NeuralNetwork) -> np.ndarray:
    """Return the final states of trajectories in float64, `(runs, states)`."""
    rng, lo, hi = np.random.default_rng(0), np.array(question.lo), np.array(question.hi)
    x = rng.uniform(lo, hi, (SIMULATED, lo.size))
    x[::2] = np.where(rng.random(x[::2].shape) < 0.5, lo, hi)
    control = jax.jit(jax.vmap(net))
    for _ in range(question.steps):
        x = x + question.dt * np.stack(question.rate(np, x.T, np.asarray(control(x)).T), axis=1)
    return x


def rival(question: Question, net: immrax.NeuralNetwork, boxes: int) -> tuple:
    """Run immrax; return seconds to compile, seconds, bounds at the end, and the number of boxes.

    The bounds are the hull of all boxes, `(states,)` each.

    Raises:
        FloatingPointError: The bounds overflow.
    """
    loop = immrax.NNCSystem(Plant(question), net)
    embedding = immrax.NNCEmbeddingSystem(loop, "crown", "local", "local")
    n = len(question.lo)
    count = 1 + n + net.out_len + 1
    say = immutabledict({
        "corners": immrax.two_corners(count), "permutations": immrax.standard_permutation(count)
    })  # fmt: skip
    calm = immrax.interval(jnp.zeros(1))

    def last(x: Any) -> Any:
        def step(x: Any, _: Any) -> Any:
            return x + question.dt * embedding.E(immrax.interval(0.0), x, calm, **say), None

        return jax.lax.scan(step, x, None, question.steps)[0]

    parts = immrax.utils.get_partitions_ut(jnp.array([*question.lo, *question.hi]), boxes)
    began = time.process_time()
    run = jax.jit(jax.vmap(last)).lower(parts).compile()
    compiled = time.process_time() - began
    began = time.process_time()
    ends = np.asarray(run(parts).block_until_ready())
    seconds = time.process_time() - began
    return compiled, seconds, ends[:, :n].min(axis=0), ends[:, n:].max(axis=0), len(parts)


def ours(question: Question, file: Path) -> tuple:
    """Run outrange; return seconds and the bounds after the last step."""

    def plant(x: Any, u: Any) -> Any:
        return x + question.dt * np.stack(question.rate(np, x, u))

    began = time.process_time()
    found = outrange.closed_loop(
        outrange.ControlLoop(file, plant, (list(question.lo), list(question.hi))),
        steps=question.steps,
        tol=NEAR,
        time_limit=120,
    )
    return time.process_time() - began, found.pipe.final.lo, found.pipe.final.hi


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the controllers")
    parser.add_argument("--rows", nargs="*", default=list(QUESTIONS))
    parser.add_argument("--boxes", nargs="*", type=int, default=list(BOXES))
    given = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    print(f"{'':16} {'':18} {'compile':>8} {'seconds':>8} outside  widths over those seen")
    for name in given.rows:
        question = QUESTIONS[name]
        file = given.data / question.file
        with tempfile.TemporaryDirectory() as folder:
            net = network_of(file, Path(folder))
        seen = simulated(question, net)
        size = seen.max(axis=0) - seen.min(axis=0)

        def told(who: str, spent: str, lo: np.ndarray, hi: np.ndarray, name: str = name,
                 seen: np.ndarray = seen, size: np.ndarray = size) -> None:  # fmt: skip
            # Simulations have rounding errors, so a distance of 1e-9 of the width does not count as
            # outside.
            out = (seen < lo - 1e-9 * size) | (seen > hi + 1e-9 * size)
            widths = " ".join(f"{v:.4g}" for v in (hi - lo) / size)
            print(f"{name:16} {who:18} {spent} {out.any(axis=1).sum():7}  {widths}", flush=True)

        seconds, lo, hi = ours(question, file)
        told("outrange", f"{'':8} {seconds:8.2f}", lo, hi)
        for boxes in given.boxes:
            compiled, seconds, lo, hi, count = rival(question, net, boxes)
            told(f"immrax, {count} boxes", f"{compiled:8.1f} {seconds:8.3f}", lo, hi)


if __name__ == "__main__":
    main()
