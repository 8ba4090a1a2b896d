"""Laws of the bands of a controller and of symbols: they contain what they represent."""

from fractions import Fraction

import numpy as np
import pytest

from outrange.reach.flow import symbols
from outrange.reach.flow.bands import NetworkBounds, Pairs
from outrange.reach.flow.controllers import Controller
from outrange.reach.flow.sets import FormBatch
from outrange.reach.flow.symbols import SymbolOrigins, parallelotopes, reduce_symbols
from outrange.reach.polynomials.frame import MonomialFrame
from outrange.reach.polynomials.models import Models
from reach.exact_models import points, random_models, value
from reach.plants import controller, layers


def surfaces_hold():
    """Assert that a surface about the middle of a set lies between the ends of its expansion."""
    rng, frame = np.random.default_rng(0), MonomialFrame(3, 2, 0)
    sets = FormBatch.over(random_models(rng, frame, 2, 0.1))
    for _ in range(3):
        sets = sets.bisect(rng.integers(0, 3, sets.count))
    pairs = Pairs.of(frame, np.arange(3))
    assert pairs.count == 6
    bend = rng.normal(size=(sets.count, 1, pairs.count))
    expansion = pairs.over(sets, bend)
    for corner in (True, False):
        xi = rng.uniform(-1, 1, (200, sets.count, sets.generators.shape[-1]))
        xi = np.sign(xi) if corner else xi
        eps = sets.middle + sets.half * xi[..., sets.place]
        true = (bend[:, 0] * pairs.values(eps)).sum(axis=-1)
        off = true - expansion.level[:, 0] - (expansion.along[:, 0] * xi).sum(axis=-1)
        assert (expansion.least[:, 0] - 1e-12 <= off).all() and (
            off <= expansion.most[:, 0] + 1e-12
        ).all()


def test_a_surface_lies_in_its_expansion():
    surfaces_hold()


def residuals_hold():
    """Assert that a network's residual about any surface lies between its bounds."""
    frame = MonomialFrame(2, 2, 0)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        graph = controller(layers(rng, 2, 2, "tanh", scale=1.5))
        coef, sym = 0.4 * rng.normal(size=(2, 2, frame.size)), 0.05 * rng.normal(size=(2, 2, 1, 1))
        states = Models(frame, coef, sym, np.zeros((2, 2)))
        bounded = NetworkBounds.of(Controller(graph, 2).plan, FormBatch.over(states), 2)
        pairs = Pairs.of(frame, np.arange(2))
        slope, bend = rng.normal(size=(2, 2, 2)), 4.0 * rng.normal(size=(2, 2, pairs.count))
        least, most = bounded.residual(slope, bend, pairs)
        for point in points(rng, frame, 1, 40):
            eps = np.array([float(v) for v in point[1]])
            for box in range(2):
                x = np.array([float(value(states, box, i, point)) for i in range(2)])
                left = graph.run(x[None])[0] - slope[box] @ x - bend[box] @ pairs.values(eps)
                assert (least[box] - 1e-9 <= left).all() and (left <= most[box] + 1e-9).all()


def controls_hold():
    """Assert that a network's values are within the radius of the models of its controls."""
    frame = MonomialFrame(2, 2, 0)
    for seed, activation in enumerate(("tanh", "relu", "tanh", "relu")):
        rng = np.random.default_rng(seed)
        graph = controller(layers(rng, 2, 2, activation, scale=1.5))
        coef, sym = 0.4 * rng.normal(size=(2, 2, frame.size)), 0.05 * rng.normal(size=(2, 2, 1, 1))
        states = Models(frame, coef, sym, np.zeros((2, 2)))
        controls = Controller(graph, 2).control(states, 0)
        radius = np.abs(controls.sym[:, :, 0, 1:]).sum(axis=-1)
        for point in points(rng, frame, 1, 60):
            tau, eps, s = point
            for box in range(2):
                x = [[float(value(states, box, i, point)) for i in range(2)]]
                u = graph.run(np.array(x))[0]
                for j in range(2):
                    approximation = float(value(controls, box, j, (tau, eps, [*s, 0, 0])))
                    assert abs(u[j] - approximation) <= radius[box, j] + 1e-12


