"""Layers of Keras that act at random in training are what Keras makes of them at inference."""

import numpy as np
import pytest

from outrange.core import ModelError


pytest.importorskip("keras")

import keras
from keras import layers as L

from cases import some
from outrange.frontends.keras import load_keras


SHAPE = (8, 6, 3)

ARGUMENTS = {
    "RandomRotation": (0.2,), "RandomZoom": (0.2,), "RandomTranslation": (0.2, 0.2),
    "RandomContrast": (0.2,), "RandomBrightness": (0.2,), "RandomColorDegeneration": (0.2,),
    "RandomHue": (0.2,), "RandomSaturation": (0.2,), "RandomSharpness": (0.2,),
    "RandomPosterization": (4,), "RandomCrop": (4, 5), "RandomFlip": (), "RandomShear": (),
    "GaussianNoise": (0.2,), "GaussianDropout": (0.2,), "AlphaDropout": (0.2,), "Dropout": (0.2,),
    "SpatialDropout2D": (0.2,),
}  # fmt: skip
"""What a layer is made with; those that are not here need nothing."""

NAMES = sorted(
    {name for name in dir(L) if name.startswith("Random")}
    | {name for name in ARGUMENTS if hasattr(L, name)}
)


def build_model(layer, shape=SHAPE):
    x = keras.Input(shape)
    return keras.Model(x, layer(x))


def same(model, shape=SHAPE):
    """The graph and `predict` of the model itself at random images."""
    images = np.random.default_rng(0).uniform(0, 255, (3, *shape)).astype(np.float32)
    expected = model.predict(images, verbose=0)
    graph = load_keras(model).graph
    outputs = graph.run(images.reshape(3, -1).astype(np.float64))
    assert graph.outputs[0].shape == expected.shape[1:]
    np.testing.assert_allclose(outputs, expected.reshape(3, -1), rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("name", some(NAMES, 5))
def test_random_layers(name):
    same(build_model(getattr(L, name)(*ARGUMENTS.get(name, ()))))


@pytest.mark.parametrize("target", [(4, 4), (8, 6), (3, 6), (12, 12), (12, 4), (4, 12)])
@pytest.mark.parametrize("name", ["RandomCrop", "CenterCrop"])
def test_crops(name, target):
    """`RandomCrop` states the shape of its crop, and returns the whole image at inference."""
    same(build_model(getattr(L, name)(*target)))


def test_a_network_behind_a_random_crop():
    head = [L.Conv2D(2, 3), L.GlobalAveragePooling2D(), L.Dense(2)]
    same(keras.Sequential([keras.Input(SHAPE), L.RandomCrop(4, 4), *head]))


def test_a_network_that_needs_the_crop():
    """Keras builds the model by the stated shape, and cannot run it then: nor do we read it."""
    model = keras.Sequential([keras.Input(SHAPE), L.RandomCrop(4, 4), L.Flatten(), L.Dense(2)])
    with pytest.raises(ModelError, match=r"(?s)dense.*incompatible"):
        load_keras(model)
