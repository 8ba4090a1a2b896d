"""Laws of affine ops, rearrangements and maxima, on random instances."""

from dataclasses import replace

import numpy as np
import pytest

from cases import cases
from outrange.core import OutrangeError
from outrange.ops import Largest, Rearrange, combine, dense, gather_sum, scale
from outrange.testing import (
    check_absolute,
    check_affine,
    check_largest,
    check_part,
    check_rearrange,
)


SEEDS = range(cases(5, 12))


def some_affine(kind: str, seed: int):
    rng = np.random.default_rng(seed)
    n, m, k = (int(v) for v in rng.integers(1, 7, 3))
    size = 10.0 ** rng.uniform(-6, 6)
    if kind == "dense":
        weight = size * rng.normal(size=(n, m)) * (rng.random((n, m)) < 0.8)
        bias = None if seed % 3 == 0 else size * rng.normal(size=m)
        return dense(weight, bias, copies=k)
    if kind == "scale":
        return scale(size * rng.normal(size=n), rng.normal(size=n) if seed % 2 else 0.5)
    if kind == "combine":
        return combine(size * rng.normal(size=k), n, rng.normal(size=n) if seed % 2 else 0.0)
    index = np.stack([rng.permutation(n + k)[:k] for _ in range(m)])
    if kind == "repeated":
        index = rng.integers(0, n, (m, k))
    index = np.where(rng.random(index.shape) < 0.2, -1, index)
    return gather_sum(index, size * rng.normal(size=index.shape), n + k, rng.normal(size=m))


KINDS = ("dense", "scale", "combine", "gather_sum", "repeated")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", KINDS)
def test_affine(kind, seed):
    op = some_affine(kind, seed)
    check_affine(op, seed)
    if kind != "repeated":
        check_absolute(op)


def some_rearrange(seed: int, most: int = 9) -> Rearrange:
    rng = np.random.default_rng(seed)
    sizes = tuple(int(v) for v in rng.integers(1, 6, 1 + seed % 3))
    total = sum(sizes)
    if seed % 2:
        index = rng.integers(-1, total, int(rng.integers(1, most)))
    else:
        index = rng.permutation(total)
    return Rearrange("rearrange", index, sizes, rng.normal(size=index.size))


@pytest.mark.parametrize("seed", SEEDS)
def test_rearrange(seed):
    check_rearrange(some_rearrange(seed), seed)


def some_largest(seed: int) -> Largest:
    rng = np.random.default_rng(seed)
    windows = rng.integers(-1, 8, (int(rng.integers(1, 6)), int(rng.integers(1, 5))))
    windows[:, 0] = np.maximum(windows[:, 0], 0)
    return Largest("largest", windows)


@pytest.mark.parametrize("seed", SEEDS)
def test_largest(seed):
    check_largest(some_largest(seed), seed)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", [*KINDS, "rearrange", "largest"])
def test_part(kind, seed):
    some = {"rearrange": some_rearrange, "largest": some_largest}.get(kind)
    op = some_affine(kind, seed) if some is None else some(seed)
    rng = np.random.default_rng(seed)
    for count in (1, 3):
        check_part(op, np.unique(rng.integers(0, op.size, count)), seed)
    if some is None:
        other = replace(op, bias=rng.normal(size=op.size))
        check_part(other, np.unique(rng.integers(0, op.size, 2)), seed)


def test_largest_needs_an_entry():
    with pytest.raises(OutrangeError, match="at least one entry"):
        Largest("largest", np.array([[0, 1], [-1, -1]]))
