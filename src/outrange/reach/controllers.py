"""A network in a loop: its controls as Taylor models, with a new symbol for what is left."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ..core import InputError, check_deadline, gamma
from ..domains.crown import CrownPlan
from ..graph import Graph
from .bands import POINTS, Band, Bounded, fitted
from .polynomials.models import Models, paid
from .sets import FormBatch


WORTH = 0.01
"""A band is made narrower where it is more than this share of what the controls vary by."""

CUTS = 4
"""A set is halved so often at most."""

WORK = 1 << 26
"""Products that the sweeps of one period may take, about, for cuts to go on."""


class Controller:
    """A network that is asked at the beginning of every period.

    Args:
        graph: Inputs named `t` (one number) and anything else, which is the state.
        states: How many states there are.

    Raises:
        InputError: The graph takes another number of states.
    """

    def __init__(self, graph: Graph, states: int) -> None:
        self.graph, self.states = graph, states
        self.plan = CrownPlan.of(graph)
        self._names = [slot.name for slot in graph.inputs for _ in range(slot.size)]
        takes = sum(name != "t" for name in self._names)
        if takes != states:
            raise InputError(
                f"The controller takes {takes} numbers, and the plant has {states} states; let "
                "`observe` make the first of the second."
            )
        widths = [graph.size, *(node.size for node in graph.nodes)]
        pairs = zip(widths[:-1], widths[1:], strict=True)
        # Every unit of a layer is a row that goes back through all layers before it.
        self._work = sum(a * b for a, b in pairs) * max(4, max(widths) // 8)

    @property
    def controls(self) -> int:
        """How many controls there are."""
        return self.graph.value_size(self.graph.output)

    def given(self, states: Models, time: Fraction) -> Models:
        """What the graph takes: the states, and the time where it asks for it."""
        assert states.rest is not None
        if "t" not in self._names:
            return states
        index = np.cumsum([name != "t" for name in self._names]) - 1
        clock = np.array([name == "t" for name in self._names])
        found = states.pick(np.maximum(index, 0))
        assert found.rest is not None
        coef = np.where(clock[:, None], 0.0, found.coef)
        coef[:, clock, 0] = float(time)
        sym = np.where(clock[:, None, None], 0.0, found.sym)
        rest = np.where(clock, abs(float(time)) * 2.0**-52, found.rest)
        return Models(found.frame, coef, sym, rest)

    def band(self, given: Models) -> Band:
        """A slope and a band over the states of each box."""
        sets = FormBatch.over(given)
        bounded = Bounded.of(self.plan, sets, self.controls)
        band = None
        for slope in bounded.slopes():
            own = Band.between(slope, *bounded.residual(slope))
            band = own if band is None else band.better(own)
        assert band is not None
        varies = np.matmul(np.abs(np.matmul(band.slope, sets.generators)), _ones(sets))[..., 0]
        worth = (np.isfinite(band.radius) & (band.radius > WORTH * varies)).any(axis=1)
        some = np.flatnonzero(worth)
        if not some.size or not sets.generators.shape[-1]:
            return band
        return self._narrowed(band, bounded, some)

    def _narrowed(self, band: Band, bounded: Bounded, some: np.ndarray) -> Band:
        """The band with a fitted slope, bounded on parts of the sets `some`."""
        sets = bounded.sets.take(some)
        points = sets.samples(POINTS)
        flat = points.reshape(-1, points.shape[-1])
        values = self.graph.run(flat).reshape(*points.shape[:2], -1)
        slopes = (fitted(points, values), band.slope[some])
        parent, gaps = np.arange(some.size), bounded.gaps()[some]
        found = [np.stack(bounded.residual(_spread(s, some, bounded))) for s in slopes]
        found = [ends[:, some] for ends in found]
        for level in range(CUTS):
            if self._work * sets.count * 2 > WORK and level > 0:
                break
            check_deadline()
            sets = sets.halved(gaps.argmax(axis=1))
            parent = np.repeat(parent, 2)
            parts = Bounded.of(self.plan, sets, self.controls)
            gaps = parts.gaps()
            for k, slope in enumerate(slopes):
                low, high = parts.residual(slope[parent])
                found[k] = np.stack([_by_parent(low, some.size), -_by_parent(-high, some.size)])
        best = Band.between(slopes[0], *found[0]).better(Band.between(slopes[1], *found[1]))
        old = Band(band.slope[some], band.middle[some], band.radius[some])
        best = best.better(old)
        slope, middle, radius = band.slope.copy(), band.middle.copy(), band.radius.copy()
        slope[some], middle[some], radius[some] = best.slope, best.middle, best.radius
        return Band(slope, middle, radius)

    def control(self, states: Models, time: Fraction) -> tuple[Models, np.ndarray]:
        """The controls as models with a new symbol each, and their slopes on the states.

        Where the controller has no bounds, the remainder is infinite.
        """
        given = self.given(states, time)
        band = self.band(given)
        rest, count = given.rest, self.controls
        assert rest is not None
        coef = np.matmul(band.slope, given.coef)
        coef[..., 0] += band.middle
        sym = np.matmul(band.slope, given.sym[:, :, 0])
        size = np.abs(band.slope)
        g = gamma(given.entries + 2)
        wide = np.matmul(size, (given.norm + given.sym_norm)[..., None])[..., 0]
        off = np.matmul(size, rest[..., None])[..., 0]
        off = paid(band.radius + off + g * (wide + np.abs(coef[..., 0]) + np.abs(band.middle)))
        bad = ~np.isfinite(off)
        fresh = np.where(bad, 0.0, off)[:, :, None] * np.eye(count)
        sym = np.concatenate([sym, fresh], axis=-1)[:, :, None]
        own = np.array([name != "t" for name in self._names])
        return Models(given.frame, coef, sym, np.where(bad, np.inf, 0.0)), band.slope[..., own]


def _ones(sets: FormBatch) -> np.ndarray:
    return np.ones((sets.generators.shape[-1], 1))


def _spread(slope: np.ndarray, some: np.ndarray, bounded: Bounded) -> np.ndarray:
    """Slopes of some sets as slopes of all."""
    out = np.zeros((bounded.sets.count, *slope.shape[1:]))
    out[some] = slope
    return out


def _by_parent(low: np.ndarray, parents: int) -> np.ndarray:
    """The least over the parts of each set, which lie side by side."""
    return low.reshape(parents, -1, low.shape[-1]).min(axis=1)
