"""Values of a net as linear forms of bounded variables.

The variables `y` are a constant 1, the inputs and, for each unit, `max(z, 0)` of its pre-activation
`z`. All variables but the first are scaled to `[-1, 1]`. A value is `coefficients . y`, up to
`error`. Since no variable exceeds 1, rounding errors of the float64 coefficients change a value by
at most `gamma |coefficients|`, which is added to `error`.

Reference: N. Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed., section 3.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ....core import gamma, up
from ....ops import Affine
from ...neuron_split.relaxations import KinkActivation
from ...neuron_split.relaxed_net import RelaxedNet


GUARD = 1.0 + 1e-9
"""Factor by which a computed error bound is multiplied, to cover the rounding of its own sum."""

TINY = 1e-290
"""Upper bound on the effect of underflow in a form, far below any useful accuracy."""


@dataclass(frozen=True, eq=False)
class Forms:
    """Linear forms of the entries of one graph value.

    Args:
        coefficients: Coefficients of the variables, shape `(n, entries)`.
        error: `(entries,)` bounds on the distance between each entry and its form.
    """

    coefficients: np.ndarray
    error: np.ndarray

    @property
    def size(self) -> np.ndarray:
        """`(entries,)` bounds on the entries' absolute values, errors included."""
        n = len(self.coefficients)
        bound = np.abs(self.coefficients).sum(axis=0) * (1.0 + gamma(n + 2))
        return (bound + self.error) * GUARD + TINY

    def plus(self, factor: np.ndarray | float, other: Forms, scale: np.ndarray | float) -> Forms:
        """Return `factor * self + scale * other`, entry by entry.

        The error of the result also covers one rounding error in each of the two factors.
        """
        first, second = factor * self.coefficients, scale * other.coefficients
        error = np.abs(factor) * self.error + np.abs(scale) * other.error
        lost = gamma(3) * (np.abs(first) + np.abs(second)).sum(axis=0)
        return Forms(first + second, (error + lost) * GUARD + TINY)


def supports(net: RelaxedNet) -> bool:
    """Return whether all activations of a net are kinks, so that all values have forms."""
    return all(isinstance(b, KinkActivation) for b in net.activations)


class BoundedForms:
    """Forms of all values of a net whose units are all unstable.

    Args:
        net: A net that `supports` accepts, without stable units.
    """

    def __init__(self, net: RelaxedNet) -> None:
        self.net = net
        self.kinks = [b for b in net.activations if isinstance(b, KinkActivation)]
        self.inputs = np.flatnonzero(net.box.lo < net.box.hi)
        """Indices of the inputs that are variables; the others have a single value."""
        self.count = 1 + self.inputs.size + net.units
        """The number `n` of all variables."""
        self.values = {0: self._inputs()}
        self.above: dict[int, Forms] = {}
        """Forms of `max(z, 0)` of the units of each activation, by the activation's value."""
        at = {b.value: b for b in self.kinks}
        for v, node in enumerate(net.graph.nodes, 1):
            before = [self.values[j] for j in node.inputs]
            if v in at:
                self.values[v] = self._kink(at[v], before[0])
            else:
                assert isinstance(node.op, Affine)
                self.values[v] = self._affine(node.op, before, net.errors.get(v, 0.0))

    def places(self, activation: KinkActivation) -> np.ndarray:
        """Return the indices of the variables of an activation's units."""
        first = 1 + self.inputs.size
        return first + np.arange(activation.place.start, activation.place.stop)

    def _inputs(self) -> Forms:
        """Return the forms of the inputs."""
        box = self.net.box
        center = np.where(box.lo < box.hi, 0.5 * box.lo + 0.5 * box.hi, box.lo)
        reach = up(np.maximum(up(box.hi - center), up(center - box.lo)))
        rows = np.zeros((self.count, box.size))
        rows[0] = center
        rows[1 + np.arange(self.inputs.size), self.inputs] = reach[self.inputs]
        return Forms(rows, np.zeros(box.size))

    def _affine(self, op: Affine, before: list[Forms], own: np.ndarray | float) -> Forms:
        """Return the forms of an affine op's value, from the forms of its inputs."""
        rows = op.apply(tuple(form.coefficients for form in before), False)
        inherited = op.apply(tuple(form.error[None] for form in before), True)[0]
        sizes = tuple(np.abs(form.coefficients).sum(axis=0)[None] for form in before)
        reach = op.apply(sizes, True)[0] + np.abs(op.bias)
        rows = rows.copy()
        rows[0] += op.bias
        lost = gamma(op.terms + len(rows) + 8) * reach
        return Forms(rows, (inherited + lost + own) * GUARD + TINY)

    def _kink(self, activation: KinkActivation, source: Forms) -> Forms:
        """Return the forms of a kink: `below * z + (above - below) * p`, `p = max(z, 0)`."""
        half = 0.5 * self.net.hi[activation.place]
        rows = np.zeros((self.count, activation.size))
        rows[0] = half
        rows[self.places(activation), np.arange(activation.size)] = half
        self.above[activation.value] = above = Forms(rows, np.zeros(activation.size))
        if activation.below == 0.0 and activation.above == 1.0:
            return above
        turn = activation.above - activation.below
        # The difference of the slopes is rounded once; `plus` accounts for three roundings.
        return source.plus(activation.below, above, turn)
