"""Paving: an input set is cut into boxes until the fraction that satisfies some clause is known.

Each box has lower and upper linear bounds of every clause, which may prove that the box is entirely
outside or inside. For a mixed box, the volumes of two half-spaces bound the fraction inside. The
box with the largest uncertain volume is bisected first. The boxes form bisection trees, which
locate points.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ...core import OutOfTime, deadline, gamma
from ...core.clock import read_clock
from ..engines.base import BoxBounds
from .clause_bounds import ClauseBounds
from .halfspace_volumes import share_below
from .paving_box import INSIDE, MIXED, OUTSIDE, PavingBox
from .settings import SETTINGS


class Paving:
    """Boxes that cover an input set, valid whenever the refinement stops.

    Args:
        clauses: The clauses and their bounds.
        lo: `(r, d)` lower bounds of the free inputs in boxes that are disjoint (up to faces).
        hi: Array of shape `(r, d)`.
        wanted: `(r, m)` mask of the clauses that concern each box.
        whole: `(d,)` mask of the integer inputs; with such inputs, fractions are meaningless.
    """

    def __init__(
        self,
        clauses: ClauseBounds,
        lo: np.ndarray,
        hi: np.ndarray,
        wanted: np.ndarray,
        whole: np.ndarray | None = None,
    ) -> None:
        self.clauses = clauses
        self._whole = np.zeros(lo.shape[1], bool) if whole is None else whole
        self.bounded = 0
        self._at_once = 8
        self.lo, self.hi = lo, hi
        self._unit = np.where(clauses.free, clauses.hull.hi - clauses.hull.lo, 1.0)[clauses.free]
        sizes = self._sizes(lo, hi)
        self.volume = math.fsum(sizes) if len(lo) else 1.0
        unknown = np.zeros(clauses.units, np.int8)
        parts = sizes / self.volume if self.volume > 0 else np.full(len(lo), 1.0 / len(lo))
        self.roots = [
            PavingBox(lo[i], hi[i], float(parts[i]), wanted[i].copy(), unknown)
            for i in range(len(lo))
        ]
        d = lo.shape[1]
        self._slip = gamma(8 * d + 32)

    def _sizes(self, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        """Return the volumes of boxes, as fractions of the hull's volume."""
        return np.prod((hi - lo) / self._unit, axis=1)

    # ---- results ----------------------------------------------------------------------------

    def leaves(self) -> Iterator[PavingBox]:
        """Yield every leaf box."""
        for root in self.roots:
            yield from root.leaves()

    def share(self) -> tuple[float, float]:
        """Return proved bounds on the fraction of the volume that satisfies some clause."""
        cells = list(self.leaves())
        up, down = 1.0 + self._slip, 1.0 - self._slip
        most = math.fsum(c.most for c in cells if c.most > 0) * up
        missing = math.fsum(c.share - c.least for c in cells if c.label != INSIDE) * up
        least = math.fsum(c.least for c in cells) * down
        return max(0.0, least, 1.0 - missing), min(1.0, most)

    # ---- refinement -------------------------------------------------------------------------

    def look(self, cells: Sequence[PavingBox]) -> None:
        """Bound boxes of the paving, and store bounds, labels and known phases in them."""
        if not cells:
            return
        lo, hi = np.array([c.lo for c in cells]), np.array([c.hi for c in cells])
        open_ = np.array([c.open for c in cells])
        began = read_clock()
        result = self.clauses.bound(lo, hi, np.array([c.status for c in cells]))
        each = (read_clock() - began) / len(cells)
        self._at_once = max(
            1, min(SETTINGS.most_at_once, int(SETTINGS.seconds_a_call / max(each, 1e-9)))
        )
        self.bounded += len(cells)
        here, nowhere = self.clauses.sides(result, lo, hi)
        here, open_ = here & open_, open_ & ~nowhere
        with np.errstate(all="ignore"):
            least, most = self._shares(result, lo, hi, open_)
            blame = _blame(result, open_, lo, hi)
        for i, cell in enumerate(cells):
            cell.blame, cell.open, cell.status = blame[i], open_[i], result.status[i]
            cell.undecided = int(result.undecided[i])
            cell.forms = result.slopes[i], result.offset[i]
            cell.least, cell.most = least[i] * cell.share, most[i] * cell.share
            if here[i].any():
                cell.label, cell.least, cell.most = INSIDE, cell.share, cell.share
            elif not open_[i].any():
                cell.label, cell.least, cell.most = OUTSIDE, 0.0, 0.0

    def _shares(
        self, result: BoxBounds, lo: np.ndarray, hi: np.ndarray, open_: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return bounds `(B,)` of the fraction of each box that satisfies some clause.

        The lower bound is the largest lower bound of a clause. The upper bound is the sum of the
        upper bounds of all clauses.
        """
        m = self.clauses.count
        least, most = np.zeros(len(lo)), np.zeros(len(lo))
        for k in range(m):
            on = np.flatnonzero(open_[:, k])
            if not on.size:
                continue
            ends = lo[on], hi[on]
            _, outer = share_below(result.slopes[on, k], result.offset[on, k], *ends)
            inner, _ = share_below(-result.slopes[on, m + k], -result.offset[on, m + k], *ends)
            least[on] = np.maximum(least[on], inner)
            most[on] += outer
        return least, np.minimum(most * (1.0 + gamma(m + 4)), 1.0)

    def halve(self, cells: Sequence[PavingBox]) -> list[PavingBox]:
        """Bisect each cell along the input that causes most slack; return the bounded halves.

        Cells that cannot be bisected are skipped.
        """
        pairs: list[tuple[PavingBox, int, float, PavingBox, PavingBox]] = []
        for cell in cells:
            cut, at = _place(cell, self._whole)
            if cut < 0:
                continue
            left_hi, right_lo = cell.hi.copy(), cell.lo.copy()
            left_hi[cut], right_lo[cut] = at, at + self._whole[cut]
            ends = ((cell.lo, left_hi), (right_lo, cell.hi))
            sizes = self._sizes(np.array([e[0] for e in ends]), np.array([e[1] for e in ends]))
            parts = sizes / self.volume if self.volume > 0 else np.full(2, cell.share / 2)
            a, b = (
                PavingBox(*end, float(part), cell.open, cell.status)
                for end, part in zip(ends, parts, strict=True)
            )
            pairs.append((cell, cut, at, a, b))
        fresh = [half for *_, a, b in pairs for half in (a, b)]
        self.look(fresh)
        # Bounded before they are attached, so that an interrupt leaves every tree consistent.
        for cell, cut, at, a, b in pairs:
            cell.cut, cell.at, cell.forms = cut, at, None
            cell.children = (a, b)
        return fresh

    def refine(self, tol: float, seconds: float, most: int) -> str | None:
        """Bisect boxes until the satisfying fraction is known up to `tol`.

        If the compiled kernel bounds the clauses, the refinement continues until at most `tol` of
        the volume lies in boxes with too many unstable units to enumerate their patterns.

        Args:
            tol: Fraction of the whole volume.
            seconds: Wall-clock seconds for this call.
            most: Maximum number of boxes that are not labeled outside.

        Returns:
            None if the goal is reached (or no box can be bisected), and otherwise `"time"`,
            `"memory"`, `"pieces"` or `"interrupted"`.
        """
        until = read_clock() + seconds
        try:
            with deadline(seconds):
                return self._refine(tol, until, most)
        except KeyboardInterrupt:
            return "interrupted"
        except OutOfTime:
            return "time"
        except MemoryError:
            return "memory"

    def _refine(self, tol: float, until: float, most: int) -> str | None:
        """Refine as `refine` does, but let exceptions such as interrupts pass."""
        fresh = [c for c in self.leaves() if c.blame is None]
        while fresh:
            if read_clock() > until:
                return "time"
            few = self._at_once
            self.look(fresh[:few])
            fresh = fresh[few:]
        for weight in (_gap, self._unenumerable_share):
            stopped = self._until(weight, tol, until, most)
            if stopped is not None:
                return stopped
        return None

    def _until(
        self, weight: Callable[[PavingBox], float], tol: float, until: float, most: int
    ) -> str | None:
        """Bisect the boxes of largest weight until all weights sum to at most `tol`.

        Return the reason for an early stop (`"pieces"` or `"time"`), or None.
        """
        count, heap, total = 0, [], 0.0
        number = 0
        for cell in self.leaves():
            count += cell.label != OUTSIDE
            total += weight(cell)
            if weight(cell) > SETTINGS.settled * cell.share:
                heap.append((-weight(cell), number, cell))
                number += 1
        heapq.heapify(heap)
        while heap and total > tol:
            if count >= most:
                return "pieces"
            if read_clock() > until:
                return "time"
            few = max(1, min(self._at_once, len(heap) // 2, most - count))
            cells = [heapq.heappop(heap)[2] for _ in range(min(few, len(heap)))]
            fresh = self.halve(cells)
            total -= math.fsum(weight(c) for c in cells if c.children is not None)
            count -= sum(c.children is not None for c in cells)
            for half in fresh:
                count += half.label != OUTSIDE
                total += weight(half)
                if weight(half) > SETTINGS.settled * half.share:
                    heapq.heappush(heap, (-weight(half), number, half))
                    number += 1
        return None

    def _unenumerable_share(self, cell: PavingBox) -> float:
        """Return a box's fraction of the volume if bisection may permit an enumeration, or 0.

        This is the case for a mixed box of a piecewise-linear graph with at most `most_inputs`
        inputs. Its patterns cannot be enumerated yet: more than `most_units` units are unstable.
        """
        clauses = self.clauses
        too_many = len(cell.lo) <= SETTINGS.most_inputs and cell.undecided > SETTINGS.most_units
        return cell.share if clauses.exact_units and too_many and cell.label == MIXED else 0.0


def _gap(cell: PavingBox) -> float:
    """Return the fraction of the whole volume that is uncertain in a box."""
    return cell.gap


def _blame(result: BoxBounds, open_: np.ndarray, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """Attribute the slack of the bounds of open clauses to the inputs, `(B, d)`.

    Unlike a branching score, the result hardly depends on the slopes of the forms. The half-space
    volumes account for the slopes exactly, so only the slack causes uncertainty.
    """
    both = np.concatenate([open_, open_], axis=1)[:, :, None]
    width = (hi - lo)[:, None]
    slack = np.where(np.isfinite(result.scores), np.maximum(result.scores, 0.0), 0.0)
    slope = np.where(np.isfinite(result.slopes), np.abs(result.slopes), 0.0) * width
    blame = np.where(both, slack + 1e-3 * slope, 0.0).sum(axis=1)
    sound = np.isfinite(np.where(both[:, :, 0], result.least, 0.0)).all(axis=1, keepdims=True)
    return np.where(sound & np.isfinite(blame), blame, hi - lo)


def _place(cell: PavingBox, whole: np.ndarray) -> tuple[int, float]:
    """Return the input to bisect (-1 if none can be), and its upper bound in the lower half."""
    middle = 0.5 * cell.lo + 0.5 * cell.hi
    middle = np.where(whole, np.floor(middle), middle)
    splits = np.less(middle, cell.hi) & (whole | np.greater(middle, cell.lo))
    blame = cell.hi - cell.lo if cell.blame is None else cell.blame
    if not splits.any():
        return -1, 0.0
    cut = int(np.where(splits, blame + 1e-300, -1.0).argmax())
    return cut, float(np.take(middle, cut))
