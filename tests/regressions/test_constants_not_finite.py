"""A NaN in any parameter or constant of a model is refused, and the error says where."""

import keras
import numpy as np
import pytest

import outrange
from outrange.core import ModelError
from outrange.graph import Builder, Slot, softmax


NAN, INFINITE = float("nan"), float("inf")

X = np.random.default_rng(0).normal(size=(30, 3))


def constants(b, x):
    """Every method of a builder that takes a constant, with one that is NaN."""
    bad = np.array([1.0, NAN, 1.0])
    return {
        "dense": lambda: b.dense(x, np.diag(bad)),
        "bias": lambda: b.dense(x, np.eye(3), bad),
        "factor": lambda: b.affine_map(x, bad),
        "shift": lambda: b.affine_map(x, 1.0, bad),
        "add": lambda: b.add(x, bad),
        "multiply": lambda: b.multiply(x, bad),
        "divide": lambda: b.divide(x, bad),
        "concat": lambda: b.concat([x, bad[None]], 1),
        "clip": lambda: b.clip(x, NAN, 1.0),
        "curve": lambda: b.curve("leaky_relu", x, negative_slope=NAN),
        "gather_sum": lambda: b.gather_sum(x, np.array([[0, 1]]), NAN, (1, 1)),
        "prelu": lambda: b.prelu(x, bad),
        "zero": lambda: b.divide(x, 0.0),
        "infinite": lambda: b.multiply(x, INFINITE),
    }


def builder():
    b = Builder([Slot("x", (3,))], source="here")
    return b, *b.input_values()


@pytest.mark.parametrize("name", constants(*builder()))
def test_a_builder_takes_no_constant_that_is_nan(name):
    b, x = builder()
    with pytest.raises(
        ModelError, match=r"in layer `here` must be finite numbers. Received: (nan|inf)"
    ):
        constants(b, x)[name]()


def test_infinite_constants_may_be_limits_and_masks():
    b, x = builder()
    b.clip(x, -INFINITE, 1.0)
    masked = b.add(x, np.array([0.0, -INFINITE, 0.0]))
    soft = softmax(b, masked)
    graph = b.finish([soft], ["y"])
    point = np.array([[0.5, -3.0, 1.0]])
    expected = np.exp(point) * [1, 0, 1]
    np.testing.assert_allclose(graph.run(point), expected / expected.sum())
    with pytest.raises(ModelError, match="not minus infinity"):
        softmax(b, b.add(x, np.full(3, -INFINITE)))


def test_rows_of_several_masks():
    b = Builder([Slot("x", (3, 3))])
    mask = np.where(np.tri(3, dtype=bool), 0.0, -INFINITE)
    graph = b.finish([softmax(b, b.add(*b.input_values(), mask))], ["y"])
    x = np.random.default_rng(1).normal(size=(4, 3, 3))
    expected = np.exp(x) * np.tri(3)
    expected /= expected.sum(-1, keepdims=True)
    np.testing.assert_allclose(graph.run(x.reshape(4, -1)), expected.reshape(4, -1))


def estimators():
    """Fitted estimators with each of their arrays."""
    linear_model = pytest.importorskip("sklearn.linear_model")
    from sklearn.neural_network import MLPRegressor
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    made = (
        linear_model.LinearRegression(),
        MLPRegressor(hidden_layer_sizes=(2,), max_iter=1),
        StandardScaler(),
        MinMaxScaler(),
    )
    places = {
        "LinearRegression": ("coef_", "intercept_"),
        "MLPRegressor": ("coefs_", "intercepts_"),
        "StandardScaler": ("mean_", "scale_"),
        "MinMaxScaler": ("min_", "scale_"),
    }
    for estimator in made:
        for name in places[type(estimator).__name__]:
            yield estimator, name


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_numbers_of_an_estimator():
    for estimator, name in estimators():
        estimator.fit(X, X.sum(1))
        value = getattr(estimator, name)
        array = value[0] if isinstance(value, list) else value
        if np.ndim(array):
            array.flat[0] = NAN
        else:
            setattr(estimator, name, NAN)
        layer = "layer_1" if isinstance(value, list) else type(estimator).__name__.lower()
        with pytest.raises(ModelError, match=f"layer `{layer}` must be finite numbers"):
            outrange.load(estimator)


def test_constants_of_jax_code():
    jnp = pytest.importorskip("jax.numpy")
    if keras.backend.backend() != "jax":
        pytest.skip("code of JAX")
    x = keras.Input((3,))
    for function in (
        lambda x: jnp.where(x > 0, x, NAN),
        lambda x: jnp.clip(x, NAN, 1.0),
        lambda x: jnp.take(x, jnp.array([0, 9]), axis=1, mode="fill"),
    ):
        layer = keras.layers.Lambda(function, output_shape=(3,), name="own")
        with pytest.raises(ModelError, match=r"`own`.*(finite|outside its array)"):
            outrange.load(keras.Model(x, layer(x)))


def test_a_model_without_outputs():
    x = keras.Input((3,))
    with pytest.raises(ModelError, match="at least one number"):
        outrange.load(keras.Model(x, x[:, :0]))


def test_rows_that_depend_on_their_place():
    """JAX draws a different number for every row from a fixed key."""
    jax = pytest.importorskip("jax")
    if keras.backend.backend() != "jax":
        pytest.skip("code of JAX")

    def noisy(x):
        return x + jax.random.normal(jax.random.key(0), x.shape)

    x = keras.Input((3,))
    layer = keras.layers.Lambda(noisy, output_shape=(3,), name="noisy")
    with pytest.raises(ModelError, match="mixes the rows"):
        outrange.load(keras.Model(x, layer(x)))
