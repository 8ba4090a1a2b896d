"""Outputs in a union of pieces: some are decided together, a few need a search each."""

from functools import cache

import numpy as np
import pytest

from outrange.answers.reach_sets.star_union import INSIDE, OPEN, OUTSIDE
from questions.nets import dense_net
from questions.reach_sets import ask


SIZES = [(1, 4, 1), (2, 5, 1), (2, 6, 2), (3, 6, 2), (3, 5, 3), (1, 5, 2)]


@cache
def image_of(sizes):
    return ask(dense_net(sizes, ("relu", None)), (-1, 1)).image


def outputs(image, count):
    """Return outputs in and around a union, its pieces' corners, and points between corners."""
    rng, size = np.random.default_rng(0), image.hi - image.lo
    wide = rng.uniform(image.lo - 0.1 * size, image.hi + 0.1 * size, (count, len(image.names)))
    corners = np.concatenate([piece.images for piece in image.pieces])[:count]
    between = 0.5 * (corners + np.roll(corners, 1, axis=0))
    return np.concatenate([wide, corners, between])


@pytest.mark.parametrize("sizes", SIZES)
def test_both_ways_agree(sizes):
    image = image_of(sizes)
    y = outputs(image, 20)
    for row, side in zip(y, image._sides(y), strict=True):
        searched = image._side(row)
        assert OPEN in (side, searched) or side == searched


@pytest.mark.parametrize("sizes", SIZES)
def test_a_batch_is_its_outputs_one_by_one(sizes):
    image = image_of(sizes)
    y = outputs(image, 6)
    assert image.contains(y).tolist() == [image.contains(row) for row in y]


@pytest.mark.parametrize("sizes", SIZES[:-1])
def test_few_outputs_take_a_search(sizes):
    """A search took 3 ms for each output."""
    image = image_of(sizes)
    size = image.hi - image.lo
    y = np.random.default_rng(1).uniform(image.lo - size, image.hi + size, (300, len(size)))
    sides = image._sides(y)
    assert (sides == OPEN).mean() < 0.1
    assert {INSIDE, OUTSIDE} <= set(sides.tolist())


def test_no_outputs():
    assert image_of(SIZES[0]).contains(np.zeros((0, 1))).tolist() == []
