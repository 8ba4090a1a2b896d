"""A floor of the training loss after a number of steps."""

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
"""Values of a graph times rows that are bounded; beyond, evenly spaced rows stand for the data."""

MOST, SECONDS = 200_000, 0.5
"""Steps and time in which a number of steps that is too small is looked for."""


@dataclass(frozen=True, eq=False)
class BudgetedLoss:
    """One loss of a program, at rows of its data, whose floor can be asked for.

    Args:
        program: What is trained.
        box: Its network, with weights that move.
        x: `(rows, inputs)` as the model gets them, in float64.
        rows: The loss of each row.
        loss: Which one.
    """

    program: Program
    box: WeightBox
    x: np.ndarray
    rows: RowLoss
    loss: Loss

    def floor(self, reach: Reach) -> float:
        """A lower bound of the mean loss for all weights that `reach` allows."""
        try:
            values = self.box.ends(self.x, reach)
        except InputError:
            return 0.0
        place = self._place()
        if place is None:
            return 0.0
        lo, hi = values[place]
        with np.errstate(over="ignore"):
            apart = float(self.rows.least(lo, hi).mean())
        found = max(apart, self._common(values, place, reach))
        return max(0.0, float(down(found * (1.0 - 1e-9)))) if np.isfinite(found) else 0.0

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
        """Whether a softmax makes the output itself, not pieces that it is put together of."""
        return any(
            step.kind == "Softmax" and step.reads == (logits,) and output in step.gives
            for step in self.program.steps
        )

    def _common(self, values: list[Bounds], place: int, reach: Reach) -> float:
        """With one last layer for all rows."""
        if not self.rows.inside(*values[place]):
            return 0.0
        moved = self.box.moved.get(place - 1)
        node = self.box.graph.nodes[place - 1]
        if moved is None or not isinstance(node.op, Affine) or len(node.inputs) != 1:
            return 0.0
        return common_weights_floor(node.op, moved, values[node.inputs[0]], reach, self.rows)

    def least_steps(self, mark: float, known: int) -> int:
        """A number of steps that is too small for a loss of `mark`, as large as is cheap to find.

        Args:
            mark: The loss wanted.
            known: A number of steps that is too small.
        """
        stepping = self.program.stepping
        low, high = known, 2 * known
        last, ends = 0.0, read_clock() + SECONDS
        while stepping is not None and high <= MOST and read_clock() < ends:
            reach = reach_of(stepping, high)
            # Rates that fall fast enough get nowhere however many steps there are.
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
