"""Leaves of boxes whose sums may be off: their bounds are tight."""

import dataclasses

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from cases import cases
from outrange.core import Box
from outrange.graph import Builder, Slot
from outrange.search.kernel.binding import CompiledProgram, library, root_magnitudes
from outrange.search.kernel.compile import compile_layers
from outrange.search.methods.float32_parts.boxes import explore_box


pytestmark = pytest.mark.skipif(library() is None, reason="there is no kernel")


def build_layers(rng, curve="relu"):
    """Build a network of 9 units in three layers, whose sums may be off, and two objectives."""
    b = Builder([Slot("x", (2,))])
    (x,) = b.input_values()
    for inputs in (2, 3, 3):
        kernel = rng.normal(size=(inputs, 3))
        x = b.curve(curve, b.dense(x, kernel, 0.3 * rng.normal(size=3)))
    graph = b.finish([b.dense(x, rng.normal(size=(3, 2)))], ["y"])
    program = compile_layers(graph, np.eye(2), np.zeros(2), np.full(2, np.nan))
    sizes = 10.0 ** rng.uniform(-3.0, -1.0, len(program.layers))
    layers = [
        dataclasses.replace(layer, error=size * rng.random(layer.size))
        for layer, size in zip(program.layers, sizes, strict=True)
    ]
    layers[-1] = dataclasses.replace(layers[-1], error=np.zeros(2))
    return dataclasses.replace(program, layers=layers)


def run(program, x, errors):
    """Return objectives if every sum is off by a given amount."""
    values = [x]
    for layer, error in zip(program.layers, errors, strict=True):
        z = layer.bias + error
        z = z + sum(values[source] @ matrix.T for source, matrix in layer.sources.items())
        values.append(z if layer.linear else layer.curve(z))
    return values[-1]


def heights(program, lo, hi):
    """Return the largest magnitudes of sums, layer by layer."""
    values = [np.maximum(np.abs(lo), np.abs(hi))]
    for layer in program.layers:
        z = np.abs(layer.bias) + layer.error
        values.append(z + sum(np.abs(m) @ values[s] for s, m in layer.sources.items()))
    return values[1:]


def least(program, lo, hi, k):
    """Return the least objective over all errors of sums, by an integer program.

    The result is a run at the solver's point, so that the solver's tolerances do not lower it.
    """
    starts = np.cumsum([program.inputs, *(3 * layer.size for layer in program.layers)])
    count, rows = starts[-1], []
    low, high, whole = np.full(count, -np.inf), np.full(count, np.inf), np.zeros(count)
    low[:2], high[:2] = lo, hi
    values = [np.arange(2), *(at + part.size + np.arange(part.size) for at, part in
                              zip(starts[:-1], program.layers, strict=True))]  # fmt: skip

    def add(terms, lowest, highest):
        row = np.zeros(count)
        for place, factor in terms:
            row[place] += factor
        rows.append((row, lowest, highest))

    tops = heights(program, lo, hi)
    for z, layer, top in zip(starts[:-1], program.layers, tops, strict=True):
        below, above = (1.0, 1.0) if layer.linear else (layer.below, layer.above)
        for u in range(layer.size):
            at, h, on, far = z + u, z + layer.size + u, z + 2 * layer.size + u, 2.0 * top[u]
            terms = [(at, 1.0)]
            for source, matrix in layer.sources.items():
                terms += [(values[source][i], -matrix[u, i]) for i in range(matrix.shape[1])]
            add(terms, layer.bias[u] - layer.error[u], layer.bias[u] + layer.error[u])
            low[on], high[on], whole[on] = 0.0, 1.0, 1.0
            add([(h, 1.0), (at, -below), (on, -far)], -np.inf, 0.0)
            add([(h, 1.0), (at, -below), (on, far)], 0.0, np.inf)
            add([(h, 1.0), (at, -above), (on, far)], -np.inf, far)
            add([(h, 1.0), (at, -above), (on, -far)], -far, np.inf)
            add([(at, 1.0), (on, -far)], -far, 0.0)
    goal = np.zeros(count)
    goal[values[-1][k]] = 1.0
    matrix, lowest, highest = map(np.array, zip(*rows, strict=True))
    result = milp(
        goal, constraints=LinearConstraint(matrix, lowest, highest), integrality=whole,
        bounds=Bounds(low, high), options={"mip_rel_gap": 1e-9},
    )  # fmt: skip
    if result.x is None:  # it fails now and then
        return None
    errors = []
    for z, layer in zip(starts[:-1], program.layers, strict=True):
        exact = layer.bias + sum(m @ result.x[values[s]] for s, m in layer.sources.items())
        errors.append(np.clip(result.x[z : z + layer.size] - exact, -layer.error, layer.error))
    return float(run(program, np.clip(result.x[:2], lo, hi), errors)[k])


def boxes(seed):
    """Yield a network, and a box in which some of its units are unstable."""
    rng = np.random.default_rng(seed)
    program = build_layers(rng, ("relu", "leaky_relu")[seed % 2])
    middle, radius = rng.normal(size=2), 10.0 ** rng.uniform(-2.0, 0.0)
    return program, Box(middle - radius, middle + radius)


def search_bound(program, kernel, box, k, target):
    """Return the proved bound of one objective, and whether nothing remained open."""
    wanted = np.where(np.arange(2) == k, target, -np.inf)
    result = explore_box(program, kernel, box, np.eye(2), wanted, np.full(2, -np.inf), seconds=10.0,
                     most=256)  # fmt: skip
    return result.lower[k], result.ended


def test_leaves_prove_the_least_and_no_more():
    total = proved = unpaid = 0
    for seed in range(cases(12, 200)):
        program, box = boxes(seed)
        kernel = root_magnitudes(program, box)
        free = CompiledProgram(program, np.maximum(np.abs(box.lo), np.abs(box.hi)), radii=False)
        for k in range(2):
            exact = least(program, box.lo, box.hi, k)
            if exact is None:
                continue
            total += 1
            near = 1e-5 * (1.0 + abs(exact))
            for target in (exact - near, exact + near, exact + 0.1, np.inf):
                lower, _ = search_bound(program, kernel, box, k, target)
                assert lower <= exact + 1e-12, (seed, k, target - exact)
            lower, ended = search_bound(program, kernel, box, k, exact - near)
            proved += bool(ended and lower >= exact - near)
            unpaid += search_bound(program, free, box, k, np.inf)[0] > exact + near
    assert proved == total > cases(12, 200)
    assert unpaid > 0.9 * proved  # what sums are off by is most of what there is to pay


def test_no_run_is_below_what_leaves_prove():
    closest = np.inf
    for seed in range(cases(12, 200)):
        program, box = boxes(1000 + seed)
        kernel = root_magnitudes(program, box)
        rng = np.random.default_rng(seed)
        x = rng.uniform(box.lo, box.hi, (2000, 2))
        errors = [
            layer.error * rng.choice([-1.0, 1.0], (len(x), layer.size)) for layer in program.layers
        ]
        returned = run(program, x, errors)
        for k in range(2):
            lower, _ = search_bound(program, kernel, box, k, np.inf)
            closest = min(closest, float(returned[:, k].min() - lower))
    assert closest >= 0.0
