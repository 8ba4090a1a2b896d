"""Reader of JAX code in layers of a Keras model."""

from .read import read as read
