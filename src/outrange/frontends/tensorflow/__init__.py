"""Reader of TensorFlow code, such as the code in a layer of a Keras model."""

from .read import read as read
