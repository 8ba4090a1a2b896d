"""Wrong affine ops, rearrangements and maxima must break their laws."""

from dataclasses import replace

import numpy as np
import pytest

from outrange.ops import Affine, Largest, Rearrange, SubOp, convolution, dense, gather_sum
from outrange.testing import (
    LawBroken,
    check_absolute,
    check_affine,
    check_largest,
    check_part,
    check_rearrange,
)


RNG = np.random.default_rng(0)
WEIGHT = RNG.normal(size=(3, 4))
DENSE = dense(WEIGHT, RNG.normal(size=4), copies=2)
SUM = gather_sum(np.array([[0, 1, -1], [2, 0, 1]]), RNG.normal(size=(2, 3)), 3)


def _apply(op: Affine, change) -> Affine:
    return replace(op, apply=lambda xs, absolute: change(op.apply(xs, absolute), xs, absolute))


def _adjoint(op: Affine, change) -> Affine:
    return replace(op, adjoint=lambda rows: tuple(change(part) for part in op.adjoint(rows)))


AFFINE = {
    "apply off by a little": lambda op: _apply(op, lambda y, xs, absolute: y * (1 + 1e-9)),
    "apply adds a constant": lambda op: _apply(op, lambda y, xs, absolute: y + 1.0),
    "absolute ignored": lambda op: replace(op, apply=lambda xs, absolute: op.apply(xs, False)),
    "always absolute": lambda op: replace(op, apply=lambda xs, absolute: op.apply(xs, True)),
    "absolute of the result": lambda op: replace(
        op, apply=lambda xs, a: np.abs(op.apply(xs, False)) if a else op.apply(xs, False)
    ),
    "adjoint off by a little": lambda op: _adjoint(op, lambda part: part * (1 + 1e-9)),
    "adjoint turned around": lambda op: _adjoint(op, lambda part: part[..., ::-1]),
    "adjoint gives too much": lambda op: replace(op, adjoint=lambda y: op.adjoint(y) * 2),
    "too few terms": lambda op: replace(op, terms=op.terms - 1),
    "bias of one entry": lambda op: replace(op, bias=np.zeros(1)),
    "absolute too large": lambda op: _apply(op, lambda y, xs, absolute: y * 2 if absolute else y),
}


@pytest.mark.parametrize("op", [DENSE, SUM], ids=["dense", "sum"])
@pytest.mark.parametrize("name", AFFINE)
def test_wrong_affine(name, op):
    check_affine(op)
    check_absolute(op)
    with pytest.raises(LawBroken):
        wrong = AFFINE[name](op)
        check_affine(wrong)
        check_absolute(wrong)


class Unfilled(Rearrange):
    """Takes the last entry where there should be a constant."""

    def run(self, xs, fill=True):
        return np.concatenate(xs, axis=-1)[..., self.index]


class Overwriting(Rearrange):
    """Forgets to add up where an entry is read twice."""

    def adjoint(self, rows):
        out = np.zeros(rows.shape[:-1] + (sum(self.sizes),))
        out[..., self.index[self.index >= 0]] = rows[..., self.index >= 0]
        return (out[..., : self.sizes[0]], out[..., self.sizes[0] :])


class Forgetful(Rearrange):
    """Counts one reader only."""

    @property
    def terms(self):
        return 1


@pytest.mark.parametrize("kind", [Unfilled, Overwriting, Forgetful])
def test_wrong_rearrange(kind):
    given = np.array([0, 3, 3, -1, 1]), (2, 3), np.full(5, 7.0)
    check_rearrange(Rearrange("rearrange", *given))
    with pytest.raises(LawBroken):
        check_rearrange(kind("rearrange", *given))


class Padded(Largest):
    """Takes absent places for zeros."""

    def run(self, xs):
        picked = xs[0][..., np.maximum(self.windows, 0)]
        return np.where(self.windows < 0, 0.0, picked).max(axis=-1)


class Wrapped(Largest):
    """Takes absent places for the last entry."""

    def run(self, xs):
        return xs[0][..., self.windows].max(axis=-1)


class Least(Largest):
    """The other extreme."""

    def run(self, xs):
        picked = xs[0][..., np.maximum(self.windows, 0)]
        return np.where(self.windows < 0, np.inf, picked).min(axis=-1)


@pytest.mark.parametrize("kind", [Padded, Wrapped, Least])
def test_wrong_largest(kind):
    windows = np.array([[0, 1, -1], [2, 3, 4]])
    check_largest(Largest("largest", windows))
    with pytest.raises(LawBroken):
        check_largest(kind("largest", windows))


CONVOLUTION = convolution(
    (5, 4), RNG.normal(size=(2, 2, 1, 4)), RNG.normal(size=4), strides=(2, 1), dilation=(1, 2),
    padding=((1, 0), (1, 1)), groups=2,
)  # fmt: skip


def _part(op: Affine, change) -> Affine:
    return replace(op, part=lambda wanted: change(op.restrict(wanted)))


def _roll_inputs(part: SubOp) -> SubOp:
    return replace(part, inputs=tuple(np.roll(entries, 1) for entries in part.inputs))


PARTS = {
    "a result too few": lambda part: replace(part, outputs=part.outputs[1:]),
    "entries turned around": _roll_inputs,
    "other entries": lambda part: replace(part, inputs=tuple(i + 1 for i in part.inputs)),
    "other weights": lambda part: replace(
        part, op=_apply(part.op, lambda y, xs, absolute: y * (1 + 1e-9))
    ),
}


@pytest.mark.parametrize("op", [CONVOLUTION, SUM], ids=["convolution", "sum"])
@pytest.mark.parametrize("name", PARTS)
def test_wrong_part(name, op):
    wanted = np.array([0, 1])
    check_part(op, wanted)
    with pytest.raises((LawBroken, ValueError, IndexError)):
        check_part(_part(op, PARTS[name]), wanted)


@pytest.mark.parametrize("name", AFFINE)
def test_wrong_convolution(name):
    check_affine(CONVOLUTION)
    check_absolute(CONVOLUTION)
    with pytest.raises(LawBroken):
        wrong = AFFINE[name](CONVOLUTION)
        check_affine(wrong)
        check_absolute(wrong)
