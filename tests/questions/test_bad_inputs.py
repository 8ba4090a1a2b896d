"""The set of all inputs that violate a property: its share, its pieces, and each point's side."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from cases import cases, combine
from outrange.core import And, Atom, Box, InputError, Or, Region
from outrange.core.formula import value
from outrange.graph import Builder, Slot
from outrange.questions.expressions import resolve, x, y
from outrange.questions.inputs.sets import L1Ball, L2Ball, Mixed, Polytope, Union, regions
from outrange.questions.violations.bad_inputs import bad_inputs
from outrange.search.preimage.disjoint_boxes import disjoint_boxes, grid_cells
from outrange.search.preimage.halfspace_volumes import share_below
from questions.nets import Net, dense_net, two_in_two_out
from random_graphs import LINES, SMOOTH, random_box, random_graph


def ask(net, unsafe, box, *, where=None, **options):
    """Compute the bad inputs where `unsafe`, a condition or a formula, holds."""
    graph = net.graph
    if not isinstance(unsafe, Atom | And | Or):
        unsafe = resolve(unsafe, graph.inputs, graph.outputs)
    return bad_inputs(net, unsafe, regions(graph.inputs, box, where=where), text="p", **options)


def diamond():
    """Return the network `y = |x0| + |x1|`."""
    b = Builder([Slot("x", (2,))])
    size = b.curve("abs", b.input_values()[0])
    return Net(b.finish([b.reduce("sum", size, [1], keepdims=True)], ["y"]))


def square_sum(d=2):
    """Return the network `y = x0^2 + ... `."""
    b = Builder([Slot("x", (d,))])
    size = b.curve("square", b.input_values()[0])
    return Net(b.finish([b.reduce("sum", size, [1], keepdims=True)], ["y"]))


def grid(lo, hi, n, d=2):
    return np.stack(np.meshgrid(*[np.linspace(lo, hi, n)] * d), axis=-1).reshape(-1, d)


def height(net, unsafe, points):
    return value(unsafe, np.concatenate([points, net.graph.run(points)], axis=1))


def quantile(net, share, d, rng):
    return float(np.quantile(net.graph.run(rng.uniform(-1, 1, (20_000, d)))[:, 0], share))


def check_points(answer, net, unsafe, points, near=1e-9):
    """Check every classified point against the network; return the share of unclassified points."""
    is_bad = answer.contains(points)
    v = height(net, unsafe, points)
    yes, no = np.equal(is_bad, True), np.equal(is_bad, False)
    assert not np.any(yes & (v > near))
    assert not np.any(no & (v < -near))
    return float(np.mean(~yes & ~no))


# ---- known shares ---------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["auto", "array"])
def test_the_corners_around_a_diamond_are_half_of_the_square(engine):
    answer = ask(diamond(), y[0] >= 1, (-1, 1), engine=engine)
    assert answer.share_lo <= 0.5 <= answer.share_hi
    assert answer.share_hi - answer.share_lo <= 0.01
    assert answer.holds is False
    if engine == "auto":
        assert answer.share_hi - answer.share_lo < 1e-9
        assert len(answer.pieces) == 4
        assert not len(answer.undecided_lo)


@pytest.mark.parametrize(("d", "radius", "share"), [
    (2, 1.0, np.pi / 4), (2, 0.5, np.pi / 16), (3, 1.0, np.pi / 6), (2, 1e-3, np.pi / 4 * 1e-6),
])  # fmt: skip
def test_a_ball_in_a_cube(d, radius, share):
    answer = ask(square_sum(d), y[0] <= radius**2, (-1, 1), share_tol=0.02 * share)
    assert answer.share_lo <= share <= answer.share_hi
    assert answer.share_hi - answer.share_lo <= 0.02 * share
    assert answer.status == "known"
    assert not answer.pieces


def test_a_half_space_is_told_by_one_piece():
    net = dense_net((2, 1), (None,), weights=[([[1.0], [1.0]], [0.0])])
    answer = ask(net, y[0] > 1.5, (0, 1))
    np.testing.assert_allclose([answer.share_lo, answer.share_hi], 0.125, atol=1e-12)
    (piece,) = answer.pieces
    np.testing.assert_allclose(piece.a, [[-1, -1]])
    np.testing.assert_allclose(piece.b, [-1.5])
    assert piece.contains(piece.at).all()
    corners = piece.corners(answer.varying)
    assert sorted(map(tuple, np.round(corners, 9).tolist())) == [(0.5, 1), (1, 0.5), (1, 1)]


def test_a_needle_is_found_and_measured():
    net = dense_net((2, 1), (None,), weights=[([[1.0], [1.0]], [0.0])])
    answer = ask(net, y[0] >= 2 - 1e-6, (0, 1))
    np.testing.assert_allclose([answer.share_lo, answer.share_hi], 0.5e-12, rtol=1e-3)
    assert answer.holds is False
    assert answer.contains([1.0, 1.0]) is True


def test_nothing_is_bad_and_everything_is():
    net = dense_net((3, 8, 1), ("relu", None))
    none = ask(net, y[0] >= 1e6, (-1, 1))
    assert (none.share_lo, none.share_hi, none.nowhere, none.holds) == (0, 0, True, True)
    assert not none.pieces
    assert not len(none.box_lo)
    assert not len(none.undecided_lo)
    whole = ask(net, y[0] <= 1e6, (-1, 1))
    assert (whole.share_lo, whole.share_hi, whole.holds) == (1, 1, False)
    assert len(whole.box_lo) == 1


@pytest.mark.parametrize("engine", ["auto", "array"])
@pytest.mark.parametrize(("unsafe", "share", "off_is_bad"), [
    (y[0] > 0, 0.5, False), (y[0] <= 0, 0.5, True), (y[0] >= 0, 1, True), (y[0] < 0, 0, False),
])  # fmt: skip
def test_a_value_of_exactly_zero_counts_by_its_sign(unsafe, share, off_is_bad, engine):
    net = dense_net((2, 1), ("relu",), weights=[([[1.0], [1.0]], [0.0])])
    answer = ask(net, unsafe, (-1, 1), engine=engine)
    assert answer.share_lo <= share <= answer.share_hi
    assert answer.share_hi - answer.share_lo <= 0.01
    assert answer.contains([-0.5, -0.25]) is off_is_bad


# ---- against the network itself -------------------------------------------------------------


@pytest.mark.parametrize("seed", range(cases(1, 8)))
@pytest.mark.parametrize(("tol", "side"), [(0.1, 300), (0.005, 1000)])
def test_every_point_of_a_grid_is_on_its_side(seed, tol, side, rng):
    net = dense_net((2, 12, 12, 1), ("relu", "relu", None), seed)
    unsafe = Atom(((2, 1.0),), -quantile(net, rng.uniform(0.02, 0.9), 2, rng))
    answer = ask(net, unsafe, (-1, 1), share_tol=tol)
    points = grid(-1, 1, side)
    assert check_points(answer, net, unsafe, points) <= tol
    bad = np.mean(height(net, unsafe, points) <= 0)
    assert answer.share_lo - 4 / side <= bad <= answer.share_hi + 4 / side
    assert answer.share_hi - answer.share_lo <= tol


@pytest.mark.parametrize(
    ("seed", "act"), combine(range(cases(2, 4)), ["leaky_relu", "hard_sigmoid", "tanh", "silu"])
)
def test_other_curves(seed, act, rng):
    net = dense_net((2, 8, 8, 1), (act, act, None), seed)
    unsafe = Atom(((2, 1.0),), -quantile(net, 0.4, 2, rng))
    answer = ask(net, unsafe, (-1, 1))
    points = grid(-1, 1, 300)
    assert check_points(answer, net, unsafe, points) <= 0.03
    bad = np.mean(height(net, unsafe, points) <= 0)
    assert answer.share_lo - 0.01 <= bad <= answer.share_hi + 0.01
    assert answer.share_hi - answer.share_lo <= 0.01


@pytest.mark.parametrize(("seed", "act"), combine(range(cases(2, 4)), ["relu", "tanh"]))
def test_unions_and_conjunctions(seed, act, rng):
    net = dense_net((2, 10, 3), (act, None), seed)
    low = np.quantile(net.graph.run(rng.uniform(-1, 1, (5000, 2))), [0.3, 0.7], axis=0)
    first = Atom(((2, 1.0),), -float(low[0, 0]))
    pair = And((Atom(((3, 1.0),), -float(low[1, 1])), Atom(((2, -1.0), (4, 1.0)), 0.0, True)))
    unsafe = Or((first, pair))
    answer = ask(net, unsafe, (-1, 1), share_tol=0.02)
    points = grid(-1, 1, 300)
    assert check_points(answer, net, unsafe, points) <= 0.03
    bad = np.mean(height(net, unsafe, points) <= 0)
    assert answer.share_lo - 0.01 <= bad <= answer.share_hi + 0.01


@pytest.mark.parametrize("d", cases([1, 3], [1, 3, 4]))
def test_other_numbers_of_inputs(d, rng):
    net = dense_net((d, 8, 8, 1), ("relu", "relu", None), 2)
    unsafe = Atom(((d, 1.0),), -quantile(net, 0.3, d, rng))
    answer = ask(net, unsafe, (-1, 1), share_tol=0.02)
    points = rng.uniform(-1, 1, (100_000, d))
    assert check_points(answer, net, unsafe, points) <= 0.02
    bad = np.mean(height(net, unsafe, points) <= 0)
    assert answer.share_lo - 0.01 <= bad <= answer.share_hi + 0.01
    assert answer.share_hi - answer.share_lo <= 0.02


def test_many_inputs_do_no_harm(rng):
    net = dense_net((20, 16, 1), ("relu", None), 3)
    unsafe = Atom(((20, 1.0),), -quantile(net, 0.2, 20, rng))
    answer = ask(net, unsafe, (-1, 1), most_pieces=200)
    points = rng.uniform(-1, 1, (5000, 20))
    bad = np.mean(height(net, unsafe, points) <= 0)
    assert answer.share_lo - 0.03 <= bad <= answer.share_hi + 0.03
    assert answer.status in ("pieces", "known")
    check_points(answer, net, unsafe, points)


@pytest.mark.parametrize("seed", range(cases(2, 4)))
def test_every_piece_is_bad_inside_and_holds_its_point(seed, rng):
    net = dense_net((3, 8, 8, 2), ("relu", "relu", None), seed)
    gaps = net.graph.run(rng.uniform(-1, 1, (5000, 3))) @ [1.0, -1.0]
    unsafe = Atom(((3, 1.0), (4, -1.0)), -float(np.quantile(gaps, 0.3)))
    answer = ask(net, unsafe, (-1, 1), share_tol=0.05)
    assert answer.pieces
    for piece in answer.pieces:
        assert height(net, unsafe, piece.at[None])[0] <= 1e-9
        assert np.all(piece.a @ piece.at <= piece.b + 1e-9)
        inside = rng.uniform(piece.lo, piece.hi, (50, 3))
        inside = inside[piece.contains(inside)]
        assert np.all(height(net, unsafe, inside) <= 1e-9)
    for lo, hi in zip(answer.box_lo, answer.box_hi, strict=True):
        assert np.all(height(net, unsafe, rng.uniform(lo, hi, (50, 3))) <= 0)
    # Together they cover every bad point that is not undecided.
    points = rng.uniform(-1, 1, (3000, 3))
    bad = points[height(net, unsafe, points) < -1e-9]
    covered = np.zeros(len(bad), bool)
    for piece in answer.pieces:
        covered |= piece.contains(bad)
    for lo, hi in zip(answer.box_lo, answer.box_hi, strict=True):
        covered |= ((lo <= bad) & (bad <= hi)).all(axis=1)
    for lo, hi in zip(answer.undecided_lo, answer.undecided_hi, strict=True):
        covered |= ((lo <= bad) & (bad <= hi)).all(axis=1)
    assert covered.all()


@pytest.mark.parametrize("seed", range(cases(1, 3)))
def test_the_two_engines_bracket_the_same_share(seed, rng):
    net = dense_net((2, 10, 10, 1), ("relu", "relu", None), seed)
    unsafe = Atom(((2, 1.0),), -quantile(net, 0.3, 2, rng))
    kernel_answer, array_answer = (
        ask(net, unsafe, (-1, 1), share_tol=1e-4, engine=e) for e in ("auto", "array")
    )
    assert max(kernel_answer.share_lo, array_answer.share_lo) <= min(
        kernel_answer.share_hi, array_answer.share_hi
    )
    assert (
        max(
            kernel_answer.share_hi - kernel_answer.share_lo,
            array_answer.share_hi - array_answer.share_lo,
        )
        <= 1e-4
    )


@pytest.mark.parametrize("seed", range(cases(3, 60)))
def test_wild_graphs_and_boxes(seed):
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, SMOOTH if seed % 3 == 0 else LINES, wild=seed % 2 == 0)
    box, d = random_box(rng, graph), graph.size
    points = box.uniform(rng, 2000)
    out = graph.run(points)
    if not np.isfinite(out).all():
        pytest.skip("overflows")
    limits = np.quantile(out[:, 0], np.sort(rng.random(2)))
    inside = And((Atom(((d, 1.0),), -float(limits[1])), Atom(((d, -1.0),), float(limits[0]), True)))
    unsafe = inside if seed % 4 else Or((inside, Atom(((d, 1.0),), -float(out.min()))))
    answer = ask(Net(graph), unsafe, box, most_pieces=400, time_limit=5)
    near = 1e-9 * max(np.abs(out).max(), np.abs(points).max())
    check_points(answer, Net(graph), unsafe, points, near)
    bad = np.mean(height(Net(graph), unsafe, points) <= 0)
    if np.ptp(out[:, 0]) > near:
        assert answer.share_lo - 0.06 <= bad <= answer.share_hi + 0.06


# ---- volumes --------------------------------------------------------------------------------


def _exact_share(slopes, offset, lo, hi):
    """Return the share of a box below a plane, in rational arithmetic."""
    slopes, lo, hi = ([Fraction(float(v)) for v in part] for part in (slopes, lo, hi))
    ends = list(zip(slopes, lo, hi, strict=True))
    w = [abs(a) * (v - u) for a, u, v in ends if a]
    t = -Fraction(float(offset)) - sum(a * (u if a > 0 else v) for a, u, v in ends)
    if not w:
        return Fraction(int(t >= 0))
    total = Fraction(0)
    for chosen in itertools.product((0, 1), repeat=len(w)):
        x = t - sum(v for v, c in zip(w, chosen, strict=True) if c)
        total += (-1) ** sum(chosen) * max(x, Fraction(0)) ** len(w)
    return total / math.factorial(len(w)) / math.prod(w)


@pytest.mark.parametrize("d", range(1, 8))
def test_shares_of_half_spaces_enclose_the_exact_ones(d, rng):
    count = 120
    slopes = rng.normal(size=(count, d)) * 10.0 ** (
        rng.uniform(-8, 3, (count, d)) * (rng.random((count, 1)) < 0.5)
    )
    slopes[rng.random((count, d)) < 0.1] = 0.0
    lo = rng.normal(size=(count, d))
    hi = lo + rng.random((count, d)) * 10.0 ** rng.uniform(-4, 2, (count, 1))
    offset = -(slopes * rng.uniform(lo, hi)).sum(axis=1)
    least, most = share_below(slopes, offset, lo, hi)
    for i in range(count):
        exact = _exact_share(slopes[i], offset[i], lo[i], hi[i])
        assert Fraction(least[i]) <= exact <= Fraction(most[i])
    assert np.median(most - least) < 1e-5


@pytest.mark.parametrize("seed", range(cases(3, 20)))
def test_boxes_cut_along_each_other_cover_the_same_once(seed):
    rng = np.random.default_rng(seed)
    ends = np.sort(rng.integers(0, 6, (int(rng.integers(1, 5)), 2, 2)), axis=1).astype(float)
    ends[:, 1] += 1
    boxes = [tuple(pair) for pair in ends]
    inner = [(low + 1, high) for low, high in boxes]
    about = [(box, k) for k, box in enumerate(inner) if (box[0] <= box[1]).all()]
    lo, hi, wanted = grid_cells(disjoint_boxes(boxes), about, len(boxes), 1000)
    points = rng.integers(0, 7, (400, 2)) + rng.uniform(0.1, 0.9, (400, 2))
    inside = ((lo <= points[:, None]) & (points[:, None] <= hi)).all(axis=2)
    once = [((low <= points) & (points <= high)).all(axis=1) for low, high in boxes]
    assert np.array_equal(inside.sum(axis=1), np.any(once, axis=0).astype(int))
    for (low, high), k in about:
        is_inside = ((low <= points) & (points <= high)).all(axis=1)
        assert np.array_equal((inside & wanted[:, k]).any(axis=1), is_inside)


# ---- sets that are not one box --------------------------------------------------------------


def test_a_condition_on_the_inputs_cuts_the_bad_set_not_the_volume():
    answer = ask(diamond(), y[0] >= 1, (-1, 1), where=x[0] + x[1] >= 0)
    assert answer.share_lo <= 0.25 <= answer.share_hi
    assert answer.share_hi - answer.share_lo <= 0.01
    assert answer.contains([0.9, 0.9]) is True
    assert answer.contains([-0.9, -0.9]) is False
    half = ask(diamond(), y[0] >= 1, (-1, 1), where=x[0] >= 0.0)
    np.testing.assert_allclose([half.share_lo, half.share_hi], 0.25, atol=1e-9)
    assert half.lo.min() == -1


def test_unions_count_what_they_share_once():
    answer = ask(diamond(), y[0] >= 0, Union((-1, 0.5), (-0.5, 1)))
    assert answer.share_lo <= 1 <= answer.share_hi
    assert answer.contains([[0.9, -0.9], [0.9, 0.9], [0.0, 0.0]]).tolist() == [False, True, True]
    # The set: 1.5^2 twice, less a unit square. Bad: half of two unit squares; four triangles.
    answer = ask(diamond(), y[0] >= 1, Union((-1, 0.5), (-0.5, 1)))
    bad, area = 2 * 0.5 + 4 * 0.125, 2 * 1.5**2 - 1
    assert answer.share_lo <= bad / area <= answer.share_hi


@pytest.mark.parametrize(("ball", "share"), [
    (L2Ball([0.0, 0.0], 1.0), np.pi / 4), (L1Ball([0.0, 0.0], 1.0), 0.5),
])  # fmt: skip
def test_balls(ball, share):
    net = dense_net((2, 1), (None,), weights=[([[1.0], [0.0]], [0.0])])
    answer = ask(net, y[0] >= -2, ball)
    assert answer.share_lo <= share <= answer.share_hi
    assert answer.share_hi - answer.share_lo <= 0.01


def test_polytopes():
    net = dense_net((2, 1), (None,), weights=[([[1.0], [0.0]], [0.0])])
    answer = ask(net, y[0] >= 0.5, Polytope([[1, 1]], [1], (0, 1)))
    assert answer.share_lo <= 0.125 <= answer.share_hi
    assert answer.share_hi - answer.share_lo <= 0.01


def test_bounds_in_the_property_itself():
    net = dense_net((2, 1), (None,), weights=[([[1.0], [1.0]], [0.0])])
    anywhere = Region(Box(np.full(2, -np.inf), np.full(2, np.inf)))
    within = [Atom(((i, s),), -1.0) for i in (0, 1) for s in (1.0, -1.0)]
    unsafe = And((*within, Atom(((2, -1.0),), 1.0)))
    answer = bad_inputs(net, unsafe, [anywhere], text="p")
    np.testing.assert_allclose([answer.share_lo, answer.share_hi], 0.125, atol=1e-9)
    assert answer.lo.tolist() == [[-1, -1]]


@pytest.mark.parametrize("engine", ["auto", "array"])
def test_several_inputs_some_of_them_fixed(engine):
    answer = ask(two_in_two_out(), y["sum"] >= 3.5, {"x": (0, 1), "u": 2.5}, engine=engine)
    np.testing.assert_allclose([answer.share_lo, answer.share_hi], 0.5, atol=1e-9)
    answer = ask(two_in_two_out(), y["sum"] >= 1, {"x": (0, 1), "u": 0.0}, engine=engine)
    np.testing.assert_allclose([answer.share_lo, answer.share_hi], 0.5, atol=1e-9)
    assert answer.contains({"x": np.array([1.0, 0.5]), "u": np.array([0.0])}) is True
    assert answer.contains({"x": np.array([1.0, 0.5]), "u": np.array([0.5])}) is False
    assert answer.contains([0.0, 0.5, 0.0]) is False


def test_a_point_is_bad_or_good():
    for limit, share in ((0.5, 1), (1.5, 0)):
        answer = ask(diamond(), y[0] >= limit, (0.5, 0.5))
        assert (answer.share_lo, answer.share_hi) == (share, share)


@pytest.mark.parametrize(("box", "word"), [
    (Mixed((0, 3), integers=[0]), "takes integers only"),
    (Union(L2Ball([0.0, 0.0], 1.0), L2Ball([1.0, 0.0], 1.0)), "ball"),
])  # fmt: skip
def test_sets_without_a_volume_are_refused(box, word):
    with pytest.raises(InputError, match=word):
        ask(diamond(), y[0] >= 1, box)
