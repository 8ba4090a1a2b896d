"""Bounds on rows of a net by semidefinite relaxations, which are tightened in several turns.

The first turn of a row uses the products of single units and inputs (`products`). Each later turn
adds the products of parts of two units that the row's last relaxation violates most, and bounds the
row again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ....core import up
from ....core.clock import read_clock
from ...neuron_split.drop_stable import without_stable
from ...neuron_split.relaxed_net import RelaxedNet
from .forms import BoundedForms
from .interior_point import InteriorPoint, Multipliers, NoCenterError
from .products import Parts, Products, products_of
from .proof import prove_bound


GAP = 0.01
"""Relative gap to which a semidefinite program is solved."""

POINTS = 2048
"""Minimum number of points from whose moments a method starts."""

EACH = 8
"""Minimum number of points per variable from whose moments a method starts."""

MIXED = 1e-6
"""Weight of the identity in the moments, since a unit may be active at none of the points."""

CUTS = 96
"""Maximum number of products added in one turn."""

IDLE = 0.01
"""Multiplier of an added product, relative to the product's value, below which the product is
dropped."""


@dataclass(eq=False)
class SemidefiniteRow:
    """An entry of a value, or minus it, to be bounded from below.

    Args:
        value: Index of the value in the net without stable units.
        entry: Index of the entry of the value.
        sign: 1.0 to bound the entry itself, -1.0 to bound minus the entry.
        least: The best proved bound.
        turns: Number of turns so far.
        gain: Improvement of `least` in the last turn; infinite if no bound was known before.
        seconds: Duration of the last turn, in seconds.
        added: Products to include in the row's next turn, in addition to the products of single
            units and inputs; None before the first turn.
        ended: Whether the row gets no further turns.
        at: `(d,)` the mean of the inputs in the relaxation, a candidate point.
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
    """State that all rows of one net share: forms, products, moments and methods."""

    def __init__(self, net: RelaxedNet, rng: np.random.Generator) -> None:
        self.net = without_stable(net)
        self._forms = BoundedForms(self.net)
        self._products = products_of(self._forms)
        self._parts = Parts(self._forms) if self.net.units else None
        self._moments = self._sample_moments(rng)
        self._methods: dict[int, InteriorPoint | None] = {}

    @property
    def output(self) -> int:
        """Index of the value whose entries are the objectives."""
        return self.net.graph.output

    def prepare(self, value: int) -> bool:
        """Create the interior-point method for all rows of a value, unless it exists already.

        Return False if the method finds no interior point, so that the rows cannot be bounded.
        """
        count = self._forms.variables_of(value)
        if count not in self._methods:
            self._methods[count] = self._method(self._products.first(count), count)
        return self._methods[count] is not None

    def turn(self, row: SemidefiniteRow) -> None:
        """Bound a row with the products that its last turn selected, and update `row` in place."""
        began = read_clock()
        count = self._forms.variables_of(row.value)
        products, method = self._products.first(count), self._methods[count]
        base_count = products.free.size
        if row.added is not None:
            products = Products.concatenate([products, row.added])
            method = self._method(products, count, method)
        if method is None:
            row.ended = True
            return
        least, multipliers = self._bound_row(method, products, row, count)
        row.gain = max(0.0, least - row.least) if np.isfinite(row.least) else np.inf
        row.least, row.turns = max(row.least, least), row.turns + 1
        row.at = self._input(multipliers.moments)
        self._add(
            row, products.select(np.arange(base_count, products.free.size)), multipliers, base_count
        )
        row.seconds = read_clock() - began

    def _add(
        self, row: SemidefiniteRow, added: Products, multipliers: Multipliers, base_count: int
    ) -> None:
        """Choose the products to add in the row's next turn.

        The choice keeps the added products whose multiplier is not negligible (`IDLE`). It adds the
        products of parts of units that the last moments violate most.
        """
        if self._parts is None:
            row.ended = True
            return
        count = len(multipliers.moments)
        usual = self._moments[:count, :count]
        lacked = self._parts.most_violated(multipliers.moments, usual, CUTS)
        row.ended = lacked.free.size == 0
        # One number of each complementary pair is large: the multiplier, if the product is 0.
        value = np.einsum("nm,nm->m", added.left, multipliers.moments @ added.right)
        row.added = Products.concatenate(
            [added.select(multipliers.values[base_count:] > IDLE * value), lacked]
        )

    def _bound_row(
        self, method: InteriorPoint, products: Products, row: SemidefiniteRow, count: int
    ) -> tuple[float, Multipliers]:
        """Return a proved lower bound on a row, and its multipliers."""
        forms = self._forms.values[row.value]
        form = -row.sign * forms.coefficients[:count, row.entry]
        constant, form[0] = form[0], 0.0
        # A power of two, so that scaling is exact.
        scale = 2.0 ** np.ceil(np.log2(np.abs(form).sum() + 1e-280))
        multipliers = method.maximize(form / scale, GAP)
        height = up(scale * prove_bound(products, form / scale, multipliers))
        most = up(up(constant + height) + up(float(forms.error[row.entry])))
        return -most if np.isfinite(most) else -np.inf, multipliers

    def _method(
        self, products: Products, count: int, near: InteriorPoint | None = None
    ) -> InteriorPoint | None:
        """Create the method for some products; return None if they have no center."""
        try:
            return InteriorPoint(products, self._moments[:count, :count], near)
        except NoCenterError:
            return None

    def _sample_moments(self, rng: np.random.Generator) -> np.ndarray:
        """Compute moments of points of the box, half of them corners."""
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
        moments = points.T @ points / len(points)
        return (1.0 - MIXED) * moments + MIXED * np.eye(len(moments))

    def _input(self, moments: np.ndarray) -> np.ndarray:
        """Return the mean `(d,)` of the inputs under the given moments."""
        box = self.net.box
        coefficients = self._forms.values[0].coefficients[: len(moments)]
        return np.clip(moments[0] / moments[0, 0] @ coefficients, box.lo, box.hi)