def test_residuals():
    residuals_hold()


def test_controls_contain_the_values_of_the_network():
    controls_hold()


def test_merged_symbols_contain_the_original_ones():
    rng, frame = np.random.default_rng(0), MonomialFrame(2, 1, 0)
    before = random_models(rng, frame, 12, 0.0)
    after, _ = reduce_symbols(before, SymbolOrigins(np.zeros((2, 12, 4))), 6)
    assert after.sym.shape[-1] == 6
    for row in [*np.eye(3), *rng.normal(size=(20, 3))]:
        least = np.abs(np.einsum("n,bns->bs", row, before.sym[:, :, 0])).sum(axis=-1)
        most = np.abs(np.einsum("n,bns->bs", row, after.sym[:, :, 0])).sum(axis=-1)
        assert (least <= most + 1e-12).all()


def _solve(matrix, right):
    """Solve a small system in fractions."""
    n = len(right)
    rows = [[Fraction(float(v)) for v in row] + [right[i]] for i, row in enumerate(matrix)]
    for k in range(n):
        pivot = max(range(k, n), key=lambda i: abs(rows[i][k]))
        rows[k], rows[pivot] = rows[pivot], rows[k]
        rows[k] = [v / rows[k][k] for v in rows[k]]
        for i in range(n):
            if i != k:
                rows[i] = [a - rows[i][k] * b for a, b in zip(rows[i], rows[k], strict=True)]
    return [row[-1] for row in rows]


def parallelotopes_hold():
    """Assert in fractions that every sum of segments is a sum of sides times numbers in [-1, 1]."""
    rng, turned = np.random.default_rng(0), 0
    for seed in range(12):
        n = 2 + seed % 3
        mixed = rng.normal(size=(2, n, n)) * 10.0 ** rng.integers(-6, 3, (2, n, 1))
        parts = np.matmul(mixed, rng.normal(size=(2, n, 9)) * 10.0 ** -np.arange(n)[:, None])
        whole = 10.0 ** rng.integers(-6, 3, (2, n))
        sides, weight = parallelotopes(parts, whole)
        assert weight.shape == parts.shape
        for box in range(2):
            turned += np.count_nonzero(sides[box]) > n
            back = np.linalg.inv(sides[box])
            for i in range(n):
                # The sum that is longest along one side.
                signs = np.where(back[i] @ parts[box] >= 0, 1, -1)
                total = [
                    sum(int(s) * Fraction(float(v)) for s, v in zip(signs, row, strict=True))
                    for row in parts[box]
                ]
                assert all(abs(c) <= 1 for c in _solve(sides[box], total))
    assert turned > 12


def test_parallelotopes_contain_their_segments():
    parallelotopes_hold()


def test_directions_that_are_taken_for_exact_are_caught(monkeypatch):
    monkeypatch.setattr(symbols, "_inverse_off", lambda turns: np.zeros(len(turns)))
    monkeypatch.setattr(symbols, "_few_bits", lambda x: x)
    with pytest.raises(AssertionError):
        parallelotopes_hold()


def test_a_spiral_is_not_wrapped():
    """Keep a shrinking rotation shrinking although remainders are merged again and again."""
    turn = 0.9 * np.array([[np.cos(0.7), -4 * np.sin(0.7)], [0.25 * np.sin(0.7), np.cos(0.7)]])
    frame = MonomialFrame(2, 1, 0)
    models = Models(frame, np.zeros((1, 2, 3)), np.zeros((1, 2, 1, 0)), np.zeros((1, 2)))
    origins = SymbolOrigins(np.zeros((1, 0, 4)))
    for k in range(200):
        new_symbols = (1.0 if k == 0 else 1e-9) * np.eye(2)[None, :, None]
        sym = np.concatenate(
            [np.matmul(turn, models.sym[:, :, 0])[:, :, None], new_symbols], axis=-1
        )
        origins = origins.pad(sym.shape[-1])
        models, origins = reduce_symbols(Models(frame, models.coef, sym, models.rest), origins, 8)
    assert models.radius.max() < 1e-6
