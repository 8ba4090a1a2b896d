"""The image of an input set: it contains every output, and an exact one contains no others."""

from fractions import Fraction

import numpy as np
import pytest

from cases import some
from outrange.core import InputError
from outrange.graph.rational import RationalEvaluator
from outrange.questions.expressions import x
from outrange.questions.inputs.sets import L2Ball, Mixed, Polytope, Union
from outrange.questions.output_range import output_range
from questions.nets import Net, dense_net, two_in_two_out
from questions.reach_sets import NETS, ask, covers, elbow, net_of, remove_biases, shape
from random_graphs import LINES, SMOOTH, random_box, random_graph


# ---- known images ----------------------------------------------------------------------------


def test_a_corner_has_two_sides():
    answer = ask(elbow(), ([-1, 0], [1, 0.25]))
    assert answer.status == "exact" and answer.is_exact
    assert len(answer.pieces) == 2
    assert answer.error.max() < 1e-13
    inside = [[0.6, 0.1], [0.1, 0.6], [0.2, 0.15], [1.1, 0.12]]
    outside = [[0.5, 0.5], [0.3, 0.27], [-0.01, 0.0], [0.5, -1e-9], [1.26, 0.3], [0.6, 0.26]]
    assert answer.contains(inside).tolist() == [True] * 4
    assert answer.contains(outside).tolist() == [False] * 6
    assert answer.contains([1.0, 0.0]) is True  # a corner of it, in rational numbers
    assert answer.contains([[1.0 - 1e-15, 0.0], [0.9, 0.0]]).tolist() == [None] * 2  # its edge
    assert answer.contains([[0.2, 0.2], [0.01, 0.01]]).tolist() == [True] * 2  # on both pieces
    sides = [{tuple(corner) for corner in polygon.round(12)} for polygon in answer.polygons()]
    assert {(0.0, 0.0), (1.0, 0.0), (1.25, 0.25), (0.25, 0.25)} in sides
    assert {(0.0, 0.0), (0.0, 1.0), (0.25, 1.25), (0.25, 0.25)} in sides


@pytest.mark.parametrize("sizes", [[2, 6, 2], [3, 7, 2], [2, 5, 1], [2, 6, 3]])
@pytest.mark.parametrize("box", [(-1, 1), (-0.3, 1.0)])
def test_where_all_pieces_meet(sizes, box):
    """Without biases 0 is mapped to 0, where all pieces meet, wherever the middle of the set is."""
    net, nothing = remove_biases(sizes), np.zeros(sizes[-1])
    answer = ask(net, box)
    assert answer.contains(nothing) is True
    # The same corner beside the set, or on a strict edge of it, proves nothing.
    assert not (ask(net, box, where=x[0] > 0).image.attained == nothing).all(axis=1).any()
    assert not (ask(net, box, where=x[0] >= 2**-40).image.attained == nothing).all(axis=1).any()


def test_outputs_of_corners_are_exact():
    for sizes, curve, seed in some(NETS[::7], 2):
        net = net_of(sizes, curve, seed)
        image, exact = ask(net, (-1, 1)).image, RationalEvaluator(net.graph)
        corners = np.concatenate([star.corners for star in image.pieces])
        true = {tuple(exact.at(corner, [net.graph.output])[0] or ()) for corner in corners}
        few = np.rint(corners * 2.0**39) / 2.0**39
        true |= {tuple(exact.at(corner, [net.graph.output])[0] or ()) for corner in few}
        assert all(tuple(map(Fraction, y)) in true for y in image.attained.tolist())


def test_a_corner_without_thickness_is_two_segments():
    answer = ask(elbow(), ([-1, 0], [1, 0]))
    assert sorted(len(polygon) for polygon in answer.polygons()) == [2, 2]
    assert answer.contains([0.5, 0.0]) is None  # no interior: nothing can be proved to be attained
    assert answer.contains([[0.1, 0.1], [0.0, -0.1]]).tolist() == [False, False]


def test_one_input_alone_is_a_point():
    answer = ask(elbow(), ([0.5, 0.25], [0.5, 0.25]))
    assert len(answer.pieces) == 1
    assert np.allclose(answer.pieces[0].images, [[0.75, 0.25]])


