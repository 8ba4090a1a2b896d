"""Errors of a runtime's float32 functions relative to the real functions, over every exponent.

    KERAS_BACKEND=jax python benchmarks/float32_functions.py            also tensorflow, torch
    python benchmarks/float32_functions.py --runtime onnxruntime
    python benchmarks/float32_functions.py --runtime native             JAX, PyTorch, ..., NumPy
    python benchmarks/float32_functions.py --runtime native --every exp    all 2^32 arguments

For each function, the script prints the largest error in units of roundoff (`u = 2^-24`): relative
to the value if `MOST` units are enough, and otherwise as the absolute error in addition to `BESIDE`
relative units. Values below the least normal number do not count, since they may be flushed to 0.
Beyond the largest number a function must return infinity, at infinity its limit, and for NaN it
must return NaN; `amiss` counts the exceptions. `ops/float32.py` states the assumptions of the
proofs. A row that exceeds these ends with `BEYOND`, and the script then exits with 1.
"""

import argparse
import importlib.util
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from outrange.ops import Curve, curve
from outrange.ops.float32 import FLOAT32_ERRORS, float32_error


UNIT, TINY, LARGEST = 2.0**-24, 2.0**-126, float(np.finfo(np.float32).max)
MOST, BESIDE = 64.0, 8.0
AT_ONCE = 1 << 17

OPERATIONS = {
    "abs": "absolute", "atan": "arctan", "expm1": "expm1", "gelu_tanh": "gelu", "relu": "relu",
    "elu": "elu", "celu": "celu", "log_sigmoid": "log_sigmoid", "hard_silu": "hard_silu",
    "softsign": "soft_sign", "soft_shrink": "soft_shrink", "tanh_shrink": "tanh_shrink",
}  # fmt: skip
"""Functions of `keras.ops` for curves whose name differs there or that need arguments."""

ONNX = {
    "sigmoid": "Sigmoid", "tanh": "Tanh", "softplus": "Softplus", "softsign": "Softsign",
    "mish": "Mish", "hard_silu": "HardSwish", "erf": "Erf", "exp": "Exp", "log": "Log",
    "sqrt": "Sqrt", "reciprocal": "Reciprocal", "sin": "Sin", "cos": "Cos", "sinh": "Sinh",
    "cosh": "Cosh", "atan": "Atan", "elu": "Elu", "selu": "Selu", "celu": "Celu", "gelu": "Gelu",
    "silu": "Swish", "gelu_tanh": "Gelu", "hard_sigmoid": "HardSigmoid", "leaky_relu": "LeakyRelu",
    "abs": "Abs", "relu": "Relu", "sign": "Sign",
}  # fmt: skip

POWERS = (0.25, 0.5, 1.5, 2.5, 3.0, 4.0, 5.0, 8.0, 16.0, 64.0)
"""Exponents of `power`."""

ATTRIBUTES = {
    "gelu_tanh": {"approximate": "tanh"},
    "hard_sigmoid": {"alpha": float(np.float32(1 / 6)), "beta": 0.5},
    "leaky_relu": {"alpha": float(np.float32(0.2))},
}


def keras_function(name: str) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return a function as a compiled Keras model computes it; None if there is none."""
    import keras

    known = getattr(keras.ops, OPERATIONS.get(name, name), None)
    if name in ("mish", "softsign"):
        known = keras.layers.Activation(name)
    if name == "gelu":
        known = lambda x: keras.ops.gelu(x, approximate=False)  # noqa: E731
    if known is None:
        return None
    x = keras.Input((1,))
    model = keras.Model(x, known(x))
    return lambda v: np.asarray(model.predict_on_batch(v.reshape(-1, 1))).ravel()


def onnx_function(name: str) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return a function as onnxruntime computes it; None if there is none."""
    if name not in ONNX:
        return None
    try:
        return run_operator(ONNX[name], **ATTRIBUTES.get(name, {}))
    except Exception:  # an operator that this version does not have
        return None


