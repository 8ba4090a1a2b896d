"""The regions of a set contain exactly the points of the set by its definition."""

from fractions import Fraction

import numpy as np
import pytest

from outrange.core import Box, InputError, Region
from outrange.graph import Slot
from outrange.questions.expressions import x, y
from outrange.questions.inputs.sets import L1Ball, L2Ball, Mixed, Polytope, Union, regions
from questions.expressions.expression_grammar import truth


SLOTS = [Slot("x", (2, 2)), Slot("age", ()), Slot("color", (3,))]
FLAT = [Slot("x", (3,))]


def _member(part: list[Region], points: np.ndarray) -> np.ndarray:
    """Return whether each point is in one of the regions, by their definition."""
    inside = np.zeros(len(points), bool)
    for region in part:
        here = region.box.contains(points) & truth(region.condition, points)
        here &= (points[:, region.integer] == np.round(points[:, region.integer])).all(1)
        for ball in region.distances:
            away = np.linalg.norm(points[:, ball.index] - ball.center, ball.order, axis=1)
            here &= away <= ball.radius
        inside |= here
    return inside


def _agree(slots, inputs_set, wanted, points, **options):
    actual = _member(regions(slots, inputs_set, **options), points)
    assert actual.tolist() == wanted.tolist()
    assert 0 < actual.sum() < len(actual)


def test_a_box_is_one_region():
    for box in ((0, 1), np.array([[0.0, 0, 0], [1, 1, 1]]), Box(np.zeros(3), np.ones(3))):
        (part,) = regions(FLAT, box)
        assert (part.box.lo.tolist(), part.box.hi.tolist()) == ([0] * 3, [1] * 3)
        assert not part.integer.any()
        assert truth(part.condition, np.zeros((1, 3))).all()


def test_polytope(rng):
    for _ in range(20):
        a, b = rng.integers(-2, 3, (3, 3)), rng.integers(0, 4, 3)
        points = rng.integers(-3, 4, (400, 3)).astype(float)
        wanted = (points @ a.T <= b).all(1) & (np.abs(points) <= 2).all(1)
        _agree(FLAT, Polytope(a, b, (-2, 2)), wanted, points)
    assert "1 inequality on 3 inputs, box=(0, 1)" in repr(Polytope([[1, 1, 1]], 1, (0, 1)))


@pytest.mark.parametrize(("kind", "order"), [(L1Ball, 1), (L2Ball, 2)])
def test_balls(rng, kind, order):
    points = rng.integers(-8, 9, (4000, 3)) / 4
    away = np.linalg.norm(points - [0.5, 0, -0.25], order, axis=1)
    wanted = (away <= 1.25) & (points >= -0.5).all(1) & (points <= 1).all(1)
    _agree(FLAT, kind([[0.5, 0, -0.25]], 1.25, clip=(-0.5, 1)), wanted, points)


@pytest.mark.parametrize("kind", [L1Ball, L2Ball])
def test_the_box_around_a_ball_is_rounded_outwards_by_a_step(rng, kind):
    center, radius = rng.normal(0, 1, 3), float(rng.uniform(0.1, 1))
    (part,) = regions(FLAT, kind(center, radius))
    for c, lo, hi in zip(center, part.box.lo, part.box.hi, strict=True):
        least, most = Fraction(c) - Fraction(radius), Fraction(c) + Fraction(radius)
        assert Fraction(lo) <= least <= Fraction(np.nextafter(lo, np.inf))
        assert Fraction(np.nextafter(hi, -np.inf)) <= most <= Fraction(hi)


def test_each_input_has_its_own_ball(rng):
    points = rng.integers(-2, 3, (3000, 8)) / 2
    center = {"x": np.zeros((2, 2)), "age": 0.5, "color": [0, 0, 1]}
    wanted = (np.abs(points[:, :4]).sum(1) <= 1) & (points[:, 4] == 0.5)
    wanted &= np.abs(points[:, 5:] - [0, 0, 1]).sum(1) <= 2
    _agree(SLOTS, L1Ball(center, {"x": 1, "age": 0, "color": 2}), wanted, points)


