"""Reader of Keras 3 models, in memory or in `.keras` and `.h5` files."""

from .load import load_keras as load_keras
