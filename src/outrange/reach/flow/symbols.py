"""Remainders kept as symbols, which the flow propagates linearly instead of by absolute value.

The origin of every symbol is recorded (`SymbolOrigins`). So the width of a form can be attributed
to initial variables, to the controller or to the flow, even where remainders cause it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...core import gamma
from ..polynomials.models import Models, with_rounding


KINDS = ("controller", "flow")
"""The kinds of remainders that become symbols: from the controller, and from the flow."""


@dataclass(frozen=True, eq=False)
class SymbolOrigins:
    """The causes of each symbol in a batch of Taylor models, as fractions.

    Args:
        shares: `(B, S, d + 2)`: for each symbol, the fractions due to each initial variable, which
            add up to at most 1, then the fractions due to the two `KINDS`.
    """

    shares: np.ndarray

    def take(self, boxes: np.ndarray) -> SymbolOrigins:
        """Return the attributions for the boxes that `boxes` selects."""
        return SymbolOrigins(self.shares[boxes])

    def pad(self, symbols: int) -> SymbolOrigins:
        """Pad the fractions with zeros to at least `symbols` symbols."""
        short = symbols - self.shares.shape[1]
        return (
            self if short <= 0 else SymbolOrigins(np.pad(self.shares, [(0, 0), (0, short), (0, 0)]))
        )

    def concatenate(self, other: SymbolOrigins) -> SymbolOrigins:
        """Return the attributions of two batches of boxes with equal numbers of symbols, joined."""
        return SymbolOrigins(np.concatenate([self.shares, other.shares]))

    def widths(self, models: Models) -> np.ndarray:
        """Return each initial variable's contribution to the radius of each state, `(B, n, d)`."""
        frame = models.frame
        size = np.abs(models.coef[..., : frame.width])
        # A monomial of several variables is attributed to each of them in part.
        parts = frame.exponents / np.maximum(frame.degrees, 1)[:, None]
        return size @ parts + self.remainders(models)

    def blame(self, models: Models) -> np.ndarray:
        """Estimate how much a cut across each variable may tighten each form, `(B, n, d)`.

        The range of a linear term together with its square is already exact, and after a cut, one
        half still contains the worst corner. So blame is assigned only to the other monomials and
        the remainders.
        """
        frame = models.frame
        others = frame.others
        size = np.abs(models.coef[..., others])
        parts = frame.exponents[others] / np.maximum(frame.degrees[others], 1)[:, None]
        blame = size @ parts + self.remainders(models)
        linear = np.abs(models.coef[..., frame.linear])
        with np.errstate(all="ignore"):
            share = np.nan_to_num(linear / linear.sum(axis=-1, keepdims=True))
        rest = 0.0 if models.rest is None else np.where(np.isfinite(models.rest), models.rest, 1.0)
        return blame + share * np.asarray(rest)[..., None]

    def remainders(self, models: Models) -> np.ndarray:
        """Return each variable's contribution to the radii by way of remainders, `(B, n, d)`."""
        d = models.frame.variables
        return np.matmul(np.abs(models.sym[:, :, 0]), self.shares[..., :d])

    def kinds(self, models: Models) -> np.ndarray:
        """Return the contribution of each kind of remainder to each state's radius, `(B, n, 2)`."""
        return np.matmul(np.abs(models.sym[:, :, 0]), self.shares[..., -2:])

    def with_controls(self, held: Models) -> SymbolOrigins:
        """Return these origins extended by the last symbols of `held`, the controls.

        Each new symbol is attributed to the causes of its control's width.
        """
        old = replace(held, sym=held.sym[..., : self.shares.shape[1]])
        return self._with(self.widths(old), 0)

    def with_flow(self, states: Models) -> SymbolOrigins:
        """Return these origins extended by one symbol for each state.

        Each new symbol is attributed to the causes of the widths of all states.
        """
        shares = self.widths(states)
        with np.errstate(all="ignore"):
            shares = shares / shares.sum(axis=-1, keepdims=True)
        shares = np.where(np.isfinite(shares), shares, 0.0)
        return self._with(np.broadcast_to(shares.mean(axis=1, keepdims=True), shares.shape), 1)

    def _with(self, contributions: np.ndarray, kind: int) -> SymbolOrigins:
        with np.errstate(all="ignore"):
            shares = contributions / contributions.sum(axis=-1, keepdims=True)
        shares = np.where(np.isfinite(shares), shares, 0.0)
        marks = np.zeros((*shares.shape[:-1], 2))
        marks[..., kind] = 1.0
        return SymbolOrigins(
            np.concatenate([self.shares, np.concatenate([shares, marks], axis=-1)], axis=1)
        )


def absorb_remainders(models: Models) -> Models:
    """Return models at an instant in which each remainder is a new symbol."""
    assert models.rest is not None
    n = models.entries
    fresh = models.rest[:, :, None] * np.eye(n)
    sym = np.concatenate([models.sym, fresh[:, :, None]], axis=-1)
    return replace(models, sym=sym, rest=np.zeros_like(models.rest))


