"""How far the float32 functions of a runtime are from the real ones, over every exponent.

    KERAS_BACKEND=jax python benchmarks/float32_functions.py            also tensorflow, torch
    python benchmarks/float32_functions.py --runtime onnxruntime
    python benchmarks/float32_functions.py --every exp tanh             all 2^32 arguments

Of each function: the most units of roundoff (`u = 2^-24`) that it misses by, relative to its value
where `MOST` of them are enough, else beside `BESIDE` of them absolutely; what is below the least
normal number is not counted, since it may be flushed. `ops/float32.py` states what the proofs
assume; a row that exceeds it ends in `BEYOND`, and the script with 1.
"""

import argparse
import importlib.util
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator

import numpy as np

from outrange.ops import Curve, curve
from outrange.ops.float32 import FLOAT32_ERRORS, float32_error


UNIT, TINY, LARGEST = 2.0**-24, 2.0**-126, float(np.finfo(np.float32).max)
MOST, BESIDE = 64.0, 8.0

OPERATIONS = {
    "abs": "absolute", "atan": "arctan", "expm1": "expm1", "gelu_tanh": "gelu", "relu": "relu",
    "elu": "elu", "celu": "celu", "log_sigmoid": "log_sigmoid", "hard_silu": "hard_silu",
    "softsign": "soft_sign", "soft_shrink": "soft_shrink", "tanh_shrink": "tanh_shrink",
}  # fmt: skip
"""Of curves whose name in `keras.ops` is another, or takes arguments."""

ONNX = {
    "sigmoid": "Sigmoid", "tanh": "Tanh", "softplus": "Softplus", "softsign": "Softsign",
    "mish": "Mish", "hard_silu": "HardSwish", "erf": "Erf", "exp": "Exp", "log": "Log",
    "sqrt": "Sqrt", "reciprocal": "Reciprocal", "sin": "Sin", "cos": "Cos", "sinh": "Sinh",
    "cosh": "Cosh", "atan": "Atan", "elu": "Elu", "selu": "Selu", "celu": "Celu", "gelu": "Gelu",
    "silu": "Swish",
}  # fmt: skip


def keras_function(name: str) -> Callable[[np.ndarray], np.ndarray] | None:
    """The function as a compiled Keras model computes it."""
    import keras

    known = getattr(keras.ops, OPERATIONS.get(name, name), None)
    known = keras.activations.mish if name == "mish" else known
    if name == "softsign":
        known = keras.activations.softsign
    if name == "gelu":
        known = lambda x: keras.ops.gelu(x, approximate=False)  # noqa: E731
    if known is None:
        return None
    x = keras.Input((1,))
    model = keras.Model(x, known(x))
    return lambda v: np.asarray(model.predict_on_batch(v.reshape(-1, 1)), np.float64).ravel()


def onnx_function(name: str) -> Callable[[np.ndarray], np.ndarray] | None:
    """The function as onnxruntime computes it."""
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper

    if name not in ONNX:
        return None
    kinds = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n"]) for n in "xy"]
    node = helper.make_node(ONNX[name], ["x"], ["y"])
    graph = helper.make_graph([node], name, kinds[:1], kinds[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    try:
        onnx.checker.check_model(model)
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), providers=["CPUExecutionProvider"]
        )
    except Exception:  # an operator that this version does not have
        return None
    return lambda v: np.asarray(session.run(None, {"x": v})[0], np.float64)


def arguments(every: bool, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Float32 numbers: all of them, or of every sign and exponent the ends and many between."""
    if every:
        for start in range(0, 1 << 32, 1 << 24):
            bits = np.arange(start, start + (1 << 24), dtype=np.uint64).astype(np.uint32)
            yield _finite(bits)
        return
    high = np.arange(0, 1 << 9, dtype=np.uint32) << np.uint32(23)
    ends = np.array([0, 1, 2, 3, (1 << 23) - 1, (1 << 23) - 2, 1 << 22], np.uint32)
    for _ in range(8):
        low = np.concatenate([ends, rng.integers(0, 1 << 23, 2048, dtype=np.uint32)])
        yield _finite((high[:, None] | low).ravel())


def _finite(bits: np.ndarray) -> np.ndarray:
    x = bits.view(np.float32)
    return x[np.isfinite(x)]


def measured(
    facts: Curve, run: Callable[[np.ndarray], np.ndarray], every: bool
) -> tuple[float, float, float, int]:
    """Units relative to the value, units beside `BESIDE` relative ones, where; how many."""
    relative, beside, at, count = 0.0, 0.0, 0.0, 0
    with np.errstate(all="ignore"):
        for x in arguments(every, np.random.default_rng(0)):
            wide = x.astype(np.float64)
            x, wide = (v[(wide >= facts.on[0]) & (wide <= facts.on[1])] for v in (x, wide))
            true = facts.f(wide)
            fine = np.isfinite(true) & (np.abs(true) < 2.0**120)
            # An argument that is flushed moves the value, too.
            fine &= (np.abs(wide) >= TINY) | (wide == 0.0)
            got = run(x)
            x, true, got = x[fine], true[fine], got[fine]
            count += x.size
            wrong = np.maximum(np.abs(got - true) - TINY, 0.0)
            wrong = np.where(np.isfinite(got), wrong, np.inf)
            share = np.where(wrong > 0, wrong / (UNIT * np.abs(true)), 0.0)
            rest = np.maximum(wrong / UNIT - BESIDE * np.abs(true), 0.0)
            if rest.size and rest.max() >= beside:
                at = float(x[int(rest.argmax())])
            relative = max(relative, float(share.max(initial=0.0)))
            beside = max(beside, float(rest.max(initial=0.0)))
    return relative, beside, at, count


def main() -> None:
    """Print a row for each function."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="functions; by default all that are stated")
    parser.add_argument("--runtime", choices=("keras", "onnxruntime"), default="keras")
    parser.add_argument("--every", action="store_true", help="all 2^32 arguments")
    args = parser.parse_args()
    maker = keras_function if args.runtime == "keras" else onnx_function
    where = os.environ.get("KERAS_BACKEND", "") if args.runtime == "keras" else args.runtime
    if args.runtime == "onnxruntime" and importlib.util.find_spec("onnxruntime") is None:
        sys.exit("onnxruntime is not installed.")
    warnings.simplefilter("ignore")
    beyond = False
    print(f"{'function':14} {where:>12} {'relative':>10} {'beside':>10} {'stated':>16}  at")
    for name in args.names or sorted(FLOAT32_ERRORS):
        try:
            facts, run = curve(name), maker(name)
        except TypeError:  # it needs arguments, and rounds nothing
            continue
        if run is None:
            continue
        begin = time.perf_counter()
        relative, beside, at, count = measured(facts, run, args.every)
        stated = float32_error(facts)
        ok = stated is not None and (
            relative <= stated.relative or (beside <= stated.absolute and stated.relative >= BESIDE)
        )
        beyond |= not ok
        told = "-" if stated is None else f"{stated.relative:g} + {stated.absolute:g}"
        shown = f"{relative:10.2f}" if relative < MOST else f"{'':>10}"
        print(
            f"{name:14} {count:12,} {shown} {beside:10.2f} {told:>16}  {at:.6g}"
            f"{'' if ok else '  BEYOND'}   {time.perf_counter() - begin:.0f} s", flush=True,
        )  # fmt: skip
    sys.exit(int(beyond))


if __name__ == "__main__":
    main()
