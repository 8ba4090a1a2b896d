"""Reachable sets of loops by zonotopes in the initial variables, with splits of the initial set.

Each box of initial states (with parameters, and a constant disturbance) is propagated through the
loop as one zonotope. Its first symbols are always the initial variables, so the dependence of
states and controls on them is never lost. Errors of earlier steps remain symbols too (symbolic
remainders); if there are many, the smallest are merged. A box that leaves the specification open is
split on an undecided condition, or bisected along the variable that contributes most to the open
inequality.

Sound: every rounding error is accounted for (`domains/zonotopes.py`). Not complete without splits;
the bounds converge as boxes shrink. Cost: for each box and step, one evaluation of the step's graph
per symbol.

Reference: W. Kühn, *Rigorously computed orbits of dynamical systems without the wrapping effect*,
Computing 1998, for symbolic remainders; C. Huang et al., *POLAR*, ATVA 2022.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..core import InputError, seconds_left
from ..domains.zonotopes import Zonotopes, form_of_boxes
from .atom_bounds import AtomBounds, UnsafePart
from .specification import Trajectory
from .spread.threads import on_one_core
from .spread.tubes import bound_batches
from .spread.waves import Waves, full_batches
from .symbols import concatenate_values, fresh_symbols, reduce_symbols
from .system import LoopSystem
from .tube_boxes import TubeBox, assumptions_at, branches, cut_box
from .zonotope_pass import propagate


AT_ONCE = 32
"""Largest number of boxes in a batch."""

SMALLEST = 2.0**-12
"""Fraction of the initial set below which a box is too small to be cut because of an undefined
plant.
"""


@dataclass(eq=False)
class Tubes:
    """State of a search over boxes of the initial set, some of which are open and some done.

    Args:
        where: Layout of the trajectory.
        parts: The ways to violate the specification; empty to compute only the pipe.
        gone: Fraction of the initial set covered by empty boxes, for which no trajectory satisfies
            the assumptions.
        trouble: A sentence that says where the plant may be undefined; empty if no such place was
            found.
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
        for region in self.system.initial:
            ends = [
                np.concatenate([getattr(region.box, end), getattr(self.system.parameters, end)])
                for end in ("lo", "hi")
            ]
            share = 1.0 / len(self.system.initial)
            states = np.stack([np.full((steps + 1, n), -np.inf), np.full((steps + 1, n), np.inf)])
            states[:, 0] = region.box.lo, region.box.hi
            controls = np.stack([np.full((steps, m), -np.inf), np.full((steps, m), np.inf)])
            gains = np.zeros((steps + 1, n, ends[0].size))
            self.waiting.append(TubeBox(ends[0], ends[1], share, states, controls, gains))

    @property
    def margin(self) -> float:
        """Least proved distance of any closed box from a violation; infinite if none is closed."""
        return min((box.margin for box in self.done), default=np.inf)

    @property
    def covered(self) -> float:
        """Fraction of the initial set for which the specification is proved, from 0 to 1."""
        return min(1.0, self.gone + sum(box.share for box in self.done))

    @property
    def safe_until(self) -> int:
        """The last step up to which violations of the specification are proved impossible."""
        last_steps = [part.last for part in self.parts]
        each = (
            min((last for last in last_steps if last > box.reached), default=self.where.steps + 1)
            - 1
            for box in self.waiting
        )
        return min(each, default=self.where.steps)

    def advance(self) -> None:
        """Propagate waiting boxes through the loop, and cut the boxes that stay open."""
        count = full_batches(len(self.waiting), AT_ONCE)
        batches = [self.waiting[k * AT_ONCE : (k + 1) * AT_ONCE] for k in range(count)]
        self.waiting = self.waiting[count * AT_ONCE :]
        left = dict(enumerate(batches))
        try:
            results = bound_batches(self, batches) if count > 1 else {}
            # Batches without a result are bounded here; after the deadline, those with a result
            # come first.
            late = seconds_left() <= 0
            for k in sorted(left, key=lambda k: late and results.get(k) is None):
                result, batch = results.get(k), batches[k]
                outcome = self.bound(batch) if result is None else result.enter(self, batch)
                self._settle(batch, *outcome)
                del left[k]
        except BaseException:
            # Nothing is lost when an exception interrupts the search: these boxes wait again.
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
        # These are assigned last, so an earlier error leaves the search unchanged.
        self.boxes, self.gone = self.boxes + len(batch), gone
        self.done, self.waiting = self.done + done, self.waiting + waiting

    def add(self, boxes: Sequence[TubeBox]) -> None:
        """Add boxes to `done`, except empty boxes, whose fractions are added to `gone`."""
        self.gone += sum(box.share for box in boxes if box.empty)
        self.done += [box for box in boxes if not box.empty]

    def bound(self, batch: Sequence[TubeBox]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Apply `run`; boxes on which the plant may be undefined stay open.

        Raises:
            InputError: The plant may be undefined on a box that is too small to be cut.
        """
        try:
            return self.run(batch)
        except InputError:
            return self._one_by_one(batch)

    def _one_by_one(self, batch: Sequence[TubeBox]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Apply `run` to one box at a time; those on which the plant may be undefined stay open.

        Raises:
            InputError: The plant may be undefined on a box that is too small to be cut.
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
            Whether the specification is proved for each box, `(B,)`; the contribution of each
            variable to the inequality that is open or has the least margin, `(B, d)`; and the
            margins, `(B,)`.
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
        fixed = form_of_boxes(lo, hi, every=True)
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
                fixed = fixed.select(still)
                outputs = None if outputs is None else outputs.select(still)
            if outputs is None or not active.size:
                break
            state = reduce_symbols(outputs.take(np.arange(len(system.states))), lo.shape[1])
        return closed, blame, margin

    def _step(
        self, k: int, step_input: Zonotopes, state: Zonotopes, batch: Sequence[TubeBox]
    ) -> Zonotopes:
        """Propagate one step; errors are reported with the step and the bounds on the states.

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
                f"At step {k}, the plant is not defined for all states within their bounds "
                f"({where}): {error}"
            ) from error
        for box, guard, empty in zip(batch, assumed.first, assumed.empty, strict=True):
            box.empty = bool(empty)
            if guard is not None and box.guard is None:
                box.guard = k, graph, guard
        return outputs

    def _step_input(self, state: Zonotopes, fixed: Zonotopes, k: int) -> Zonotopes:
        """Return the flat input of step `k`: state, disturbance, parameters and choices.

        `fixed` contains the initial states and the parameters.
        """
        system = self.system
        n, w, p, c = system.sizes
        count, total = len(state.center), state.count
        parts = [(state, 0)]
        if w:
            parts.append((fresh_symbols(system.noise.lo, system.noise.hi, count), total))
            total += w
        if p:
            parts.append((fixed.take(np.arange(n, n + p)), 0))
        if c:
            parts.append((fresh_symbols(np.zeros(c), system.choices - 1.0, count), total))
            total += c
        return concatenate_values(parts, total)

    def _keep(
        self, batch: Sequence[TubeBox], active: np.ndarray, kind: int, k: int, form: Zonotopes
    ) -> None:
        """Intersect the stored bounds of a step with new bounds, and store the gains of the states.

        Args:
            batch: The boxes.
            active: Indices of the boxes in `form`.
            kind: 0 for states, 1 for controls.
            k: The step.
            form: The new states or controls, as zonotopes.
        """
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
        """Return a mask of the active boxes that exclude all violations that end at step `k`."""
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
