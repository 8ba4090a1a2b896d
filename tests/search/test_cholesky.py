"""Positive definite systems are solved for any division into blocks."""

import numpy as np
import pytest

from outrange.search.methods.semidefinite import cholesky
from outrange.search.methods.semidefinite.cholesky import Cholesky


@pytest.mark.parametrize("m", [1, 5, cholesky.BLOCK, cholesky.BLOCK + 1, 3 * cholesky.BLOCK - 1])
def test_the_solution_satisfies_the_equations(rng, m):
    points = rng.normal(size=(2 * m, m))
    matrix, right = points.T @ points, rng.normal(size=m)
    x = Cholesky(matrix).solve(right)
    np.testing.assert_allclose(matrix @ x, right, atol=1e-9 * m)
    # Only the lower triangle is read, and no argument is written to.
    wild = np.tril(matrix) + np.triu(np.full((m, m), 7.0), 1)
    assert np.array_equal(Cholesky(wild).solve(right), x)


def test_an_indefinite_matrix_is_refused():
    with pytest.raises(np.linalg.LinAlgError):
        Cholesky(np.diag([1.0, -1.0]))
