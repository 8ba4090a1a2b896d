"""The states of a batch of boxes at an instant within a period."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..polynomials.models import Models
from .symbols import SymbolOrigins, absorb_remainders


@dataclass(frozen=True, eq=False)
class Span:
    """The states of some of the boxes at an instant within a period.

    Args:
        boxes: `(b,)`: indices of the boxes.
        states: Models of the states.
        origins: Attribution of the symbols in these models to their causes.
        levels: `(b,)`: number of bisections of the period for each box.
        calm: `(b,)`: whether all steps of this period so far could have been longer.
        controls: The held controls; None without controls.
    """

    boxes: np.ndarray
    states: Models
    origins: SymbolOrigins
    levels: np.ndarray
    calm: np.ndarray
    controls: Models | None = None

    @property
    def size(self) -> int:
        """Number of boxes."""
        return self.boxes.size

    def take(self, some: np.ndarray) -> Span:
        """Return the span of the boxes that `some` selects."""
        return Span(
            self.boxes[some], self.states.take(some), self.origins.take(some), self.levels[some],
            self.calm[some], None if self.controls is None else self.controls.take(some),
        )  # fmt: skip

    def absorb_remainders(self) -> Span:
        """Return a span in which each state's remainder is replaced with a new symbol."""
        states = absorb_remainders(self.states)
        held = None if self.controls is None else self.controls.pad(states.sym.shape[-1])
        origins = self.origins.with_flow(self.states)
        return replace(self, states=states, origins=origins, controls=held)

    def with_memory(self, memory: np.ndarray) -> Span:
        """Return a span in which the controller's memory is moved from the controls to the states.

        Args:
            memory: Indices of the states that the controller's last outputs replace.
        """
        held, states = self.controls, self.states
        assert held is not None and states.rest is not None
        first = held.entries - memory.size
        new = held.pick(np.arange(first, held.entries))
        assert new.rest is not None
        coef, sym, rest = states.coef.copy(), states.sym.copy(), states.rest.copy()
        coef[:, memory], sym[:, memory], rest[:, memory] = new.coef, new.sym, new.rest
        states = replace(states, coef=coef, sym=sym, rest=rest)
        return replace(self, states=states, controls=held.pick(np.arange(first)))

    def loose(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the largest fraction of a state's radius that is due to remainders, and the blame.

        The fraction is `(b,)`. The blame, `(b, d)`, is the contribution of each initial variable
        to these remainders. States with a relative radius of at most 1e-9 are ignored.
        """
        remainders = self.states.sym_norm + (0.0 if self.states.rest is None else self.states.rest)
        with np.errstate(all="ignore"):
            share = remainders / self.states.radius
        share = np.where(np.isfinite(share), share, 0.0)
        # A state that hardly varies may consist of remainder alone, which does no harm.
        wide = self.states.radius > 1e-9 * (1.0 + np.abs(self.states.coef[..., 0]))
        share = np.where(wide, share, 0.0)
        at = share.argmax(axis=1)
        rows = np.arange(self.size)
        return share[rows, at], self.origins.remainders(self.states)[rows, at]

    def pad(self, symbols: int) -> Span:
        """Pad the models with zeros to at least `symbols` symbols."""
        held = None if self.controls is None else self.controls.pad(symbols)
        states, origins = self.states.pad(symbols), self.origins.pad(symbols)
        return replace(self, states=states, origins=origins, controls=held)

    def join(self, other: Span) -> Span:
        """Return a span with the boxes of both spans."""
        if not self.size or not other.size:
            return other if not self.size else self
        symbols = max(s.states.sym.shape[-1] for s in (self, other))
        a, b = self.pad(symbols), other.pad(symbols)
        held = None
        if a.controls is not None and b.controls is not None:
            held = _concatenate(a.controls, b.controls)
        return Span(
            np.concatenate([a.boxes, b.boxes]), _concatenate(a.states, b.states),
            a.origins.concatenate(b.origins), np.concatenate([a.levels, b.levels]),
            np.concatenate([a.calm, b.calm]), held,
        )  # fmt: skip


def _concatenate(a: Models, b: Models) -> Models:
    """Concatenate the boxes of two batches of models."""
    assert a.rest is not None and b.rest is not None
    return Models(
        a.frame, np.concatenate([a.coef, b.coef]), np.concatenate([a.sym, b.sym]),
        np.concatenate([a.rest, b.rest]),
    )  # fmt: skip