def test_integers_and_one_hot(rng):
    points = rng.integers(-2, 5, (20_000, 8)) / 2
    points[:, 4:] = np.round(rng.uniform(-0.5, 1.7, (20_000, 4)))
    points[:50, 5] = 0.5
    whole = points[:, [1, 4]] == np.round(points[:, [1, 4]])
    hot = (np.sort(points[:, 5:], 1) == [0, 0, 1]).all(1)
    wanted = whole.all(1) & hot & (points >= -0.5).all(1) & (points <= 1.5).all(1)
    for integers in (["age", 1], [("x", (0, 1)), 4], np.array([-4, 1])):
        for group in ("color", [5, 6, 7], ("color", slice(0, 3)), [("color", 2), 5, 6]):
            _agree(SLOTS, Mixed((-0.5, 1.5), integers=integers, one_hot=[group]), wanted, points)
    (part,) = regions(SLOTS, Mixed((-0.5, 1.5), integers=4, one_hot=["color"]))
    assert part.box.lo.tolist() == [-0.5] * 4 + [0] * 4
    assert part.box.hi.tolist() == [1.5] * 4 + [1] * 4
    assert np.flatnonzero(part.integer).tolist() == [4, 5, 6, 7]


def test_at_most_one_of_a_group(rng):
    points = rng.integers(0, 3, (5000, 8)) / 2
    dummies = np.isin(points[:, 5:], [0, 1]).all(1) & (points[:, 5:].sum(1) <= 1)
    wanted = dummies & (points <= 1).all(1) & (points[:, 4] % 1 == 0)
    for group in ("color", [5, 6, 7]):
        _agree(SLOTS, Mixed((0, 1), integers=["age"], at_most_one=[group]), wanted, points)
    assert repr(Mixed((0, 1), at_most_one=[[1, 2]])) == "Mixed((0, 1), at_most_one=[[1, 2]])"


def test_unions_and_cuts(rng):
    points = rng.integers(-6, 7, (2000, 3)) / 2
    a = (np.abs(points) <= 1).all(1)
    b = (np.abs(points - 2).sum(1) <= 2) & (points[:, 0] >= points[:, 1])
    c = (points >= -3).all(1) & (points <= -2).all(1)
    whole = (-1, 1) | L1Ball([2, 2, 2], 2) & (x[0] >= x[1]) | np.array([[-3.0] * 3, [-2.0] * 3])
    assert len(whole.sets) == 3
    assert len(regions(FLAT, Union(whole, (5, 6)))) == 4
    _agree(FLAT, whole, a | b | c, points)
    cut = points.sum(1) < 1
    _agree(FLAT, whole, (a | b | c) & cut, points, where=x.sum() < 1)
    _agree(FLAT, whole & (x.sum() < 1), (a | b | c) & cut, points)
    _agree(FLAT, (x.sum() < 1) & whole, (a | b | c) & cut, points)
    _agree(FLAT, whole & (lambda x: x.sum() < 1), (a | b | c) & cut, points)
    _agree(FLAT, (-1, 1), a & cut, points, where=lambda x, y: sum(x) < 1)


