"""Remainders as symbols: each is carried on by the linear part of the flow, not by its size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..core import gamma
from .polynomials.models import Models, paid


def absorbed(models: Models) -> Models:
    """Models at an instant without remainders: each of those is a new symbol."""
    assert models.rest is not None
    n = models.entries
    fresh = models.rest[:, :, None] * np.eye(n)
    sym = np.concatenate([models.sym, fresh[:, :, None]], axis=-1)
    return replace(models, sym=sym, rest=np.zeros_like(models.rest))


def reduced(models: Models, most: int) -> Models:
    """At most so many symbols: the smallest are put together into one for each state.

    A set that is a sum of small parts lies in the box of the sum of their sizes (Girard's
    reduction); how large a part is is judged against the whole.
    """
    count = models.sym.shape[-1]
    if count <= most:
        return models
    n = models.entries
    sym = models.sym[:, :, 0]
    whole = models.radius[..., None] + 1e-300
    importance = (np.abs(sym) / whole).max(axis=1)
    order = np.argsort(-importance, axis=1, kind="stable")
    ordered = np.take_along_axis(sym, order[:, None], axis=-1)
    kept, merged = ordered[..., : most - n], ordered[..., most - n :]
    box = paid(np.abs(merged).sum(axis=-1) * (1.0 + gamma(merged.shape[-1])))
    box = np.where((merged == 0.0).all(axis=-1), 0.0, box)
    new = np.concatenate([kept, box[:, :, None] * np.eye(n)], axis=-1)
    return replace(models, sym=new[:, :, None])
