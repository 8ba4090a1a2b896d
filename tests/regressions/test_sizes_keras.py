"""Keras files that declare huge layers or inputs: refused before anything is allocated."""

import zipfile

import pytest

from outrange.core import ModelError


pytest.importorskip("keras")

import h5py
import keras
from keras import layers as L

from outrange.frontends.keras import load_keras
from outrange.frontends.keras.declared_sizes import LARGEST_CONFIG


def model():
    return keras.Sequential(
        [keras.Input((4,)), L.RepeatVector(2), L.Flatten(), L.Dense(3, name="last")]
    )


def rewritten(tmp_path, change, packing=zipfile.ZIP_STORED):
    """A `.keras` file, every member of which `change` has seen: name and content to content."""
    model().save(tmp_path / "first.keras")
    path = tmp_path / "second.keras"
    with (
        zipfile.ZipFile(tmp_path / "first.keras") as old,
        zipfile.ZipFile(path, "w", packing) as new,
    ):
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return path


def replace_text(old, new):
    def change(name, content):
        if name != "config.json":
            return content
        assert old in content.decode()
        return content.decode().replace(old, new).encode()

    return change


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"units": 3', '"units": 1000000000', "weight of layer `last`"),
        ('"units": 3', '"units": 10000000', "weight of layer `last`"),
        ("[null, 4]", "[null, 1000000000]", "values that a model computes"),
        ('"n": 2', '"n": 1000000000', "values that a model computes"),
    ],
    ids=["dense", "more than is stored", "input", "repeated"],
)
def test_declared_sizes(tmp_path, old, new, words):
    """XLA aborted the process where it had no memory left."""
    path = rewritten(tmp_path, replace_text(old, new))
    with pytest.raises(ModelError, match=rf"{words}.*(?s:.)*") as caught:
        load_keras(path)
    assert "Received: " in str(caught.value)
    assert load_keras(rewritten(tmp_path, replace_text(old, old))).graph.size == 4


@pytest.mark.parametrize(
    "layer", [L.RepeatVector(10**9), L.UpSampling1D(10**9), L.ZeroPadding1D(10**9)]
)
def test_huge_values_of_a_live_model(layer):
    x = keras.Input((2, 2) if not isinstance(layer, L.RepeatVector) else (2,))
    with pytest.raises(ModelError, match=r"Received: .* a result of layer"):
        load_keras(keras.Model(x, layer(x)))


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        (L.MaxPooling1D(10**9, padding="same"), (8, 2), "windows of layer"),
        (L.GRU(2), (10**5, 3), "more than 8192 steps"),
        (L.Resizing(2**18, 8), (8, 8, 1), "more than 65536 entries"),
    ],
    ids=["pool", "gru", "resizing"],
)
def test_small_models_of_much_work(layer, shape, words):
    """A `MemoryError` of NumPy's reached the user, or nothing did for hours."""
    x = keras.Input(shape)
    with pytest.raises(ModelError, match=words):
        load_keras(keras.Model(x, layer(x)))


def test_an_input_that_is_too_long():
    x = keras.Input((3, 2000, 2000))
    with pytest.raises(ModelError, match="inputs of a model"):
        load_keras(keras.Model(x, keras.ops.max(x, axis=(1, 2, 3), keepdims=True)))


def test_a_bomb_for_a_config(tmp_path):
    def change(name, content):
        return content + b" " * LARGEST_CONFIG if name == "config.json" else content

    path = rewritten(tmp_path, change, zipfile.ZIP_DEFLATED)
    with pytest.raises(ModelError, match=r"`config.json` in a Keras file may have"):
        load_keras(path)


def test_a_bomb_for_weights(tmp_path):
    def change(name, content):
        return content + bytes(2**27) if name.endswith(".h5") else content

    path = rewritten(tmp_path, change, zipfile.ZIP_DEFLATED)
    with pytest.raises(ModelError, match=r"weights.h5` in a Keras file may have"):
        load_keras(path)


def test_weights_that_are_declared_and_not_stored(tmp_path):
    """A data set of HDF5 need not store its entries; Keras made an array of all of them."""
    path = tmp_path / "model.h5"
    model().save(path)
    with h5py.File(path, "a") as file:
        file.create_dataset("model_weights/last/more", (2**14, 2**13), "f4")
    with pytest.raises(ModelError, match=r"contain the weights that it declares.*last/more"):
        load_keras(path)


def test_weights_in_another_file(tmp_path):
    (tmp_path / "other").write_bytes(bytes(400))
    path = tmp_path / "model.h5"
    model().save(path)
    with h5py.File(path, "a") as file:
        file.create_dataset(
            "model_weights/more", (100,), "f4", external=[(tmp_path / "other", 0, 400)]
        )
    with pytest.raises(ModelError, match="another file"):
        load_keras(path)


def test_hooks_are_gone_afterwards(tmp_path):
    before = keras.Layer.add_weight, keras.KerasTensor.__init__
    with pytest.raises(ModelError):
        load_keras(rewritten(tmp_path, replace_text('"units": 3', '"units": 1000000000')))
    load_keras(model())
    assert (keras.Layer.add_weight, keras.KerasTensor.__init__) == before
