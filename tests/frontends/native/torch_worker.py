"""Worker process: reads PyTorch modules, programs and files.

python torch_worker.py FOLDER

Each graph is compared with the module in float64 at random points.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

import outrange
from outrange.core import InputError, ModelError, UnsupportedError


class Net(nn.Module):
    """A small image classifier."""

    def __init__(self):
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.pool, self.dense = nn.MaxPool2d(2), nn.Linear(36, 3)

    def forward(self, x):
        h = torch.relu(self.norm(self.convolution(x)))
        return torch.softmax(self.dense(torch.flatten(self.pool(h + 0.5 * h), 1)), -1)


class Own(nn.Module):
    """A custom activation, two halves, and a residual connection."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 6), nn.Linear(6, 6)

    def forward(self, x):
        h = self.a(x)
        h = torch.where(h > 0, h * torch.sigmoid(h), 0.1 * h)
        h = torch.cat([h[:, :3].clamp(-1, 1), h[:, 3:]], 1)
        return h + nn.functional.leaky_relu(self.b(h))


def activations() -> nn.Module:
    """Return every supported activation layer of PyTorch, one after another."""
    layers = [
        nn.ELU(), nn.SELU(), nn.CELU(0.5), nn.Softplus(), nn.Softplus(2.0), nn.Hardswish(),
        nn.Hardsigmoid(), nn.Hardtanh(), nn.ReLU6(), nn.PReLU(4), nn.SiLU(), nn.Mish(),
        nn.Softsign(), nn.LogSigmoid(), nn.Softshrink(), nn.Hardshrink(0.01), nn.Tanhshrink(),
        nn.GELU(), nn.GELU("tanh"), nn.Threshold(0.1, 0.2), nn.LeakyReLU(), nn.Tanh(),
    ]  # fmt: skip
    mixed = [part for layer in layers for part in (layer, nn.Linear(4, 4))]
    return nn.Sequential(nn.Linear(3, 4), *mixed, nn.LogSoftmax(-1))


def moving() -> nn.Module:
    """Return strided, grouped and transposed convolutions, and average pooling."""
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, stride=2, groups=2), nn.LeakyReLU(), nn.ConvTranspose2d(4, 2, 2, 2),
        nn.AvgPool2d(2, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 1),
    )  # fmt: skip


MODULES = {
    "mlp": (lambda: nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.BatchNorm1d(8), nn.Dropout(),
                                  nn.Linear(8, 2)), (3,)),
    "image": (Net, (2, 6, 6)),
    "own": (Own, (3,)),
    "activations": (activations, (3,)),
    "moving": (moving, (2, 7, 7)),
    "one dimension": (lambda: nn.Sequential(nn.Conv1d(2, 3, 3, dilation=2), nn.MaxPool1d(2),
                                            nn.ConstantPad1d((1, 2), 0.5), nn.Flatten(),
                                            nn.Linear(18, 1)), (2, 10)),
}  # fmt: skip


def compare(network, module, shape) -> None:
    """Check that the graph equals the module in float64."""
    x = np.random.default_rng(0).normal(0, 1, (20, int(np.prod(shape))))
    with torch.no_grad():
        whole = module.double().eval()
        y = torch.cat([whole(torch.as_tensor(row.reshape(1, *shape))) for row in x])
    module.float()
    # Numbers such as an epsilon or a slope are float32 in the model, and so in the graph.
    assert np.allclose(network.graph.run(x), y.numpy().reshape(20, -1), rtol=1e-5, atol=1e-7)


def modules() -> None:
    for name, (make, shape) in MODULES.items():
        torch.manual_seed(0)
        module = make()
        module.train()
        network = outrange.load(module, input_shape=shape)
        compare(network, module, shape)
        print("ok", name, flush=True)


def files(folder: Path) -> None:
    torch.manual_seed(1)
    module = Own().eval()
    program = torch.export.export(module, (torch.zeros(1, 3),))
    torch.export.save(program, folder / "own.pt2")
    compare(outrange.load(folder / "own.pt2"), module, (3,))
    compare(outrange.load(program), module, (3,))
    assert outrange.load(module).graph.size == 3  # the input size of the first layer
    batches = torch.export.Dim("batch")
    free = torch.export.export(module, (torch.zeros(2, 3),), dynamic_shapes=[{0: batches}])
    torch.export.save(free, folder / "free.pt2")
    compare(outrange.load(folder / "free.pt2"), module, (3,))


def check_rejected(error, text, *args, **kwargs) -> None:
    try:
        outrange.load(*args, **kwargs)
    except error as found:
        assert text in str(found), found
    else:
        raise AssertionError(f"no {error.__name__}")


def refusals(folder: Path) -> None:
    check_rejected(InputError, "input_shape", nn.Conv2d(1, 1, 3))
    odd = nn.Sequential(nn.Linear(2, 2), nn.RReLU())
    odd[1].forward = torch.lgamma
    check_rejected(UnsupportedError, "lgamma", odd)
    (folder / "cut.pt2").write_bytes((folder / "own.pt2").read_bytes()[:200])
    check_rejected(ModelError, "Received", folder / "cut.pt2")


if __name__ == "__main__":
    if len(sys.argv) == 2:
        modules()
    files(Path(sys.argv[1]))
    refusals(Path(sys.argv[1]))
