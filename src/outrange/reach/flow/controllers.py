"""A network in a loop: its controls as Taylor models, with new symbols for the remainders.

The controls can be computed in two ways. In the first, the network is evaluated on the models of
the states like any other graph. Where its curves are smooth, the remainder is of the third order in
the size of the set, at the cost of a few products per unit. In the second, linear bounds on the
network yield a band around a fitted surface (`bands`), which handles all kinks together, at the
cost of computing linear bounds a few times. The second way is tried where the first leaves a large
remainder, and each control uses the narrower result.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np

from ...core import InputError, UnsupportedError, check_deadline, gamma
from ...domains.crown import CrownPlan
from ...domains.zonotopes import Zonotopes
from ...graph import Graph
from ...ops import Curve, Largest, Step
from ..polynomials.field import evaluate, primitive
from ..polynomials.models import Models, constant, with_rounding
from ..zonotope_pass import propagate
from .bands import Band, NetworkBounds, Pairs
from .fits import POINTS, fit_surface
from .sets import FormBatch, samples


WORTH = 0.01
"""Radius of a band, relative to the variation of the controls, above which the band is narrowed."""

CUTS, ROUNDS = 4, 2
"""Largest number of bisections of each set in a round, and largest number of rounds."""

NEAR = 1.5
"""Ratio of a band's radius to its sampled radius above which another round narrows the band."""

BENDING = 4
"""Largest number of initial variables whose squares and products the surface uses."""

ENOUGH = 1e-3
"""Remainder of the models, relative to the variation of the controls, at or below which no band is
tried.
"""

WORK = 1 << 26
"""Approximate number of multiplications for all sets above which they are not bisected further."""


@dataclass(frozen=True, eq=False)
class SampledControl:
    """A controller that is evaluated at the beginning of each period and may have a memory.

    Args:
        graph: Graph from the states (and `t` if it reads it) to the controls followed by the
            memory.
        memory: `(r,)`: indices of the states that the last `r` outputs replace right after the
            instant. At the instant itself they have their old values; their derivatives are 0.
    """

    graph: Graph
    memory: np.ndarray

    @staticmethod
    def of(controller: Graph | SampledControl) -> SampledControl:
        """Return a controller unchanged; convert a graph to a controller without memory."""
        if isinstance(controller, SampledControl):
            return controller
        return SampledControl(controller, np.zeros(0, np.int64))


