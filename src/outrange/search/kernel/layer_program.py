"""A piecewise-linear graph as layers of units, the input format of the box kernel.

A layer is `z = sum_s M_s h_s + bias`, and either `h = z` or `h = f(z)`, where `f` has one slope
below 0 and another above 0. A layer of differences refers to an earlier layer with sums `w`, and
`h = f(w + z) - f(w)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from ...core import work
from ...core.clock import charge
from .sparse import Matrix


UNSTABLE = 4
"""Estimated ratio of all units to unstable units in a box. The clock is charged one
back-substituted row for each unstable unit."""


@dataclass(eq=False)
class ProgramLayer:
    """One layer of a layer program, with pre-activations `z` and values `h`.

    Args:
        sources: Maps the index of each layer that is read to a float64 matrix `(n, units of that
            layer)`, which is sparse if it is large and its op lists the nonzero entries.
        sizes: Maps the same indices to matrices of the same shapes: per entry of `sources`, the sum
            of the absolute values of its terms.
        bias: Array of shape `(n,)`.
        linear: Whether `h = z`.
        below: Slope for `z < 0`.
        above: Slope for `z >= 0`.
        error: `(n,)` bounds on the deviation of each `z` from its definition, such as a curve's
            stated error.
        merged: Bound on the number of roundings in the computation of one matrix entry, such as
            additions of terms.
        first: For a layer of differences, the index, counted from 1, of the layer with sums `w`;
            otherwise 0.
    """

    sources: dict[int, Matrix]
    sizes: dict[int, Matrix]
    bias: np.ndarray
    linear: bool = True
    below: float = 1.0
    above: float = 1.0
    error: np.ndarray | float = 0.0
    merged: int = 1
    first: int = 0

    @property
    def size(self) -> int:
        return self.bias.size

    def slopes(self, z: np.ndarray) -> np.ndarray:
        """Return the slopes of the layer's activation function at the pre-activations `z`."""
        return np.where(z < 0, self.below, self.above)

    def curve(self, z: np.ndarray) -> np.ndarray:
        """Return the values of the layer's activation function at the pre-activations `z`."""
        return np.maximum(z, 0.0) if self._is_relu else z * self.slopes(z)

    def pull_back(self, a: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Return a gradient pulled back through the curve: `a` times the slopes of `f` at `z`."""
        return np.where(z < 0, 0.0, a) if self._is_relu else a * self.slopes(z)

    @property
    def _is_relu(self) -> bool:
        return self.below == 0.0 and self.above == 1.0


@dataclass(eq=False)
class LayerProgram:
    """Layers in order; layer 0 is the input, and the last layer computes the objectives.

    Args:
        inputs: The number of inputs.
        layers: The layers, without the input.
        defined: Maps each graph value, except inputs and rearrangements, to the position in
            `layers`, counted from 0, of the layer with its units, and the factor that converts an
            error of the value to an error of the layer's sums.
    """

    inputs: int
    layers: list[ProgramLayer]
    defined: Mapping[int, tuple[int, float]] = field(default_factory=dict)

    def off_by(self, errors: Mapping[int, np.ndarray]) -> LayerProgram:
        """Return a copy of the program whose graph values may deviate from their definitions.

        Args:
            errors: Maps graph values, which must not be rearrangements, to `(n,)` bounds on their
                deviations.
        """
        amounts = [layer.error for layer in self.layers]
        for value, error in errors.items():
            number, share = self.defined[value]
            amounts[number] = amounts[number] + error * share
        pairs = zip(self.layers, amounts, strict=True)
        return replace(self, layers=[replace(layer, error=amount) for layer, amount in pairs])

    @property
    def states(self) -> int:
        """Number of units in nonlinear layers, which can be unstable."""
        return sum(layer.size for layer in self.layers if not layer.linear)

    @cached_property
    def products(self) -> int:
        """Number of multiplications in an evaluation at one point."""
        return sum(matrix.size for layer in self.layers for matrix in layer.sources.values())

    def forward(self, x: np.ndarray) -> list[np.ndarray]:
        """Return the pre-activations `(batch, n)` of every layer at points `(batch, inputs)`."""
        charge(len(x) * (self.products + work.VALUE * self.states))
        values, sums = [x], []
        for layer in self.layers:
            terms = (values[source] @ matrix.T for source, matrix in layer.sources.items())
            first = next(terms, None)
            z = np.tile(layer.bias, (len(x), 1)) if first is None else first + layer.bias
            for term in terms:
                z += term
            sums.append(z)
            values.append(z if layer.linear else layer.curve(z))
            if layer.first:
                w = sums[layer.first - 1]
                values[-1] = layer.curve(w + z) - layer.curve(w)
        return sums

    def evaluate(self, x: np.ndarray) -> np.ndarray:
        """Return the objectives `(batch, m)` at points `(batch, inputs)`, in plain float64."""
        return self.forward(x)[-1]

    def gradient(self, x: np.ndarray, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the objectives `(batch, m)`, and gradients `(batch, inputs)`.

        Row `i` of the gradients is the gradient of objective `k[i]` at `x[i]`.
        """
        sums = self.forward(x)
        charge(len(x) * self.products)
        seed = np.zeros_like(sums[-1])
        seed[np.arange(len(x)), k] = 1.0
        pending: dict[int, np.ndarray] = {len(self.layers): seed}
        beside: dict[int, np.ndarray] = {}
        for number in range(len(self.layers), 0, -1):
            layer, a = self.layers[number - 1], pending.pop(number, None)
            z = sums[number - 1]
            if a is not None and layer.first:
                w = sums[layer.first - 1]
                beside[layer.first] = a * (layer.slopes(w + z) - layer.slopes(w))
                z = w + z
            if a is not None and not layer.linear:
                a = layer.pull_back(a, z)
            if number in beside:
                a = beside.pop(number) + (0.0 if a is None else a)
            if a is None:
                continue
            for source, matrix in layer.sources.items():
                part = a @ matrix
                pending[source] = pending[source] + part if source in pending else part
        return sums[-1], pending.get(0, np.zeros_like(x))
