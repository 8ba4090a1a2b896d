"""A network in a loop: its controls as Taylor models, with a new symbol for what is left.

There are two ways. The models of the states go through the network as through any other graph:
where its curves are smooth, what is left is of the third power of the size of the set, for a few
products a unit. Or linear bounds of the network leave a band about a fitted surface (`bands`),
which knows all kinks at once, for sweeps of the network. Each control takes the narrower one; the
second is tried where the first leaves too much.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np

from ...core import InputError, UnsupportedError, check_deadline, gamma
from ...domains.crown import CrownPlan
from ...graph import Graph
from ...ops import Curve, Largest, Step
from ..polynomials.field import evaluate, primitive
from ..polynomials.models import Models, constant, paid
from .bands import Band, Bounded, Pairs
from .fits import POINTS, fitted
from .sets import FormBatch, samples


WORTH = 0.01
"""A band is made narrower where it is more than this share of what the controls vary by."""

CUTS, ROUNDS = 4, 2
"""A set is halved so often, and so often again where that may be worth it."""

NEAR = 1.5
"""It may be where a band is more than so many times as wide as the values that were seen."""

BENDING = 4
"""So many initial variables have squares and products in the surface."""

ENOUGH = 1e-3
"""Where models leave no more than this share of what the controls vary by, no band is tried."""

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
        self._smooth = _is_smooth(graph)
        widths = [graph.size, *(node.size for node in graph.nodes)]
        # Every unit of a layer is a row that goes back through all layers before it.
        self._work = sum(a * b for a, b in pairwise(widths)) * max(4, max(widths) // 8)

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

    def band(self, given: Models) -> tuple[Band, Pairs]:
        """A surface and a band over the states of each box."""
        sets = FormBatch.over(given)
        bounded = Bounded.of(self.plan, sets, self.controls)
        none = Pairs.of(given.frame, np.zeros(0, np.int64))
        flat = np.zeros((sets.count, self.controls, 0))
        band = None
        for slope in bounded.slopes():
            own = Band.between(slope, flat, *bounded.residual(slope, flat, none))
            band = own if band is None else band.better(own)
        assert band is not None
        varies = np.abs(np.matmul(band.slope, sets.generators)).sum(axis=-1)
        worth = (np.isfinite(band.radius) & (band.radius > WORTH * varies)).any(axis=1)
        some = np.flatnonzero(worth)
        if not some.size or not sets.generators.shape[-1]:
            return band, none
        return self._narrowed(given, band, bounded, some)

    def _narrowed(
        self, given: Models, band: Band, bounded: Bounded, some: np.ndarray
    ) -> tuple[Band, Pairs]:
        """The band about a fitted surface, bounded on parts of the sets `some`."""
        sets, gaps = bounded.sets.take(some), bounded.gaps()[some]
        pairs = Pairs.of(given.frame, self._bending(sets, gaps))
        eps, points = samples(given.take(some), POINTS)
        values = self.graph.run(points.reshape(-1, points.shape[-1]))
        values = values.reshape(*points.shape[:2], -1)
        flat = np.zeros((*band.bend.shape[:2], pairs.count))
        best = Band(band.slope[some], flat[some], band.middle[some], band.radius[some])
        tries = [
            fitted(points, pairs.values(eps), values),
            (fitted(points, np.zeros((len(eps), 0)), values)[0], best.bend),
            (best.slope, best.bend),
        ]
        rows = parent = np.arange(some.size)
        for _ in range(ROUNDS):
            sets, parent, gaps = self._cut(sets, parent, gaps)
            check_deadline()
            parts = Bounded.of(self.plan, sets, self.controls)
            for slope, bend in tries:
                slope, bend = slope[rows], bend[rows]
                low, high = parts.residual(slope[parent], bend[parent], pairs)
                low, high = _by_parent(low, rows.size), -_by_parent(-high, rows.size)
                best = best.with_better(rows, Band.between(slope, bend, low, high))
            seen = best.seen(points, pairs.values(eps), values)[rows]
            more = np.any(best.radius[rows] > NEAR * seen, axis=1)
            going = np.flatnonzero(more[parent])
            if not going.size or self._work * going.size * 4 > WORK:
                break
            sets, gaps, rows = sets.take(going), gaps[going], rows[more]
            parent = np.repeat(np.arange(rows.size), going.size // rows.size)
        found = Band(band.slope.copy(), flat, band.middle.copy(), band.radius.copy())
        found.slope[some], found.bend[some] = best.slope, best.bend
        found.middle[some], found.radius[some] = best.middle, best.radius
        return found, pairs

    def _cut(
        self, sets: FormBatch, parent: np.ndarray, gaps: np.ndarray
    ) -> tuple[FormBatch, np.ndarray, np.ndarray]:
        """Halves of halves of sets, across where lower and upper bounds differ most."""
        for _ in range(CUTS):
            if self._work * sets.count * 2 > WORK:
                break
            which = gaps.argmax(axis=1)
            sets, parent = sets.halved(which), np.repeat(parent, 2)
            gaps = gaps.copy()
            gaps[np.arange(len(gaps)), which] *= 0.5
            gaps = np.repeat(gaps, 2, axis=0)
        return sets, parent, gaps

    def _bending(self, sets: FormBatch, gaps: np.ndarray) -> np.ndarray:
        """The initial variables along which lower and upper bounds differ most."""
        able = np.flatnonzero(sets.place >= 0)
        share = gaps / np.maximum(gaps.sum(axis=1, keepdims=True), 1e-300)
        order = np.argsort(-share.max(axis=0)[sets.place[able]], kind="stable")
        return able[order[:BENDING]]

    def control(self, states: Models, time: Fraction) -> Models:
        """The controls as models with a new symbol each, the last ones.

        Where the controller has no bounds, the remainder is infinite.
        """
        found = self._direct(states, time)
        assert found.rest is not None
        with np.errstate(invalid="ignore"):
            varies = np.abs(found.coef[..., 1:]).sum(axis=-1) + found.sym_norm
            wide = ~(found.rest <= ENOUGH * varies)
        some = np.flatnonzero(wide.any(axis=1))
        if some.size:
            other = self._banded(states.take(some), time)
            assert other.rest is not None
            better = other.rest < found.rest[some]
            # What is not finite is no number to compare with.
            coef, sym, rest = found.coef.copy(), found.sym.copy(), found.rest.copy()
            coef[some] = np.where(better[..., None], other.coef, coef[some])
            sym[some] = np.where(better[..., None, None], other.sym, sym[some])
            rest[some] = np.where(better, other.rest, rest[some])
            found = Models(found.frame, coef, sym, rest)
        return _renewed(found)

    def _direct(self, states: Models, time: Fraction) -> Models:
        """The controls by arithmetic of the models; infinite remainders where there is none."""
        assert states.rest is not None
        symbols, count = states.sym.shape[-1], states.count
        off = np.full((count, 1), abs(float(time)) * 2.0**-52)
        clock = constant(states.frame, np.full((count, 1), float(time)), off, symbols)
        slots = {slot.name for slot in self.graph.inputs}
        given = {name: clock if name == "t" else states for name in slots}
        nothing = np.zeros((count, self.controls))
        if not self._smooth:
            return constant(states.frame, nothing, nothing + np.inf, symbols)
        with np.errstate(all="ignore"):
            return evaluate(self.graph, given)

    def _banded(self, states: Models, time: Fraction) -> Models:
        """The controls about a surface, the width of the band in their remainders."""
        given = self.given(states, time)
        band, pairs = self.band(given)
        rest = given.rest
        assert rest is not None
        coef = np.matmul(band.slope, given.coef)
        coef[..., 0] += band.middle
        coef[..., pairs.monomial] += band.bend
        sym = np.matmul(band.slope, given.sym[:, :, 0])
        size = np.abs(band.slope)
        g = gamma(given.entries + 2)
        wide = np.matmul(size, (given.norm + given.sym_norm)[..., None])[..., 0]
        off = np.matmul(size, rest[..., None])[..., 0]
        added = np.abs(band.middle) + np.abs(band.bend).sum(axis=-1)
        off = paid(band.radius + off + g * (2.0 * wide + 2.0 * added))
        return Models(given.frame, coef, sym[:, :, None], off)


def _renewed(found: Models) -> Models:
    """New symbols in the place of finite remainders."""
    assert found.rest is not None
    bad = ~np.isfinite(found.rest) | ~np.isfinite(found.coef).all(axis=-1)
    bad |= ~np.isfinite(found.sym).all(axis=(-2, -1))
    coef = np.where(bad[..., None], 0.0, found.coef)
    sym = np.where(bad[..., None, None], 0.0, found.sym)
    fresh = np.where(bad, 0.0, found.rest)[:, :, None] * np.eye(found.entries)
    sym = np.concatenate([sym, fresh[:, :, None]], axis=-1)
    return Models(found.frame, coef, sym, np.where(bad, np.inf, 0.0))


def _is_smooth(graph: Graph) -> bool:
    """Whether models can go through a graph of one state, and leave less than lines would."""
    if sum(slot.name != "t" for slot in graph.inputs) != 1:
        return False
    try:
        ops = [primitive(node.op, node.size) for node in graph.nodes]
    except UnsupportedError:
        return False
    curves = [op for op in ops if isinstance(op, Curve)]
    kinks = any(op.is_piecewise_linear or op.jumps for op in curves)
    return not kinks and not any(isinstance(op, Step | Largest) for op in ops)


def _by_parent(low: np.ndarray, parents: int) -> np.ndarray:
    """The least over the parts of each set, which lie side by side."""
    return low.reshape(parents, -1, low.shape[-1]).min(axis=1)
