"""Reachable sets by zonotopes in the initial variables, and splits of the initial set.

Each box of initial states (with parameters, and a disturbance that stays the same) goes through
the loop as one zonotope: its first symbols are the initial variables for good, so that what state
and control owe to them is never lost; errors of earlier steps stay symbols too (symbolic
remainders), of which the smallest are joined once they are many. A box whose specification stays
open is cut in two, where the linear part of the violated inequality is longest.

Sound: every rounding is paid (`zonotopes`). Not complete in itself; converges as boxes shrink.
Cost: a step of a box costs the graph of the step, times the symbols.

Reference: W. Kühn, *Rigorously computed orbits of dynamical systems without the wrapping effect*,
Computing 1998, for symbolic remainders; C. Huang et al., *POLAR*, ATVA 2022.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..core import And, Atom, Formula, InputError, Or
from ..core.formula import FALSE
from .specification import Trajectory
from .system import LoopSystem
from .zonotopes import Zonotopes, boxes, through


AT_ONCE = 32
"""Boxes of a batch."""

SMALLEST = 2.0**-12
"""Share of the initial set: in a smaller box a plant that may be undefined is taken to be."""

LOOSE = 0.005
"""An end of the pipe this near to what was seen, relative to the width seen, is near enough."""

NOISE = 6
"""Symbols of errors that are kept, times the states."""


@dataclass(eq=False)
class TubeBox:
    """A part of the initial set, and what is known of its trajectories.

    Args:
        lo: `(d,)` of initial states, then of what stays the same.
        hi: `(d,)`.
        share: Of the whole initial set.
        states: `(2, steps + 1, n)` ends of the states; infinite where not known.
        controls: `(2, steps, m)` ends of the controls.
        gains: `(steps + 1, n, d)` how far each state moves as each variable crosses the box.
        reached: The last step up to which nothing was found open.
        margin: The distance that it keeps from breaking the specification.
        blame: `(d,)` how much each variable contributes to it.
    """

    lo: np.ndarray
    hi: np.ndarray
    share: float
    states: np.ndarray
    controls: np.ndarray
    gains: np.ndarray
    reached: int = -1
    margin: float = np.inf
    blame: np.ndarray = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True, eq=False)
class UnsafePart:
    """One way to break the specification: a formula, as bounds of its inequalities.

    Args:
        formula: Over the trajectory.
        last: The last time it is about.
    """

    formula: Formula
    last: int


def unsafe_parts(unsafe: Formula, where: Trajectory) -> list[UnsafePart]:
    """The ways to break a specification, the earliest first."""
    parts = unsafe.parts if isinstance(unsafe, Or) else (unsafe,)
    found = [UnsafePart(part, where.last(part)) for part in parts if part != FALSE]
    return sorted(found, key=lambda part: part.last)


@dataclass(eq=False)
class Tubes:
    """The search: boxes waiting, boxes done.

    Args:
        system: The loop.
        where: Its trajectory.
        parts: What breaks the specification; none: only the pipe is asked for.
        trouble: Where the plant may not be defined, in a sentence; empty if it is everywhere.
    """

    system: LoopSystem
    where: Trajectory
    parts: Sequence[UnsafePart]
    waiting: list[TubeBox] = field(default_factory=list)
    done: list[TubeBox] = field(default_factory=list)
    boxes: int = 0
    trouble: str = ""

    def __post_init__(self) -> None:
        n, m, steps = len(self.system.states), len(self.system.controls), self.where.steps
        lone = self.system.noise if not self.system.varies else None
        for region in self.system.initial:
            ends = []
            for end in ("lo", "hi"):
                parts = [getattr(region.box, end), getattr(self.system.parameters, end)]
                parts += [] if lone is None else [getattr(lone, end)]
                ends.append(np.concatenate(parts))
            share = 1.0 / len(self.system.initial)
            states = np.stack([np.full((steps + 1, n), -np.inf), np.full((steps + 1, n), np.inf)])
            states[:, 0] = region.box.lo, region.box.hi
            controls = np.stack([np.full((steps, m), -np.inf), np.full((steps, m), np.inf)])
            gains = np.zeros((steps + 1, n, ends[0].size))
            self.waiting.append(TubeBox(ends[0], ends[1], share, states, controls, gains))

    @property
    def margin(self) -> float:
        """The distance that all closed boxes keep from breaking the specification."""
        return min((box.margin for box in self.done), default=np.inf)

    @property
    def covered(self) -> float:
        """The share of the initial set for which the specification is proved."""
        return min(1.0, sum(box.share for box in self.done))

    @property
    def safe_until(self) -> int:
        """The last step up to which nothing is open for any box."""
        return min((box.reached for box in self.waiting), default=self.where.steps)

    def advance(self) -> None:
        """Take some of the boxes through the loop, and cut those that stay open."""
        batch, self.waiting = self.waiting[:AT_ONCE], self.waiting[AT_ONCE:]
        try:
            try:
                closed, order, margin = self.run(batch)
            except InputError:
                closed, order, margin = self._one_by_one(batch)
        except BaseException:
            # Whatever interrupts: nothing is lost, these boxes are still open.
            self.waiting = batch + self.waiting
            raise
        self.boxes += len(batch)
        levels = 2 if len(batch) + len(self.waiting) < AT_ONCE // 4 else 1
        for box, shut, least, scores in zip(batch, closed, margin, order, strict=True):
            if shut:
                box.margin, box.blame = float(least), scores
                self.done.append(box)
            else:
                self.waiting += pieces(box, scores, levels)

    def _one_by_one(self, batch: Sequence[TubeBox]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Boxes in some of which the plant may not be defined: those are cut like open ones.

        Raises:
            InputError: Of a very small box, too, it is not known to be.
        """
        found = []
        for box in batch:
            try:
                found.append(self.run([box]))
            except InputError as error:
                self.trouble = str(error)
                if box.share < SMALLEST or (box.lo == box.hi).all():
                    raise
                found.append((np.zeros(1, bool), (box.hi - box.lo)[None], np.full(1, np.inf)))
        closed, order, margin = (np.concatenate(each) for each in zip(*found, strict=True))
        return closed, order, margin

    def sharpen(self, nearest: float, near: float = LOOSE) -> bool:
        """Cut those of the closed boxes that come nearest to breaking the specification.

        Args:
            nearest: The distance of a trajectory: no margin is larger.
            near: What is near enough to that, relative to it.

        Returns:
            Whether there was something to cut.
        """
        wanted = nearest - near * abs(nearest)
        low = sorted((box for box in self.done if box.margin < wanted), key=lambda b: b.margin)
        low = [box for box in low[: AT_ONCE // 2] if (box.lo < box.hi).any()]
        levels = levels_for(len(low), AT_ONCE)
        cut = [half for box in low for half in pieces(box, box.blame, levels)]
        if len(cut) < 2 * len(low) or not cut:
            return False
        closed, blame, margin = self.run(cut)
        self.boxes += len(cut)
        if not closed.all():
            return False  # A half that is looser than the whole: rounding is all that is left.
        for box, scores, least in zip(cut, blame, margin, strict=True):
            box.margin, box.blame = float(least), scores
        kept = {id(box) for box in low}
        self.done = [box for box in self.done if id(box) not in kept] + cut
        return True

    def refine(self, seen_lo: np.ndarray, seen_hi: np.ndarray, near: float = LOOSE) -> bool:
        """Cut those of the closed boxes that make the pipe wider than what was seen.

        Args:
            seen_lo: `(steps + 1, n)` least values of trajectories.
            seen_hi: `(steps + 1, n)` largest.
            near: What is near enough, relative to the width seen.

        Returns:
            Whether there was something to cut.
        """
        over = self._over(seen_lo, seen_hi)
        worst = over.max(axis=0)
        chosen: dict[int, np.ndarray] = {}
        for entry in np.argsort(-worst, kind="stable"):
            if worst[entry] < near or len(chosen) >= AT_ONCE // 2:
                break
            i = int(np.argmax(over[:, entry]))
            gains = self.done[i].gains.reshape(-1, self.done[i].lo.size)[entry]
            chosen.setdefault(i, gains)
        levels = levels_for(len(chosen), AT_ONCE)
        cut = [
            half for i, scores in chosen.items() for half in pieces(self.done[i], scores, levels)
        ]
        if len(cut) < 2 * len(chosen) or not cut:
            return False
        self.run(cut)
        self.boxes += len(cut)
        self.done = [box for i, box in enumerate(self.done) if i not in chosen] + cut
        return True

    def _over(self, seen_lo: np.ndarray, seen_hi: np.ndarray) -> np.ndarray:
        """How far each box goes beyond what was seen, relative to that: `(boxes, entries)`."""
        lo, hi = (np.stack([box.states[end] for box in self.done]) for end in (0, 1))
        width = np.maximum(seen_hi - seen_lo, 1e-9 * np.maximum(np.abs(seen_hi), 1e-9))
        with np.errstate(invalid="ignore", over="ignore"):
            over = np.maximum((seen_lo - lo) / width, (hi - seen_hi) / width)
        return np.where(np.isnan(over), np.inf, over).reshape(len(self.done), -1)

    def looseness(self, seen_lo: np.ndarray, seen_hi: np.ndarray) -> float:
        """How far the pipe goes beyond what was seen, at most; infinite with boxes waiting."""
        if self.waiting or not self.done:
            return np.inf
        return float(self._over(seen_lo, seen_hi).max())

    def run(self, batch: Sequence[TubeBox]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Take boxes through the loop, and keep what is found in them.

        Returns:
            `(B,)` which are closed, `(B, d)` what to blame for those that are not, `(B,)` margins.
        """
        system, steps = self.system, self.where.steps
        lo, hi = (np.stack([getattr(box, end) for box in batch]) for end in ("lo", "hi"))
        closed, margin = np.ones(len(batch), bool), np.full(len(batch), np.inf)
        blame = np.zeros((len(batch), lo.shape[1]))
        active = np.arange(len(batch))
        bounds = _AtomBounds(self.where)
        fixed = boxes(lo, hi)
        state = fixed.take(np.arange(len(system.states)))
        for k in range(steps + 1):
            self._keep(batch, active, 0, k, state)
            out = None
            if k < steps:
                out = self._step(k, self._given(state, fixed, k), state)
                n = len(system.states)
                control = out.take(np.arange(n, out.center.shape[1]))
                self._keep(batch, active, 1, k, control)
                bounds.add(k, state, control)
            else:
                bounds.add(k, state, None)
            still = self._judge(k, bounds, active, closed, margin, blame, batch)
            if not still.all():
                active = active[still]
                bounds.keep(still)
                fixed = _some(fixed, still)
                out = None if out is None else _some(out, still)
            if out is None or not active.size:
                break
            state = reduced(out.take(np.arange(len(system.states))), lo.shape[1])
        return closed, blame, margin

    def _step(self, k: int, given: Zonotopes, state: Zonotopes) -> Zonotopes:
        """One step; where the plant may not be defined, an error says when and for which states.

        Raises:
            InputError: It may not be.
        """
        ends = state.take(np.array([self.system.mode])).ends()
        try:
            return through(self.system.step(k, np.stack(ends)), given)
        except InputError as error:
            lo, hi = state.ends()
            ends = zip(self.system.states, lo.min(axis=0), hi.max(axis=0), strict=True)
            where = ", ".join(f"{name} in [{a:.4g}, {b:.4g}]" for name, a, b in ends)
            raise InputError(
                f"At step {k}, for states as far as they are known ({where}), the plant is not "
                f"defined: {error}"
            ) from error

    def _given(self, state: Zonotopes, fixed: Zonotopes, k: int) -> Zonotopes:
        """The flat input of a step: state, disturbance, parameters, choice."""
        system = self.system
        n, w, p, c = system.sizes
        count, total = len(state.center), state.rows.shape[1]
        parts = [(state, 0)]
        if w and system.varies:
            parts.append((_fresh(system.noise.lo, system.noise.hi, count), total))
            total += w
        elif w:
            parts.append((fixed.take(np.arange(n + p, n + p + w)), 0))
        if p:
            parts.append((fixed.take(np.arange(n, n + p)), 0))
        if c:
            parts.append((_fresh(np.zeros(c), system.choices - 1.0, count), total))
            total += c
        return beside(parts, total)

    def _keep(
        self, batch: Sequence[TubeBox], active: np.ndarray, kind: int, k: int, form: Zonotopes
    ) -> None:
        """What a form says of a step, together with what was known of a larger box."""
        lo, hi = form.ends()
        for row, i in enumerate(active):
            if kind == 0:
                gains = batch[i].gains
                gains[k] = np.abs(form.rows[row, : gains.shape[2]]).T
            ends = (batch[i].states, batch[i].controls)[kind]
            ends[0, k] = np.maximum(ends[0, k], lo[row])
            ends[1, k] = np.minimum(ends[1, k], hi[row])

    def _judge(
        self,
        k: int,
        bounds: _AtomBounds,
        active: np.ndarray,
        closed: np.ndarray,
        margin: np.ndarray,
        blame: np.ndarray,
        batch: Sequence[TubeBox],
    ) -> np.ndarray:
        """Which boxes go on: those where nothing that ends at this step stays open."""
        still = np.ones(len(active), bool)
        for part in self.parts:
            if part.last != k:
                continue
            refuted, least = bounds.refuted(part.formula)
            worse = (~refuted & still) | (least < margin[active])
            margin[active] = np.minimum(margin[active], np.where(refuted, least, np.inf))
            for row in np.flatnonzero(worse):
                blame[active[row]] = bounds.blame(part.formula, row, blame.shape[1])
            still &= refuted
        closed[active[~still]] = False
        for i in active[still]:
            batch[i].reached = k
        return still


class _AtomBounds:
    """Bounds of linear forms of the states and controls of each step."""

    def __init__(self, where: Trajectory) -> None:
        self._where = where
        self._forms: dict[int, tuple[Zonotopes, Zonotopes | None]] = {}
        self._known: dict[Atom, Zonotopes] = {}

    def add(self, k: int, state: Zonotopes, control: Zonotopes | None) -> None:
        self._forms[k] = (state, control)

    def keep(self, still: np.ndarray) -> None:
        self._forms = {
            k: (_some(x, still), None if u is None else _some(u, still))
            for k, (x, u) in self._forms.items()
        }
        self._known.clear()

    def of(self, atom: Atom) -> Zonotopes:
        """The left side of an inequality, as a form."""
        if atom not in self._known:
            self._known[atom] = self._computed(atom)
        return self._known[atom]

    def _computed(self, atom: Atom) -> Zonotopes:
        total: Zonotopes | None = None
        for i, c in atom.terms:
            part = self._entry(i)
            size = np.abs(part.center) + part.reach
            rest = np.abs(c) * part.rest + 8 * np.finfo(np.float64).eps * np.abs(c) * size
            part = Zonotopes(c * part.center, c * part.rows, rest)
            total = part if total is None else _sum(total, part)
        if total is None:
            raise AssertionError("an inequality has terms")
        size = np.abs(total.center) + total.reach + abs(atom.offset)
        slack = 8 * np.finfo(np.float64).eps * size * len(atom.terms)
        return Zonotopes(total.center + atom.offset, total.rows, total.rest + slack)

    def _entry(self, i: int) -> Zonotopes:
        where = self._where
        n, k = len(where.states), where.step(i)
        state, control = self._forms[k]
        if i < where.inputs or i < where.inputs + where.steps * n:
            place = i if i < where.inputs else (i - where.inputs) % n
            return state.take(np.array([place]))
        if control is None:
            raise AssertionError("a control of the last step")
        return control.take(np.array([(i - where.inputs - where.steps * n) % len(where.controls)]))

    def refuted(self, formula: Formula) -> tuple[np.ndarray, np.ndarray]:
        """In which boxes nothing satisfies a formula, and the least of its value there."""
        if isinstance(formula, Atom):
            lo = self.of(formula).ends()[0][:, 0]
            return (lo >= 0 if formula.strict else lo > 0), lo
        found = [self.refuted(part) for part in formula.parts]
        if isinstance(formula, And):
            if not found:
                first = next(iter(self._forms.values()))[0]
                none = np.zeros(len(first.center), bool)
                return none, np.where(none, 0.0, -np.inf)
            return np.any([f for f, _ in found], axis=0), np.max([v for _, v in found], axis=0)
        return np.all([f for f, _ in found], axis=0), np.min([v for _, v in found], axis=0)

    def blame(self, formula: Formula, row: int, count: int) -> np.ndarray:
        """How much each initial variable contributes to what keeps a formula open in a box."""
        if isinstance(formula, Atom):
            return np.abs(self.of(formula).rows[row, :count, 0])
        if not formula.parts:
            return np.zeros(count)
        values = [self.refuted(part)[1][row] for part in formula.parts]
        which = np.argmax(values) if isinstance(formula, And) else np.argmin(values)
        return self.blame(formula.parts[int(which)], row, count)


def _sum(a: Zonotopes, b: Zonotopes) -> Zonotopes:
    count = max(a.rows.shape[1], b.rows.shape[1])
    return Zonotopes(a.center + b.center, a.of(count) + b.of(count), a.rest + b.rest)


def beside(parts: Sequence[tuple[Zonotopes, int]], total: int) -> Zonotopes:
    """Values one after the other.

    Args:
        parts: Values, and the number of the first symbol of each.
        total: How many symbols there are.
    """
    rows = []
    for part, first in parts:
        count, own, n = part.rows.shape
        padded = np.zeros((count, total, n))
        padded[:, first : first + own] = part.rows
        rows.append(padded)
    return Zonotopes(
        np.concatenate([part.center for part, _ in parts], axis=1),
        np.concatenate(rows, axis=2),
        np.concatenate([part.rest for part, _ in parts], axis=1),
    )


def _fresh(lo: np.ndarray, hi: np.ndarray, count: int) -> Zonotopes:
    return boxes(np.tile(lo, (count, 1)), np.tile(hi, (count, 1)))


def _some(form: Zonotopes, which: np.ndarray) -> Zonotopes:
    return Zonotopes(form.center[which], form.rows[which], form.rest[which])


def reduced(form: Zonotopes, kept: int) -> Zonotopes:
    """The same states with fewer symbols: of errors the largest stay, the rest are joined.

    Args:
        form: `(B, n)` states.
        kept: Symbols that are never joined: the first.
    """
    n = form.center.shape[1]
    own, errors = form.rows[:, :kept], form.rows[:, kept:]
    rest = form.rest
    if errors.shape[1] > NOISE * n:
        sizes = np.abs(errors).sum(axis=2)
        order = np.argsort(-sizes, axis=1, kind="stable")[:, :, None]
        ranked = np.take_along_axis(errors, order, axis=1)
        errors, small = ranked[:, : NOISE * n], ranked[:, NOISE * n :]
        rest = _up(rest + np.abs(small).sum(axis=1), small.shape[1])
    more = np.zeros((len(rest), n, n))
    more[:, np.arange(n), np.arange(n)] = rest
    return Zonotopes(form.center, np.concatenate([own, errors, more], axis=1), np.zeros_like(rest))


def _up(x: np.ndarray, terms: int) -> np.ndarray:
    return np.where(x == 0, 0.0, x * (1.0 + 2.0 * (terms + 4) * np.finfo(np.float64).eps) + 1e-300)


def pieces(box: TubeBox, scores: np.ndarray, levels: int = 1) -> list[TubeBox]:
    """A box cut in two, again and again, across the variable with the largest score.

    Args:
        box: The box.
        scores: `(d,)`; of what was cut it is half as large.
        levels: How often; up to `2**levels` boxes.
    """
    found = [(box, np.where(np.isfinite(scores), scores, 0.0))]
    for _ in range(levels):
        found = [half for one, worth in found for half in _halves(one, worth)]
    return [one for one, _ in found]


def _halves(box: TubeBox, scores: np.ndarray) -> list[tuple[TubeBox, np.ndarray]]:
    width = box.hi - box.lo
    able = width > 1e-12 * np.maximum(np.abs(box.lo), np.abs(box.hi))
    if not able.any():
        return [(box, scores)]
    score = np.where(able, scores + 1e-9 * width * (scores.max() or 1.0), -1.0)
    i = int(np.argmax(score))
    middle = 0.5 * box.lo[i] + 0.5 * box.hi[i]
    left = scores * np.where(np.arange(scores.size) == i, 0.5, 1.0)
    found = []
    for end in ("lo", "hi"):
        lo, hi = box.lo.copy(), box.hi.copy()
        (hi if end == "lo" else lo)[i] = middle
        half = replace(
            box, lo=lo, hi=hi, share=box.share / 2, states=box.states.copy(),
            controls=box.controls.copy(), gains=0.5 * box.gains,
        )  # fmt: skip
        found.append((half, left))
    return found


def levels_for(count: int, wanted: int) -> int:
    """How often to halve so many boxes, so that a batch is worth its while."""
    return max(1, min(5, (wanted // max(count, 1)).bit_length() - 1))
