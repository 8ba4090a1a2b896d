"""The comparison of graph and model detects every misreading, and tolerates rounding."""

from itertools import pairwise

import numpy as np
import pytest

from outrange.core import Box, InputError, ModelError
from outrange.frontends.check import check_same, points
from outrange.frontends.network import Network
from outrange.frontends.tolerance import tolerance
from outrange.graph import Builder, Slot, integers
from outrange.graph.composites import logic
from outrange.graph.float32 import run_with_error_bounds


def weights(*widths, seed=0):
    rng = np.random.default_rng(seed)
    return [
        (rng.standard_normal(pair) / np.sqrt(pair[0])).astype(np.float32)
        for pair in pairwise(widths)
    ]


def graph_of(matrices, curve, **attributes):
    b = Builder([Slot("x", (matrices[0].shape[0],))])
    (value,) = b.input_values()
    for i, matrix in enumerate(matrices):
        b.source = f"layer_{i}"
        value = b.dense(value, matrix)
        if i < len(matrices) - 1:
            value = b.curve(curve, value, **attributes)
    return b.finish([value], ["y"])


def model_of(matrices, function):
    def predict(x):
        for i, matrix in enumerate(matrices):
            x = x @ matrix
            if i < len(matrices) - 1:
                x = function(x)
        return x

    return predict


def build_network(matrices, function, curve="relu", **attributes):
    graph = graph_of(matrices, curve, **attributes)
    return Network(graph, model_of(matrices, function), "net", "test")


def relu(x):
    return np.maximum(x, 0)


WRONG = {
    "relu6 read as relu": lambda x: np.clip(x, 0, 6),
    "clip at 50": lambda x: np.clip(x, 0, 50),
    "branch beyond 4.5": lambda x: np.where(x > 4.5, 1.01 * x, relu(x)),
    "leaky": lambda x: np.where(x > 0, x, np.float32(1e-3) * x),
    "swapped slope": lambda x: np.where(x < 0, x, 0 * x),
    "shifted": lambda x: relu(x) + np.float32(1e-3),
    "identity": lambda x: x,
    "not a number": lambda x: np.where(x > 1, np.nan, relu(x)).astype(np.float32),
}


@pytest.mark.parametrize("widths", [(4, 32, 3), (2, 16, 16, 16, 1), (64, 128, 10)], ids=str)
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_reading_is_seen(name, widths):
    with pytest.raises(ModelError, match="Received: the input"):
        check_same(build_network(weights(*widths), WRONG[name]))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "widths", [(4, 32, 3), (784, 64, 10), (2, *[64] * 12, 1), (1, 3, 1)], ids=str
)
def test_rounding_is_not_a_difference(widths, seed):
    check_same(build_network(weights(*widths, seed=seed), relu), seed=seed)


def test_swapped_leaky_slopes_are_seen():
    matrices = weights(3, 8, 2)
    graph = graph_of(matrices, "leaky_relu", negative_slope=0.2)
    for slope, same in ((0.2, True), (0.21, False), (5.0, False)):
        predict = model_of(matrices, lambda x, s=slope: np.where(x > 0, x, np.float32(s) * x))
        if same:
            check_same(Network(graph, predict, "net", "test"))
            continue
        with pytest.raises(ModelError):
            check_same(Network(graph, predict, "net", "test"))


def test_a_wrong_constant_of_a_smooth_curve_is_seen():
    matrices = weights(3, 8, 2)
    graph = graph_of(matrices, "tanh")
    check_same(Network(graph, model_of(matrices, np.tanh), "net", "test"))
    hard = model_of(matrices, lambda x: np.clip(x, -1, 1))
    with pytest.raises(ModelError):
        check_same(Network(graph, hard, "net", "test"))


def test_a_swap_of_two_outputs_is_seen():
    matrices = weights(3, 8, 2)
    predict = model_of(matrices, relu)
    with pytest.raises(ModelError):
        swapped = Network(graph_of(matrices, "relu"), lambda x: predict(x)[:, ::-1], "net", "test")
        check_same(swapped)


def jumping():
    """Build `threshold(x - 1, ...)` after a sum that rounds differently in float32."""
    b = Builder([Slot("x", (3,))])
    (value,) = b.input_values()
    w = np.array([[0.1], [0.2], [0.7]], np.float32)
    value = b.curve("threshold", b.dense(value, w), threshold=1.0, default=-5.0)
    graph = b.finish([value], ["y"])

    def predict(x):
        y = x[:, :1] * w[0] + x[:, 1:2] * w[1] + x[:, 2:] * w[2]
        return np.where(y > 1, y, np.float32(-5))

    return Network(graph, predict, "net", "test")


def test_a_point_at_a_jump_is_not_a_difference():
    network = jumping()
    check_same(network, Box(np.ones(3), np.ones(3)))
    x = np.ones((1, 3))
    assert run_with_error_bounds(network.graph, x).near_jump.all()
    # The two sides of the jump differ by 6, which is allowed at the jump but not elsewhere.
    assert tolerance(network.graph, run_with_error_bounds(network.graph, x))[0, 0] >= 6
    assert tolerance(network.graph, run_with_error_bounds(network.graph, 2 * x))[0, 0] < 1e-3


