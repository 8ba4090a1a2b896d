"""A search for values outside the proved bounds when runtimes compute the graphs of `float32_nets`.

    KERAS_BACKEND=jax python benchmarks/float32_runtimes.py            also tensorflow, torch
    python benchmarks/float32_runtimes.py --runtime onnxruntime
    KERAS_BACKEND=jax python benchmarks/float32_runtimes.py --layers   also with --runtime

A graph becomes a Keras model of `keras.ops`, run eagerly and compiled, or an ONNX model, run at
several levels of optimization with one thread and two. The points are random at first, and then lie
near those with the largest errors.
"""

import argparse
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np


sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

from float32_layers import keras_layers, onnx_layers, reshaped
from float32_onnx import onnx_runners, sessions

import outrange
from float32_nets import graphs
from float32_orders import Tally, points_of
from outrange.ops import Affine, Largest, Product, Rearrange
from small_graphs import matrices


SPELLED = {
    "abs": "absolute", "atan": "arctan",
}  # fmt: skip

Runner = Callable[[np.ndarray], np.ndarray]


def keras_model(graph: Any) -> Any:
    """Return a Keras model that computes a graph op by op."""
    import keras
    from keras import ops

    x = keras.Input((graph.size,))
    values = [x]
    for node in graph.nodes:
        xs = [values[j] for j in node.inputs]
        values.append(_keras_node(ops, keras, node.op, xs))
    return keras.Model(x, values[graph.output])


def _keras_node(ops: Any, keras: Any, op: Any, xs: list[Any]) -> Any:
    if isinstance(op, Affine):
        return _keras_affine(ops, op, xs)
    if isinstance(op, Product):
        return ops.multiply(_taken(ops, xs[0], op.left), _taken(ops, xs[1], op.right))
    if isinstance(op, Rearrange):
        flat = xs[0] if len(xs) == 1 else ops.concatenate(xs, axis=1)
        picked = _taken(ops, flat, np.maximum(op.index, 0))
        if (op.index >= 0).all():
            return picked
        return ops.where(op.index < 0, np.float32(op.fill), picked)
    if isinstance(op, Largest):
        picked = ops.take(xs[0], np.maximum(op.windows, 0), axis=1)
        return ops.max(ops.where(op.windows < 0, np.float32(-np.inf), picked), axis=2)
    name, attributes = op.origin
    if name == "clip":
        least, most = (float(v) for _, v in attributes)
        return ops.maximum(xs[0], least) if most == np.inf else ops.clip(xs[0], least, most)
    if name in ("heaviside", "is_zero"):
        mark = ops.greater_equal(xs[0], 0.0) if name == "heaviside" else ops.equal(xs[0], 0.0)
        return ops.cast(mark, "float32")
    if name == "mish":
        return keras.layers.Activation("mish")(xs[0])
    if name in ("gelu", "gelu_tanh"):
        return ops.gelu(xs[0], approximate=name == "gelu_tanh")
    return getattr(ops, SPELLED.get(name, name))(xs[0])


def _keras_affine(ops: Any, op: Any, xs: list[Any]) -> Any:
    bias = np.float32(op.bias)
    if op.factor is not None or op.coefficients is not None:
        numbers = [op.factor] if op.factor is not None else op.coefficients
        total = None
        for c, x in zip(numbers, xs, strict=True):
            c = np.broadcast_to(np.float32(c), (op.size,))
            term = x if (c == 1).all() else ops.multiply(x, np.array(c))
            total = term if total is None else ops.add(total, term)
    else:
        total = None
        for weight, x in zip(matrices(op), xs, strict=True):
            term = ops.matmul(x, np.float32(weight))
            total = term if total is None else ops.add(total, term)
    return ops.add(total, bias) if bias.any() else total


def _taken(ops: Any, x: Any, index: np.ndarray) -> Any:
    if index.size == x.shape[1] and (index == np.arange(index.size)).all():
        return x
    return ops.take(x, index, axis=1)


