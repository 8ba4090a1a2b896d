"""A net of kinks as PyTorch tensors: every other op is a matrix, elementwise factors, or a gather.

Convolutions become matrices too, because GPUs are fastest at dense products.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ....graph.graph import Op
from ....ops import Affine, Rearrange
from ..relaxations import KinkActivation
from ..relaxed_net import RelaxedNet


Tensor = Any
"""A `torch.Tensor`; the `torch` module is passed as an argument, and not imported here."""

MOST_WEIGHTS = 1 << 26
"""Maximum number of matrix entries of a net; larger nets are left to NumPy."""


@dataclass(frozen=True, eq=False)
class TensorPlacement:
    """The module, device and type with which tensors are created.

    Args:
        t: The `torch` module.
        device: A device in PyTorch's notation.
        dtype: Type of the numbers, float32 or float64.
    """

    t: Any
    device: Any
    dtype: Any

    def tensor(self, array: ArrayLike, dtype: Any = None) -> Tensor:
        """Copy an array to the device."""
        return self.t.tensor(np.asarray(array), dtype=dtype or self.dtype, device=self.device)


@dataclass(eq=False)
class TensorMatrix:
    """The op `y = sum_i M_i x_i + b`; `parts` are `(m, n_i)`, or `(m,)` for elementwise factors."""

    parts: list[Tensor]
    bias: Tensor

    def pull(self, rows: Tensor) -> list[Tensor]:
        """Return the coefficients `rows`, substituted back to each of the op's inputs."""
        return [rows @ m if m.ndim == 2 else rows * m for m in self.parts]

    def offset(self, rows: Tensor) -> Tensor:
        """Return the constants that the op adds to the forms of `rows`."""
        return rows @ self.bias

    def run(self, xs: list[Tensor]) -> Tensor:
        """Evaluate the op at points `xs`, one tensor per input."""
        products = [x @ m.T if m.ndim == 2 else x * m for x, m in zip(xs, self.parts, strict=True)]
        return sum(products[1:], products[0]) + self.bias


@dataclass(eq=False)
class TensorGather:
    """An op whose results are entries of its concatenated inputs, or constants."""

    t: Any
    index: Tensor
    present: Tensor
    fill: Tensor
    sizes: tuple[int, ...]

    def pull(self, rows: Tensor) -> list[Tensor]:
        """Return the coefficients `rows`, substituted back to each of the op's inputs."""
        out = rows.new_zeros(len(rows), sum(self.sizes))
        out.index_add_(1, self.index, rows * self.present)
        ends = np.cumsum((0, *self.sizes))
        return [out[:, a:b] for a, b in pairwise(ends)]

    def offset(self, rows: Tensor) -> Tensor:
        """Return the constants that the op adds to the forms of `rows`."""
        return rows @ self.fill

    def run(self, xs: list[Tensor]) -> Tensor:
        """Evaluate the op at points `xs`, one tensor per input."""
        flat = xs[0] if len(xs) == 1 else self.t.cat(xs, dim=1)
        return flat[:, self.index] * self.present + self.fill


@dataclass(eq=False)
class TorchRelaxedNet:
    """A relaxed net whose arrays are tensors on the device."""

    net: RelaxedNet
    on: TensorPlacement
    steps: dict[int, TensorMatrix | TensorGather]
    center: Tensor
    reach: Tensor
    lo: Tensor
    hi: Tensor

    @staticmethod
    def of(net: RelaxedNet, on: TensorPlacement) -> TorchRelaxedNet | None:
        """Copy a net to the device, or return None if it has smooth activations or is too large."""
        nonlinear = {b.value for b in net.activations}
        ops = {v: n.op for v, n in enumerate(net.graph.nodes, 1) if v not in nonlinear}
        if not all(isinstance(op, Affine | Rearrange) for op in ops.values()):
            return None
        if not all(isinstance(b, KinkActivation) for b in net.activations):
            return None
        if sum(map(_weights, ops.values())) > MOST_WEIGHTS:
            return None
        box = net.box
        center = net.cells.center[0]
        reach = np.maximum(box.hi - center, center - box.lo)
        return TorchRelaxedNet(
            net,
            on,
            {v: _to_device(op, on) for v, op in ops.items()},
            *map(on.tensor, (center, reach, box.lo, box.hi)),
        )


def _weights(op: Op) -> int:
    """Return the number of entries of an op's dense matrices; 0 if it has none."""
    if not isinstance(op, Affine) or op.factor is not None or op.coefficients is not None:
        return 0
    return op.size * sum(op.sizes)


def _to_device(op: Op, on: TensorPlacement) -> TensorMatrix | TensorGather:
    """Copy an op to the device."""
    if isinstance(op, Rearrange):
        absent = op.index < 0
        return TensorGather(
            on.t,
            on.tensor(np.maximum(op.index, 0), on.t.int64),
            on.tensor(~absent),
            on.tensor(np.where(absent, op.fill, 0.0)),
            op.sizes,
        )
    assert isinstance(op, Affine)
    if op.factor is not None:
        parts = [op.factor]
    elif op.coefficients is not None:
        parts = [np.full(op.size, c) for c in op.coefficients]
    else:
        parts = op.adjoint(np.eye(op.size))
    return TensorMatrix([on.tensor(part) for part in parts], on.tensor(op.bias))