def test_sets_stand_inside_sets(rng):
    points = rng.integers(-4, 5, (2000, 3)) / 2
    ball = np.linalg.norm(points, axis=1) <= 1.5
    wanted = ball & (points[:, 0] + points[:, 1] <= 0) & (points[:, 2] % 1 == 0)
    whole = Mixed(Polytope([[1, 1, 0]], 0, L2Ball([0, 0, 0], 1.5)), integers=[2])
    _agree(FLAT, whole, wanted, points)
    assert repr(whole) == (
        "Mixed(Polytope(1 inequality on 3 inputs, box=L2Ball([0, 0, 0], 1.5)), integers=[2])"
    )
    assert repr((Union((0, 1)) & (x[0] <= 0.5)) | (2, 3)) == (
        "Union(Union((0, 1)) & (x[0] <= 0.5), (2, 3))"
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Polytope([1, 1], [1], (0, 1)), ["(rows, inputs)", "(2,)"]),
        (lambda: Polytope([[1, 1, 1]], [1, 2], (0, 1)), ["(1, 3) and (2,)"]),
        (lambda: Polytope([[1, 1, np.nan]], [1], (0, 1)), ["finite", "`a`"]),
        (lambda: Polytope([[1, 1, 1]], np.inf, (0, 1)), ["finite", "`b`"]),
        (lambda: Polytope([[1, 1]], [1], (0, 1)), ["3 in total", "(1, 2)"]),
        (lambda: Polytope([[0, 0, 0]], [-1], (0, 1)), ["empty", "b=-1"]),
        (lambda: Polytope([[1, 1, 1]], [1], (1, 0)), ["lo <= hi"]),
        (lambda: Polytope([[1, 1, 1]], [1], None), ["input set is needed"]),
        (lambda: L1Ball([0, 0, 0], -1), ["radius=-1"]),
        (lambda: L2Ball([0, 0, 0], [1, 1, 1]), ["radius=[1, 1, 1]"]),
        (lambda: L2Ball([0, 0, 0], {"u": 1}), ["`x` is missing", "['u']"]),
        (lambda: L2Ball([0, 0, 0], 1, clip=(1, 0)), ["clip=(1, 0)"]),
        (lambda: L2Ball([0, 0, 0], 1, clip=(2, 3)), ["outside `clip`", "radius=1"]),
        (lambda: L2Ball([0, 0, 0], 1, clip=(0.6, 3)), ["outside `clip`"]),
        (lambda: L2Ball([0, 0], 1), ["`x`", "(3,)", "(2,)"]),
        (lambda: L2Ball([0, 0, np.nan], 1), ["finite"]),
        (lambda: L2Ball({"u": [0, 0, 0]}, 1), ["name every input", "['u']"]),
        (lambda: Mixed((0, 1), integers=[3]), ["0 to 2", "3"]),
        (lambda: Mixed((0, 1), integers=["age"]), ["`x`", "'age'"]),
        (lambda: Mixed((0, 1), integers=[("x", 5)]), ["(3,)", "('x', 5)"]),
        (lambda: Mixed((0, 1), integers=[True, False, True]), ["flatnonzero", "True"]),
        (lambda: Mixed((0, 1), integers=[0.5]), ["flat indices", "0.5"]),
        (lambda: Mixed((0, 1), integers=0.5), ["flat indices", "0.5"]),
        (lambda: Mixed((0.2, 0.8), integers=[1]), ["an integer", "`x`[1]", "lo=0.2, hi=0.8"]),
        (lambda: Mixed((2, 3), one_hot=[[0, 1]]), ["0 or 1", "lo=2, hi=3"]),
        (lambda: Mixed((0, 0), one_hot=[[0, 1]]), ["exclude this", "hi=[0.0, 0.0]"]),
        (lambda: Mixed((1, 1), one_hot=[[0, 1]]), ["exclude this", "lo=[1.0, 1.0]"]),
        (lambda: Mixed((0, 1), one_hot=[0, 1]), ["[[2, 3, 4]]", "[0, 1]"]),
        (lambda: Mixed((0, 1), at_most_one=[0, 1]), ["at_most_one=[[2, 3, 4]]", "[0, 1]"]),
        (lambda: Mixed((1, 1), at_most_one=[[0, 1]]), ["At most one", "lo=[1.0, 1.0]"]),
        (lambda: Mixed((0, 1), one_hot=[[0]], at_most_one=[[0, 1]]), ["`x`[0]", "once"]),
        (lambda: Mixed((0, 1), one_hot=[[]]), ["[[2, 3, 4]]"]),
        (lambda: Mixed((0, 1), one_hot="x"), ["list of groups", "'x'"]),
        (lambda: Mixed((0, 1), one_hot=[[0, 1], [1, 2]]), ["`x`[1]", "a single group"]),
        (lambda: Mixed((0, 1), one_hot=[[0, 0]]), ["`x`[0]", "once"]),
        (lambda: Union(), ["at least one"]),
        (lambda: Union((0, 1), (1, 0)), ["lo <= hi"]),
        (lambda: Union((0, 1)) | (x[0] <= 1), ["set & condition", "x[0] <= 1"]),
        (lambda: (x[0] <= 1) | Union((0, 1)), ["set & condition", "x[0] <= 1"]),
        (lambda: Union((0, 1)) & (2, 3), ["condition on `x`", "tuple"]),
        (lambda: Union((0, 1)) & L2Ball([0, 0, 0], 1), ["condition on `x`", "L2Ball"]),
        (lambda: Union((0, 1)) & (y[0] <= 1), ["must use only `x`", "y[0] <= 1"]),
        (lambda: Union((0, 1)) & (x <= 1), [".all()"]),
        (lambda: Union((0, 1)) & (x[3] <= 1), ["Input `x` has shape (3,)"]),
        (lambda: x[0] <= 1, ["`where=`", "x[0] <= 1"]),
        (lambda: Region(Box(np.zeros(2), np.ones(2))), ["3 in total", "2 coordinates"]),
    ],
)
def test_mistakes_say_what_to_do(make, words):
    with pytest.raises(InputError) as caught:
        regions(FLAT, make())
    message = str(caught.value)
    for word in [*words, "Received: "]:
        assert word in message
    assert len(message) < 400


def test_where_is_about_inputs():
    outputs = [Slot("left", (2,))]
    for where in (y[0] <= 1, lambda x, y: y[0] <= x[0]):
        with pytest.raises(InputError, match=r"outputs `left`.*y\[0\] <= "):
            regions(FLAT, (0, 1), where, outputs)
    for where in (True, "x[0] <= 1", x[0], lambda x: x[0]):
        with pytest.raises(InputError, match="A property must be"):
            regions(FLAT, (0, 1), where)
    with pytest.raises(InputError, match="dict from input name"):
        regions(SLOTS, L1Ball([0, 0], 1))
