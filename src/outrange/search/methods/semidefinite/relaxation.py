"""Bounds on rows of a net by semidefinite relaxations, which are tightened in several turns.

The first turn of a row uses the products of single units and inputs (`products`). Each later turn
adds the products of parts of two units or inputs that the row's last relaxation violates most, and
bounds the row again. The relaxations of both halves of a box begin with the products selected so
far.
"""

from __future__ import annotations

from dataclasses import dataclass, field

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

CUTS = 160
"""Maximum number of products added in one turn."""

IDLE = 0.01
"""Multiplier of an added product, relative to the product's value, below which the product is
dropped."""


@dataclass(eq=False)
class SemidefiniteRow:
    """An entry of a net's output, or minus it, to be bounded from below.

    Args:
        entry: Index of the entry.
        sign: 1.0 to bound the entry itself, -1.0 to bound minus the entry.
        least: The best proved bound.
        turns: Number of turns so far.
        gain: Improvement of `least` in the last turn; infinite if no bound was known before.
        seconds: Duration of the last turn, in seconds.
        pairs: `(2, c)` indices of the parts whose products the row's next turn adds to the products
            of single units and inputs.
        ended: Whether the row gets no further turns.
        at: `(d,)` the mean of the inputs in the relaxation, a candidate point.
        widest: Index of the input with the largest variance in the relaxation, as a fraction of its
            width; None before the first turn, or if no input can be halved.
    """

    entry: int
    sign: float
    least: float
    turns: int = 0
    gain: float = np.inf
    seconds: float = 0.0
    pairs: np.ndarray = field(default_factory=lambda: np.zeros((2, 0), np.int64))
    ended: bool = False
    at: np.ndarray | None = None
    widest: int | None = None


class SemidefiniteRelaxation:
    """State that all rows of one net share: forms, products, moments and the method.

    Args:
        net: A net whose units are all unstable.
        rng: Random generator for the points whose moments start the method.
    """

    def __init__(self, net: RelaxedNet, rng: np.random.Generator) -> None:
        self.net = net
        self._forms = BoundedForms(net)
        self._products = products_of(self._forms)
        self._parts = Parts(self._forms) if net.units else None
        self._moments = self._sample_moments(rng)
        self._method = self._create_method(self._products)

    @classmethod
    def of(cls, net: RelaxedNet, rng: np.random.Generator) -> SemidefiniteRelaxation:
        """Create the relaxation of a net, after its stable units have been eliminated."""
        return cls(without_stable(net), rng)

    @property
    def is_able(self) -> bool:
        """Whether the method has an interior point, so that rows can be bounded."""
        return self._method is not None

    def turn(self, row: SemidefiniteRow) -> None:
        """Bound a row with the products that its last turn selected, and update `row` in place."""
        began = read_clock()
        products, method = self._products, self._method
        if row.pairs.size:
            assert self._parts is not None
            products = Products.concatenate([products, self._parts.products_of(row.pairs)])
            method = self._create_method(products, method)
        if method is None:
            row.ended = True
            return
        least, multipliers = self._bound_row(method, products, row)
        row.gain = max(0.0, least - row.least) if np.isfinite(row.least) else np.inf
        row.least, row.turns = max(row.least, least), row.turns + 1
        row.at, row.widest = self._input(multipliers.moments), self._widest(multipliers.moments)
        self._choose_pairs(row, products, multipliers)
        row.seconds = read_clock() - began

    def _choose_pairs(
        self, row: SemidefiniteRow, products: Products, multipliers: Multipliers
    ) -> None:
        """Choose the pairs of parts whose products the row's next turn includes.

        The choice keeps the pairs whose multiplier is not negligible (`IDLE`). It adds the pairs
        whose product the last moments violate most.
        """
        if self._parts is None:
            row.ended = True
            return
        added = slice(self._products.free.size, None)
        left, right = products.left[:, added], products.right[:, added]
        # One number of each complementary pair is large: the multiplier, if the product is 0.
        value = np.einsum("nm,nm->m", left, multipliers.moments @ right)
        active = row.pairs[:, multipliers.values[added] > IDLE * value]
        violated = self._parts.most_violated(multipliers.moments, self._moments, CUTS)
        row.ended = violated.size == 0
        row.pairs = np.concatenate([active, violated], axis=1)

    def _bound_row(
        self, method: InteriorPoint, products: Products, row: SemidefiniteRow
    ) -> tuple[float, Multipliers]:
        """Return a proved lower bound on a row, and its multipliers."""
        forms = self._forms.values[self.net.graph.output]
        form = -row.sign * forms.coefficients[:, row.entry]
        constant, form[0] = form[0], 0.0
        # A power of two, so that scaling is exact.
        scale = 2.0 ** np.ceil(np.log2(np.abs(form).sum() + 1e-280))
        multipliers = method.maximize(form / scale, GAP)
        height = up(scale * prove_bound(products, form / scale, multipliers))
        most = up(up(constant + height) + up(float(forms.error[row.entry])))
        return -most if np.isfinite(most) else -np.inf, multipliers

    def _create_method(
        self, products: Products, near: InteriorPoint | None = None
    ) -> InteriorPoint | None:
        """Create the method for some products; return None if they have no center."""
        try:
            return InteriorPoint(products, self._moments, near)
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
        free = self._forms.inputs
        width = reach[1 + np.arange(free.size), free]
        y = [np.ones((len(x), 1)), (x - reach[0])[:, free] / width]
        for b in net.activations:
            y.append(2.0 * np.maximum(values[b.source], 0.0) / net.hi[b.place] - 1.0)
        points = np.clip(np.concatenate(y, axis=1), -1.0, 1.0)
        moments = points.T @ points / len(points)
        return (1.0 - MIXED) * moments + MIXED * np.eye(len(moments))

    def _input(self, moments: np.ndarray) -> np.ndarray:
        """Return the mean `(d,)` of the inputs under the given moments."""
        box = self.net.box
        mean = moments[0] / moments[0, 0] @ self._forms.values[0].coefficients
        return np.clip(mean, box.lo, box.hi)

    def _widest(self, moments: np.ndarray) -> int | None:
        """Return the input with the largest variance, or None if no input can be halved."""
        inputs, box, scale = self._forms.inputs, self.net.box, moments[0, 0]
        places = 1 + np.arange(inputs.size)
        variance = np.diag(moments)[places] / scale - (moments[0, places] / scale) ** 2
        middle = 0.5 * box.lo + 0.5 * box.hi
        able = ((box.lo < middle) & (middle < box.hi))[inputs]
        if not able.any():
            return None
        return int(inputs[np.where(able, np.nan_to_num(variance), -np.inf).argmax()])