# ---- laws ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sizes", "curve", "seed"), some(NETS, 8, shape))
def test_every_output_is_in_a_piece(sizes, curve, seed):
    net, rng = net_of(sizes, curve, seed), np.random.default_rng(seed)
    box = rng.uniform(-2, 0, sizes[0]), rng.uniform(0.1, 2, sizes[0])
    answer = ask(net, box)
    assert answer.status == "exact"
    points = rng.uniform(*box, (12, sizes[0]))
    exact = RationalEvaluator(net.graph)
    outputs = [exact.at(at, [net.graph.output])[0] for at in points]
    covers(answer, points, outputs)
    assert not np.equal(answer.contains(net.graph.run(points)), False).any()
    if sizes[-1] <= sizes[0] and curve in ("relu", "leaky_relu"):
        assert np.mean(np.equal(answer.contains(net.graph.run(points)), True)) > 0.5


@pytest.mark.parametrize(("sizes", "curve", "seed"), some(NETS, 8, shape))
def test_corners_are_mapped_to_images(sizes, curve, seed):
    net = net_of(sizes, curve, seed)
    answer = ask(net, (-1, 1))
    for star in answer.pieces:
        outputs = net.graph.run(star.corners)
        assert np.abs(outputs - star.images).max() <= star.error.max() + 1e-11
        assert np.abs(star.apply(star.corners) - star.images).max() <= star.error.max() + 1e-11
    assert all(star.error.max() < 1e-9 for star in answer.pieces)


@pytest.mark.parametrize(("sizes", "curve", "seed"), some(NETS, 8, shape))
def test_its_hull_is_the_range(sizes, curve, seed):
    net = net_of(sizes, curve, seed)
    answer, bounds = ask(net, (-1, 1)), output_range(net, (-1, 1), tol=1e-7)
    wide = np.ravel(bounds.hi - bounds.lo)
    # The range's proved ends are no further inside than what was attained.
    assert (answer.lo <= np.ravel(bounds.seen_lo) + 1e-12 * wide).all()
    assert (answer.hi >= np.ravel(bounds.seen_hi) - 1e-12 * wide).all()
    assert (answer.lo >= np.ravel(bounds.lo) - 1e-10 * wide).all()
    assert (answer.hi <= np.ravel(bounds.hi) + 1e-10 * wide).all()


@pytest.mark.parametrize("seed", some(range(30), 10))
def test_graphs_of_every_scale(seed):
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, LINES if seed % 2 else SMOOTH)
    box = random_box(rng, graph)
    answer = ask(Net(graph), (box.lo, box.hi), most_pieces=400, time_limit=4, tol=0.05)
    points = rng.uniform(box.lo, box.hi, (8, graph.size))
    outputs = graph.run(points)
    size = np.abs(outputs).max(axis=0) + np.maximum(np.abs(answer.lo), np.abs(answer.hi))
    # A point in float64 may be off by more than a piece's own error: not by 1e-9 of all that is.
    covers(answer, points, [[Fraction(float(v)) for v in y] for y in outputs], 1e-9 * size)
    assert not np.equal(answer.contains(np.clip(outputs, answer.lo, answer.hi)), False).any()


def test_pieces_share_no_volume():
    net = net_of([2, 8, 8, 2], "relu", 3)
    answer = ask(net, (-1, 1))
    points = np.random.default_rng(0).uniform(-1, 1, (300, 2))
    inside = [(points @ star.a.T <= star.b).all(axis=1) for star in answer.pieces]
    assert (np.sum(inside, axis=0) == 1).all()


# ---- input sets ------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_conditions_cut_the_set(seed):
    net, rng = net_of([2, 8, 2], "relu", seed), np.random.default_rng(seed)
    answer = ask(net, (-1, 1), where=(x[0] + x[1] <= 0.25) | (x[0] >= 0.9))
    points = rng.uniform(-1, 1, (400, 2))
    is_inside = (points.sum(axis=1) <= 0.25) | (points[:, 0] >= 0.9)
    assert not np.equal(answer.contains(net.graph.run(points[is_inside])), False).any()
    corners = np.concatenate([star.corners for star in answer.pieces])
    assert ((corners.sum(axis=1) <= 0.25 + 1e-12) | (corners[:, 0] >= 0.9 - 1e-12)).all()


