"""The image of an input set: every output lies in it, nothing of an exact one is not attained."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from cases import cases
from outrange.core import InputError
from outrange.domains.forward import ForwardForm
from outrange.graph import Builder, Slot
from outrange.graph.rational import Rational
from outrange.questions.expressions import x
from outrange.questions.inputs.sets import L2Ball, Mixed, Polytope, Union, regions
from outrange.questions.output_range import output_range
from outrange.questions.reach_set import reach_set
from outrange.search.reach_sets import decide_units, regions as module
from outrange.search.reach_sets.cells import Cells
from outrange.search.reach_sets.decide_units import decided, enclosed
from outrange.search.reach_sets.polytope import CutPolytope, face_of
from questions.nets import Net, dense_net, two_in_two_out
from random_graphs import LINES, SMOOTH, random_box, random_graph


NETS = [
    (sizes, curve, seed)
    for sizes in ([1, 6, 2], [2, 8, 8, 2], [2, 6, 3], [3, 7, 2], [4, 5, 5, 2], [2, 5, 1])
    for curve in ("relu", "leaky_relu", "abs", "clip")
    for seed in range(4)
]
"""Sizes of layers, the curve, the seed."""


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


def elbow():
    """`(relu(s) + t, relu(-s) + t)`: a corner, of the thickness of `t`."""
    b = Builder([Slot("x", (2,))])
    (v,) = b.input_values()
    halves = b.curve("relu", b.dense(v, np.array([[1.0, -1.0], [0.0, 0.0]])))
    thick = b.dense(v, np.array([[0.0, 0.0], [1.0, 1.0]]))
    return Net(b.finish([b.add(halves, thick)], ["y"]))


def covers(answer, points, outputs, slack=0.0):
    """Whether each exact output is within the error of the map of a piece that has its input."""
    for at, wanted in zip(points, outputs, strict=True):
        found = False
        for star in answer.pieces:
            near = 1e-9 * (np.abs(star.a) @ np.abs(at) + np.abs(star.b) + 1e-30)
            if ((star.lo <= at) & (at <= star.hi)).all() and (star.a @ at <= star.b + near).all():
                image = star.apply(at[None])[0]
                off = [abs(Fraction(float(v)) - w) for v, w in zip(image, wanted, strict=True)]
                error = star.error * (1 + 1e-9) + slack
                found |= all(o <= Fraction(float(e)) for o, e in zip(off, error, strict=True))
        assert found, at


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
    assert answer.contains([1.0, 0.0]) is None  # a corner of it
    assert answer.contains([[0.2, 0.2], [0.01, 0.01]]).tolist() == [True] * 2  # on both pieces
    sides = [{tuple(corner) for corner in polygon.round(12)} for polygon in answer.polygons()]
    assert {(0.0, 0.0), (1.0, 0.0), (1.25, 0.25), (0.25, 0.25)} in sides
    assert {(0.0, 0.0), (0.0, 1.0), (0.25, 1.25), (0.25, 0.25)} in sides


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


@pytest.mark.parametrize(("sizes", "curve", "seed"), cases(NETS, 16))
def test_every_output_is_in_a_piece(sizes, curve, seed):
    net, rng = net_of(sizes, curve, seed), np.random.default_rng(seed)
    box = rng.uniform(-2, 0, sizes[0]), rng.uniform(0.1, 2, sizes[0])
    answer = ask(net, box)
    assert answer.status == "exact"
    points = rng.uniform(*box, (12, sizes[0]))
    exact = Rational(net.graph)
    outputs = [exact.at(at, [net.graph.output])[0] for at in points]
    covers(answer, points, outputs)
    assert not np.equal(answer.contains(net.graph.run(points)), False).any()
    if sizes[-1] <= sizes[0] and curve in ("relu", "leaky_relu"):
        assert np.mean(np.equal(answer.contains(net.graph.run(points)), True)) > 0.5


@pytest.mark.parametrize(("sizes", "curve", "seed"), cases(NETS, 8))
def test_corners_are_mapped_to_images(sizes, curve, seed):
    net = net_of(sizes, curve, seed)
    answer = ask(net, (-1, 1))
    for star in answer.pieces:
        found = net.graph.run(star.corners)
        assert np.abs(found - star.images).max() <= star.error.max() + 1e-11
        assert np.abs(star.apply(star.corners) - star.images).max() <= star.error.max() + 1e-11
    assert all(star.error.max() < 1e-9 for star in answer.pieces)


@pytest.mark.parametrize(("sizes", "curve", "seed"), cases(NETS, 8))
def test_its_hull_is_the_range(sizes, curve, seed):
    net = net_of(sizes, curve, seed)
    answer, known = ask(net, (-1, 1)), output_range(net, (-1, 1), tol=1e-7)
    wide = np.ravel(known.hi - known.lo)
    # The range's proved ends are no further inside than what was attained.
    assert (answer.lo <= np.ravel(known.seen_lo) + 1e-12 * wide).all()
    assert (answer.hi >= np.ravel(known.seen_hi) - 1e-12 * wide).all()
    assert (answer.lo >= np.ravel(known.lo) - 1e-10 * wide).all()
    assert (answer.hi <= np.ravel(known.hi) + 1e-10 * wide).all()


@pytest.mark.parametrize("seed", cases(range(60), 20))
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
    kept = (points.sum(axis=1) <= 0.25) | (points[:, 0] >= 0.9)
    assert not np.equal(answer.contains(net.graph.run(points[kept])), False).any()
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


# ---- limits ----------------------------------------------------------------------------------


def check_cover(net, answer, d):
    points = np.random.default_rng(0).uniform(-1, 1, (100, d))
    assert not np.equal(answer.contains(net.graph.run(points)), False).any()


def test_time_ends_it_with_a_cover():
    net = dense_net([4, 40, 40, 40, 2], ["relu"] * 3 + [None], 0)
    answer = ask(net, (-1, 1), time_limit=0.3, most_pieces=1_000_000)
    assert answer.status == "time" and not answer.is_exact
    assert answer.cost.seconds < 8
    check_cover(net, answer, 4)


@pytest.mark.parametrize("checks", [0, 1, 2, 5, 12, 30])
def test_time_is_the_reason_wherever_it_ends(checks, monkeypatch):
    """Also in the middle of the cuts of the last layer."""
    calls = itertools.count()
    for place in (module, decide_units):
        monkeypatch.setattr(place, "seconds_left", lambda: checks - next(calls) - 0.5)
    net = net_of([2, 12, 1], "relu", 0)
    answer = ask(net, (-1, 1))
    assert answer.status == "time" and not answer.is_exact
    assert answer.reason == "time ran out"
    check_cover(net, answer, 2)


@pytest.mark.parametrize("most", [1, 7, 30])
def test_pieces_end_it_with_a_cover(most):
    net = net_of([2, 8, 8, 2], "relu", 0)
    answer = ask(net, (-1, 1), most_pieces=most)
    assert answer.status == "pieces" and len(answer.pieces) <= most
    check_cover(net, answer, 2)
    whole = ask(net, (-1, 1))
    assert (answer.lo <= whole.lo + 1e-11).all() and (answer.hi >= whole.hi - 1e-11).all()


def test_an_interrupt_ends_it_with_a_cover(monkeypatch):
    net, calls, plain = net_of([2, 8, 8, 2], "relu", 0), [], module.decided

    def interrupted(*given):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return plain(*given)

    monkeypatch.setattr(module, "decided", interrupted)
    answer = ask(net, (-1, 1))
    assert answer.status == "interrupted"
    check_cover(net, answer, 2)


def test_curved_networks_are_covered_to_the_tolerance():
    net = dense_net([2, 8, 2], ["tanh", None], 1)
    rough, fine = (ask(net, (-1, 1), tol=tol) for tol in (0.1, 0.01))
    assert rough.status == fine.status == "known" and len(fine.pieces) > len(rough.pieces)
    wide = fine.hi - fine.lo
    assert (fine.error <= 0.0101 * wide).all() and not fine.is_exact
    check_cover(net, fine, 2)
    points = np.random.default_rng(0).uniform(-1, 1, (200, 2))
    # Well inside, it is proved that an output is attained, though no piece is exact.
    assert np.equal(fine.contains(net.graph.run(points)), True).any()
    assert fine.contains(fine.hi + wide) is False
    assert "each piece is known to 0.01" in str(fine)


def test_what_is_attained_is_not_what_is_covered():
    """A cover that is far too large proves of nothing that it is attained, unless it is."""
    b = Builder([Slot("x", (2,))])
    (v,) = b.input_values()
    square = b.curve("square", v)
    net = Net(b.finish([square], ["y"]))
    answer = ask(net, (-1, 1), tol=0.5)
    points = np.random.default_rng(0).uniform(-0.6, 1.2, (400, 2))
    told = answer.contains(points)
    attained = ((points >= 0) & (points <= 1)).all(axis=1)
    assert not (np.equal(told, True) & ~attained).any()
    assert not (np.equal(told, False) & attained).any()


def test_what_a_condition_leaves_out_is_not_attained():
    """Boxes of a curved network reach beyond the condition: nothing there is proved to count."""
    b = Builder([Slot("x", (2,))])
    (v,) = b.input_values()
    net = Net(b.finish([b.curve("tanh", v)], ["y"]))
    answer = ask(net, (-1, 1), where=x[0] + 2 * x[1] <= 0.3, tol=0.005)
    points = np.random.default_rng(0).uniform(-1, 1, (600, 2))
    told = answer.contains(np.tanh(points))
    inside = points @ [1, 2] <= 0.3
    assert not (np.equal(told, True) & ~inside).any()
    assert not (np.equal(told, False) & inside).any()
    assert np.equal(told, True).any() and np.equal(told, False).any()


@pytest.mark.parametrize("back", [-1.0, -0.2, 0.0, 0.2, 3.0])
def test_only_where_nothing_folds_a_face_is_surely_attained(back):
    """`(x0, x1)` right of 0 and `(back x0, x1)` left of it meet at `y0 = 0`."""
    b = Builder([Slot("x", (2,))])
    (v,) = b.input_values()
    halves = b.curve("relu", b.dense(v, np.array([[1.0, -1.0, 0.0], [0.0, 0.0, 0.0]])))
    plain = b.dense(v, np.array([[0.0, 0.0], [0.0, 1.0]]))
    bent = b.dense(halves, np.array([[1.0, 0.0], [-back, 0.0], [0.0, 0.0]]))
    answer = ask(Net(b.finish([b.add(bent, plain)], ["y"])), (-1, 1))
    told = answer.contains([[0.0, 0.3], [-1e-16, 0.3], [1e-16, -0.5]])
    assert np.equal(told, True).all() if back > 0 else not np.equal(told, True).any()


@pytest.mark.parametrize("curve", ["heaviside", "sign"])
def test_what_a_jump_leaves_out_is_not_attained(curve):
    """`x + 0.01 step(x)` never takes 0.005, though a map is within 0.005 of it around 0."""
    b = Builder([Slot("x", (2,))])
    (v,) = b.input_values()
    jump = b.dense(b.curve(curve, v), 0.01 * np.eye(2))
    answer = ask(Net(b.finish([b.add(v, jump)], ["y"])), (-1, 1), tol=0.02)
    gap = [[0.005, y] for y in (-0.5, 0.3, 0.7)] if curve == "heaviside" else [[0.004, 0.5]]
    assert not np.equal(answer.contains(gap), True).any()
    assert answer.contains([0.005, 2.0]) is False
    fine = ask(Net(b.finish([b.add(v, jump)], ["y"])), (-1, 1), tol=0.001)
    assert np.equal(fine.contains([[0.5, 0.5], [-0.5, 0.25]]), True).any()  # far from the jump


@pytest.mark.parametrize("size", [1e60, 1e110, 1e160])
def test_what_overflows_may_be_anything(size):
    b = Builder([Slot("x", (2,))])
    (h,) = b.input_values()
    for _ in range(3):
        h = b.curve("relu", b.dense(h, size * np.array([[1.0, -2.0], [-1.0, 1.5]])))
    answer = ask(Net(b.finish([h], ["y"])), (-1, 1))
    assert answer.is_exact == (size < 1e100)
    assert answer.contains([size / 3, 0.0]) is not (False if size > 1e100 else 3)
    assert not np.isnan([answer.lo, answer.hi]).any()
    if not answer.is_exact:
        assert answer.status == "rounding" and "overflow" in str(answer)
        assert (answer.hi == np.inf).any()


@pytest.mark.parametrize(("where", "box"), [
    (x[0] > 1, (-1, 1)),
    ((x[0] > x[1]) & (x[0] <= x[1]), (-1, 1)),
    (x[0] != 0, ([0, -1], [0, 1])),
    ((x[0] + x[1] > 1.5) & (x[0] < 0.5), ([-1, -1], [1, 1])),
    ((x[0] > 0) & (x[1] > 0) & (x[0] + x[1] <= 0), (-1, 1)),
])  # fmt: skip
@pytest.mark.parametrize("curve", ["relu", "tanh"])
def test_strict_conditions_that_leave_nothing(where, box, curve):
    net = dense_net([2, 4, 2], [curve, None], 0)
    answer = ask(net, box, where=where)
    assert not answer.pieces
    assert answer.sentence == "The input set is empty, and so is its image."


def test_strict_conditions_leave_the_closure():
    strict = ask(elbow(), ([-1, 0], [1, 0.25]), where=(x[0] > 0.5) & (x[0] != 1) & (x[1] < 0.125))
    closed = ask(elbow(), ([-1, 0], [1, 0.25]), where=(x[0] >= 0.5) & (x[1] <= 0.125))
    assert strict.is_exact and len(strict.pieces) == len(closed.pieces) == 1
    assert (strict.lo == closed.lo).all() and (strict.hi == closed.hi).all()
    # A single point on the edge of a condition is none; one inside is.
    assert not ask(elbow(), ([0.5, 0], [0.5, 0]), where=x[0] > 0.5).pieces
    assert len(ask(elbow(), ([0.5, 0], [0.5, 0]), where=x[0] > 0.25).pieces) == 1


# ---- wrong questions -------------------------------------------------------------------------


@pytest.mark.parametrize("given", [[10**400, 0], "ab", ["1", "2"], [1j, 0], [[1, 0], [1]]])
def test_outputs_that_are_no_numbers(given):
    answer = ask(elbow(), ([-1, 0], [1, 0.25]))
    with pytest.raises(InputError, match=r"Outputs must be .*Received: ([\['1N])"):
        answer.contains(given)


@pytest.mark.parametrize("seed", [-1, 0.5, "0", True])
def test_seeds_that_are_none(seed):
    with pytest.raises(InputError, match="`seed` must be an integer >= 0"):
        ask(elbow(), (-1, 1), seed=seed)


@pytest.mark.parametrize(("box", "options", "told"), [
    (Mixed((0, 3), integers=[0]), {}, "whole numbers only"),
    (L2Ball([0, 0], 1), {}, "boxes and polytopes"),
    ((-1, 1), {"tol": -1}, "`tol` must be"),
    ((-1, 1), {"tol": None}, "`tol` must be"),
    ((-1, 1), {"time_limit": 0}, "`time_limit` must be"),
    ((-1, 1), {"most_pieces": 0}, "`most_pieces` must be"),
    ((-1, 1), {"most_pieces": 2.5}, "`most_pieces` must be"),
    ((-1.7e308, 1.7e308), {}, "must be finite float64"),
])  # fmt: skip
def test_questions_that_do_not_fit(box, options, told):
    with pytest.raises(InputError, match=told):
        ask(elbow(), box, **options)


def test_many_inputs_are_refused():
    net = dense_net([9, 3, 2], ["relu", None])
    with pytest.raises(InputError, match=r"up to 8 inputs that vary.*Received: 9"):
        ask(net, (-1, 1))
    lo, hi = -np.ones(9), np.ones(9)
    lo[3:] = hi[3:] = 0.5
    assert ask(net, (lo, hi)).is_exact


@pytest.mark.parametrize("outputs", [[1, 2, 3], [[[0, 0]]], "no", [[0.0]], [np.nan, 0]])
def test_outputs_that_do_not_fit(outputs):
    with pytest.raises(InputError, match="Received"):
        ask(elbow(), (-1, 1)).contains(outputs)


# ---- cuts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", cases(range(40), 12))
def test_cuts_keep_exactly_what_is_below(seed):
    """The vertices after some cuts, against all intersections of as many planes as inputs."""
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 4))
    rows = rng.integers(-2, 3, (5, d + 1)).tolist()
    polytope = CutPolytope.box([Fraction(-1)] * d, [Fraction(1)] * d)
    for *slopes, constant in rows:
        polytope, _ = polytope.cut(face_of(slopes, constant))
    unit = np.eye(d, dtype=int)
    planes = [*rows, *(np.append(s * unit[i], -1).tolist() for i in range(d) for s in (1, -1))]
    wanted = set()
    for chosen in itertools.combinations(planes, d):
        at = _solved([row[:-1] for row in chosen], [-row[-1] for row in chosen])
        if at is not None and all(
            sum(a * b for a, b in zip(row, at, strict=False)) + row[-1] <= 0 for row in planes
        ):
            wanted.add(at)
    found = {tuple(Fraction(w, over) for w in whole) for whole, over in polytope.points}
    assert found == wanted


def _solved(rows, right):
    """The solution of a square system in rationals; None if it has not exactly one."""
    table = [[Fraction(v) for v in (*row, b)] for row, b in zip(rows, right, strict=True)]
    n = len(table)
    for i in range(n):
        pivot = next((k for k in range(i, n) if table[k][i]), None)
        if pivot is None:
            return None
        table[i], table[pivot] = table[pivot], table[i]
        table[i] = [v / table[i][i] for v in table[i]]
        for k in range(n):
            if k != i:
                table[k] = [a - table[k][i] * b for a, b in zip(table[k], table[i], strict=True)]
    return tuple(row[-1] for row in table)


def test_both_sides_of_a_cut_are_the_whole():
    whole = CutPolytope.box([Fraction(0)] * 2, [Fraction(1)] * 2)
    low, high = whole.cut(face_of([1, 1], -1))
    assert len(low.points) == len(high.points) == 3
    touched, empty = whole.cut(face_of([-1, 0], 0))
    assert len(touched.points) == 4 and len(empty.points) == 2  # a side of it
    nothing, _ = whole.cut(face_of([1, 0], 1))
    assert not nothing.points


# ---- units whose forms are off -----------------------------------------------------------------


@pytest.mark.parametrize("symbols", [0, 2])
@pytest.mark.parametrize("curve", ["relu", "abs", "leaky_relu", "hard_sigmoid", "soft_shrink"])
@pytest.mark.parametrize("cut", [True, False])
def test_what_a_form_is_off_by_is_paid(curve, symbols, cut):
    """Values that are 0.1 off their forms, and more along symbols, stay within the error."""
    b = Builder([Slot("x", (3,))])
    graph = b.finish([b.curve(curve, b.input_values()[0])], ["y"])
    op, rng = graph.nodes[0].op, np.random.default_rng(0)
    rows = 4 * rng.normal(size=(1, 2 + symbols, 3))
    rows[:, 2:] *= 0.02
    center = rng.normal(size=(1, 3))
    # A unit that exceeds 0 by less than it may be off: it is not cut.
    center[0, 0], rows[0, :, 0] = -1.0, 0.0
    rows[0, 0, 0] = 1.05
    form = ForwardForm(center, rows, np.full((1, 3), 0.1))
    square = CutPolytope.box([Fraction(-1)] * 2, [Fraction(1)] * 2)
    start = Cells([square], {0: form}, np.ones(1, bool))
    cells = decided(op, 0, start, lambda count: True) if cut else enclosed(op, 0, start)
    assert cells.exact.all() == cut and (len(cells) > 1) == cut
    found = cells.forms[-1]
    for i, polytope in enumerate(cells.polytopes):
        e = rng.dirichlet(np.ones(len(polytope.points)), 400) @ polytope.floats
        s = np.concatenate([e, rng.choice([-1.0, 1.0], (400, symbols))], axis=1)
        off = 0.1 * rng.choice([-1.0, 1.0], (400, 3))
        true = op.f(form.center[0] + s @ form.rows[0] + off)
        told = found.center[i] + s @ found.rows[i]
        assert (np.abs(true - told) <= found.rest[i] + 1e-12).all()
