"""VNN-LIB 2.0 queries about sums of float32 entries, compared with sums in random orders."""

import numpy as np
import pytest

import outrange
from cases import cases
from cli.verify_files import random_net, run_model
from frontends.onnx_models import f32, model, node, save_model


pytest.importorskip("vnnlib")

HEAD = """(vnnlib-version <2.0>)
(declare-network f (declare-input X float32 [1,{inputs}]) (declare-output Y float32 [1,3]))
"""


def query(folder, inputs, condition):
    """Write a query about a net with three outputs over the box from -1 to 1."""
    bounds = [f"(assert (>= X[0,{i}] -1.0))(assert (<= X[0,{i}] 1.0))" for i in range(inputs)]
    file = folder / "sums.vnnlib"
    file.write_text("\n".join([HEAD.format(inputs=inputs), *bounds, f"(assert {condition})"]))
    return file


def smooth_net(folder, inputs, seed):
    """Write a dense layer, a sigmoid and a dense layer."""
    constants = {"v": f32(inputs, 6, seed=seed), "w": f32(6, 3, seed=seed + 1)}
    nodes = [node("MatMul", "x v", "z"), node("Sigmoid", "z", "s"), node("MatMul", "s w", "y")]
    return save_model(folder, model(nodes, constants, inputs={"x": (1, inputs)}), "smooth.onnx")


def sums_in_float32(rng, coefficients, values):
    """Return the sum of products in several random orders and associations, rounded each time."""
    results = []
    for _ in range(30):
        terms = [np.float32(c) * np.float32(v) for c, v in zip(coefficients, values, strict=True)]
        while len(terms) > 1:
            i, j = rng.choice(len(terms), 2, replace=False)
            total = np.float32(terms[i] + terms[j])
            terms = [t for k, t in enumerate(terms) if k not in (i, j)] + [total]
        results.append(float(terms[0]))
    return results


def entries_and_values(x, y):
    """Return the names of all entries, and their values."""
    names = [f"X[0,{i}]" for i in range(len(x))] + [f"Y[0,{j}]" for j in range(len(y))]
    return names, np.concatenate([x, y])


@pytest.mark.slow
@pytest.mark.parametrize("is_smooth", [False, True])
@pytest.mark.parametrize("seed", range(cases(4, 6)))
def test_verdicts_hold_for_every_order_of_a_sum(tmp_path, seed, is_smooth):
    """The level lies at, or a few roundings beyond, the largest sum at 400 points."""
    rng = np.random.default_rng([seed, 5])
    inputs = 3
    make = smooth_net if is_smooth else lambda *a: random_net(a[0], "net.onnx", (a[1], 8, 3), a[2])
    net = make(tmp_path, inputs, seed)
    low = inputs if is_smooth or rng.random() < 0.5 else 0
    chosen = rng.choice(np.arange(low, inputs + 3), rng.integers(2, 4), replace=False)
    factors = rng.choice([1.0, -1.0, 0.5, 0.1, -0.3, 3.0], len(chosen)).astype("float32")
    points = [rng.uniform(-1, 1, inputs).astype("float32") for _ in range(400)]
    points += [np.float32(rng.choice([-1.0, 1.0], inputs)) for _ in range(30)]
    values = [entries_and_values(x, run_model(net, x))[1][chosen] for x in points]
    sums = [sums_in_float32(rng, factors, v) for v in values]
    most = np.float32(max(map(max, sums)))
    level = most + np.float32(rng.choice([0.0, 1e-7, 1e-5, 1e-2, 1.0]))
    names = entries_and_values(np.zeros(inputs), np.zeros(3))[0]
    parts = [
        names[i] if c == 1 else f"(- {names[i]})" if c == -1
        else f"(* {np.format_float_positional(c, trim='0')} {names[i]})"
        for i, c in zip(chosen, factors, strict=True)
    ]  # fmt: skip
    number = np.format_float_positional(level, trim="0")
    file = query(tmp_path, inputs, f"(>= (+ {' '.join(parts)}) {number})")
    answer = outrange.verify(net, file, time_limit=20)
    assert answer.arithmetic == "float32"
    if answer.status == "HOLDS":
        assert all(total < level for results in sums for total in results)
    elif answer.status == "VIOLATED":
        x = np.float32(answer.counterexample.flat_x)
        at = entries_and_values(x, run_model(net, x))[1][chosen]
        assert min(sums_in_float32(rng, factors, at)) >= level
    else:
        assert level - most < 0.05, answer


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ("(>= (+ X[0,0] X[0,1]) 2.0)", "VIOLATED"),
        ("(> (+ X[0,0] X[0,1]) 2.0)", "UNKNOWN"),
        ("(>= (+ X[0,0] X[0,1]) 2.00001)", "HOLDS"),
        ("(>= (+ (* 0.1 X[0,0]) X[0,1]) 1.1)", "UNKNOWN"),
        ("(>= (- X[0,0] X[0,1] (* 0.5 X[0,2])) 2.5)", "VIOLATED"),
        ("(<= 2.5 (- X[0,0] (+ X[0,1] (* 0.5 X[0,2]))))", "VIOLATED"),
    ],
)
def test_sums_at_the_corner_of_a_box(tmp_path, condition, status):
    """A sum of inputs is exact at the corner, or its rounding leaves the answer open.

    `x + y > 2` is false in every run. Its bound does not use that 2 is itself a float32 number.
    """
    net = random_net(tmp_path, "net.onnx", (3, 4, 3), 0)
    assert outrange.verify(net, query(tmp_path, 3, condition), time_limit=10).status == status