def test_sets_of_several_parts():
    net = net_of([2, 6, 2], "relu", 1)
    union = ask(net, Union((-1, -0.5), Polytope([[1, 1]], [1], (0, 1))))
    parts = [ask(net, (-1, -0.5)), ask(net, (0, 1), where=x[0] + x[1] <= 1)]
    assert len(union.pieces) == sum(len(part.pieces) for part in parts)
    assert (union.lo == np.min([part.lo for part in parts], axis=0)).all()


def test_a_diagonal_is_a_set_without_inside():
    net = net_of([2, 6, 2], "relu", 2)
    answer = ask(net, (-1, 1), where=x[0] == x[1])
    points = np.repeat(np.linspace(-1, 1, 20)[:, None], 2, axis=1)
    assert not np.equal(answer.contains(net.graph.run(points)), False).any()
    assert all(len(star.corners) == 2 for star in answer.pieces)


def test_an_empty_set_has_no_image():
    answer = ask(elbow(), (-1, 1), where=x[0] + x[1] >= 3)
    assert not answer.pieces and answer.is_exact
    assert answer.contains([0.0, 0.0]) is False
    assert "empty" in str(answer)


def test_several_outputs_have_names():
    answer = ask(two_in_two_out(), (-1, 1))
    assert answer.image.names == ("sum[0]", "pair[0]", "pair[1]")
    assert answer.polygons("sum[0]", "pair[1]")[0].shape == (4, 2) or len(answer.polygons()) == 1
    with pytest.raises(InputError, match="one of sum"):
        answer.polygons("nothing")


# ---- wrong questions -------------------------------------------------------------------------


@pytest.mark.parametrize("given", [[10**400, 0], "ab", ["1", "2"], [1j, 0], [[1, 0], [1]]])
def test_outputs_that_are_no_numbers(given):
    answer = ask(elbow(), ([-1, 0], [1, 0.25]))
    with pytest.raises(InputError, match=r"`y` must contain real .*Received: ([\['1N])"):
        answer.contains(given)


@pytest.mark.parametrize("seed", [-1, 0.5, "0", True])
def test_seeds_that_are_none(seed):
    with pytest.raises(InputError, match="`seed` must be an integer >= 0"):
        ask(elbow(), (-1, 1), seed=seed)


@pytest.mark.parametrize(("box", "options", "told"), [
    (Mixed((0, 3), integers=[0]), {}, "integers only"),
    (L2Ball([0, 0], 1), {}, "boxes and polytopes"),
    ((-1, 1), {"tol": -1}, "`tol` must be"),
    ((-1, 1), {"tol": None}, "`tol` must be"),
    ((-1, 1), {"time_limit": 0}, "`time_limit` must be"),
    ((-1, 1), {"most_pieces": 0}, "`most_pieces` must be"),
    ((-1, 1), {"most_pieces": 2.5}, "`most_pieces` must be"),
    ((-1.7e308, 1.7e308), {}, "must be shorter than"),
])  # fmt: skip
def test_questions_that_do_not_fit(box, options, told):
    with pytest.raises(InputError, match=told):
        ask(elbow(), box, **options)


def test_many_inputs_are_refused():
    net = dense_net([9, 3, 2], ["relu", None])
    with pytest.raises(InputError, match=r"at most 8 varying inputs.*Received: 9"):
        ask(net, (-1, 1))
    lo, hi = -np.ones(9), np.ones(9)
    lo[3:] = hi[3:] = 0.5
    assert ask(net, (lo, hi)).is_exact


@pytest.mark.parametrize("outputs", [[1, 2, 3], [[[0, 0]]], "no", [[0.0]], [np.nan, 0]])
def test_outputs_that_do_not_fit(outputs):
    with pytest.raises(InputError, match="Received"):
        ask(elbow(), (-1, 1)).contains(outputs)
