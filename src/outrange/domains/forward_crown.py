"""Forward forms for all units, and back-substitution for the few that they leave unstable.

Over boxes of few inputs, a forward pass costs little more than one run of the graph per input,
however wide its layers are. Back-substitution costs about as much as one run for each row. So
forward forms bound all units. If a value then has few unstable entries, as in small boxes, these
are back-substituted. The smaller the boxes, the closer the bounds are to those of `CrownPass`.

Sound: every bound is the better of two sound ones. Cost: that of `forward`, plus back-substitution
of at most `most` entries per value (or of all entries of a value in `extra`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..core import Bounds
from ..graph import Node
from .backward import RelaxedGraph
from .crown import MOST_SHARES, CrownPass
from .zonotopes import Zonotopes, form_of_boxes, forward_step


@dataclass(eq=False)
class ForwardCrownPass(CrownPass):
    """A `CrownPass` that first bounds units by forward forms.

    Args:
        most: Largest number of unstable entries of a value that are back-substituted. If a value
            has more, none of them are, unless the value is in `extra`.
    """

    most: int = 16
    _forms: dict[int, Zonotopes] = field(default_factory=dict)

    def run(self) -> RelaxedGraph:
        """Bound all values; return the relaxed graph with the lines that were used."""
        self._forms = {0: form_of_boxes(self.cells.lo, self.cells.hi)}
        nodes = enumerate(self.plan.graph.nodes, 1)
        self._last = {j: v for v, node in nodes for j in node.inputs}
        return super().run()

    def _forward(self, value: int, node: Node) -> Bounds:
        before = [self.ends[j] for j in node.inputs]
        form, (lo, hi) = forward_step(node, [self._forms[j] for j in node.inputs], before)
        self._forms[value] = form
        for j in node.inputs:
            if self._last[j] == value:
                self._forms.pop(j, None)
        if value in self.known:
            lo, hi = np.maximum(lo, self.known[value][0]), np.minimum(hi, self.known[value][1])
        return lo, hi

    def _refine(self, net: RelaxedGraph, value: int) -> bool:
        rows = self._open_rows(value)
        if rows.size <= self.most or value in self.extra:
            return super()._refine(net, value)
        boxes, inputs = self.cells.lo.shape
        if boxes * rows.size * inputs <= MOST_SHARES:
            self.shares[value] = rows, self._shares_of(self._forms[value], rows)
        return False

    def _shares_of(self, form: Zonotopes, rows: np.ndarray) -> np.ndarray:
        """Return each input's contribution to the width of entries, relative to all inputs.

        Errors also contribute to the width, but are not counted.

        Args:
            form: The zonotopes of the boxes.
            rows: Indices of the entries.

        Returns:
            The shares, `(B, rows, d)`; 0 where the inputs add nothing to a width.
        """
        amounts = np.zeros((*self.cells.lo.shape, rows.size))
        if form.count:
            varies = self.cells.lo < self.cells.hi
            box, entry = np.nonzero(varies)
            place = (np.cumsum(varies, axis=1) - 1)[box, entry]
            amounts[box, entry] = np.abs(form.rows[box, place][:, rows])
        with np.errstate(all="ignore"):
            total = amounts.sum(axis=1, keepdims=True)
            return np.moveaxis(np.where(total > 0, amounts / total, 0.0), 1, 2)
