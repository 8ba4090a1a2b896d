"""Bounds of rows of a net by semidefinite relaxations, each tightened in turns.

A first bound of a row uses the products of single units and inputs (`products`). Each later turn
adds the products of parts of two units that the relaxation of this row violates most, and bounds it
anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core import up
from ...core.clock import read_clock
from ..neuron_split.drop_stable import without_stable
from ..neuron_split.relaxed_net import RelaxedNet
from .forms import BoundedForms
from .interior_point import InteriorPoint, Multipliers, NoCenter
from .products import Parts, Products, products_of
from .proof import proved


GAP = 0.01
"""Relative gap to which a semidefinite program is solved."""

POINTS = 2048
"""Points whose moments start a method, and at least a few for each variable."""

EACH = 8
"""Points for each variable."""

MIXED = 1e-6
"""Share of the identity in the moments: a unit may be on at none of the points."""

CUTS = 96
"""Products added in one turn."""

IDLE = 0.01
"""An added product whose multiplier is below this share of its value is dropped again."""


@dataclass(eq=False)
class SemidefiniteRow:
    """An entry of a value, or minus it, to be bounded from below.

    Args:
        value: Number of the value in the net without stable units.
        sign: 1.0 for the least, -1.0 for minus the largest.
        turns: How often it was bounded.
        gain: What the last turn gained.
        seconds: What the last turn took.
        added: Products of parts that its next relaxation knows as well; None before the first.
        ended: Whether further turns gain nothing.
        at: `(d,)` the mean of the inputs in the relaxation: a point to look at.
    """

    value: int
    entry: int
    sign: float
    least: float
    turns: int = 0
    gain: float = np.inf
    seconds: float = 0.0
    added: Products | None = None
    ended: bool = False
    at: np.ndarray | None = None


class SemidefiniteRelaxation:
    """All that is shared by the rows of one net."""

    def __init__(self, net: RelaxedNet, rng: np.random.Generator) -> None:
        self.net = without_stable(net)
        self._forms = BoundedForms(self.net)
        self._products = products_of(self._forms)
        self._parts = Parts(self._forms) if self.net.units else None
        self._moments = self._sampled(rng)
        self._methods: dict[int, InteriorPoint | None] = {}

    @property
    def output(self) -> int:
        """The value of the objectives."""
        return self.net.graph.output

    def prepare(self, value: int) -> bool:
        """Find what all rows of a value share; whether its rows can be bounded."""
        count = self._forms.variables_of(value)
        if count not in self._methods:
            self._methods[count] = self._method(self._products.first(count), count)
        return self._methods[count] is not None

    def turn(self, row: SemidefiniteRow) -> None:
        """Bound a row, in place, with more products than before."""
        began = read_clock()
        count = self._forms.variables_of(row.value)
        products, method = self._products.first(count), self._methods[count]
        known = products.free.size
        if row.added is not None:
            products = Products.joined([products, row.added])
            method = self._method(products, count, method)
        if method is None:
            row.ended = True
            return
        least, found = self._bounded(method, products, row, count)
        row.gain = max(0.0, least - row.least) if np.isfinite(row.least) else np.inf
        row.least, row.turns = max(row.least, least), row.turns + 1
        row.at = self._input(found.moments)
        self._add(row, products.chosen(np.arange(known, products.free.size)), found, known)
        row.seconds = read_clock() - began

    def _add(self, row: SemidefiniteRow, added: Products, found: Multipliers, known: int) -> None:
        """Choose what the next turn of a row adds: what held this one back, and what it lacked."""
        if self._parts is None:
            row.ended = True
            return
        count = len(found.moments)
        usual = self._moments[:count, :count]
        lacked = self._parts.violated(found.moments, usual, CUTS)
        row.ended = lacked.free.size == 0
        # Of complementary pairs, one member is large: a multiplier where its product is at 0.
        value = np.einsum("nm,nm->m", added.left, found.moments @ added.right)
        row.added = Products.joined([added.chosen(found.values[known:] > IDLE * value), lacked])

    def _bounded(
        self, method: InteriorPoint, products: Products, row: SemidefiniteRow, count: int
    ) -> tuple[float, Multipliers]:
        """A proved lower bound of a row."""
        forms = self._forms.values[row.value]
        form = -row.sign * forms.coefficients[:count, row.entry]
        constant, form[0] = form[0], 0.0
        # A power of two: scaling rounds nothing.
        scale = 2.0 ** np.ceil(np.log2(np.abs(form).sum() + 1e-280))
        found = method.maximize(form / scale, GAP)
        height = up(scale * proved(products, form / scale, found))
        most = up(up(constant + height) + up(float(forms.error[row.entry])))
        return -most if np.isfinite(most) else -np.inf, found

    def _method(
        self, products: Products, count: int, near: InteriorPoint | None = None
    ) -> InteriorPoint | None:
        try:
            return InteriorPoint(products, self._moments[:count, :count], near)
        except NoCenter:
            return None

    def _sampled(self, rng: np.random.Generator) -> np.ndarray:
        """Moments of points of the box: half of them corners."""
        net, box = self.net, self.net.box
        x = box.uniform(rng, max(POINTS, EACH * self._forms.count))
        corners = x[::2]
        x[::2] = np.where(rng.random(corners.shape) < 0.5, box.lo, box.hi)
        values = net.graph.run_all(x)
        reach = self._forms.values[0].coefficients
        width = np.maximum(reach[1 : 1 + box.size].max(axis=0), 1e-300)
        y = [np.ones((len(x), 1)), (x - reach[0]) / width]
        for b in net.activations:
            y.append(2.0 * np.maximum(values[b.source], 0.0) / net.hi[b.place] - 1.0)
        points = np.clip(np.concatenate(y, axis=1), -1.0, 1.0)
        found = points.T @ points / len(points)
        return (1.0 - MIXED) * found + MIXED * np.eye(len(found))

    def _input(self, moments: np.ndarray) -> np.ndarray:
        """The mean of the inputs under some moments."""
        box = self.net.box
        coefficients = self._forms.values[0].coefficients[: len(moments)]
        return np.clip(moments[0] / moments[0, 0] @ coefficients, box.lo, box.hi)
