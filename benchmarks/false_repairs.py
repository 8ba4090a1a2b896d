"""A search for false repairs: random networks and properties, and an attack on each repaired file.

    KERAS_BACKEND=jax python benchmarks/false_repairs.py --networks 1000 --seed 1

The networks are of the kinds of `tests/repairs/test_repairs.py`, with random weights and
properties that these often violate. Each repaired model is saved and loaded with Keras. Its outputs
are then attacked without outrange: on a grid, at random inputs, and by Nelder-Mead searches from
the worst of them. For ReLU networks, an independent mixed-integer program (HiGHS) also maximizes
the violation. The script prints the number of answers of each status, and every contradiction.
"""

import argparse
import json
import secrets
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from scipy.optimize import minimize


sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

TOLERANCE = 1e-5
"""Largest violation that float32 inference may show, relative to the largest output."""

METHODS = ("weights", "guard", "auto")

MILP_KINDS = ("relu", "no bias", "only a head", "relu head")
"""Kinds of networks that the mixed-integer program reads."""


def attack(model, slack, rng):
    """Return the smallest slack of a property that an attack attains, and the largest output."""
    from repairs.test_repairs import outputs

    axis = np.linspace(0, 1, 101)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    x = np.concatenate([grid, rng.uniform(size=(5000, 2))])
    y = outputs(model, x)
    values = slack(x, y)
    least = float(values.min())

    def objective(point):
        rows = np.clip(point, 0, 1)[None]
        return float(slack(rows, outputs(model, rows))[0])

    for i in np.argsort(values)[:2]:
        options = {"maxfev": 60, "initial_simplex": x[i] + [[0, 0], [0.01, 0], [0, 0.01]]}
        least = min(least, minimize(objective, x[i], method="Nelder-Mead", options=options).fun)
    return least, float(np.abs(y).max())


def largest_violation(model, low, high):
    """Return the largest violation of the limits that the mixed-integer program finds.

    Args:
        model: A model of Dense layers.
        low: Lower limit of the first output, or None.
        high: Its upper limit, or None.

    Returns:
        The violation; negative if the limits hold with room to spare.
    """
    import independent_milp

    net, layers = [], [part for part in model.layers if part.get_weights()]
    for part in layers:
        kernel = part.get_weights()[0].astype(float)
        bias = part.get_weights()[1].astype(float) if part.use_bias else np.zeros(kernel.shape[1])
        net.append(("dense", kernel, bias))
        if part.activation.__name__ == "relu":
            net.append(("pieces", (0.0,), (0.0, 1.0), 0.0))
    least, most = independent_milp.output_range(net, [0, 0], [1, 1], 0)
    return max(
        -np.inf if low is None else low - least.value,
        -np.inf if high is None else most.value - high,
    )


def examine(seed, budget):
    """Repair one random network, and attack the repaired model.

    Returns:
        The kind of the network, the method, the status, the contradiction (empty if there is none)
        and the property.
    """
    import keras

    import outrange
    from repairs.test_repairs import MODELS, outputs, rules

    rng = np.random.default_rng(seed)
    keras.utils.set_random_seed(seed % 2**31)
    kind = list(MODELS)[int(rng.integers(len(MODELS)))]
    method = METHODS[int(rng.integers(len(METHODS)))]
    model = MODELS[kind]()
    choice = int(rng.integers(5))
    rule, slack = list(rules(model, rng).items())[choice]
    before = [np.copy(weight) for weight in model.get_weights()]
    try:
        fixed = outrange.repair(model, rule, (0, 1), method=method, budget=budget)
    except outrange.UnsupportedError as error:
        return kind, method, "REFUSED", "", str(error)
    contradiction = ""
    if not all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)):
        contradiction = "the original changed"
    if fixed.status == "IMPOSSIBLE":
        grid = rng.uniform(size=(2000, 2))
        if slack(grid, outputs(model, grid)).min() >= 0:
            contradiction = "IMPOSSIBLE, but no violation was found"
    if fixed.status == "REPAIRED":
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "fixed.keras"
            fixed.model.save(path)
            again = keras.models.load_model(path)
        least, largest = attack(again, slack, rng)
        if least < -TOLERANCE * max(1.0, largest):
            contradiction = f"violated by {-least} (outputs up to {largest})"
        if kind in MILP_KINDS and fixed.method == "weights" and choice < 3:
            parts = rule.replace("<=", "|").replace(">=", "|").split("|")
            limits = {
                0: lambda: (None, float(parts[1])),
                1: lambda: (float(parts[1]), None),
                2: lambda: (float(parts[0]), float(parts[2])),
            }[choice]()
            violation = largest_violation(again, *limits)
            if violation > 1e-7:
                contradiction = f"the mixed-integer program violates it by {violation}"
    return kind, fixed.method or method, fixed.status, contradiction, rule


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--networks", type=int, default=1000)
    parser.add_argument("--seed", type=int, help="default: drawn at random, and printed")
    parser.add_argument("--budget", type=float, default=5.0, help="units of work per repair")
    options = parser.parse_args()
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    print(json.dumps({"seed": seed}), flush=True)
    counts, wrong, began = Counter(), 0, time.perf_counter()
    for i in range(options.networks):
        kind, method, status, contradiction, rule = examine(seed + i, options.budget)
        counts[method, status] += 1
        if contradiction:
            wrong += 1
            row = {"seed": seed + i, "kind": kind, "method": method, "status": status}
            print(json.dumps({**row, "rule": rule, "contradiction": contradiction}), flush=True)
        if i % 50 == 49:
            print(f"{i + 1} networks, {time.perf_counter() - began:.0f} s, {wrong} contradicted")
            sys.stdout.flush()
    for (method, status), count in sorted(counts.items()):
        print(f"{method} {status}: {count}")
    print(f"contradicted: {wrong} of {sum(counts.values())}")


if __name__ == "__main__":
    main()
