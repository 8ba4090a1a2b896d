"""Published bounds hold in real arithmetic: random graphs against 200-bit evaluation."""

import numpy as np
import pytest

from cases import cases
from outrange.core import Box
from outrange.graph.rewrites.rewrite import piecewise_to_pairs
from outrange.search.engines.array_engine import ArrayEngine
from outrange.search.input_split import kernel_search
from outrange.search.kernel.binding import CompiledProgram, library
from outrange.search.kernel.compile import compile_layers
from outrange.search.methods.table import SECOND_ORDER
from outrange.search.solve import solve
from outrange.testing.oracle import evaluate
from random_graphs import LINES, SMOOTH, random_box, random_graph


def _rows(graph):
    eye = np.eye(graph.value_size(graph.output))
    return np.vstack([eye, -eye])


def _violations(graph, box, lower, points) -> int:
    """Count exact values at `points` that lie below the claimed least of their objective."""
    rows = _rows(graph)
    wrong = 0
    for x in points:
        y = evaluate(graph, x)
        n = len(y)
        for k in range(len(rows)):
            value = y[k] if k < n else -y[k - n]
            wrong += value < float(lower[k])
    return wrong


def _kernel_bound(graph, box, radii: bool):
    """Return the kernel's bound of the whole box, and the corners at which it is attained."""
    free = box.lo < box.hi
    small = piecewise_to_pairs(graph)
    rows = _rows(graph)
    fixed = np.where(free, np.nan, box.lo)
    tape = compile_layers(small, rows, np.zeros(len(rows)), fixed)
    lo, hi = box.lo[free], box.hi[free]
    kernel = CompiledProgram(tape, np.maximum(np.abs(lo), np.abs(hi)), radii=radii)
    least, slopes, *_ = kernel.bound(lo, hi, np.zeros(tape.states, np.int8))
    corners = np.tile(box.lo, (len(rows), 1))
    corners[:, free] = np.where(slopes > 0, lo, hi)
    return least, corners


def _array_bound(graph, box, radii: bool):
    rows = _rows(graph)
    hook = SECOND_ORDER.hook
    pairs, zero = piecewise_to_pairs(graph), np.zeros(len(rows))
    engine = ArrayEngine(pairs, rows, zero, box, refine=hook, radii=radii)
    lo, hi = box.lo[None], box.hi[None]
    bound = engine.bound(
        lo,
        hi,
        np.zeros((1, engine.units), np.int8),
        np.ones((1, len(rows)), bool),
        np.full(len(rows), np.inf),
    )
    return bound.least[0], np.where(bound.slopes[0] > 0, box.lo, box.hi)


def _count(bound, seeds, curves, radii=True, products=False) -> int:
    wrong = 0
    for seed in seeds:
        rng = np.random.default_rng(seed)
        graph = random_graph(rng, curves, products=products)
        box = random_box(rng, graph)
        lower, corners = bound(graph, box, radii)
        wrong += _violations(graph, box, lower, np.vstack([corners, box.sample(rng, 2)])) > 0
    return wrong


needs_kernel = pytest.mark.skipif(
    library() is None, reason="the package was built without a compiler"
)


@needs_kernel
@pytest.mark.parametrize("part", range(cases(1, 5)))
def test_kernel_bounds_hold(part):
    assert _count(_kernel_bound, range(200 * part, 200 * part + cases(50, 120)), LINES) == 0


@pytest.mark.parametrize("part", range(cases(1, 5)))
def test_array_bounds_hold(part):
    seeds = range(1000 + 200 * part, 1000 + 200 * part + cases(50, 120))
    assert _count(_array_bound, seeds, LINES + SMOOTH) == 0


def test_array_bounds_of_products_hold():
    assert _count(_array_bound, range(3000, cases(3010, 3120)), LINES + SMOOTH, products=True) == 0


@needs_kernel
def test_kernel_law_can_fail():
    """Without rounding radii the law fails, so the test covers cases where rounding matters."""
    assert _count(_kernel_bound, range(cases(100, 200)), LINES, radii=False) > 0


def test_array_law_can_fail():
    assert _count(_array_bound, range(1000, cases(1050, 1120)), LINES + SMOOTH, radii=False) > 0


@pytest.mark.parametrize("part", range(cases(1, 4)))
def test_searched_bounds_hold(part):
    """Lower bounds of the whole search lie below exact values at its points."""
    for seed in range(5000 + 50 * part, 5050 + 50 * part):
        rng = np.random.default_rng(seed)
        graph = random_graph(rng, LINES, most=2)
        box = random_box(rng, graph)
        bound = solve(graph, box, _rows(graph), time_limit=2.0)
        points = np.vstack([bound.at, box.sample(rng, 2)])
        assert box.contains(points).all()
        assert _violations(graph, box, bound.lower, points) == 0, seed


@needs_kernel
@pytest.mark.parametrize("seed", range(cases(3, 20)))
def test_engines_agree(seed):
    """Kernel and array engine close the same ranges."""
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, LINES, wild=False)
    box = Box(-np.ones(graph.size), np.ones(graph.size))
    rows = _rows(graph)
    solution = solve(graph, box, rows)
    other = solve(graph, box, rows, engine="array", time_limit=1.0)
    assert solution.status == "exact"
    assert solution.methods[: len(kernel_search.METHODS)] == kernel_search.METHODS
    slack = 1e-12 * (1 + np.abs(solution.seen))
    assert np.all(solution.lower <= other.seen + slack)
    assert np.all(other.lower <= solution.seen + slack)
    if other.status == "exact":
        assert np.all(np.abs(solution.lower - other.lower) <= solution.tolerance + other.tolerance)
