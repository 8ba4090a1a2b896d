"""PyTorch: modules, exported programs, `.pt2` files; PyTorch code in layers of a Keras model."""

from .load import load_torch as load_torch
from .read import read as read
