"""Formulas that algebra simplifies past the points at which the model has no value."""

import numpy as np
import pytest

import outrange
from outrange.core import InputError, ModelError
from outrange.frontends.check import check_same
from outrange.frontends.network import Network
from outrange.graph import Builder, Slot
from outrange.graph.gradient import vector_jacobian_product
from outrange.ops import scale


keras = pytest.importorskip("keras")

FORMULAS = {
    "x / x": (lambda x: x / x, (1.0, 1.0)),
    "relu / relu": (lambda x: keras.ops.relu(x) / keras.ops.relu(x), (1.0, 1.0)),
    "x * x / x": (lambda x: x * x / x, (1.0, 2.0)),
    "log - log": (lambda x: keras.ops.log(x) - keras.ops.log(x), (0.0, 0.0)),
    "sqrt ** 2": (lambda x: keras.ops.sqrt(x) ** 2, (1.0, 2.0)),
    "(x ** 0.5) ** 2": (lambda x: (x**0.5) ** 2, (1.0, 2.0)),
    "0 * x / x": (lambda x: 0 * x / x, (0.0, 0.0)),
    "1 + log(x * x)": (lambda x: 1 + keras.ops.log(x * x), (1.0, 1 + np.log(4.0))),
    "max(log, x)": (lambda x: keras.ops.maximum(keras.ops.log(x), x), (1.0, 2.0)),
}
"""Formula of `x`, and its range over [1, 2]."""

LAYERS = {"Lambda": keras.layers.Lambda, "Activation": keras.layers.Activation}


@pytest.fixture(scope="module", params=[(n, k) for n in FORMULAS for k in LAYERS], ids=str)
def case(request):
    name, kind = request.param
    x = keras.Input((1,))
    return outrange.load(keras.Model(x, LAYERS[kind](FORMULAS[name][0])(x))), FORMULAS[name][1]


def test_no_value_is_an_error_and_the_rest_exact(case):
    """Ranges were exact and properties held where the model returns NaN."""
    network, (least, most) = case
    for ask in (outrange.output_range, outrange.gradient_range):
        with pytest.raises(InputError, match="is supported only on"):
            ask(network, (-2.0, 2.0))
    with pytest.raises(InputError, match="is supported only on"):
        outrange.verify(network, outrange.y[0] >= -9, (-2.0, 2.0))
    with pytest.raises(InputError, match="is supported only on"):
        outrange.difference_range(network, network, (-2.0, 2.0))
    answer = outrange.output_range(network, (1.0, 2.0))
    assert answer.is_exact
    np.testing.assert_allclose([answer.lo[0], answer.hi[0]], [least, most], rtol=1e-6)


def test_a_difference_is_zero_inside_the_domain(case):
    answer = outrange.difference_range(case[0], case[0], (1.0, 2.0))
    assert answer.lo[0] == answer.hi[0] == 0.0 and answer.is_exact


def test_a_logarithm_whose_argument_only_touches_zero_is_bounded_elsewhere():
    """The bounds were infinite over every set that reaches into [-1/8, 1/8]."""
    x = keras.Input((1,))
    model = keras.Model(x, keras.layers.Lambda(lambda x: keras.ops.log(x * x))(x))
    answer = outrange.output_range(model, (0.05, 4.0))
    assert answer.is_exact
    ends = [answer.lo[0], answer.hi[0]]
    np.testing.assert_allclose(ends, np.log([0.05**2, 16.0]), rtol=1e-6)


def test_a_root_whose_argument_the_model_rounds_to_zero():
    """Loading failed: far left, the model returns 0, and the formula is undefined."""
    x = keras.Input((1,))
    y = keras.layers.Lambda(lambda x: keras.ops.sqrt(x * keras.ops.softplus(x)))(x)
    network = outrange.load(keras.Model(x, y))
    with pytest.raises(InputError, match="is supported only on"):
        outrange.output_range(network, (-2.0, 1.0))
    assert outrange.output_range(network, (0.0, 2.0)).is_exact


PLANTS = {
    "x / x": lambda x, u: np.array([0.5 * x[0] + x[0] / x[0] + u[0]]),
    "sqrt ** 2": lambda x, u: np.array([0.5 * np.sqrt(x[0]) ** 2 + u[0]]),
    "0 * log": lambda x, u: np.array([0.5 * x[0] + 0 * np.log(x[0]) + u[0]]),
    "relu of log": lambda x, u: np.array([np.maximum(np.log(x[0]), 0.0) + u[0]]),
}


@pytest.mark.parametrize("name", PLANTS)
def test_plants_are_refused_where_they_have_no_value(name):
    x = keras.Input((1,))
    controller = keras.Model(x, keras.layers.Dense(1, kernel_initializer="zeros")(x))
    with pytest.raises(InputError, match="must be defined at every state"):
        outrange.closed_loop(outrange.ControlLoop(controller, PLANTS[name], (-2.0, 2.0)), steps=1)
    assert np.isfinite(
        outrange.closed_loop(
            outrange.ControlLoop(controller, PLANTS[name], (1.0, 2.0)), steps=1
        ).pipe.hi
    ).all()


def test_the_comparison_at_load_finds_a_lost_domain():
    """Both the model and the graph as written have no value left of 0, the simplified one has."""
    b = Builder([Slot("x", (1,))])
    root = b.curve("sqrt", b.input_values()[0])
    written = b.finish([b.multiply(root, root)], ["y"], fused=False)
    b = Builder([Slot("x", (1,))])
    line = b.add_node(scale(np.ones(1), 0.0), b.input_values(), (1, 1))
    wrong = b.finish([line], ["y"], fused=False)
    network = Network(wrong, lambda x: np.sqrt(x) ** 2, "model", "test", plain=written)
    with np.errstate(invalid="ignore"), pytest.raises(ModelError, match="must compute what"):
        check_same(network)


@pytest.mark.parametrize(("bias", "factor"), [(-1e6, 1.0), (-50.0, 1.0), (-1.0, -1.0)])
def test_points_inside_are_looked_for_through_products_of_one_value(bias, factor):
    """The slope of such a product was asked of a maximum, which it is not."""
    x = keras.Input((2,))
    inner = keras.ops.multiply(x, keras.ops.relu(x)) * factor + bias
    model = keras.Model(x, keras.ops.sqrt(inner))
    if factor < 0:
        with pytest.warns(UserWarning, match="could not be compared"):
            outrange.load(model)
        return
    answer = outrange.output_range(model, (1100.0, 1200.0))
    np.testing.assert_allclose(answer.lo, np.sqrt(1100.0**2 + bias), rtol=1e-6)


def test_the_slope_of_a_product_as_written_is_that_of_a_product():
    b = Builder([Slot("x", (3,))])
    x = b.input_values()[0]
    graph = b.finish([b.multiply(x, b.curve("relu", x))], ["y"], fused=False)
    points = np.array([[-2.0, 0.5, 3.0]])
    slope = vector_jacobian_product(graph, graph.run_all(points), np.ones((1, 3)))
    np.testing.assert_allclose(slope, 2.0 * np.maximum(points, 0.0), atol=1e-6)
