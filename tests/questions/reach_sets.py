"""Shared questions of reach-set tests, and checks of unions against points."""

import itertools
from fractions import Fraction

import numpy as np

from outrange.graph import Builder, Slot
from outrange.questions.inputs.sets import regions
from outrange.questions.reach_set import reach_set
from questions.nets import Net, dense_net


NETS = [
    (sizes, curve, seed)
    for sizes in ([1, 6, 2], [2, 8, 8, 2], [2, 6, 3], [3, 7, 2], [4, 5, 5, 2], [2, 5, 1])
    for curve in ("relu", "leaky_relu", "abs", "clip")
    for seed in range(4)
]
"""Sizes of layers, the curve, the seed."""


def shape(net):
    """Return the arguments that nets of several seeds share."""
    return str(net[:2])


def ask(net, box, *, where=None, **options):
    return reach_set(net, regions(net.graph.inputs, box, where=where), **options)


def net_of(sizes, curve, seed):
    if curve != "clip":
        return dense_net(sizes, [curve] * (len(sizes) - 2) + [None], seed)
    rng = np.random.default_rng(seed)
    b = Builder([Slot("x", (sizes[0],))])
    (h,) = b.input_values()
    for k, (n, m) in enumerate(itertools.pairwise(sizes)):
        h = b.dense(h, np.float32(rng.normal(size=(n, m))), np.float32(rng.normal(size=m)))
        if k < len(sizes) - 2:
            h = b.curve("clip", h, least=-1.0, most=0.5)
    return Net(b.finish([h], ["y"]))


def remove_biases(sizes):
    """Return a network without biases."""
    rng, b = np.random.default_rng(0), Builder([Slot("x", (sizes[0],))])
    (h,) = b.input_values()
    for k, (n, m) in enumerate(itertools.pairwise(sizes)):
        h = b.dense(h, np.float32(rng.normal(size=(n, m))), np.zeros(m))
        h = b.curve("relu", h) if k < len(sizes) - 2 else h
    return Net(b.finish([h], ["y"]))


def elbow():
    """Return `(relu(s) + t, relu(-s) + t)`: a corner with the thickness of `t`."""
    b = Builder([Slot("x", (2,))])
    (v,) = b.input_values()
    halves = b.curve("relu", b.dense(v, np.array([[1.0, -1.0], [0.0, 0.0]])))
    thick = b.dense(v, np.array([[0.0, 0.0], [1.0, 1.0]]))
    return Net(b.finish([b.add(halves, thick)], ["y"]))


def covers(answer, points, outputs, slack=0.0):
    """Return whether each exact output is within the error of the piece that holds its input."""
    for at, wanted in zip(points, outputs, strict=True):
        is_covered = False
        for star in answer.pieces:
            near = 1e-9 * (np.abs(star.a) @ np.abs(at) + np.abs(star.b) + 1e-30)
            if ((star.lo <= at) & (at <= star.hi)).all() and (star.a @ at <= star.b + near).all():
                image = star.apply(at[None])[0]
                off = [abs(Fraction(float(v)) - w) for v, w in zip(image, wanted, strict=True)]
                error = star.error * (1 + 1e-9) + slack
                is_covered |= all(o <= Fraction(float(e)) for o, e in zip(off, error, strict=True))
        assert is_covered, at


def check_cover(net, answer, d):
    points = np.random.default_rng(0).uniform(-1, 1, (100, d))
    assert not np.equal(answer.contains(net.graph.run(points)), False).any()