def reduce_symbols(
    models: Models, origins: SymbolOrigins, most: int
) -> tuple[Models, SymbolOrigins]:
    """Limit the number of symbols by merging the smallest into one symbol for each state.

    A sum of small segments lies in a parallelotope whose sides are long enough for all of them
    (Girard, Kopetzki et al.). The size of a segment is measured relative to the whole set.
    """
    if models.sym.shape[-1] <= most:
        return models, origins
    n = models.entries
    sym = models.sym[:, :, 0]
    whole = np.abs(models.coef[..., 1:]).sum(axis=-1) + np.abs(sym).sum(axis=-1) + 1e-300
    importance = (np.abs(sym) / whole[..., None]).max(axis=1)
    order = np.argsort(-importance, axis=1, kind="stable")
    ordered = np.take_along_axis(sym, order[:, None], axis=-1)
    shares = np.take_along_axis(origins.shares, order[..., None], axis=1)
    large, merged = ordered[..., : most - n], ordered[..., most - n :]
    sides, weight = parallelotopes(merged, whole)
    new = np.concatenate([large, sides], axis=-1)
    with np.errstate(all="ignore"):
        mean = np.matmul(weight, shares[:, most - n :]) / weight.sum(axis=-1, keepdims=True)
    mean = np.where(np.isfinite(mean), mean, 0.0)
    merged_origins = SymbolOrigins(np.concatenate([shares[:, : most - n], mean], axis=1))
    return replace(models, sym=new[:, :, None]), merged_origins


def parallelotopes(parts: np.ndarray, whole: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return parallelotopes that contain sums of segments, and each segment's contribution.

    The directions `T` of the sides are the principal directions of the segments, with each state
    scaled by its size. So the set need not be enclosed in a larger box each time the flow rotates
    or shears it. Sound: with `|I - T T'| <= d < 1` in the norm of row sums, `T` has an inverse
    `T' (I + F)`, where `|F| <= d / (1 - d)`, so a segment `g` lies in `T [-r, r]` where
    `r >= |T' g| + d / (1 - d) |T'| |g|`, with the largest entry of `|g|`. Directions and sides have
    26 bits, so their products are exact. The bounding box is used instead if it is not larger.

    Args:
        parts: `(B, n, S)`: the segments `[-1, 1] g`, as columns `g`.
        whole: `(B, n)`: sizes of the states.

    Returns:
        The sides of the parallelotopes as columns, `(B, n, n)`, and the contribution of each
        segment to each side, `(B, n, S)`.
    """
    n = parts.shape[1]
    size = 2.0 ** np.clip(np.round(np.log2(whole)), -300, 300)
    scaled = parts / size[..., None]
    around = np.matmul(scaled, scaled.transpose(0, 2, 1))
    with np.errstate(all="ignore"):
        around = around / np.maximum(np.abs(around).max(axis=(1, 2), keepdims=True), 1e-300)
    turns = np.linalg.eigh(np.nan_to_num(around))[1]
    turns = np.round(turns * 2.0**25) * 2.0**-25
    back = turns.transpose(0, 2, 1)
    lost = _inverse_off(turns)
    along, box = np.abs(np.matmul(back, scaled)), np.abs(scaled)
    slack = (gamma(n + 2) + lost / (1.0 - lost)) * (1.0 + 2.0**-20)
    most = box.max(axis=1).sum(axis=-1)
    sides = along.sum(axis=-1) + slack[:, None] * np.abs(back).sum(axis=-1) * most[:, None]
    sides, plain = _few_bits(with_rounding(sides)), _few_bits(with_rounding(box.sum(axis=-1)))
    plain = np.where(parts.any(axis=-1), plain, 0.0)
    with np.errstate(all="ignore"):
        volumes = [np.log(np.maximum(r, 1e-200)).sum(axis=-1) for r in (sides, plain)]
    turned = (volumes[0] < volumes[1]) & (lost < 0.5) & np.isfinite(sides).all(axis=-1)
    chosen = np.where(turned[:, None, None], turns, np.eye(n))
    length = np.where(turned[:, None], sides, plain)
    with np.errstate(invalid="ignore"):
        directions = np.where(chosen == 0.0, 0.0, chosen * length[:, None] * size[..., None])
    return directions, np.where(turned[:, None, None], along, box)


def _inverse_off(turns: np.ndarray) -> np.ndarray:
    """Return upper bounds on the row-sum norm of `I - T T'` for matrices `T`, `(B,)`.

    They include the rounding errors of their own computation.
    """
    n = turns.shape[1]
    off = np.abs(np.eye(n) - np.matmul(turns, turns.transpose(0, 2, 1))).sum(axis=2).max(axis=1)
    return (off + gamma(n + 2) * n * n) * (1.0 + 2.0**-20)


def _few_bits(x: np.ndarray) -> np.ndarray:
    """Round numbers upward so that they keep 26 significant bits, to at least `2^-600`.

    Products of such numbers are exact.
    """
    part, power = np.frexp(np.maximum(x, 2.0**-600))
    with np.errstate(over="ignore"):
        return np.ldexp(np.ceil(part * 2.0**26) * 2.0**-26, power)


def reduce_symbols_jointly(
    states: Models, controls: Models | None, origins: SymbolOrigins, most: int
) -> tuple[Models, Models | None, SymbolOrigins]:
    """Merge the smallest symbols of states and controls, so that at most `most` symbols remain.

    States and controls share their symbols. Returns both with the new symbols, and the origins of
    these symbols.
    """
    if controls is None:
        reduced, origins = reduce_symbols(states, origins, most)
        return reduced, None, origins
    n = states.entries
    both = Models(
        states.frame,
        np.concatenate([states.coef, controls.coef], axis=1),
        np.concatenate([states.sym, controls.sym], axis=1),
        None,
    )
    reduced, origins = reduce_symbols(both, origins, most)
    first = replace(states, sym=reduced.sym[:, :n])
    return first, replace(controls, sym=reduced.sym[:, n:]), origins
