"""Refinement of the array engine: second-order forms for bounds that miss their targets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ....domains.crown import CrownPlan
from ...engines.alpha_crown import AlphaAscent
from ...engines.gap_attribution import attribute_gap
from .quadratic_ascent import QuadraticAscent
from .tangents import boxes_at_once, tangents


WORTH = 0.7
"""A second-order form is considered helpful if it reduces a bound's distance to its target to at
most this fraction."""

TRIALS, OFTEN, RETRY = 256, 0.2, 8
"""Settings that determine when second-order forms are tried. They are always tried until `TRIALS`
pairs of a box and an objective have been refined. After that, they must have helped at least the
fraction `OFTEN` of the pairs; otherwise, they are tried only in every `RETRY`-th call."""


class SecondOrderRefinement:
    """Second-order forms for the pairs of a box and an objective that linear bounds leave open.

    Args:
        plan: The plan of the engine's graph.
        objectives: The number of rows that the engine bounds.
        steps: The number of ascent steps on a row.
    """

    def __init__(self, plan: CrownPlan, objectives: int, steps: int) -> None:
        self.boxes = boxes_at_once(plan, objectives)
        self._steps = steps
        self._calls = self._tried = self._helped = 0

    def _is_due(self) -> bool:
        """Return whether to try second-order forms in this call.

        They are tried until `TRIALS` pairs have been refined. After that, they are tried if they
        have helped at least the fraction `OFTEN` of these pairs, or in every `RETRY`-th call.
        """
        self._calls += 1
        enough = self._tried < TRIALS or self._helped >= OFTEN * self._tried
        return enough or self._calls % RETRY == 0

    def improve(self, ascent: AlphaAscent, target: np.ndarray, blame: np.ndarray) -> None:
        """Improve bounds that miss their `target` by second-order forms.

        Replace the bounds of `ascent` by better ones, and update `blame`, both in place. Do
        nothing if second-order forms are not due in this call (`_is_due`).
        """
        low = np.flatnonzero(ascent.least < target)
        if not low.size or not self._is_due():
            return
        sweep, net = ascent.sweep, ascent.net
        by_value = tangents(sweep, net)
        planes = {v: tangent.planes for v, tangent in by_value.items()}
        net = replace(net, lines=net.lines | planes)
        box, which = ascent.box[low], ascent.which[low]
        second = QuadraticAscent(sweep, net, ascent.rows, box, which, tangents=by_value)
        second.run(target[low], self._steps)
        better = second.least > ascent.least[low]
        with np.errstate(invalid="ignore"):
            left = target[low] - second.least <= WORTH * (target[low] - ascent.least[low])
        self._tried, self._helped = (
            self._tried + low.size,
            self._helped + int((left & better).sum()),
        )
        whom = low[better]
        ascent.least[whom], ascent.constant[whom] = second.least[better], second.constant[better]
        ascent.form_rows[whom] = second.form_rows[better]
        blame[whom] = attribute_gap(second)[better]
