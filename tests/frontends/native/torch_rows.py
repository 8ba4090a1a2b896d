"""Modules whose output for a row does, or does not, depend on the other rows of the batch.

python torch_rows.py FOLDER
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

import outrange
from outrange.core import OutrangeError


class Fn(nn.Module):
    """A function of a tensor and of one submodule."""

    def __init__(self, function, part=None):
        super().__init__()
        self.function, self.part = function, part

    def forward(self, x):
        return self.function(x) if self.part is None else self.function(x, self.part)


class Masked(nn.Module):
    """A buffer with infinite entries."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mask", torch.tensor([0.0, -torch.inf, 0.0, 0.0]))

    def forward(self, x):
        return torch.softmax(x + self.mask, -1)


class Standardized(nn.Module):
    """Batch statistics, also in evaluation mode."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(4, track_running_stats=False)

    def forward(self, x):
        return self.norm(x) if x.shape[0] > 1 else x


def unlike_for_one(x):
    """Use statistics of the batch if it has more than one row."""
    return x - x.mean(0) if x.shape[0] > 1 else x


def attention(x, part):
    return part(x, x, x, need_weights=False)[0]


APART = {
    "linear": (lambda: nn.Linear(4, 3), (4,)),
    "batch norm": (lambda: nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)), (4,)),
    "convolution": (lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten()), (1, 4, 4)),
    "group norm": (lambda: nn.GroupNorm(2, 4), (4,)),
    "instance norm": (lambda: nn.InstanceNorm1d(2), (2, 5)),
    "layer norm": (lambda: nn.LayerNorm(4), (4,)),
    "softmax": (lambda: nn.Softmax(1), (4,)),
    "mean of features": (lambda: Fn(lambda x: x - x.mean(1, keepdim=True)), (4,)),
    "turned twice": (lambda: Fn(lambda x: (x.T * torch.arange(4.0)[:, None]).T), (4,)),
    "reshaped": (lambda: Fn(lambda x: x.view(x.shape[0], 2, 2).sum(1)), (4,)),
    "flattened and back": (lambda: Fn(lambda x: torch.relu(x.reshape(-1)).reshape(-1, 4)), (4,)),
    "one more axis": (lambda: Fn(lambda x: x[None] * 2.0, None), (4,)),
    "constant beside": (lambda: Fn(lambda x: (x, torch.ones(1))), (4,)),
    "LSTM": (lambda: Fn(lambda x, part: part(x)[0], nn.LSTM(2, 3, batch_first=True)), (3, 2)),
    "states of an LSTM": (lambda: Fn(lambda x, part: part(x)[1][0],
                                     nn.LSTM(2, 3, batch_first=True)), (3, 2)),
    "LSTM, turned": (lambda: Fn(lambda x, part: part(x.transpose(0, 1))[0].transpose(0, 1),
                                nn.LSTM(2, 3)), (3, 2)),
    "attention": (lambda: Fn(attention, nn.MultiheadAttention(4, 2, batch_first=True)), (3, 4)),
    "mask": (Masked, (4,)),
    "for one row": (lambda: Fn(lambda x, part: part(x.reshape(1, 4)), nn.Linear(4, 2)), (4,)),
    "for one row by a check": (lambda: Fn(lambda x: x.reshape(1, 2, 2).sum(1)), (4,)),
    "nearest": (lambda: nn.Upsample(scale_factor=2), (1, 3, 4)),
    "nearest, not whole": (lambda: nn.Upsample(scale_factor=1.5), (2, 5)),
    "nearest, exact": (lambda: nn.Upsample(size=(4, 3), mode="nearest-exact"), (1, 3, 4)),
    "bilinear": (lambda: nn.Sequential(nn.Upsample(scale_factor=3.0, mode="bilinear"),
                                       nn.Conv2d(1, 1, 2, stride=2, bias=False)), (1, 8, 8)),
    "reflected": (lambda: nn.ReflectionPad1d(1), (1, 4)),
    "replicated": (lambda: nn.ReplicationPad1d(1), (1, 4)),
    "double": (lambda: nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1)).double(), (4,)),
    "double inside": (lambda: Fn(lambda x: (x.double() * 0.1).float()), (4,)),
}  # fmt: skip
"""Modules that must be read, and the shape of their input."""

MIXED = {
    "mean": (lambda: Fn(lambda x: x - x.mean(0)), (4,), "mean"),
    "a small share": (lambda: Fn(lambda x: x + 1e-9 * x.mean(0)), (4,), "mean"),
    "size": (lambda: Fn(lambda x: x * x.shape[0]), (4,), "mul"),
    "size as a tensor": (lambda: Fn(lambda x: x + torch.ones(x.shape[0], 4).sum(0)), (4,), "mixes"),
    "softmax": (lambda: nn.Softmax(0), (4,), "softmax"),
    "maximum": (lambda: Fn(lambda x: x / (1 + x.abs().amax(0))), (4,), "amax"),
    "flip": (lambda: Fn(lambda x: torch.flip(x, [0]) + x), (4,), "add"),
    "roll": (lambda: Fn(lambda x: x.roll(1, 0)), (4,), "mixes"),
    "first row": (lambda: Fn(lambda x: x - x[:1]), (4,), "sub"),
    "only the first row": (lambda: Fn(lambda x: x[:1]), (4,), "mixes"),
    "rows as columns": (lambda: Fn(lambda x: x @ x.T @ x), (4,), "matmul"),
    "sorted": (lambda: Fn(lambda x: x.cumsum(0)), (4,), "cumsum"),
    "batch statistics": (Standardized, (4,), "batch_norm"),
    "unlike for one": (lambda: Fn(unlike_for_one), (4,), "mean"),
    "LSTM": (lambda: Fn(lambda x, part: part(x)[0], nn.LSTM(2, 3)), (3, 2), "batch_first=True"),
    "GRU": (lambda: Fn(lambda x, part: part(x)[0], nn.GRU(2, 3)), (3, 2), "batch_first=True"),
    "RNN": (lambda: Fn(lambda x, part: part(x)[0], nn.RNN(2, 3)), (3, 2), "batch_first=True"),
    "unbatched LSTM": (lambda: Fn(lambda x, part: part(x)[0], nn.LSTM(2, 3)), (2,), "batch_first"),
    "attention": (lambda: Fn(attention, nn.MultiheadAttention(4, 2)), (3, 4), "batch_first=True"),
    "sum of all": (lambda: Fn(lambda x: x.sum().reshape(1, 1)), (4,), "mixes"),
}  # fmt: skip
"""Modules that must be refused, the shape of their input, and the name to be told."""


def batches_are_their_rows(network, module, shape) -> None:
    """Check that a batch of different rows gives the graph's output for each of them."""
    rng = np.random.default_rng(0)
    dtype = next((p.dtype for p in module.parameters()), torch.float32)
    for size in (1, 2, 5):
        x = rng.normal(0, 1, (size, *shape)).astype(np.float32)
        try:
            with torch.no_grad():
                outputs = module(torch.as_tensor(x, dtype=dtype))
        except (RuntimeError, ValueError):
            assert size > 1  # the module accepts one row only
            continue
        leaves = outputs if isinstance(outputs, tuple) else (outputs,)
        expected = network.graph.run(x.reshape(size, -1).astype(np.float64))
        for leaf, slot in zip(leaves, network.graph.outputs, strict=True):
            part, expected = expected[:, : slot.size], expected[:, slot.size :]
            outputs = leaf.numpy().reshape(-1, slot.size)
            assert len(outputs) in (1, size), leaf.shape
            np.testing.assert_allclose(np.broadcast_to(outputs, part.shape), part, 1e-4, 1e-5)


