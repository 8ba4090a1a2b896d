"""A check of time limits on named hard cases, and on random instances of the families.

    python benchmarks/time_limits.py                         named cases, 40 drawn; 5, 15, 60 s
    python benchmarks/time_limits.py --draw 0 --limits 5     the named cases alone
    python benchmarks/time_limits.py --draw 40 --seed 7      another draw

Each case is a separate process. The wall time beyond the limit counts: for the command line that of
the whole process (`outrange verify FILE FILE --time S`, including start-up and reading), and for
Python that of the call (`output_range(network, box, time_limit=S)`, after the model is loaded). An
answer may be late by a second or 5 %, whichever is more. Bounds are checked against 200 random
inputs of the model.
"""

import argparse
import csv
import json
import os
import random
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from processes import run
from verify import packed

from cases import data_folder


os.environ.setdefault("KERAS_BACKEND", "jax")


FAMILIES = (
    "acasxu",
    "cgan",
    "eran",
    "lsnc",
    "metaroom",
    "ml4acopf",
    "mnist_fc",
    "nn4sys",
    "oval21",
    "reach_prob_density",
    "rl_benchmarks",
    "sat_relu",
    "tllverifybench",
    "traffic_signs",
    "vit",
    "yolo",
)
NAMED_FILES = ("nn4sys", "cgan", "tllverifybench")
"""Families whose largest file has exceeded its limit before."""

KILLED_AFTER = 60.0
"""Seconds beyond the limit after which a process is killed as one that does not stop."""


def allowed(limit: float) -> float:
    """Return the number of seconds by which an answer may be late."""
    return max(1.0, 0.05 * limit)


# Models that have exceeded their limits, as `(model, box)`; weights are random with a fixed seed.


def pointwise_convolution():
    import keras

    layers = [keras.Input((19, 19, 3)), keras.layers.Conv2D(5, 1), keras.layers.ReLU()]
    return keras.Sequential(layers), (0, 1)


def activations_per_channel():
    import keras

    import outrange.layers

    def layer():
        kinds = ("relu", "tanh", "sigmoid", "softplus")
        return outrange.layers.ChannelActivation(list(enumerate(kinds)))

    layers = [keras.Input((12, 12, 2)), keras.layers.Conv2D(4, 3), layer()]
    layers += [keras.layers.Conv2D(4, 3), layer(), keras.layers.Flatten(), keras.layers.Dense(3)]
    return keras.Sequential(layers), (0, 1)


def attitude_loop(steps: int = 10):
    """Return explicit Euler steps of a rigid body's attitude under a sigmoid controller."""
    import keras

    hidden = [keras.layers.Dense(64, "sigmoid") for _ in range(3)]
    last = keras.layers.Dense(3)
    state = start = keras.Input((6,))
    for _ in range(steps):
        u = state
        for layer in (*hidden, last):
            u = layer(u)
        w, p = [
            [part[:, i : i + 1] for i in range(k, k + 3)] for part, k in ((state, 0), (state, 3))
        ]
        xi = p[0] * p[0] + p[1] * p[1] + p[2] * p[2]
        change = [
            0.25 * (u[:, 0:1] + w[1] * w[2]),
            0.5 * (u[:, 1:2] - 3.0 * w[0] * w[2]),
            u[:, 2:3] + 2.0 * w[0] * w[1],
            0.5 * (w[1] * (xi - p[2]) + w[2] * (xi + p[1]) + w[0] * (xi + 1.0)),
            0.5 * (w[0] * (xi + p[2]) + w[2] * (xi - p[0]) + w[1] * (xi + 1.0)),
            0.5 * (w[0] * (xi - p[1]) + w[1] * (xi + p[0]) + w[2] * (xi + 1.0)),
        ]
        state = state + 0.1 * keras.layers.Concatenate()(change)
    center = np.array([-0.445, -0.545, 0.655, -0.745, 0.855, -0.655])
    return keras.Model(start, state), (center - 0.005, center + 0.005)


def navigation_loop(steps: int = 30):
    """Return explicit Euler steps of a steering point under a controller with two hidden layers."""
    import keras

    layers = [keras.layers.Dense(64, "relu"), keras.layers.Dense(32, "relu")]
    layers.append(keras.layers.Dense(2, "tanh"))
    state = start = keras.Input((4,))
    for _ in range(steps):
        u = state
        for layer in layers:
            u = layer(u)
        v, angle = state[:, 2:3], state[:, 3:4]
        change = [v * keras.ops.cos(angle), v * keras.ops.sin(angle), u]
        state = state + 0.2 * keras.layers.Concatenate()(change)
    center = np.array([3.0, 3.0, 0.0, 0.0])
    wide = np.array([0.1, 0.1, 0.0, 0.0])
    return keras.Model(start, state), (center - wide, center + wide)


def lstm():
    import keras

    layers = [keras.Input((12, 3)), keras.layers.LSTM(16), keras.layers.Dense(2)]
    return keras.Sequential(layers), (-1, 1)


def sixteen_inputs():
    import keras

    widths = [64, 32, 32]
    layers = [keras.Input((16,)), *[keras.layers.Dense(n, "relu") for n in widths]]
    return keras.Sequential([*layers, keras.layers.Dense(5)]), (-1, 1)


