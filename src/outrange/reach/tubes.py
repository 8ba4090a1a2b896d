"""Reachable sets by zonotopes in the initial variables, and splits of the initial set.

Each box of initial states (with parameters, and a constant disturbance) is propagated through the
loop as one zonotope. Its first symbols remain the initial variables, so that the dependence of
states and controls on them is never lost. Errors of earlier steps stay symbols too (symbolic
remainders); the smallest are merged once there are many. A box whose specification stays open is
bisected along the variable in which the linear part of the violated inequality is longest.

Sound: every rounding is accounted for (`zonotopes`). Not complete in itself; converges as boxes
shrink.
Cost: a step of a box costs the graph of the step, times the symbols.

Reference: W. Kühn, *Rigorously computed orbits of dynamical systems without the wrapping effect*,
Computing 1998, for symbolic remainders; C. Huang et al., *POLAR*, ATVA 2022.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..core import InputError, seconds_left
from .atom_bounds import AtomBounds, UnsafePart
from .specification import Trajectory
from .spread.threads import on_one_core
from .spread.tubes import bound_batches
from .spread.waves import Waves, full_batches
from .symbols import concatenate_values, fresh_symbols, reduce_symbols, select_boxes
from .system import LoopSystem
from .tube_boxes import TubeBox, assumptions_at, branches, cut_box
from .zonotope_pass import propagate
from .zonotopes import Zonotopes, boxes


AT_ONCE = 32
"""Boxes of a batch."""

SMALLEST = 2.0**-12
"""Share of the initial set below which a plant that may be undefined on a box counts as undefined.
"""


@dataclass(eq=False)
class Tubes:
    """The search over boxes of the initial set, open and done.

    Args:
        where: Layout of its trajectory.
        parts: The ways to violate the specification; none if only the pipe is wanted.
        gone: Share of the empty boxes: no trajectory satisfies their assumptions.
        trouble: A sentence on where the plant may be undefined; empty if it is defined everywhere.
    """

    system: LoopSystem
    where: Trajectory
    parts: Sequence[UnsafePart]
    waiting: list[TubeBox] = field(default_factory=list)
    done: list[TubeBox] = field(default_factory=list)
    boxes: int = 0
    trouble: str = ""
    gone: float = 0.0
    waves: Waves | None = field(default=None, init=False, repr=False)

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
        """Distance that all closed boxes keep from a violation."""
        return min((box.margin for box in self.done), default=np.inf)

    @property
    def covered(self) -> float:
        """Share of the initial set for which the specification is proved."""
        return min(1.0, self.gone + sum(box.share for box in self.done))

    @property
    def safe_until(self) -> int:
        """The last step up to which no box is open."""
        last_steps = [part.last for part in self.parts]
        each = (
            min((last for last in last_steps if last > box.reached), default=self.where.steps + 1)
            - 1
            for box in self.waiting
        )
        return min(each, default=self.where.steps)

    def advance(self) -> None:
        """Propagate some of the boxes through the loop, and cut those that stay open."""
        count = full_batches(len(self.waiting), AT_ONCE)
        batches = [self.waiting[k * AT_ONCE : (k + 1) * AT_ONCE] for k in range(count)]
        self.waiting = self.waiting[count * AT_ONCE :]
        left = dict(enumerate(batches))
        try:
            results = bound_batches(self, batches) if count > 1 else {}
            # Missing batches are bounded here; after the deadline, known results come first.
            late = seconds_left() <= 0
            for k in sorted(left, key=lambda k: late and results.get(k) is None):
                result, batch = results.get(k), batches[k]
                outcome = self.bound(batch) if result is None else result.enter(self, batch)
                self._settle(batch, *outcome)
                del left[k]
        except BaseException:
            # After any interruption nothing is lost: these boxes are still open.
            self.waiting = [box for batch in left.values() for box in batch] + self.waiting
            raise

    def _settle(
        self, batch: Sequence[TubeBox], closed: np.ndarray, order: np.ndarray, margin: np.ndarray
    ) -> None:
        """Keep the closed boxes of a batch, and cut the others."""
        gone, done, waiting = self.gone, list[TubeBox](), list[TubeBox]()
        levels = 2 if len(batch) + len(self.waiting) < AT_ONCE // 4 else 1
        for box, is_closed, least, scores in zip(batch, closed, margin, order, strict=True):
            if box.empty:
                gone += box.share
            elif is_closed:
                box.margin, box.blame = float(least), scores
                done.append(box)
            else:
                waiting += branches(box) or cut_box(box, scores, levels)
        # Assigned together: an error before leaves the batch as it was.
        self.boxes, self.gone = self.boxes + len(batch), gone
        self.done, self.waiting = self.done + done, self.waiting + waiting

    def add(self, boxes: Sequence[TubeBox]) -> None:
        """Add done boxes, except empty ones."""
        self.gone += sum(box.share for box in boxes if box.empty)
        self.done += [box for box in boxes if not box.empty]

    def bound(self, batch: Sequence[TubeBox]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Apply `run`, also where the plant may be undefined for some of the boxes."""
        try:
            return self.run(batch)
        except InputError:
            return self._one_by_one(batch)

    def _one_by_one(self, batch: Sequence[TubeBox]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Bound boxes one by one; those on which the plant may be undefined are cut like open ones.

        Raises:
            InputError: The plant may be undefined even on a very small box.
        """
        results = []
        for box in batch:
            try:
                results.append(self.run([box]))
            except InputError as error:
                self.trouble = str(error)
                if box.share < SMALLEST or (box.lo == box.hi).all():
                    raise
                results.append((np.zeros(1, bool), (box.hi - box.lo)[None], np.full(1, np.inf)))
        closed, order, margin = (np.concatenate(each) for each in zip(*results, strict=True))
        return closed, order, margin

    def run(self, batch: Sequence[TubeBox]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Propagate boxes through the loop, and store the bounds in them.

        Returns:
            `(B,)` which are closed, `(B, d)` the blame for those that are not, `(B,)` margins.
        """
        with on_one_core():
            return self._run_batch(batch)

    def _run_batch(self, batch: Sequence[TubeBox]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        system, steps = self.system, self.where.steps
        lo, hi = (np.stack([getattr(box, end) for box in batch]) for end in ("lo", "hi"))
        closed, margin = np.ones(len(batch), bool), np.full(len(batch), np.inf)
        blame = np.zeros((len(batch), lo.shape[1]))
        active = np.arange(len(batch))
        bounds = AtomBounds(self.where)
        fixed = boxes(lo, hi)
        state = fixed.take(np.arange(len(system.states)))
        for box in batch:
            box.guard = None
        for k in range(steps + 1):
            self._keep(batch, active, 0, k, state)
            outputs = None
            if k < steps:
                active_boxes = [batch[i] for i in active.tolist()]
                outputs = self._step(k, self._step_input(state, fixed, k), state, active_boxes)
                n = len(system.states)
                control = outputs.take(np.arange(n, outputs.center.shape[1]))
                self._keep(batch, active, 1, k, control)
                bounds.add(k, state, control)
            else:
                bounds.add(k, state, None)
            still = self._judge(k, bounds, active, closed, margin, blame, batch)
            still &= ~np.array([batch[i].empty for i in active.tolist()], bool)
            if not still.all():
                active = active[still]
                bounds.keep(still)
                fixed = select_boxes(fixed, still)
                outputs = None if outputs is None else select_boxes(outputs, still)
            if outputs is None or not active.size:
                break
            state = reduce_symbols(outputs.take(np.arange(len(system.states))), lo.shape[1])
        return closed, blame, margin

    def _step(
        self, k: int, step_input: Zonotopes, state: Zonotopes, batch: Sequence[TubeBox]
    ) -> Zonotopes:
        """Propagate one step; an error names the step and states where the plant may be undefined.

        Raises:
            InputError: The plant may be undefined.
        """
        ends = state.take(np.array([self.system.mode])).ends()
        graph = self.system.step(k, np.stack(ends))
        assumed = assumptions_at(batch, k, graph)
        try:
            outputs = propagate(graph, step_input, assumed)
        except InputError as error:
            lo, hi = state.ends()
            ends = zip(self.system.states, lo.min(axis=0), hi.max(axis=0), strict=True)
            where = ", ".join(f"{name} in [{a:.4g}, {b:.4g}]" for name, a, b in ends)
            raise InputError(
                f"At step {k}, over the bounds of the states ({where}), the plant is not "
                f"defined: {error}"
            ) from error
        for box, guard, empty in zip(batch, assumed.first, assumed.empty, strict=True):
            box.empty = bool(empty)
            if guard is not None and box.guard is None:
                box.guard = k, graph, guard
        return outputs

    def _step_input(self, state: Zonotopes, fixed: Zonotopes, k: int) -> Zonotopes:
        """Return the flat input of a step: state, disturbance, parameters, choice."""
        system = self.system
        n, w, p, c = system.sizes
        count, total = len(state.center), state.rows.shape[1]
        parts = [(state, 0)]
        if w and system.varies:
            parts.append((fresh_symbols(system.noise.lo, system.noise.hi, count), total))
            total += w
        elif w:
            parts.append((fixed.take(np.arange(n + p, n + p + w)), 0))
        if p:
            parts.append((fixed.take(np.arange(n, n + p)), 0))
        if c:
            parts.append((fresh_symbols(np.zeros(c), system.choices - 1.0, count), total))
            total += c
        return concatenate_values(parts, total)

    def _keep(
        self, batch: Sequence[TubeBox], active: np.ndarray, kind: int, k: int, form: Zonotopes
    ) -> None:
        """Intersect the ends of a step with those known from a larger box."""
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
        bounds: AtomBounds,
        active: np.ndarray,
        closed: np.ndarray,
        margin: np.ndarray,
        blame: np.ndarray,
        batch: Sequence[TubeBox],
    ) -> np.ndarray:
        """Return the boxes in which nothing that ends at this step stays open."""
        still = np.ones(len(active), bool)
        for part in self.parts:
            if part.last != k:
                continue
            refuted, least = bounds.refute(part.formula)
            worse = (~refuted & still) | (least < margin[active])
            margin[active] = np.minimum(margin[active], np.where(refuted, least, np.inf))
            for row in np.flatnonzero(worse):
                blame[active[row]] = bounds.blame(part.formula, int(row), blame.shape[1])
            still &= refuted
        closed[active[~still]] = False
        for i in active[still]:
            batch[i].reached = k
        return still
