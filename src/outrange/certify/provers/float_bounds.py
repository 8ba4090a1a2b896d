"""The checker's bounds on a network's units, computed in float64 over a batch of boxes.

The bounds follow `outrange_check.bounds`: the range of a unit is the intersection of its linear
bounds and its interval bounds. Provers use them to find a tree whose leaves the checker can prove.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...core import work
from ...core.clock import charge, check_deadline
from .float_gates import float_slopes, gate_lines
from .float_lines import Lines, float_lines, float_values
from .float_network import ENTRY, FloatNetwork, Rows


MOST_NUMBERS = 1 << 24
"""Largest number of coefficients in memory at a time."""

SURE = 1e-12
"""Bound on the float64 error of a sum over gates, relative to the sum of its terms' absolute
values. The sign of such a sum may decide a claim."""


class FloatBounds:
    """Ranges, linear bounds and value bounds of all units over a batch of boxes.

    Args:
        net: The network in float64.
        lo: `(boxes, inputs)`: the lower bounds of the boxes.
        hi: `(boxes, inputs)`: the upper bounds of the boxes.
    """

    def __init__(self, net: FloatNetwork, lo: np.ndarray, hi: np.ndarray) -> None:
        self.net, self.lo, self.hi = net, lo, hi
        self.low: list[np.ndarray] = []
        self.high: list[np.ndarray] = []
        self.lines: list[Lines] = []
        self.shares: list[np.ndarray] = []
        """Per block, `(boxes, units, inputs)`: width of each input, times its coefficient in the
        linear lower bound of a unit's sum."""
        self._values: dict[int, tuple[np.ndarray, np.ndarray]] = {ENTRY: (lo, hi)}
        for k in range(len(net.blocks)):
            self._block(k)

    def _block(self, k: int) -> None:
        block = self.net.blocks[k]
        is_gate = isinstance(block.curve, int)
        flat_low, flat_high = self._interval_bounds(dict(block.weights), block.bias)
        if is_gate:
            minus = {s: -w for s, w in block.weights.items()}
            flat_low = self.sign_bounds(block.weights, block.bias)
            flat_high = -self.sign_bounds(minus, -block.bias)
        step = max(1, MOST_NUMBERS // max(1, len(self.lo) * self._width(k)))
        parts = []
        for i in range(0, block.size, step):
            check_deadline()
            rows = {s: w[i : i + step] for s, w in block.weights.items()}
            both = {s: np.concatenate([w, -w]) for s, w in rows.items()}
            bias = block.bias[i : i + step]
            charge(work.VALUE * len(self.lo) * len(bias) * self._width(k))
            least, form, _ = self.lower_bounds(both, np.concatenate([bias, -bias]), k)
            half = len(bias)
            share = np.abs(form[:, :half]) * (self.hi - self.lo)[:, None]
            parts.append((least[:, :half], -least[:, half:], share))
        low, high, share = (np.concatenate(part, axis=1) for part in zip(*parts, strict=True))
        if is_gate:
            size = SURE * (np.abs(flat_low) + np.abs(flat_high))
            low, high = low - size, high + size
        low, high = np.maximum(low, flat_low), np.minimum(high, flat_high)
        high = np.maximum(low, high)
        lines = self._gates(k, low, high) if is_gate else float_lines(block, low, high)
        self.low.append(low)
        self.high.append(high)
        self.lines.append(lines)
        self.shares.append(share)
        self._values[k] = float_values(block, low, high, lines)

    def _gates(self, k: int, low: np.ndarray, high: np.ndarray) -> Lines:
        of = int(self.net.blocks[k].curve)
        slopes = float_slopes(self.net.blocks[of], self.low[of], self.high[of])
        return gate_lines(*slopes, low, high)

    def sign_bounds(self, weights: Mapping[int, np.ndarray], bias: np.ndarray) -> np.ndarray:
        """Return lower bounds on linear forms of gates, one form per row, `(boxes, rows)`.

        The bound of a row without negative terms is at least 0.

        Args:
            weights: Dict from source (the inputs or a block) to coefficients, `(rows, size)`.
            bias: Constants of the rows, `(rows,)`.
        """
        total = np.broadcast_to(bias, (len(self.lo), len(bias)))
        negative, size = np.minimum(total, 0.0), np.abs(total)
        for source, w in weights.items():
            least, most = self._values[source]
            up, down = np.maximum(w, 0.0).T, np.minimum(w, 0.0).T
            total = total + least @ up + most @ down
            negative = negative + np.minimum(least, 0.0) @ up + np.maximum(most, 0.0) @ down
            size = size + np.maximum(np.abs(least), np.abs(most)) @ np.abs(w).T
        bound = total - SURE * size
        return np.where(negative == 0, np.maximum(bound, 0.0), bound)

    def _width(self, k: int) -> int:
        return 2 * (self.net.inputs + sum(block.size for block in self.net.blocks[:k]))

    def _interval_bounds(self, weights: Rows, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return lower and upper bounds on linear forms, one per row, by interval arithmetic.

        In each row, each variable is replaced by the end of its range that gives the extreme value.
        """
        low = np.broadcast_to(bias, (len(self.lo), len(bias))).copy()
        high = low.copy()
        for source, w in weights.items():
            least, most = self._values[source]
            middle, radius = (least + most) / 2 @ w.T, (most - least) / 2 @ np.abs(w).T
            low += middle - radius
            high += middle + radius
        return low, high

    def lower_bounds(
        self, rows: Rows, constant: np.ndarray, top: int
    ) -> tuple[np.ndarray, np.ndarray, dict[int, np.ndarray]]:
        """Compute lower bounds on linear forms by back-substitution through the first `top` blocks.

        Args:
            rows: Dict from source (the inputs or a block) to coefficients, `(rows, size)`, with one
                form per row.
            constant: Constants of the forms, `(rows,)`.
            top: Number of leading blocks on which the forms may depend.

        Returns:
            The bounds, `(boxes, rows)`; the coefficients of the inputs after back-substitution,
            `(boxes, rows, inputs)`; and a dict from block to the coefficients of its units just
            before they are substituted, `(boxes, rows, units)`.
        """
        boxes, count = len(self.lo), len(constant)
        total = np.broadcast_to(constant, (boxes, count)).copy()
        coefficients = {s: np.broadcast_to(w, (boxes, *w.shape)) for s, w in rows.items()}
        reached = {}
        for k in range(top - 1, -1, -1):
            c = coefficients.pop(k, None)
            if c is None:
                continue
            reached[k] = c
            ls, lt, hs, ht = self.lines[k]
            up = np.maximum(c, 0.0)
            down = c - up
            total += (up @ lt[:, :, None] + down @ ht[:, :, None])[:, :, 0]
            up *= ls[:, None]
            up += down * hs[:, None]
            total += up @ self.net.blocks[k].bias
            for source, w in self.net.blocks[k].weights.items():
                part = (up.reshape(-1, up.shape[-1]) @ w).reshape(boxes, count, -1)
                coefficients[source] = (
                    coefficients[source] + part if source in coefficients else part
                )
        form = coefficients.get(ENTRY)
        if form is None:
            form = np.zeros((boxes, count, self.net.inputs))
        middle, radius = (self.lo + self.hi) / 2, (self.hi - self.lo) / 2
        total += (form @ middle[:, :, None] - np.abs(form) @ radius[:, :, None])[:, :, 0]
        return total, form, reached