@pytest.mark.parametrize(
    "condition",
    [
        "(<= (+ X[0,0] 1.0) 1.5)",
        "(<= (- (+ X[0,0] X[0,1]) X[0,0]) 1.0)",
        "(<= (* 2.0 X[0,0]) 1.0)",
        "(<= (* 0.3 (+ X[0,0] (* 0.7 X[0,1]))) 1.0)",
        "(<= (* 0.3 0.7 (+ X[0,0] X[0,1])) 1.0)",
        "(<= (+ X[0,0] X[0,1] 1.0) 1.0)",
        "(<= (+ X[0,0] X[0,1]) (* 0.3 0.7))",
        "(<= (* 0.5 (+ X[0,0] X[0,1] 1.0)) 0.0)",
        "(<= (+ (* 0.0 X[0,0]) (* 0.3 X[0,1])) 0.1)",
    ],
)
def test_sums_with_more_roundings_are_refused(tmp_path, condition):
    with pytest.raises(outrange.UnsupportedError, match="sum of different entries"):
        outrange.vnnlib.read_property(query(tmp_path, 3, condition))


def test_assumptions_that_only_rounding_satisfies_are_not_vacuous(tmp_path):
    """The exact sum is less than 1, and float32 rounds it to 1."""
    net = random_net(tmp_path, "net.onnx", (3, 4, 3), 0)
    file = tmp_path / "open.vnnlib"
    bounds = ["(<= X[0,0] 1.0)", "(>= X[0,0] 1.0)"]
    bounds += ["(<= X[0,1] -0.000000001)", "(>= X[0,1] -0.00000001)"]
    parts = [*bounds, "(>= (+ X[0,0] X[0,1]) 1.0)"]  # X[0,2] has no bounds.
    file.write_text("\n".join([HEAD.format(inputs=3), *(f"(assert {part})" for part in parts)]))
    assert outrange.verify(net, file, time_limit=10).status == "UNKNOWN"


def test_a_sum_of_an_input_and_the_output_that_equals_it_is_left_open(tmp_path):
    """A plan with one coefficient for both would miss a rounding."""
    same = model([node("Identity", "x", "y")], {}, inputs={"x": (1, 3)})
    net = save_model(tmp_path, same, "same.onnx")
    file = query(tmp_path, 3, "(>= (+ Y[0,0] (* 0.1 X[0,0])) 1.2)")
    assert outrange.verify(net, file, time_limit=10).status == "UNKNOWN"


def test_a_sum_that_may_overflow_is_no_counterexample():
    from outrange.core import Atom
    from outrange.core.formula import holds
    from outrange.questions.float32.sums import tighten_sums

    point = np.float32([3e38, 3e38, -3e38]).astype(np.float64)
    atom = Atom(((0, 1.0), (1, 1.0), (2, 1.0)), -3.2e38)
    assert holds(atom, point, point) and not holds(tighten_sums(atom, point), point, point)
