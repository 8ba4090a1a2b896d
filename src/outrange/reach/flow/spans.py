"""Some of the boxes on their way through a period."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..polynomials.models import Models
from .symbols import SymbolOrigins, absorbed


@dataclass(frozen=True, eq=False)
class Span:
    """Some of the boxes at an instant.

    Args:
        boxes: `(b,)` their numbers.
        states: Their models.
        origins: Of the symbols of those.
        levels: `(b,)` how often the period is halved for them.
        calm: `(b,)` whether all steps of this period could have been longer.
        controls: What is held; None where there are no controls.
    """

    boxes: np.ndarray
    states: Models
    origins: SymbolOrigins
    levels: np.ndarray
    calm: np.ndarray
    controls: Models | None = None

    @property
    def size(self) -> int:
        """How many boxes there are."""
        return self.boxes.size

    def take(self, some: np.ndarray) -> Span:
        """Some of them."""
        return Span(
            self.boxes[some], self.states.take(some), self.origins.take(some), self.levels[some],
            self.calm[some], None if self.controls is None else self.controls.take(some),
        )  # fmt: skip

    def absorbed(self) -> Span:
        """The same, with symbols in the place of remainders."""
        states = absorbed(self.states)
        held = None if self.controls is None else self.controls.padded(states.sym.shape[-1])
        origins = self.origins.with_flow(self.states)
        return replace(self, states=states, origins=origins, controls=held)

    def remembered(self, memory: np.ndarray) -> Span:
        """The beginning of a period: the controls alone are held, the rest are states.

        Args:
            memory: The places among the states of the last of what the controller says, which are
                now controls of this span.
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
        """`(b,)` the largest share of remainders in the radius of a state, and whom to blame."""
        own = self.states.sym_norm + (0.0 if self.states.rest is None else self.states.rest)
        with np.errstate(all="ignore"):
            share = own / self.states.radius
        share = np.where(np.isfinite(share), share, 0.0)
        # A state that hardly varies may be all remainder.
        wide = self.states.radius > 1e-9 * (1.0 + np.abs(self.states.coef[..., 0]))
        share = np.where(wide, share, 0.0)
        at = share.argmax(axis=1)
        rows = np.arange(self.size)
        return share[rows, at], self.origins.remainders(self.states)[rows, at]

    def padded(self, symbols: int) -> Span:
        """The same with at least so many symbols."""
        held = None if self.controls is None else self.controls.padded(symbols)
        states, origins = self.states.padded(symbols), self.origins.padded(symbols)
        return replace(self, states=states, origins=origins, controls=held)

    def together(self, other: Span) -> Span:
        """Both."""
        if not self.size or not other.size:
            return other if not self.size else self
        symbols = max(s.states.sym.shape[-1] for s in (self, other))
        a, b = self.padded(symbols), other.padded(symbols)
        held = None
        if a.controls is not None and b.controls is not None:
            held = _joined(a.controls, b.controls)
        return Span(
            np.concatenate([a.boxes, b.boxes]), _joined(a.states, b.states),
            a.origins.joined(b.origins), np.concatenate([a.levels, b.levels]),
            np.concatenate([a.calm, b.calm]), held,
        )  # fmt: skip


def _joined(a: Models, b: Models) -> Models:
    """Two batches."""
    assert a.rest is not None and b.rest is not None
    return Models(
        a.frame, np.concatenate([a.coef, b.coef]), np.concatenate([a.sym, b.sym]),
        np.concatenate([a.rest, b.rest]),
    )  # fmt: skip
