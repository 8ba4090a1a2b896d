"""Models that are not defined everywhere: the comparison at load looks where they are."""

import warnings

import numpy as np
import pytest

import outrange
from outrange.core import InputError, ModelError
from outrange.frontends.check import at_once, check_same
from outrange.frontends.domain_points import ENOUGH, with_points_inside
from outrange.frontends.network import Network
from outrange.frontends.points import points
from outrange.graph import Builder, Slot
from outrange.graph.domain import is_inside


keras = pytest.importorskip("keras")


def build_model(function, shape=(3,)):
    x = keras.Input(shape)
    return keras.Model(x, function(x))


def power_of_relu(x):
    return keras.ops.power(keras.ops.relu(x), 2.5)


def wave_over_line(x):
    return keras.ops.sin(x) / (x + 20.0)


@pytest.mark.parametrize("box", [(-2.0, 2.0), (-2.0, -1.0), (1.0, 2.0), (0.0, 1.0)])
def test_power_of_relu(box):
    """`0 ** 2.5` was taken to be undefined: the graph was not a number left of 0."""
    answer = outrange.output_range(build_model(power_of_relu, (1,)), box, time_limit=10)
    least, most = (max(end, 0.0) ** 2.5 for end in box)
    np.testing.assert_allclose([answer.lo[0], answer.hi[0]], [least, most], atol=1e-9, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("box", [(-1.0, 1.0), (-30.0, -21.0), (-19.0, 3.0), (40.0, 50.0)])
def test_a_quotient_on_either_side_of_its_pole(box):
    """Its curve was followed right of the pole only, and was not a number left of it."""
    answer = outrange.output_range(build_model(wave_over_line, (1,)), box, time_limit=10)
    x = np.linspace(*box, 100_001)
    y = np.sin(x) / (x + 20.0)
    assert answer.lo[0] <= y.min() and y.max() <= answer.hi[0]
    np.testing.assert_allclose([answer.lo[0], answer.hi[0]], [y.min(), y.max()], atol=1e-4)


@pytest.mark.slow
def test_a_box_with_the_pole():
    with pytest.raises(InputError, match="without 0"):
        outrange.output_range(build_model(wave_over_line, (1,)), (-21.0, -19.0), time_limit=10)


FUNCTIONS = {
    "reciprocal": lambda x: 1.0 / x,
    "log": lambda x: keras.ops.log(x),
    "sqrt": lambda x: keras.ops.sqrt(x),
    "rsqrt": lambda x: keras.ops.rsqrt(x - 3.0),
    "far": lambda x: keras.ops.log(x - 5e4),
    "sum": lambda x: keras.ops.log(keras.ops.sum(x, axis=-1, keepdims=True) - 100.0),
    "quotient": lambda x: x[:, :1] / x[:, 1:2],
    "over relu": lambda x: 1.0 / keras.ops.relu(x),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_comparison_looks_inside_the_domain(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("error", RuntimeWarning)
        network = outrange.load(build_model(FUNCTIONS[name]))
    graph = network.written
    x, reached = with_points_inside(graph, points(graph, None, 0), at_once, 0)
    assert reached
    assert is_inside(graph, graph.run_all(x)).any()


def narrow(wrong=0.0):
    """A network of twelve logarithms, and a model that is off by `wrong` where all are defined."""
    rng = np.random.default_rng(0)
    matrix = np.abs(rng.standard_normal((12, 12))).astype(np.float32) * rng.choice([-1, 1], (12, 1))
    matrix += 2.0 * np.eye(12) * np.sign(matrix)
    b = Builder([Slot("x", (12,))])
    (x,) = b.input_values()
    y = b.curve("log", b.affine_map(b.dense(x, matrix), 1.0, -3.0))
    graph = b.finish([b.reduce("sum", y, 1)], ["y"])

    def predict(x):
        with np.errstate(all="ignore"):
            y = np.log(x @ matrix.astype(np.float32) - np.float32(3.0))
        return y.sum(axis=1, keepdims=True) + np.float32(wrong)

    return Network(graph, predict, "narrow", "test")


def test_a_wrong_reading_of_what_is_defined_in_a_corner_is_seen():
    network = narrow()
    graph = network.graph
    x = points(graph, None, 0)
    assert not is_inside(graph, graph.run_all(x)).sum() >= ENOUGH
    check_same(network)
    with pytest.raises(ModelError, match="Received: the input"):
        check_same(narrow(0.5))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: keras.ops.log(-5.0 - keras.ops.abs(x)),
        lambda x: 1.0 / (x - x),
        lambda x: keras.ops.sqrt(-1.0 - keras.ops.square(x)),
    ],
    ids=["log", "quotient", "sqrt"],
)
def test_what_is_defined_nowhere_is_said(function):
    with pytest.warns(UserWarning, match=r"could not be compared.*undefined everywhere"):
        network = outrange.load(build_model(function))
    with pytest.raises(InputError):
        outrange.output_range(network, (1.0, 2.0), time_limit=5)


def test_not_a_number_in_the_domain_is_a_difference():
    """The graph differs from the model if the model alone has a value at a point."""
    b = Builder([Slot("x", (3,))])
    (x,) = b.input_values()
    graph = b.finish([b.curve("sqrt", x)], ["y"])
    network = Network(graph, lambda x: np.sqrt(np.abs(x)), "net", "test")
    with pytest.raises(ModelError, match="is nan in the graph"):
        check_same(network)
