"""A beam search for the order of additions in which the rounding errors of a sum add up the most.

An addition to a partial sum rounds a term to a multiple of a unit in the last place. The error
depends on the term and on the size of the partial sum, and hardly on the other terms in it. So the
search decides which terms to add to a large sum, which before it is large, and which to another
term first.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np


WINDOW = 6
"""Number of the next terms in an order among which one may be added first."""

GROUP = 2
"""Largest number of terms that may be added to each other first."""


class Order(NamedTuple):
    """The order of the terms in sums; the constant is term `n`.

    `fused` terms are added by a fused multiply-add, and `paired` terms are added to the next term
    first.
    """

    terms: np.ndarray
    fused: np.ndarray
    paired: np.ndarray


def best_sums(
    exact: np.ndarray, rounded: np.ndarray, want: np.ndarray, beam: int
) -> tuple[np.ndarray, Order]:
    """Return sums with the largest errors found: their float32 values `(S,)`, and their orders.

    Args:
        exact: `(S, T)`: the products in float64, which are exact.
        rounded: `(S, T)`: the products rounded to float32.
        want: `(S,)`: the direction of the error, 1 for upward and -1 for downward.
        beam: Number of partial sums kept at each step.
    """
    found = []
    for sign in (1.0, -1.0):
        places = np.argsort(np.where(exact == 0, np.inf, -sign * exact), axis=1, kind="stable")
        products, numbers = (np.take_along_axis(terms, places, 1) for terms in (exact, rounded))
        off, value, order = _Beam(products, numbers, want, beam).run()
        found.append((off, value, np.take_along_axis(places, order.terms, 1), *order[1:]))
    better = found[1][0] > found[0][0]
    value, *order = (
        np.where(better if old.ndim == 1 else better[:, None], new, old)
        for old, new in zip(*(one[1:] for one in found), strict=True)
    )
    return value, Order(*order)


class _States(NamedTuple):
    """The best partial sums with a given number of terms, `(S, b)` for each sum.

    The fields are the score, the value, a hash of the terms, and the next places `(S, b, w)`. The
    others describe the last step: the number of terms, the rank of the parent, its slots in
    `next_`, the places, and whether the term is fused.
    """

    score: np.ndarray
    value: np.ndarray
    mark: np.ndarray
    next_: np.ndarray
    step: np.ndarray
    parent: np.ndarray
    slots: np.ndarray
    places: np.ndarray
    fused: np.ndarray

    def ranked(self, chosen: np.ndarray) -> _States:
        """Select some of the states of each sum."""
        rows = np.arange(len(chosen))[:, None]
        return _States(*(part[rows, chosen] for part in self))


class _Beam:
    """The beam search over the terms of sums, which keeps approximately their given order."""

    def __init__(self, exact: np.ndarray, rounded: np.ndarray, want: np.ndarray, beam: int) -> None:
        self.exact, self.rounded, self.want, self.beam = exact, rounded, want, beam
        self.live = int((exact != 0).sum(axis=1).max(initial=1))
        # A product whose own rounding has the wanted direction gains the same whenever it is added.
        self.spare = np.maximum(want[:, None] * (rounded.astype(np.float64) - exact), 0.0)
        self.marks = np.random.default_rng(0).integers(1 << 62, size=exact.shape[1])
        self.rows = np.arange(len(exact))[:, None]

    def run(self) -> tuple[np.ndarray, np.ndarray, Order]:
        """Return the error of each sum, its value, and its order."""
        none = np.zeros((len(self.exact), 1), np.int64)
        places = np.zeros((len(none), 1, GROUP), np.int64)
        first = np.arange(min(WINDOW, self.live)) + places[:, :, :1]
        value = none.astype(np.float32)
        states = [_States(none * 0.0, value, none, first, none, none, places, places, none)]
        for done in range(1, self.live + 1):
            found = [
                self._longer(states[done - step], step)
                for step in range(1, min(GROUP, done) + 1)
                if step <= states[done - step].next_.shape[2]
            ]
            both = _States(*(np.concatenate(part, axis=1) for part in zip(*found, strict=True)))
            states.append(self._kept(states, both, done))
        return self._traced(states)

    def _longer(self, before: _States, step: int) -> _States:
        """Return the best sums with `step` more terms, which are added to each other first."""
        rows, p = self.rows[:, :, None], before.value[:, :, None]
        slots = np.array(list(combinations(range(before.next_.shape[2]), step)))
        exact = np.zeros((*before.value.shape, len(slots)))
        apart = joint = exact.astype(np.float32)
        mark, score = before.mark[:, :, None], before.score[:, :, None]
        for k in range(step):
            place = before.next_[:, :, slots[:, k]]
            product, rounded = self.exact[rows, place], self.rounded[rows, place]
            apart, joint = apart + rounded, fused_add(joint, product) if k else rounded
            exact, mark = exact + product, mark ^ self.marks[place]
            score = score - self.spare[rows, place]
        new = np.stack([p + apart, fused_add(p, exact) if step == 1 else p + joint], axis=-1)
        gain = new.astype(np.float64) - p[..., None] - exact[..., None]
        score = score[..., None] + self.want[:, None, None, None] * gain
        flat = score.reshape(len(score), -1)
        many = min(3 * self.beam, flat.shape[1])
        chosen = np.argpartition(-flat, many - 1, axis=1)[:, :many]
        parent, slot, fused = np.unravel_index(chosen, score.shape[1:])
        at = self.rows, parent, slot
        used = np.pad(slots, [(0, 0), (0, GROUP - step)], mode="edge")[slot]
        places = before.next_[rows, parent[..., None], used]
        found = score[(*at, fused)], new[(*at, fused)], mark[at], used
        return _States(*found, np.full(slot.shape, step), parent, used, places, fused)

    def _kept(self, states: Sequence[_States], found: _States, done: int) -> _States:
        """Return the best distinct sums with `done` terms, with their next terms."""
        code = found.mark ^ (found.value.view(np.int32).astype(np.int64) * 0x9E3779B97F4A7C1)
        order = np.argsort(code, axis=1)
        in_order = np.take_along_axis(code, order, 1)
        again = np.zeros(code.shape, bool)
        np.put_along_axis(again, order[:, 1:], in_order[:, 1:] == in_order[:, :-1], 1)
        best = np.argsort(np.where(again, np.inf, -found.score), axis=1)[:, : self.beam]
        found = found.ranked(best)
        width = min(WINDOW, self.live - done)
        next_ = np.zeros((*best.shape, width), np.int64)
        for step in range(1, min(GROUP, done) + 1):
            before = states[done - step].next_
            kept = np.broadcast_to(np.arange(width), next_.shape)
            for k in range(step):
                kept = kept + (kept >= found.slots[:, :, k, None])
            rest = before[self.rows, np.minimum(found.parent, before.shape[1] - 1)]
            taken = np.take_along_axis(rest, np.minimum(kept, before.shape[2] - 1), 2)
            # The places after the window follow.
            taken = np.where(kept < before.shape[2], taken, kept + done - step)
            next_ = np.where((found.step == step)[..., None], taken, next_)
        return found._replace(next_=next_)

    def _traced(self, states: Sequence[_States]) -> tuple[np.ndarray, np.ndarray, Order]:
        """Return the best complete sums, with their orders traced back through the states."""
        sums, count = self.exact.shape
        places = np.tile(np.arange(count), (sums, 1))
        fused, paired = np.zeros((2, sums, count), bool)
        best = states[-1].score.argmax(axis=1)
        for row in range(sums):
            done, rank = self.live, best[row]
            while done:
                state = states[done]
                step = state.step[row, rank]
                places[row, done - step : done] = state.places[row, rank, :step]
                # The first term of a group is a product on its own.
                behind = slice(done - step + (step > 1), done)
                fused[row, behind] = state.fused[row, rank] == 1
                paired[row, done - step : done - 1] = True
                done, rank = done - step, state.parent[row, rank]
        rows = np.arange(sums)
        off = states[-1].score[rows, best] + self.spare.sum(axis=1)
        return off, states[-1].value[rows, best], Order(places, fused, paired)


def fused_add(p: np.ndarray, product: np.ndarray) -> np.ndarray:
    """Return `p + product`, rounded once to float32; the product is exact in float64.

    The sum in float64 is rounded to odd. Rounding it again to float32 then has the same result as
    rounding once.
    """
    p = p.astype(np.float64)
    total = p + product
    part = total - p
    rest = (p - (total - part)) + (product - part)
    even = (total.view(np.int64) & 1) == 0
    odd = np.nextafter(total, np.where(rest > 0, np.inf, -np.inf))
    return np.where((rest != 0) & even, odd, total).astype(np.float32)
