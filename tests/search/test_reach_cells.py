"""Polytopes are cut exactly, and the errors of a cell's forms are accounted for."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from cases import some
from outrange.domains.zonotopes import Zonotopes
from outrange.graph import Builder, Slot
from outrange.search.reach_sets.cells import Cells
from outrange.search.reach_sets.decide_units import cut_by_knots, enclose
from outrange.search.reach_sets.polytope import CutPolytope, face_of


@pytest.mark.parametrize("seed", some(range(40), 6))
def test_cuts_keep_exactly_the_part_below(seed):
    """Compare the vertices after some cuts with all intersections of as many planes as inputs."""
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
        at = _solve([row[:-1] for row in chosen], [-row[-1] for row in chosen])
        if at is not None and all(
            sum(a * b for a, b in zip(row, at, strict=False)) + row[-1] <= 0 for row in planes
        ):
            wanted.add(at)
    vertices = {tuple(Fraction(w, over) for w in whole) for whole, over in polytope.points}
    assert vertices == wanted


def _solve(rows, right):
    """Solve a square system in rationals; None if it has not exactly one solution."""
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
    assert len(touched.points) == 4 and len(empty.points) == 2  # one of its sides
    nothing, _ = whole.cut(face_of([1, 0], 1))
    assert not nothing.points


# ---- units with inexact forms -------------------------------------------------------------------


@pytest.mark.parametrize("symbols", [0, 2])
@pytest.mark.parametrize("curve", ["relu", "abs", "leaky_relu", "hard_sigmoid", "soft_shrink"])
@pytest.mark.parametrize("cut", [True, False])
def test_errors_of_forms_are_accounted_for(curve, symbols, cut):
    """Values that deviate by 0.1 from their forms, or more along symbols, stay within the error."""
    b = Builder([Slot("x", (3,))])
    graph = b.finish([b.curve(curve, b.input_values()[0])], ["y"])
    op, rng = graph.nodes[0].op, np.random.default_rng(0)
    rows = 4 * rng.normal(size=(1, 2 + symbols, 3))
    rows[:, 2:] *= 0.02
    center = rng.normal(size=(1, 3))
    # A unit that exceeds 0 by less than its error is not cut.
    center[0, 0], rows[0, :, 0] = -1.0, 0.0
    rows[0, 0, 0] = 1.05
    form = Zonotopes(center, rows, np.full((1, 3), 0.1))
    square = CutPolytope.box([Fraction(-1)] * 2, [Fraction(1)] * 2)
    start = Cells([square], {0: form}, np.ones(1, bool))
    cells = cut_by_knots(op, 0, start, lambda count: True) if cut else enclose(op, 0, start)
    assert cells.exact.all() == cut and (len(cells) > 1) == cut
    result = cells.forms[-1]
    for i, polytope in enumerate(cells.polytopes):
        e = rng.dirichlet(np.ones(len(polytope.points)), 400) @ polytope.floats
        s = np.concatenate([e, rng.choice([-1.0, 1.0], (400, symbols))], axis=1)
        off = 0.1 * rng.choice([-1.0, 1.0], (400, 3))
        true = op.f(form.center[0] + s @ form.rows[0] + off)
        predicted = result.center[i] + s @ result.rows[i]
        assert (np.abs(true - predicted) <= result.rest[i] + 1e-12).all()
