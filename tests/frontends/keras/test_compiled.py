"""Models on JAX run as one compiled program, which must equal the model itself."""

import numpy as np
import pytest


pytest.importorskip("keras")

import keras

import zoo
from outrange.frontends.keras import load_keras
from outrange.frontends.keras.compiled import CompiledCall, _compile
from outrange.frontends.keras.signature import signature


if keras.backend.backend() != "jax":
    pytest.skip("compiled on JAX only", allow_module_level=True)


def values(model, x):
    return keras.ops.convert_to_numpy(model(x, training=False))


def compilations():
    return _compile.cache_info().misses


@pytest.mark.parametrize("name", ["mlp", "simple_rnn", "batch_normalization", "own_activation"])
def test_a_model_that_is_read_again_compiles_once(name):
    model = zoo.build(name)
    _compile.cache_clear()  # other tests of this process may have run the same program
    before = compilations()
    load_keras(model)
    assert compilations() == before + 1
    load_keras(model)
    assert compilations() == before + 1


def test_weights_are_those_of_the_moment():
    model = zoo.build("mlp")
    read, x = load_keras(model), np.ones((3, 5), "float32")
    model.layers[0].kernel.assign(-model.layers[0].kernel)
    np.testing.assert_allclose(read.predict(x), values(model, x), rtol=1e-6, atol=1e-6)


def test_two_models_that_differ_in_one_number_are_two_programs():
    def model(slope):
        return keras.Sequential([keras.Input((2,)), keras.layers.LeakyReLU(slope)])

    x = np.full((1, 2), -1.0, "float32")
    for slope in (0.25, 0.250001, 0.25):
        np.testing.assert_array_equal(
            load_keras(model(slope)).predict(x), np.full((1, 2), -slope, "float32")
        )


def test_arrays_that_a_model_holds_are_part_of_its_program():
    def model(held):
        x = keras.Input((3,))
        return keras.Model(x, keras.layers.Lambda(lambda t: t + held)(x))

    x = np.zeros((1, 3), "float32")
    for shift in (1.0, 2.0):
        held = np.full(3, shift, "float32")
        np.testing.assert_array_equal(load_keras(model(held)).predict(x), held[None])


def scaled_within(how, held):
    """Build a layer that multiplies by constants of a nested function."""
    import jax

    class Scaled(keras.layers.Layer):
        def call(self, x):
            if isinstance(x, keras.KerasTensor):
                return keras.ops.multiply(x, 1.0)
            if how == "jit":
                return jax.jit(lambda t: t * held)(x)
            if how == "scan":
                return jax.lax.scan(lambda t, _: (t * held, None), x, None, length=1)[0]
            if how == "checkpoint":
                return jax.checkpoint(lambda t: t * held)(x)
            as_x = jax.ShapeDtypeStruct(x.shape, x.dtype)
            return jax.pure_callback(lambda t: np.asarray(t) * held, as_x, x)

    return keras.Sequential([keras.Input((3,)), Scaled()])


@pytest.mark.parametrize("how", ["jit", "scan", "checkpoint", "pure_callback"])
def test_numbers_in_functions_inside_functions_are_part_of_the_program(how):
    x = np.ones((2, 3), "float32")
    for first in (1.0, 1.0000002, 4.0, 1.0):
        held = np.array([first, 2.0, 3.0], "float32")
        model = scaled_within(how, held)
        outputs = CompiledCall(model, signature(model))
        np.testing.assert_array_equal(outputs([x]), np.tile(held, (2, 1)))


def test_a_model_that_does_not_compile_is_run_as_it_is():
    class Peeks(keras.layers.Layer):
        def call(self, x):
            if not isinstance(x, keras.KerasTensor):
                np.asarray(x)  # fails on a JAX tracer
            return 2.0 * x

        def compute_output_spec(self, x):
            return keras.ops.multiply(x, 2.0)

    model = keras.Sequential([keras.Input((2,)), Peeks()])
    x = np.ones((1, 2), "float32")
    np.testing.assert_array_equal(load_keras(model).predict(x), 2.0 * x)


@pytest.mark.slow
def test_what_was_compiled_does_not_keep_the_model():
    import gc
    import weakref

    model = zoo.build("mlp")
    load_keras(model)
    gone = weakref.ref(model)
    del model
    keras.backend.clear_session()
    gc.collect()
    assert gone() is None