def keras_runners(model: Any, shape: tuple[int, ...], compiled: bool) -> dict[str, Runner]:
    """Return the ways in which the backend can run a model, by name."""
    import keras

    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        whole = jax.jit(lambda v: model(v, training=False))
        return {
            "eager": lambda v: np.asarray(model(v, training=False)),
            "jit": lambda v: np.asarray(whole(v)),
        }
    if backend == "tensorflow":
        import tensorflow as tf

        found = {"eager": lambda v: model(v, training=False).numpy()}
        plain = tf.function(lambda v: model(v, training=False))
        found["graph"] = lambda v: plain(tf.constant(v)).numpy()
        if compiled:
            fast = tf.function(lambda v: model(v, training=False), jit_compile=True)
            found["xla"] = lambda v: fast(tf.constant(v)).numpy()
        return found
    import torch

    def run(function: Any) -> Runner:
        def one(v: np.ndarray) -> np.ndarray:
            with torch.no_grad():
                return function(torch.from_numpy(v)).numpy()

        return one

    for weight in model.parameters():
        weight.requires_grad_(False)  # else no trace takes it as a constant
    example = torch.zeros((AT_ONCE, *shape))
    with torch.no_grad():
        traced = torch.jit.trace(lambda v: model(v, training=False), example, check_trace=False)
    found = {"eager": run(lambda v: model(v, training=False)), "traced": run(traced)}
    if compiled:
        found["inductor"] = run(torch.compile(lambda v: model(v, training=False)))
    return found


AT_ONCE = 4096


def tried(graph: Any, seed: int, runners: dict[str, Runner], rounds: int, tally: dict) -> None:
    """Run a graph in every way at random points, and then near the worst of these."""
    rng = np.random.default_rng(seed)
    for name, run in runners.items():
        points = points_of(graph, rng, AT_ONCE, 128)
        for turn in range(rounds):
            y = np.asarray(run(np.ascontiguousarray(points.x)))
            with np.errstate(all="ignore"):
                count = tally.setdefault(name, Tally())
                count.networks += turn == 0
                before = count.outside
                share = count.add(y, points.exact, points.off)
            if count.outside > before:
                worst = int(share.argmax())
                print(f"graph {seed}, {name}: {count.outside - before} outside, by a factor of "
                      f"{share[worst]:.4g} at {points.x[worst].tolist()}", flush=True)  # fmt: skip
            if turn + 1 < rounds:
                points = points.near(graph, rng, share)


def networks(args: argparse.Namespace) -> Iterator[tuple[int, Any, dict[str, Runner]]]:
    """Yield seeds, graphs as written, and ways to run them."""
    if not args.layers:
        for number, (seed, graph) in enumerate(graphs(args.networks)):
            if args.runtime == "onnxruntime":
                yield seed, graph, onnx_runners(graph)
            else:
                model, fast = keras_model(graph), number < args.compiled
                yield seed, graph, keras_runners(model, (graph.size,), fast)
        return
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(args.networks):
            if args.runtime == "onnxruntime":
                graph, written, shape = onnx_layers(seed, folder)
                runners = sessions(written)
            else:
                model = keras_layers(seed)
                graph, shape = outrange.load(model).written, tuple(model.input_shape[1:])
                runners = keras_runners(model, shape, seed < args.compiled)
            yield seed, graph, {name: reshaped(run, shape) for name, run in runners.items()}


def main() -> None:
    """Print a row for each way to run a graph."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runtime", choices=("keras", "onnxruntime"), default="keras")
    parser.add_argument("--layers", action="store_true", help="models of layers")
    parser.add_argument("--networks", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--compiled", type=int, default=300, help="networks that are compiled")
    parser.add_argument("--seconds", type=float, default=np.inf, help="at most")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    tally: dict[str, Tally] = {}
    refused, begin, end = 0, time.process_time(), time.monotonic() + args.seconds
    for seed, graph, runners in networks(args):
        if time.monotonic() > end:
            print(f"stopped after {args.seconds:.0f} seconds", flush=True)
            break
        refused += not runners
        tried(graph, seed, runners, args.rounds, tally)
    where = os.environ.get("KERAS_BACKEND", "jax") if args.runtime == "keras" else args.runtime
    for name, one in tally.items():
        print(
            f"{where:12} {name:22} {one.evaluations:12,} evaluations of {one.networks} networks, "
            f"{one.values:12,} values, largest share {one.share:.4f}: {one.outside} outside",
            flush=True,
        )
    spent = time.process_time() - begin
    print(f"{where}: {refused} networks it has no operators for; {spent:.0f} s of one core")
    sys.exit(int(any(one.outside for one in tally.values())))


if __name__ == "__main__":
    main()
