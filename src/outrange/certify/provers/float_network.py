"""The checker's network in float64, for use by provers. The checker proves their results again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from outrange_check.network import ONE, Form, Network


ENTRY = -1
"""Index of the inputs as a source of coefficients; the blocks are the sources 0, 1, and so on."""

Rows = dict[int, np.ndarray]
"""Dict from source (the inputs or a block) to coefficients, `(..., size of the source)`. The
coefficients of a missing source are 0."""


@dataclass(frozen=True, eq=False)
class FloatBlock:
    """Units that share one curve, which is applied to `z = bias + sum of weights @ source`.

    Args:
        curve: The checker's name for the curve; for gates, index of the block whose slopes they
            use.
        slopes: The slopes below and above the kink if the curve is a kink, otherwise None.
        bias: Constants of the units, `(units,)`.
        weights: Dict from source (the inputs or an earlier block) to coefficients. Their shape is
            `(units, size of the source)`.
    """

    curve: str | int
    slopes: tuple[float, float] | None
    bias: np.ndarray
    weights: Mapping[int, np.ndarray]

    @property
    def size(self) -> int:
        """Number of units in the block."""
        return len(self.bias)


class FloatNetwork:
    """A checker network whose rational numbers are rounded to the nearest float64."""

    def __init__(self, network: Network) -> None:
        self.inputs = network.inputs
        sizes = [network.inputs, *(len(block.forms) for block in network.blocks)]
        offsets = np.concatenate([[0], np.cumsum(sizes)])

        def group(place: int) -> tuple[int, str | int]:
            """Return a key of a block; adjacent gates with the same key form one block."""
            name = network.blocks[place].curve
            if isinstance(name, str):
                return place, name
            return ENTRY, int(np.searchsorted(offsets, name, side="right")) - 2

        groups = [(k, [*places]) for k, places in groupby(range(len(network.blocks)), group)]
        ends = [0, network.inputs, *(int(offsets[places[-1] + 2]) for _, places in groups)]
        self._edges = np.array(ends)
        self.blocks: list[FloatBlock] = []
        for (_, name), places in groups:
            forms = [form for place in places for form in network.blocks[place].forms]
            weights, bias = self.rows(forms)
            ends = network.blocks[places[0]].slopes
            slopes = None if ends is None else (_float(ends[0]), _float(ends[1]))
            self.blocks.append(FloatBlock(name, slopes, bias, weights))

    def rows(self, forms: Sequence[Form]) -> tuple[Rows, np.ndarray]:
        """Return the coefficients of forms, one matrix for each source, and their constants.

        Args:
            forms: Forms in the variables of the network.
        """
        constant, at, to, values = np.zeros(len(forms)), [], [], []
        for i, form in enumerate(forms):
            for key, value in form.items():
                if key == ONE:
                    constant[i] = _float(value)
                else:
                    at.append(i)
                    to.append(key)
                    values.append(_float(value))
        rows, columns, coefficients = np.array(at, int), np.array(to, int), np.array(values)
        source = np.searchsorted(self._edges, columns, side="right") - 1
        out: Rows = {}
        for k in np.unique(source):
            which = source == k
            out[int(k) - 1] = matrix = np.zeros(
                (len(forms), int(self._edges[k + 1] - self._edges[k]))
            )
            matrix[rows[which], columns[which] - self._edges[k]] = coefficients[which]
        return out, constant


def _float(value: Any) -> float:
    return int(value.p) / int(value.q)