class Controller:
    """A network that is evaluated at the beginning of every period.

    Args:
        controller: A graph, or a controller with memory. A scalar input `t` is optional; the other
            inputs together form the state.
        states: Number of states of the plant.

    Raises:
        InputError: The total size of the inputs other than `t` differs from the number of states.
    """

    def __init__(self, controller: Graph | SampledControl, states: int) -> None:
        sampled = SampledControl.of(controller)
        graph, self.memory = sampled.graph, sampled.memory
        self.graph, self.states = graph, states
        self.plan = CrownPlan.of(graph)
        self._names = [slot.name for slot in graph.inputs for _ in range(slot.size)]
        takes = sum(name != "t" for name in self._names)
        if takes != states:
            raise InputError(
                "The controller must have one input per state of the plant; otherwise, pass "
                "`observe`, which computes its inputs from the states. Received: a controller "
                f"with {takes} inputs and a plant with {states} states."
            )
        self._smooth = _is_smooth(graph)
        widths = [graph.size, *(node.size for node in graph.nodes)]
        self._jumps = any(getattr(node.op, "jumps", ()) for node in graph.nodes)
        # In back-substitution, every unit of a layer is a row that passes all layers before it.
        self._work = sum(a * b for a, b in pairwise(widths)) * max(4, max(widths) // 8)

    @property
    def controls(self) -> int:
        """Number of controls, including the new values of the memory."""
        return self.graph.value_size(self.graph.output)

    def graph_input(self, states: Models, time: Fraction) -> Models:
        """Return the models of the graph's input: the states, and the time if the graph reads it.

        The time is rounded to the nearest float64 number, which is what the controller reads.
        """
        assert states.rest is not None
        if "t" not in self._names:
            return states
        index = np.cumsum([name != "t" for name in self._names]) - 1
        clock = np.array([name == "t" for name in self._names])
        inputs = states.pick(np.maximum(index, 0))
        assert inputs.rest is not None
        coef = np.where(clock[:, None], 0.0, inputs.coef)
        coef[:, clock, 0] = float(time)
        sym = np.where(clock[:, None, None], 0.0, inputs.sym)
        rest = np.where(clock, 0.0, inputs.rest)
        return Models(inputs.frame, coef, sym, rest)

    def band(self, inputs: Models) -> tuple[Band, Pairs]:
        """Return a band for the controls over each box, and the products in its surface."""
        sets = FormBatch.over(inputs)
        band, pairs = self._surface(inputs, sets)
        if self._jumps:
            # The value of a condition lies in the hull of its branches, which planes do not bound.
            form = Zonotopes(sets.center, sets.generators.transpose(0, 2, 1), sets.reach)
            ends = propagate(self.graph, form).ends()
            level = Band.between(0.0 * band.slope, 0.0 * band.bend, *ends)
            band = band.narrower(level)
        return band, pairs

    def _surface(self, inputs: Models, sets: FormBatch) -> tuple[Band, Pairs]:
        """Return a band from linear bounds on the network, and the products in its surface."""
        bounded = NetworkBounds.of(self.plan, sets, self.controls)
        none = Pairs.of(inputs.frame, np.zeros(0, np.int64))
        flat = np.zeros((sets.count, self.controls, 0))
        band = None
        for slope in bounded.slopes():
            candidate = Band.between(slope, flat, *bounded.residual(slope, flat, none))
            band = candidate if band is None else band.narrower(candidate)
        assert band is not None
        varies = np.abs(np.matmul(band.slope, sets.generators)).sum(axis=-1)
        worth = (np.isfinite(band.radius) & (band.radius > WORTH * varies)).any(axis=1)
        some = np.flatnonzero(worth)
        if not some.size or not sets.generators.shape[-1]:
            return band, none
        return self._narrow(inputs, band, bounded, some)

    def _narrow(
        self, inputs: Models, band: Band, bounded: NetworkBounds, some: np.ndarray
    ) -> tuple[Band, Pairs]:
        """Fit surfaces for the boxes `some`, bound residuals on parts, and keep the best bands."""
        sets, gaps = bounded.sets.take(some), bounded.gaps()[some]
        pairs = Pairs.of(inputs.frame, self._bending(sets, gaps))
        eps, points = samples(inputs.take(some), POINTS)
        values = self.graph.run(points.reshape(-1, points.shape[-1]))
        values = values.reshape(*points.shape[:2], -1)
        flat = np.zeros((*band.bend.shape[:2], pairs.count))
        best = Band(band.slope[some], flat[some], band.middle[some], band.radius[some])
        tries = [
            fit_surface(points, pairs.values(eps), values),
            (fit_surface(points, np.zeros((len(eps), 0)), values)[0], best.bend),
            (best.slope, best.bend),
        ]
        rows = parent = np.arange(some.size)
        for _ in range(ROUNDS):
            sets, parent, gaps = self._bisect(sets, parent, gaps)
            check_deadline()
            parts = NetworkBounds.of(self.plan, sets, self.controls)
            for slope, bend in tries:
                slope, bend = slope[rows], bend[rows]
                low, high = parts.residual(slope[parent], bend[parent], pairs)
                low, high = _by_parent(low, rows.size), -_by_parent(-high, rows.size)
                best = best.with_narrower(rows, Band.between(slope, bend, low, high))
            seen = best.sampled_radius(points, pairs.values(eps), values)[rows]
            more = np.any(best.radius[rows] > NEAR * seen, axis=1)
            going = np.flatnonzero(more[parent])
            if not going.size or self._work * going.size * 4 > WORK:
                break
            sets, gaps, rows = sets.take(going), gaps[going], rows[more]
            parent = np.repeat(np.arange(rows.size), going.size // rows.size)
        narrowed = Band(band.slope.copy(), flat, band.middle.copy(), band.radius.copy())
        narrowed.slope[some], narrowed.bend[some] = best.slope, best.bend
        narrowed.middle[some], narrowed.radius[some] = best.middle, best.radius
        return narrowed, pairs

    def _bisect(
        self, sets: FormBatch, parent: np.ndarray, gaps: np.ndarray
    ) -> tuple[FormBatch, np.ndarray, np.ndarray]:
        """Bisect sets repeatedly, across the generator where lower and upper bounds differ most."""
        for _ in range(CUTS):
            if self._work * sets.count * 2 > WORK:
                break
            which = gaps.argmax(axis=1)
            sets, parent = sets.bisect(which), np.repeat(parent, 2)
            gaps = gaps.copy()
            gaps[np.arange(len(gaps)), which] *= 0.5
            gaps = np.repeat(gaps, 2, axis=0)
        return sets, parent, gaps

    def _bending(self, sets: FormBatch, gaps: np.ndarray) -> np.ndarray:
        """Return at most `BENDING` initial variables, along which the bounds differ most."""
        able = np.flatnonzero(sets.place >= 0)
        share = gaps / np.maximum(gaps.sum(axis=1, keepdims=True), 1e-300)
        order = np.argsort(-share.max(axis=0)[sets.place[able]], kind="stable")
        return able[order[:BENDING]]

    def control(self, states: Models, time: Fraction) -> Models:
        """Return the controls as models whose last symbols are new, one for each control.

        If the controller cannot be bounded, the remainder is infinite.
        """
        controls = self._by_models(states, time)
        assert controls.rest is not None
        with np.errstate(invalid="ignore"):
            varies = np.abs(controls.coef[..., 1:]).sum(axis=-1) + controls.sym_norm
            wide = ~(controls.rest <= ENOUGH * varies)
        some = np.flatnonzero(wide.any(axis=1))
        if some.size:
            banded = self._by_band(states.take(some), time)
            assert banded.rest is not None
            better = banded.rest < controls.rest[some]
            # Comparisons with NaN are false, so a NaN remainder never replaces another.
            coef, sym, rest = controls.coef.copy(), controls.sym.copy(), controls.rest.copy()
            coef[some] = np.where(better[..., None], banded.coef, coef[some])
            sym[some] = np.where(better[..., None, None], banded.sym, sym[some])
            rest[some] = np.where(better, banded.rest, rest[some])
            controls = Models(controls.frame, coef, sym, rest)
        return _with_new_symbols(controls)

    def _by_models(self, states: Models, time: Fraction) -> Models:
        """Evaluate the graph on Taylor models, with infinite remainders if it may not be smooth."""
        assert states.rest is not None
        symbols, count = states.sym.shape[-1], states.count
        off = np.full((count, 1), abs(float(time)) * 2.0**-52)
        clock = constant(states.frame, np.full((count, 1), float(time)), off, symbols)
        slots = {slot.name for slot in self.graph.inputs}
        inputs = {name: clock if name == "t" else states for name in slots}
        nothing = np.zeros((count, self.controls))
        if not self._smooth:
            return constant(states.frame, nothing, nothing + np.inf, symbols)
        with np.errstate(all="ignore"):
            return evaluate(self.graph, inputs)

    def _by_band(self, states: Models, time: Fraction) -> Models:
        """Return models of a band around the controls; the remainders include the band's radius."""
        inputs = self.graph_input(states, time)
        band, pairs = self.band(inputs)
        rest = inputs.rest
        assert rest is not None
        coef = np.matmul(band.slope, inputs.coef)
        coef[..., 0] += band.middle
        coef[..., pairs.monomial] += band.bend
        sym = np.matmul(band.slope, inputs.sym[:, :, 0])
        size = np.abs(band.slope)
        g = gamma(inputs.entries + 2)
        wide = np.matmul(size, (inputs.norm + inputs.sym_norm)[..., None])[..., 0]
        off = np.matmul(size, rest[..., None])[..., 0]
        added = np.abs(band.middle) + np.abs(band.bend).sum(axis=-1)
        off = with_rounding(band.radius + off + g * (2.0 * wide + 2.0 * added))
        return Models(inputs.frame, coef, sym[:, :, None], off)


def _with_new_symbols(models: Models) -> Models:
    """Replace finite remainders with new symbols; unbounded controls get infinite remainders."""
    assert models.rest is not None
    bad = ~np.isfinite(models.rest) | ~np.isfinite(models.coef).all(axis=-1)
    bad |= ~np.isfinite(models.sym).all(axis=(-2, -1))
    coef = np.where(bad[..., None], 0.0, models.coef)
    sym = np.where(bad[..., None, None], 0.0, models.sym)
    fresh = np.where(bad, 0.0, models.rest)[:, :, None] * np.eye(models.entries)
    sym = np.concatenate([sym, fresh[:, :, None]], axis=-1)
    return Models(models.frame, coef, sym, np.where(bad, np.inf, 0.0))


def _is_smooth(graph: Graph) -> bool:
    """Return whether a graph is known to be smooth and has exactly one input besides `t`.

    Only a controller of this kind is evaluated on Taylor models.
    """
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
    """Return the least value over the parts of each set, which are adjacent rows of `low`."""
    return low.reshape(parents, -1, low.shape[-1]).min(axis=1)