def law() -> None:
    modules = {**APART, **{f"mixed: {name}": module for name, module in MIXED.items()}}
    for name, (make, shape, *wanted) in modules.items():
        torch.manual_seed(0)
        module = make().eval()
        try:
            network = outrange.load(module, input_shape=shape)
        except OutrangeError as error:
            assert wanted and wanted[0] in str(error), f"{name}: {error}"
            assert "mixes the rows" in str(error), f"{name}: {error}"
        else:
            assert not wanted, f"{name} was read"
            batches_are_their_rows(network, module, shape)
        print("ok", name, flush=True)


def programs_of_a_free_batch(folder: Path) -> None:
    """Check the same for an exported program with a free batch size."""
    batch = torch.export.Dim("batch")
    for function, wanted in ((lambda x: torch.tanh(x), ""), (lambda x: x - x.mean(0), "mean")):
        program = torch.export.export(
            Fn(function), (torch.zeros(2, 4),), dynamic_shapes=({0: batch},), strict=False
        )
        torch.export.save(program, folder / "rows.pt2")
        try:
            network = outrange.load(folder / "rows.pt2")
        except OutrangeError as error:
            assert wanted and wanted in str(error), error
        else:
            assert not wanted
            batches_are_their_rows(network, program.module(), (4,))


if __name__ == "__main__":
    law()
    programs_of_a_free_batch(Path(sys.argv[1]))
