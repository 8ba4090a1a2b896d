"""A lower bound on the training loss after a number of steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core import Bounds, InputError, down
from ...core.clock import read_clock
from ...ops import Affine
from ...program import Loss, Program
from .last_layer import common_weights_floor
from .reach import Reach, reach_of
from .row_losses import RowLoss
from .weight_box import WeightBox


WORK = 4_000_000
"""Limit on the number of graph values times the number of bounded rows. From larger data sets, only
evenly spaced rows are used."""

MOST, SECONDS = 200_000, 0.5
"""Limits, in steps and in seconds, of the search in `BudgetedLoss.least_steps`."""


@dataclass(frozen=True, eq=False)
class BudgetedLoss:
    """A program's loss on given rows, with lower bounds on it over a box of weights.

    Args:
        program: The program with its optimizer.
        box: The network with a box of weights.
        x: The rows as the model receives them, `(rows, inputs)` float64.
        rows: The loss of each row as a function of the output or the logits.
        loss: The loss to bound.
    """

    program: Program
    box: WeightBox
    x: np.ndarray
    rows: RowLoss
    loss: Loss

    def floor(self, reach: Reach) -> float:
        """Compute a lower bound on the mean loss for all weights that `reach` allows.

        The bound is 0 if nothing better is proved.
        """
        try:
            values = self.box.ends(self.x, reach)
        except InputError:
            return 0.0
        place = self._place()
        if place is None:
            return 0.0
        lo, hi = values[place]
        with np.errstate(over="ignore"):
            by_rows = float(self.rows.least(lo, hi).mean())
        bound = max(by_rows, self._common(values, place, reach))
        return max(0.0, float(down(bound * (1.0 - 1e-9)))) if np.isfinite(bound) else 0.0

    def _place(self) -> int | None:
        part, output = self.program.whole, self.loss.output
        tensor = self.program.output_tensors[output]
        head = self.program.heads[output]
        if self.rows.logits and head.logits is not None and not self.loss.from_logits:
            if head.activation == "softmax" and not self._over_rows(head.logits, tensor):
                return None
            tensor = head.logits
        return None if part is None else part.places.get(tensor)

    def _over_rows(self, logits: int, output: int) -> bool:
        """Return whether the output is the result of a softmax step that reads the logits."""
        return any(
            step.kind == "Softmax" and step.reads == (logits,) and output in step.gives
            for step in self.program.steps
        )

    def _common(self, values: list[Bounds], place: int, reach: Reach) -> float:
        """Compute a lower bound on the loss that uses the same last-layer weights for all rows."""
        if not self.rows.inside(*values[place]):
            return 0.0
        moved = self.box.moved.get(place - 1)
        node = self.box.graph.nodes[place - 1]
        if moved is None or not isinstance(node.op, Affine) or len(node.inputs) != 1:
            return 0.0
        return common_weights_floor(node.op, moved, values[node.inputs[0]], reach, self.rows)

    def least_steps(self, mark: float, known: int) -> int:
        """Find a number of steps that is provably too small to reach a loss of `mark`.

        The result is at least `known`. The search stops at a limit of steps or time, so a larger
        number may be too small as well.

        Args:
            mark: The target loss.
            known: A number of steps that is known to be too small.
        """
        stepping = self.program.stepping
        low, high = known, 2 * known
        last, ends = 0.0, read_clock() + SECONDS
        while stepping is not None and high <= MOST and read_clock() < ends:
            reach = reach_of(stepping, high)
            # Quickly decaying rates have a bounded reach for any number of steps.
            if isinstance(reach, str) or reach.far < 1.05 * last:
                break
            last = reach.far
            if self.floor(reach) < mark:
                return self._between(mark, low, high)
            low, high = high, 2 * high
        return low

    def _between(self, mark: float, low: int, high: int) -> int:
        stepping = self.program.stepping
        while stepping is not None and high > low + max(1, low // 8):
            middle = (low + high) // 2
            reach = reach_of(stepping, middle)
            if isinstance(reach, str) or self.floor(reach) < mark:
                high = middle
            else:
                low = middle
        return low
