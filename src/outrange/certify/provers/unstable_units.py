"""A network over one box as the checker sees it, reduced to its undecided units.

This is `outrange_check.bounds.Region` in float64. Units that stay on one side of their kink are
substituted. Every other unit becomes a column that follows the columns of the inputs, and a tree of
cases numbers these units in the same order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from outrange_check.network import Form

from ...core import Box
from ...core.clock import check_deadline
from .float_lines import Lines, float_lines, float_values
from .float_network import ENTRY, FloatBlock, FloatNetwork, Rows


MOST_NUMBERS = 1 << 24
"""Largest number of coefficients in memory at a time."""


@dataclass(frozen=True, eq=False)
class UnstableLevel:
    """The units of one block that are not linear over the box: its undecided units.

    These are the kinks whose sums may have both signs, and all units with a smooth curve.

    Args:
        block: The block that contains the units.
        start: Column of the first unit; the inputs are the first columns.
        form: `(units, start)`: the units' sums as forms in the earlier columns.
        constant: `(units,)`: the constants of the sums.
        low: `(units,)`: lower bounds on the sums.
        high: `(units,)`: upper bounds on the sums.
        lines: The default lines, used unless an ascent chooses other slopes.
    """

    block: FloatBlock
    start: int
    form: np.ndarray
    constant: np.ndarray
    low: np.ndarray
    high: np.ndarray
    lines: Lines

    @property
    def stop(self) -> int:
        """Index of the column that follows the column of the last unit."""
        return self.start + len(self.low)


class UnstableUnits:
    """The units of a network that are not linear over a box, level by level (`UnstableLevel`).

    Args:
        net: The network in float64.
        box: The set of its inputs.
    """

    def __init__(self, net: FloatNetwork, box: Box) -> None:
        self.net, self.lo, self.hi = net, box.lo, box.hi
        self.levels: list[UnstableLevel] = []
        self.width = net.inputs
        self.variables: list[int] = []
        """Indices of the undecided units among the network's variables."""
        self._next_variable = net.inputs
        self._least, self._most = box.lo, box.hi
        self._values = {ENTRY: (np.eye(net.inputs), np.zeros(net.inputs))}
        for k in range(len(net.blocks)):
            self._block(k)

    @property
    def count(self) -> int:
        """Number of undecided units in all levels."""
        return self.width - self.net.inputs

    def rows(self, forms: list[Form]) -> tuple[np.ndarray, np.ndarray]:
        """Return forms of the network's variables as rows over the columns, and their constants."""
        return self._put(*self.net.rows(forms))

    def _put(self, rows: Rows, constant: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        out, constant = np.zeros((len(constant), self.width)), constant.copy()
        for source, w in rows.items():
            form, plus = self._values[source]
            out[:, : form.shape[1]] += w @ form
            constant += w @ plus
        return out, constant

    def _block(self, k: int) -> None:
        block = self.net.blocks[k]
        form, constant = self._put(dict(block.weights), block.bias)
        middle, radius = (self._least + self._most) / 2, (self._most - self._least) / 2
        center, spread = form @ middle + constant, np.abs(form) @ radius
        low = np.maximum(center - spread, self.lower_bounds(form, constant))
        high = np.minimum(center + spread, -self.lower_bounds(-form, -constant))
        high = np.maximum(low, high)
        still, slope = np.ones(block.size, bool), np.zeros(block.size)
        if block.slopes is not None:
            still = (low <= 0) & (high >= 0)
            slope = np.where(still, 0.0, np.where(low > 0, block.slopes[1], block.slopes[0]))
        value, plus = slope[:, None] * form, slope * constant
        self.variables += [int(i) for i in self._next_variable + np.flatnonzero(still)]
        self._next_variable += block.size
        if still.any():
            self._level(block, form[still], constant[still], low[still], high[still])
            columns = np.zeros((block.size, int(still.sum())))
            columns[np.flatnonzero(still), np.arange(columns.shape[1])] = 1.0
            value = np.concatenate([value, columns], axis=1)
        self._values[k] = value, plus

    def _level(self, block: FloatBlock, *parts: np.ndarray) -> None:
        form, constant, low, high = parts
        drawn = float_lines(block, low, high)
        self.levels.append(UnstableLevel(block, self.width, form, constant, low, high, drawn))
        self.width += len(low)
        least, most = float_values(block, low, high, drawn)
        self._least = np.concatenate([self._least, least])
        self._most = np.concatenate([self._most, most])

    def lower_bounds(self, form: np.ndarray, constant: np.ndarray) -> np.ndarray:
        """Return lower bounds on linear forms by back-substitution through all levels, `(rows,)`.

        Args:
            form: Coefficients of the rows, `(rows, columns)`.
            constant: Constants of the rows, `(rows,)`.
        """
        step = max(1, MOST_NUMBERS // max(1, form.shape[1]))
        parts = [
            self._least_of(form[i : i + step], constant[i : i + step])
            for i in range(0, len(form), step)
        ]
        return np.concatenate([np.zeros(0), *parts])

    def _least_of(self, form: np.ndarray, total: np.ndarray) -> np.ndarray:
        for level in reversed(self.levels):
            check_deadline()
            c, form = form[:, level.start : level.stop], form[:, : level.start]
            ls, lt, hs, ht = level.lines
            up = np.maximum(c, 0.0)
            down = c - up
            met = up * ls + down * hs
            total = total + up @ lt + down @ ht + met @ level.constant
            form = form + met @ level.form
        middle, radius = (self.lo + self.hi) / 2, (self.hi - self.lo) / 2
        return total + form @ middle - np.abs(form) @ radius
