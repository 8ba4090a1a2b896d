"""Loading of files, and the error messages of bad files."""

import numpy as np
import pytest


pytest.importorskip("keras")

import keras
from keras import Input, Sequential, layers as L, ops

import zoo
from outrange.core import InputError, ModelError
from outrange.frontends.keras import load_keras


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("mlp", ".keras"), ("mlp", ".h5"), ("nested", ".keras"), ("residual", ".h5"),
        ("custom_layer", ".keras"), ("custom_layer", ".h5"), ("dict_in_out", ".keras"),
        ("several_in_out", ".h5"),
    ],
)  # fmt: skip
def test_a_file_is_the_model(name, ending, tmp_path):
    model = zoo.build(name)
    path = tmp_path / f"model{ending}"
    model.save(path)
    live, stored = load_keras(model), load_keras(str(path))
    x = np.random.default_rng(0).normal(size=(5, live.graph.size))
    np.testing.assert_array_equal(stored.graph.run(x), live.graph.run(x))
    assert stored.graph.inputs == live.graph.inputs


def unregister():
    class Twice(keras.Layer):
        def call(self, x):
            return 2.0 * x

    return Twice


def test_a_custom_layer_must_be_passed(tmp_path):
    twice = unregister()
    path = tmp_path / "custom.keras"
    Sequential([Input((3,)), twice(), L.Dense(2)]).save(path)
    with pytest.raises(ModelError, match=r"`Twice`.*custom_objects"):
        load_keras(path)
    network = load_keras(path, custom_objects={"Twice": twice})
    assert network.graph.outputs[0].shape == (2,)


def test_a_lambda_needs_trust(tmp_path):
    path = tmp_path / "lambda.keras"
    Sequential([Input((3,)), L.Lambda(lambda t: t * 2.0 + 1.0)]).save(path)
    with pytest.raises(ModelError, match=r"safe_mode=False.*--no-safe-mode"):
        load_keras(path)
    graph = load_keras(path, safe_mode=False).graph
    np.testing.assert_array_equal(graph.run(np.ones((1, 3))), [[3.0, 3.0, 3.0]])


def test_a_lambda_in_a_file_finds_keras_and_numpy(tmp_path):
    path = tmp_path / "names.keras"
    Sequential([Input((3,)), L.Lambda(lambda t: ops.relu(t) + np.float32(1.0))]).save(path)
    graph = load_keras(path, safe_mode=False).graph
    np.testing.assert_array_equal(graph.run(-np.ones((1, 3))), [[1.0, 1.0, 1.0]])


def test_a_missing_file():
    with pytest.raises(InputError, match="model file does not exist"):
        load_keras("nowhere/model.keras")


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_a_file_of_another_kind(ending, tmp_path):
    path = tmp_path / f"model{ending}"
    path.write_bytes(b"not a model at all, but long enough")
    with pytest.raises(ModelError, match="damaged"):
        load_keras(path)


def test_weights_alone_are_no_model(tmp_path):
    path = tmp_path / "model.weights.h5"
    zoo.build("mlp").save_weights(path)
    with pytest.raises(ModelError, match="weights"):
        load_keras(path)


def test_another_ending(tmp_path):
    with pytest.raises(InputError, match=r"end in \.keras"):
        load_keras(tmp_path / "model.txt")


def test_a_cut_file(tmp_path):
    path = tmp_path / "model.keras"
    zoo.build("mlp").save(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ModelError, match="damaged"):
        load_keras(path)


def test_a_file_of_weights_says_what_to_do(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(ModelError, match=r"contains weights, but no model.*load_weights"):
        load_keras(tmp_path / "m.weights.h5")


def test_a_file_of_keras_2_says_what_to_do(tmp_path):
    """Keras 2 stored initializers with a dtype, which Keras 3 refuses."""
    import json

    import h5py

    path = tmp_path / "m.h5"
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(path)
    with h5py.File(path, "a") as file:
        config = json.loads(file.attrs["model_config"])
        dense = next(p for p in config["config"]["layers"] if p["class_name"] == "Dense")
        dense["config"]["kernel_initializer"] = {
            "class_name": "GlorotUniform", "config": {"seed": None, "dtype": "float32"},
        }  # fmt: skip
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = "2.4.0"
    with pytest.raises(ModelError, match=r"written by Keras 2\.4\.0.*load_weights"):
        load_keras(path)
