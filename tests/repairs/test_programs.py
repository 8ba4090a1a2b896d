"""The quadratic program of a repair: its solution is the nearest point of a polyhedron."""

import numpy as np
import pytest
from scipy.optimize import linprog, minimize, nnls

from cases import some
from outrange.repairs.program import WeightsProgram, least_norm, nonnegative_least_squares


@pytest.mark.parametrize("seed", some(range(30), 8))
def test_the_nearest_point_of_a_polyhedron(seed):
    """The conditions of Karush, Kuhn and Tucker, solved by another program."""
    rng = np.random.default_rng(seed)
    count, size = int(rng.integers(1, 30)), int(rng.integers(1, 20))
    inside = rng.normal(size=size)
    rows = rng.normal(size=(count, size))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    most = rows @ inside + rng.exponential(size=count) * (rng.random(count) < 0.7)
    x = least_norm(rows, most)
    assert x is not None and (rows @ x <= most + 1e-6).all()
    other = minimize(
        lambda v: 0.5 * v @ v, inside, jac=lambda v: v, method="SLSQP",
        constraints={"type": "ineq", "fun": lambda v: most - rows @ v, "jac": lambda v: -rows},
    )  # fmt: skip
    assert np.linalg.norm(x) <= np.linalg.norm(other.x) + 1e-5
    assert np.linalg.norm(x - other.x) <= 1e-3


def test_contradictory_constraints_have_no_solution():
    assert least_norm(np.array([[1.0], [-1.0]]), np.array([-1.0, -1.0])) is None


@pytest.mark.parametrize("seed", some(range(40), 10))
def test_a_solution_is_missing_only_if_a_linear_program_finds_none(seed):
    rng = np.random.default_rng(seed)
    count, size = int(rng.integers(2, 25)), int(rng.integers(1, 6))
    rows = rng.normal(size=(count, size))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    most = rng.normal(size=count) + 0.5
    free = [(None, None)] * (size + 1)
    # The least violation `t` of all rows.
    forms = np.concatenate([rows, -np.ones((count, 1))], axis=1)
    least = linprog([*np.zeros(size), 1], forms, most, bounds=free)
    least = -np.inf if least.status == 3 else least.fun
    if abs(least) > 1e-3:
        assert (least_norm(rows, most) is None) == (least > 0)


@pytest.mark.parametrize("seed", some(range(40), 10))
@pytest.mark.parametrize("kind", ["random", "dependent", "repeated", "zeros", "whole numbers"])
def test_nonnegative_least_squares_agrees_with_scipy(kind, seed):
    rng = np.random.default_rng(seed)
    rows, columns = int(rng.integers(1, 15)), int(rng.integers(1, 25))
    matrix, target = rng.normal(size=(rows, columns)), rng.normal(size=rows)
    if kind == "dependent":
        matrix = matrix @ rng.normal(size=(columns, 2)) @ rng.normal(size=(2, columns))
        matrix /= np.abs(matrix).max()
    if kind == "repeated":
        matrix = np.repeat(matrix, 3, axis=1)
    if kind == "zeros":
        matrix = matrix * (rng.random(columns) < 0.5)
    if kind == "whole numbers":
        matrix, target = np.rint(matrix), np.rint(target)
    v = nonnegative_least_squares(matrix, target)
    assert (v >= 0).all()
    least = nnls(matrix, target)[1]
    assert np.linalg.norm(matrix @ v - target) <= least + 1e-8


def test_the_objective_is_the_change_of_the_outputs():
    """With one constraint, the best weights have a closed form."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(50, 3))
    start = rng.normal(size=(3, 2))
    gram = features.T @ features / 50
    row = rng.normal(size=(3, 2))
    most = float((row * start).sum()) - 1.0
    (weights,) = WeightsProgram([start], [gram]).solve(row.reshape(1, -1), np.array([most]))
    direction = np.linalg.solve(gram, row)
    best = start - direction / (row * direction).sum()
    assert np.allclose(weights, best, atol=1e-4)
    assert (row * weights).sum() <= most + 1e-6
