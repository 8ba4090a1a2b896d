"""Layers written with PyTorch functions."""

import keras
import torch
import torch.nn.functional as F
from keras import layers as L


UNKNOWN = "lgamma"


def mix_activations(x):
    """Apply a sigmoid to one channel, and a ReLU to the rest."""
    return torch.cat([torch.sigmoid(x[..., 0:1]), torch.relu(x[..., 1:5])], dim=3)


def gate(x):
    return x * torch.sigmoid(2.0 * x)


def unknown(x):
    return torch.lgamma(x)


class Halves(keras.Layer):
    """A product with a weight, whose two halves are treated differently."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 4), name="w")
        self.b = self.add_weight(shape=(4,), name="b")

    def call(self, x):
        y = torch.matmul(x, self.w.value) + self.b.value
        first, second = torch.split(y, 2, -1)
        return F.leaky_relu(torch.cat([2.0 * first, torch.clamp(second, -1.0, 1.0)], -1))


class Image(keras.Layer):
    """A strided convolution and pooling, with channels first inside."""

    def build(self, shape):
        self.k = self.add_weight(shape=(4, shape[-1], 3, 3), name="k")

    def call(self, x):
        y = F.conv2d(x.permute(0, 3, 1, 2), self.k.value, stride=2, padding=1)
        return F.max_pool2d(torch.relu(y), 2, 1)


LAYERS = {
    "halves": ((3,), Halves),
    "image": ((7, 6, 2), Image),
    "where": ((3,), lambda: L.Lambda(lambda x: torch.where(x > 0.0, x, 0.1 * torch.exp(x)))),
    "reductions": ((3, 4), lambda: L.Lambda(lambda x: x.mean(1) - x.amax(1))),
    "einsum and pad": (
        (3, 4),
        lambda: L.Lambda(
            lambda x: torch.einsum("bij,jk->bki", F.pad(x, (0, 0, 1, 0)), torch.eye(4)[:, :2])
        ),
    ),
    "powers": ((3,), lambda: L.Lambda(lambda x: x**3 - torch.square(x) + torch.tanh(x) / 3.0)),
}


ODD = {
    "not a number": (lambda x: torch.where(x > 0, x, float("nan")), "finite"),
    "row by row": (lambda x: x + 1e-6 * x.mean(0), "mixes the rows"),
    "sampled": (lambda x: x + torch.randn_like(x), "random numbers"),
    "dropped": (lambda x: F.dropout(x, 0.5, training=True), "random numbers"),
}
"""Functions that are refused, and what the error says."""