def test_overflow_on_the_way_is_not_a_difference():
    matrices = weights(3, 8, 2)
    with np.errstate(all="ignore"):
        check_same(build_network(matrices, np.exp, "exp"))


def test_the_box_is_compared_too():
    matrices = weights(2, 8, 1)
    far = model_of(matrices, lambda x: np.where(np.abs(x) > 1e6, 2 * x, relu(x)))
    network = Network(graph_of(matrices, "relu"), far, "net", "test")
    check_same(network)
    with pytest.raises(ModelError):
        check_same(network, Box(np.full(2, 1e7), np.full(2, 2e7)))
    check_same(build_network(matrices, relu), Box(np.full(2, -np.inf), np.full(2, 0.0)))
    with pytest.raises(InputError, match="2"):
        check_same(network, Box(np.zeros(3), np.ones(3)))


def test_the_error_names_the_layer():
    matrices = weights(3, 8, 8, 2)
    wrong = [matrices[0], matrices[1] * np.float32(1.01), matrices[2]]

    def probe(x):
        seen = {}
        for i, matrix in enumerate(wrong):
            x = x @ matrix
            seen[2 * i + 1] = x
            x = relu(x)
            seen[2 * i + 2] = x
        seen.pop(6)
        return seen

    predict = model_of(wrong, relu)
    network = Network(graph_of(matrices, "relu"), predict, "net", "test", probe=probe)
    with pytest.raises(ModelError, match="first in layer `layer_1`, operation `dense`"):
        check_same(network)


def test_another_number_of_outputs():
    matrices = weights(3, 8, 2)
    network = Network(graph_of(matrices, "relu"), lambda x: x, "net", "test")
    with pytest.raises(ModelError, match="as many numbers"):
        check_same(network)


def test_nothing_to_compare_with():
    check_same(Network(graph_of(weights(3, 2), "relu"), None, "net", "test"))


def test_the_bound_holds_for_float32_in_any_order(rng):
    matrices = weights(20, 40, 40, 5)
    graph = graph_of(matrices, "tanh")
    x = rng.standard_normal((30, 20)).astype(np.float32)
    strayed = run_with_error_bounds(graph, x)
    for _ in range(5):
        order = [rng.permutation(m.shape[0]) for m in matrices]
        y = x
        for i, (matrix, index) in enumerate(zip(matrices, order, strict=True)):
            y = sum(y[:, [k]] * matrix[k] for k in index)
            y = np.tanh(y) if i < 2 else y
        error = np.abs(y.astype(float) - strayed.values[graph.output])
        assert (error <= strayed.bounds[graph.output]).all()
        assert (error <= tolerance(graph, strayed)).all()


def test_the_points_hold_whole_numbers_and_halves():
    graph = graph_of(weights(3, 2), "relu")
    for few in (False, True):
        x = points(graph, None, 0, few)
        whole, half = (x == np.rint(x)).all(axis=1), (x + 0.5 == np.rint(x + 0.5)).all(axis=1)
        for rows in (x[whole], x[half]):
            assert (rows > 1).any() and (rows < -1).any() and (np.abs(rows) > 50).any()
        assert (~whole & ~half).any()


@pytest.mark.parametrize("limits", [(-3.0, 0.25), (2.0, 1e30), (5.0, 5.0)])
def test_the_points_keep_the_limits_of_the_inputs(limits):
    b = Builder([Slot("x", (3,), limits=limits)])
    x = points(b.finish(b.input_values(), ["y"]), None, 0)
    assert (limits[0] <= x).all() and (x <= limits[1]).all()
    assert limits[0] == limits[1] or len(np.unique(x)) > 100


def halve_integer_part(divide):
    """Build the integer part of `x`, halved like integers or like real numbers."""
    b = Builder([Slot("x", (2,))])
    whole = logic.truncate(b, b.input_values()[0])
    halved = integers.quotient(b, whole, np.array([2.0])) if divide else b.affine_map(whole, 0.5)
    return b.finish([halved], ["y"])


def test_integers_read_as_real_numbers_are_seen():
    """Check that operations that select an operand do not round, so no point is near a jump."""
    for graph, predict in (
        (halve_integer_part(False), lambda x: np.trunc(np.trunc(x) / 2)),
        (halve_integer_part(True), lambda x: np.trunc(x) / 2),
    ):
        with pytest.raises(ModelError, match="Received: the input"):
            check_same(Network(graph, predict, "net", "test"))
    check_same(
        Network(halve_integer_part(True), lambda x: np.trunc(np.trunc(x) / 2), "net", "test")
    )


def test_whole_numbers_are_exact_in_float32():
    graph = halve_integer_part(True)
    strayed = run_with_error_bounds(graph, np.array([[3.0, -7.0], [6.5, 1e5]]))
    assert not strayed.near_jump.any() and (strayed.bounds[graph.output] == 0).all()
    assert run_with_error_bounds(graph, np.array([[3.0, 2.0**30]])).bounds[graph.output].max() >= 0
