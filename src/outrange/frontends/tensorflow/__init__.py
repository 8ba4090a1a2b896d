"""Reader of TensorFlow code in layers of a Keras model."""

from .read import read as read