MODELS: dict[str, Callable] = {
    f.__name__: f
    for f in (
        pointwise_convolution,
        activations_per_channel,
        attitude_loop,
        navigation_loop,
        lstm,
        sixteen_inputs,
    )
}


def ask_model(name: str, limit: float) -> dict:
    """Call `output_range` in this process; return the answer and the time."""
    import keras

    import outrange

    keras.utils.set_random_seed(1)
    model, box = MODELS[name]()
    network = outrange.load(model)
    start = time.perf_counter()
    answer = outrange.output_range(network, box, time_limit=limit)
    seconds = time.perf_counter() - start
    shape = model.input_shape[1:]
    lo, hi = (np.broadcast_to(np.asarray(end, float), shape) for end in box)
    x = np.random.default_rng(0).uniform(lo, hi, (200, *shape)).astype(np.float32)
    y = model.predict(np.clip(x, lo, hi), verbose=0).astype(np.float64)
    slack = 1e-4 * (1.0 + np.abs(y))
    valid = bool(np.all((answer.lo - slack <= y) & (y <= answer.hi + slack)))
    wide = float(np.max(answer.hi - answer.lo))
    return {"seconds": seconds, "status": answer.status, "valid": valid, "width": wide}


@dataclass(frozen=True)
class File:
    """An instance of a family."""

    family: str
    onnx: Path
    vnnlib: Path

    @property
    def name(self) -> str:
        return f"{self.family} {self.onnx.name.split('.')[0][:28]} {self.vnnlib.name[:28]}"


def files(family: str) -> list[File]:
    """Return the instances of a family."""
    folder = data_folder() / family
    listed = next(folder.glob("*instances.csv"))
    rows = [row for row in csv.reader(listed.open()) if row]
    return [File(family, packed(folder / a), packed(folder / b)) for a, b, *_ in rows]


def named_files() -> list[File]:
    """Return the instance with the largest model of each named family, and one mscn of nn4sys."""
    chosen = [max(files(f), key=lambda one: one.onnx.stat().st_size) for f in NAMED_FILES]
    mscn = [one for one in files("nn4sys") if "mscn" in one.onnx.name]
    return [*chosen, *[max(mscn, key=lambda one: one.vnnlib.stat().st_size)][: len(mscn)]]


def draw(count: int, seed: int) -> list[File]:
    """Draw random instances: the family first, so that all families are equally likely."""
    chance = random.Random(seed)
    pool = {family: files(family) for family in FAMILIES}
    return [chance.choice(pool[chance.choice(FAMILIES)]) for _ in range(count)]


def measured(case: str | File, limit: float) -> tuple[float, str, bool]:
    """Run a case; return the seconds, the outcome, and whether it is a valid answer."""
    here = Path(__file__).resolve().parent
    if isinstance(case, str):
        command = [sys.executable, __file__, "--one", case, "--limits", str(limit)]
        ran = run(command, here, limit + KILLED_AFTER + 60.0)
        found = re.findall(r"^\{.*\}$", ran.output, re.MULTILINE)
        if ran.code != 0 or not found:
            return ran.wall, "killed" if ran.code is None else ran.output[-200:], False
        result = json.loads(found[-1])
        return result["seconds"], f"{result['status']} {result['width']:.3g}", result["valid"]
    command = [sys.executable, "-m", "outrange", "verify", case.onnx, case.vnnlib]
    ran = run([*command, "--time-limit", str(limit)], here, limit + KILLED_AFTER)
    verdict = re.search(r"^(sat|unsat|unknown|timeout)\b", ran.output, re.MULTILINE)
    if ran.code is None or verdict is None:
        return ran.wall, "killed" if ran.code is None else ran.output[-200:], False
    return ran.wall, verdict[1], True


def main() -> int:
    """Run and print everything; return 1 if any limit was exceeded, otherwise 0."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--limits", type=float, nargs="+", default=[5.0, 15.0, 60.0])
    parser.add_argument("--draw", type=int, default=40, help="instances drawn from the families")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--only", default="", help="cases whose names contain this")
    parser.add_argument("--no-named", action="store_true", help="leave the named cases out")
    parser.add_argument("--one", choices=list(MODELS), help="this model in this process")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(ask_model(options.one, options.limits[0])))
        return 0
    named = [] if options.no_named else [*MODELS, *named_files()]
    late = wrong = count = 0
    for case in [*named, *draw(options.draw, options.seed)]:
        name = case if isinstance(case, str) else case.name
        if options.only not in name:
            continue
        for limit in options.limits:
            seconds, word, valid = measured(case, limit)
            over = seconds - limit
            bad = over > allowed(limit)
            late, wrong, count = late + bad, wrong + (not valid), count + 1
            marks = ("  LATE" if bad else "") + ("" if valid else "  INVALID")
            print(f"{name:72s}{limit:6.0f}{seconds:8.2f} {over:+7.2f}  {word}{marks}", flush=True)
            if over < -0.2 * limit and word in ("sat", "unsat", "exact"):
                break  # Decided early: a longer limit asks nothing more.
    print(f"{count} answers: {late} late, {wrong} without valid bounds.")
    return 1 if late or wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
