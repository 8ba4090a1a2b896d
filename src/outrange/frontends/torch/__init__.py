"""Readers of PyTorch modules, exported programs, `.pt2` files, and PyTorch code in other models."""

from .load import load_torch as load_torch
from .read import read as read