def run_operator(
    operator: str, exponent: float | None = None, **attributes: Any
) -> Callable[[np.ndarray], np.ndarray]:
    """Return an operator of one input, and perhaps an exponent, as onnxruntime computes it."""
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper

    kinds = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n"]) for n in "xy"]
    constants = []
    if exponent is not None:
        constants.append(helper.make_tensor("p", TensorProto.FLOAT, [], [exponent]))
    inputs = ["x", *(constant.name for constant in constants)]
    node = helper.make_node(operator, inputs, ["y"], **attributes)
    graph = helper.make_graph([node], operator, kinds[:1], kinds[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return lambda v: np.asarray(session.run(None, {"x": v})[0])


def arguments(every: bool, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield float32 arguments: all, or the ends and many others of every sign and exponent."""
    if every:
        for start in range(0, 1 << 32, 1 << 24):
            bits = np.arange(start, start + (1 << 24), dtype=np.uint64).astype(np.uint32)
            yield bits.view(np.float32)
        return
    high = np.arange(0, 1 << 9, dtype=np.uint32) << np.uint32(23)
    ends = np.array([0, 1, 2, 3, (1 << 23) - 1, (1 << 23) - 2, 1 << 22], np.uint32)
    for _ in range(8):
        low = np.concatenate([ends, rng.integers(0, 1 << 23, 2048, dtype=np.uint32)])
        yield (high[:, None] | low).ravel().view(np.float32)


@dataclass
class Found:
    """The measured errors of a function.

    Args:
        relative: Largest error in units relative to the value.
        beside: Largest absolute error in units, in addition to `BESIDE` relative units.
        at: The argument with the largest error.
        count: Number of arguments.
        special: Number of arguments that are NaN or infinite, or whose value is beyond float32.
        small: Number of arguments that may be flushed to 0, or whose value may be.
        amiss: Number of special arguments with a wrong result.
    """

    relative: float = 0.0
    beside: float = 0.0
    at: float = 0.0
    count: int = 0
    special: int = 0
    small: int = 0
    amiss: int = 0

    def ends(self, facts: Curve, x: np.ndarray, got: np.ndarray, count: int) -> bool:
        """Compare the ends of neighbors with equal results; return False if they differ in kind."""
        alone = Found()
        alone.add(x, facts.f(x.astype(np.float64)), got.astype(np.float64))
        if alone.special not in (0, 2) or alone.small not in (0, 2):
            return False
        self.count += count
        self.special += count * alone.special // 2
        self.small += count * alone.small // 2
        self.amiss += alone.amiss
        if alone.relative > self.relative:
            self.relative, self.at = alone.relative, alone.at
        self.beside = max(self.beside, alone.beside)
        return True

    def add(self, x: np.ndarray, true: np.ndarray, got: np.ndarray) -> None:
        """Compare computed values with the true ones, and update the largest errors."""
        wide = x.astype(np.float64)
        beyond = ~np.isfinite(wide) | ~np.isfinite(true) | (np.abs(true) > LARGEST * (1 + UNIT))
        limit = np.where(np.isfinite(true), np.sign(true) * np.inf, true)
        limit = np.where(np.isfinite(wide), limit, true)
        wrong = beyond & ~((got == limit) | (np.isnan(got) & np.isnan(limit)))
        # Nothing is claimed about 1 / x for an x that may be flushed, or about overflow near the
        # largest number.
        small = (np.abs(wide) < TINY) & (wide != 0.0)
        self.amiss += int((wrong & ~small & (np.abs(limit) != LARGEST)).sum())
        self.special += int(beyond.sum())
        self.small += int((small | ((np.abs(true) < TINY) & (true != 0.0))).sum())
        self.count += x.size
        # A flushed argument also changes the value, and near the largest number any value may
        # overflow.
        fine = ~beyond & ~small & (np.abs(true) < 2.0**127)
        x, true, got = x[fine], true[fine], got[fine]
        wrong = np.maximum(np.abs(got - true) - TINY, 0.0)
        wrong = np.where(np.isfinite(got), wrong, np.inf)
        share = np.where(wrong > 0, wrong / (UNIT * np.abs(true)), 0.0)
        rest = np.maximum(wrong / UNIT - BESIDE * np.abs(true), 0.0)
        if share.size and share.max() > self.relative:
            self.at = float(x[int(share.argmax())])
        self.relative = max(self.relative, float(share.max(initial=0.0)))
        self.beside = max(self.beside, float(rest.max(initial=0.0)))


RISING = ("exp", "tanh", "sigmoid", "erf", "expm1", "atan", "sinh", "log")
"""Increasing functions: if many neighbors have the same result, its error is largest at their
ends."""


def _is_flat(x: np.ndarray, values: np.ndarray) -> bool:
    """Return whether all arguments are finite and have the same result."""
    return bool(np.isfinite(x[[0, -1]]).all() and (values == values[0]).all())


Runner = Callable[[np.ndarray], np.ndarray]


def measured(facts: Curve, runners: dict[str, Runner], every: bool) -> dict[str, Found]:
    """Compare a function of each runtime with its float64 version."""
    found = {name: Found() for name in runners}
    with np.errstate(all="ignore"):
        for x in arguments(every, np.random.default_rng(0)):
            inside = ~((x < facts.on[0]) | (x > facts.on[1]))
            x = x if inside.all() else x[inside]
            got = {name: run(x) for name, run in runners.items()}
            for start in range(0, len(x), AT_ONCE):  # as much as a cache holds
                part, true = slice(start, start + AT_ONCE), None
                for name, values in got.items():
                    if every and facts.name in RISING and _is_flat(x[part], values[part]):
                        ends = [start, start + x[part].size - 1]
                        held = found[name].ends(facts, x[ends], values[ends], x[part].size)
                        if held:
                            continue
                    if true is None:
                        true = facts.f(x[part].astype(np.float64))
                    found[name].add(x[part], true, values[part].astype(np.float64))
    return found


def native_functions(name: str) -> dict[str, Runner]:
    """Return a function as each installed runtime computes it, by name of the runtime."""
    found, spelled = {}, {"atan": "arctan"}.get(name, name)
    if importlib.util.find_spec("jax"):
        import jax

        known = getattr(jax.numpy, spelled, None)
        if known is not None:
            compiled = jax.jit(known)
            found["jax"] = lambda v: np.asarray(compiled(v))
    if importlib.util.find_spec("torch"):
        import torch

        one = getattr(torch, name, None)
        if one is not None:
            found["torch"] = lambda v: one(torch.from_numpy(np.array(v))).numpy()
    if importlib.util.find_spec("tensorflow"):
        import tensorflow as tf

        two = getattr(tf.math, name, None)
        if two is not None:
            graph = tf.function(two)
            found["tensorflow"] = lambda v: graph(tf.constant(v)).numpy()
    if hasattr(np, spelled):
        found["numpy"] = getattr(np, spelled)
    run = onnx_function(name) if importlib.util.find_spec("onnxruntime") else None
    return found if run is None else found | {"onnxruntime": run}


def native_powers(exponent: float) -> dict[str, Runner]:
    """Return a power as each installed runtime computes it, by name of the runtime."""
    runners: dict[str, Runner] = {"numpy": lambda v: np.power(v, np.float32(exponent))}
    if importlib.util.find_spec("jax"):
        import jax

        p = int(exponent) if exponent.is_integer() else exponent
        compiled = jax.jit(lambda v: v**p)
        runners["jax"] = lambda v: np.asarray(compiled(v))
    if importlib.util.find_spec("torch"):
        import torch

        runners["torch"] = lambda v: torch.pow(torch.from_numpy(np.array(v)), exponent).numpy()
    if importlib.util.find_spec("tensorflow"):
        import tensorflow as tf

        runners["tensorflow"] = lambda v: tf.pow(tf.constant(v), np.float32(exponent)).numpy()
    if importlib.util.find_spec("onnxruntime"):
        runners["onnxruntime"] = run_operator("Pow", exponent)
    return runners


def functions(runtime: str, name: str) -> dict[str, Runner]:
    """Return ways to compute a function, by name."""
    if runtime == "native":
        return native_functions(name)
    where = os.environ.get("KERAS_BACKEND", "") if runtime == "keras" else runtime
    run = keras_function(name) if runtime == "keras" else onnx_function(name)
    return {} if run is None else {where: run}


def reported(title: str, facts: Curve, found: Found, seconds: float) -> bool:
    """Print a row; return whether the errors are within the stated limits."""
    stated = float32_error(facts)
    ok = stated is not None and (
        found.relative <= stated.relative
        or (found.beside <= stated.absolute and stated.relative >= BESIDE)
    )
    told = "-" if stated is None else f"{stated.relative:g} + {stated.absolute:g}"
    shown = f"{found.relative:10.2f}" if found.relative < MOST else f"{'':>10}"
    print(
        f"{title:24} {found.count:13,} {found.special:13,} {found.small:13,} {found.amiss:6,} "
        f"{shown} {found.beside:10.2f} {told:>16}  {found.at:.9g}"
        f"{'' if ok else '  BEYOND'}   {seconds:.0f} s", flush=True,
    )  # fmt: skip
    return ok and not found.amiss


def main() -> None:
    """Print a row for each function."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="functions; by default all that are stated")
    parser.add_argument("--runtime", choices=("keras", "onnxruntime", "native"), default="keras")
    parser.add_argument("--every", action="store_true", help="all 2^32 arguments")
    args = parser.parse_args()
    if args.runtime == "onnxruntime" and importlib.util.find_spec("onnxruntime") is None:
        sys.exit("onnxruntime is not installed.")
    warnings.simplefilter("ignore")
    beyond = False
    print(
        f"{'function':24} {'arguments':>13} {'special':>13} {'small':>13} {'amiss':>6} "
        f"{'relative':>10} {'beside':>10} {'stated':>16}  at"
    )
    for name in args.names or sorted(FLOAT32_ERRORS):
        try:
            facts, runners = curve(name), functions(args.runtime, name)
        except TypeError:  # it needs arguments, and rounds nothing
            continue
        begin = time.perf_counter()
        for where, found in measured(facts, runners, args.every).items():
            beyond |= not reported(f"{name} {where}", facts, found, time.perf_counter() - begin)
    for exponent in POWERS if args.runtime == "native" and not args.names else ():
        facts, begin = curve("power", exponent=exponent), time.perf_counter()
        for where, errors in measured(facts, native_powers(exponent), args.every).items():
            seconds = time.perf_counter() - begin
            beyond |= not reported(f"power {exponent:g} {where}", facts, errors, seconds)
    sys.exit(int(beyond))


if __name__ == "__main__":
    main()
