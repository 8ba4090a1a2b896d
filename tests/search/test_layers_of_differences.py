"""Layers of differences: the kernel's lines for them, and programs of two copies of a network."""

from dataclasses import replace

import mpmath
import numpy as np
import pytest

from cases import combine, function_name
from outrange.core import Box
from outrange.graph import Builder, Slot
from outrange.graph.difference import difference
from outrange.graph.rewrites.gates import simplify
from outrange.search.engines.objectives import GraphObjectives
from outrange.search.kernel.binding import CompiledProgram, library, root_magnitudes
from outrange.search.kernel.differences import compile_differences
from outrange.search.kernel.layer_program import LayerProgram, ProgramLayer
from outrange.search.methods.differential.pairs import pair_counterparts
from outrange.search.solve import solve
from small_graphs import NETS, dense_net, residual_net, run_exactly


pytestmark = pytest.mark.skipif(library() is None, reason="built without a compiler")

SLOPES = ((0.0, 1.0), (0.1, 1.0), (-1.0, 1.0), (1.0, 0.0), (1.0, -1.0), (2.5, -0.3), (-2.0, -0.5))


class Near:
    """Numbers of a generator, each slightly perturbed."""

    def __init__(self, seed, rel):
        self._same, self._own = np.random.default_rng(seed), np.random.default_rng(seed + 1)
        self._rel = rel

    def standard_normal(self, shape):
        factor = 1 + self._rel * self._own.uniform(-1, 1, shape)
        return self._same.standard_normal(shape) * factor


def apart(net, act, seed, rel):
    return simplify(difference(net(Near(seed, 0.0), act), net(Near(seed, rel), act)))


def compile_pairs(graph, rows, offset=None):
    pairs = pair_counterparts(graph)
    assert pairs is not None
    offset = np.zeros(len(rows)) if offset is None else offset
    fixed = np.full(graph.size, np.nan)
    return compile_differences(pairs.graph, pairs.curves, rows, offset, fixed)


def program_of(graph, rows, offset=None):
    program = compile_pairs(graph, rows, offset)
    assert program is not None
    return program


def both_signs(graph):
    eye = np.eye(graph.value_size(graph.output))
    return np.concatenate([eye, -eye])


def compile_program(graph, rows, scale, sharp):
    box = Box(np.full(graph.size, -1.0 - scale), np.full(graph.size, 1.0 + scale))
    kernel = root_magnitudes(program_of(graph, rows), box)
    kernel.sharpen(sharp)
    return kernel


NET_CASES = combine(
    [dense_net, residual_net, *NETS[2:4]], ["relu", "leaky_relu"], [1e-6, 1e-2, 0.2], rounds=2
)


@pytest.mark.parametrize(("net", "act", "rel"), NET_CASES, ids=function_name)
def test_a_program_has_the_values_of_its_graph(net, act, rel):
    graph = apart(net, act, 3, rel)
    rows, rng = both_signs(graph), np.random.default_rng(0)
    offset = rng.standard_normal(len(rows))
    program, plain = program_of(graph, rows, offset), GraphObjectives(graph, rows, offset)
    assert any(layer.first for layer in program.layers)
    x = rng.uniform(-2, 2, (60, graph.size))
    kernel = CompiledProgram(program, np.full(graph.size, 2.0))
    scale = 1 + max(float(np.abs(v).max()) for v in graph.run_all(x))
    for values in (program.evaluate(x), kernel.evaluate(x)):
        np.testing.assert_allclose(values, plain.evaluate(x), atol=1e-13 * scale)
    k = rng.integers(len(rows), size=len(x))
    np.testing.assert_allclose(
        program.gradient(x, k)[1], plain.gradient(x, k)[1], rtol=1e-9, atol=1e-11 * scale
    )


@pytest.mark.parametrize("sharp", [0, 4])
@pytest.mark.parametrize(("net", "act", "rel"), NET_CASES, ids=function_name)
def test_every_sum_and_every_difference_is_enclosed(net, act, rel, sharp):
    graph = apart(net, act, 5, rel)
    rng = np.random.default_rng(1)
    for scale in (0.02, 0.3, 1.0):
        kernel = compile_program(graph, both_signs(graph), scale, sharp)
        program = kernel.program
        for middle in rng.uniform(-1, 1, (12, graph.size)):
            half = scale * rng.uniform(0, 1, graph.size)
            lo, hi = middle - half, middle + half
            least, slopes, offset, _, status, low, high = kernel.bound(
                lo, hi, np.zeros(program.states, np.int8)
            )
            corners = middle + half * np.sign(rng.uniform(-1, 1, (60, graph.size)))
            x = np.concatenate([corners, rng.uniform(lo, hi, (200, graph.size))])
            sums = program.forward(x)
            slack = 1e-12 * (1 + max(np.abs(z).max() for z in sums))
            assert (least <= sums[-1].min(axis=0) + slack).all()
            assert (x @ slopes.T + offset <= sums[-1] + slack).all()
            at = 0
            for layer, z in zip(program.layers, sums, strict=True):
                if layer.linear:
                    continue
                part = slice(at, at + layer.size)
                at += layer.size
                assert (z >= low[part] - slack).all() and (z <= high[part] + slack).all()
                w = sums[layer.first - 1] if layer.first else z
                for sign in (1, -1):
                    settled = status[part] == sign
                    assert (sign * w[:, settled] >= -slack).all()
                    if layer.first:
                        assert (sign * (w + z)[:, settled] >= -slack).all()


def one_unit(slopes, center, width):
    """Build `D` and `-D` of one unit over `w = x` and `d = center + width y`."""
    reads = [np.array([[1.0, 0.0]]), np.array([[0.0, width]]), np.array([[1.0], [-1.0]])]
    layers = [
        ProgramLayer({0: reads[0]}, {0: np.abs(reads[0])}, np.zeros(1), False, *slopes),
        ProgramLayer(
            {0: reads[1]}, {0: np.abs(reads[1])}, np.array([center]), False, *slopes, first=1
        ),
        ProgramLayer({2: reads[2]}, {2: np.abs(reads[2])}, np.zeros(2)),
    ]
    return LayerProgram(2, layers)


@pytest.mark.parametrize("slopes", SLOPES)
def test_lines_enclose_a_difference_wherever_its_counterpart_is(slopes):
    rng = np.random.default_rng(0)
    reach = max(map(abs, slopes))
    settled = 0
    for _ in range(300):
        center, width = rng.uniform(-1, 1, 2) * rng.choice([1e-3, 0.3, 2.0], 2)
        a, b = np.sort(rng.uniform(-1, 1, 2)) * rng.choice([1e-3, 1.0])
        program = one_unit(slopes, float(center), float(width))
        kernel = CompiledProgram(program, np.ones(2))
        lo, hi = np.array([a, -1.0]), np.array([b, 1.0])
        least, form, offset, _, status, _, _ = kernel.bound(lo, hi, np.zeros(2, np.int8))
        w, y = np.meshgrid(np.linspace(a, b, 41), np.linspace(-1, 1, 41))
        x = np.stack([w.ravel(), y.ravel()], axis=1)
        seen, d = program.evaluate(x), center + width * x[:, 1]
        assert (least <= seen.min(axis=0) + 1e-13).all()
        assert (x @ form.T + offset <= seen + 1e-13).all()
        # D lies between d times the two slopes, for any w.
        assert (least >= -reach * np.abs(d).max() - 1e-12).all()
        if status[1]:
            settled += 1
            np.testing.assert_allclose(least, seen.min(axis=0), atol=1e-12)
    assert settled > 30


def test_a_line_knows_how_far_its_counterpart_is_from_the_kink():
    """For `w` in [0, 0.1] and `d` in [-2, 1], a ReLU falls by at most 0.1."""
    kernel = CompiledProgram(one_unit((0.0, 1.0), -0.5, 1.5), np.ones(2))
    lo, hi = np.array([0.0, -1.0]), np.array([0.1, 1.0])
    least = kernel.bound(lo, hi, np.zeros(2, np.int8))[0]
    np.testing.assert_allclose(least, [-0.1, -1.0], atol=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_rounding_errors_are_covered(seed):
    """On boxes of one point, where nothing is relaxed, bounds lie below 400-bit values."""
    graph = apart(dense_net, "relu", seed, 1e-3)
    rows = 1e3 * both_signs(graph)
    kernel = compile_program(graph, rows, 0.0, 4)
    for point in np.random.default_rng(seed).uniform(-1, 1, (4, graph.size)):
        least, *_, status, _, _ = kernel.bound(
            point, point, np.zeros(kernel.program.states, np.int8)
        )
        assert status.all()
        values = run_exactly(graph, point)[graph.output]
        for row, lower in zip(rows, least, strict=True):
            exact = sum(mpmath.mpf(float(r)) * v for r, v in zip(row, values, strict=True))
            assert mpmath.mpf(float(lower)) <= exact
            assert exact - mpmath.mpf(float(lower)) < 1e-8


def test_differential_bounds_are_tighter_than_separate_ones():
    from outrange.search.kernel.compile import compile_layers

    graph = apart(dense_net, "relu", 5, 1e-4)
    rows, lo, hi = both_signs(graph), np.full(graph.size, -1.0), np.full(graph.size, 1.0)
    plain = compile_layers(graph, rows, np.zeros(len(rows)), np.full(graph.size, np.nan))
    assert plain is not None
    far, near = (
        root_magnitudes(p, Box(lo, hi)).bound(lo, hi, np.zeros(p.states, np.int8))[0]
        for p in (plain, program_of(graph, rows))
    )
    assert (near > 0.05 * far).all()


@pytest.mark.slow
def test_sharper_units_are_settled_more_often():
    graph = apart(dense_net, "relu", 5, 1e-3)
    settled = [0, 0]
    for middle in np.random.default_rng(0).uniform(-1, 1, (200, graph.size)):
        for i, sharp in enumerate((0, 8)):
            kernel = compile_program(graph, both_signs(graph), 0.3, sharp)
            result = kernel.bound(
                middle - 0.3, middle + 0.3, np.zeros(kernel.program.states, np.int8)
            )
            settled[i] += int((result[4] != 0).sum())
    assert settled[1] > settled[0]


def rearranged_values(b, x, value):
    """Build values of a paired curve beside constants and inputs, rearranged and read twice."""
    h = b.curve("relu", b.dense(x, np.array([[1.0, -0.7], [0.4, 1.1]]) * value, [0.1, -0.2]))
    both = b.concat([h, np.array([[0.3]]), x], axis=1)
    rng = np.random.default_rng(0)
    y = b.curve("relu", b.dense(both, rng.standard_normal((5, 3)) * value, np.full(3, 0.1)))
    return b.dense(b.concat([y, h], axis=1), rng.standard_normal((5, 2)))


def test_values_that_are_moved_beside_constants():
    def net(value):
        b = Builder([Slot("x", (2,))])
        (x,) = b.input_values()
        return b.finish([rearranged_values(b, x, value)], ["y"])

    graph = simplify(difference(net(1.0), net(1.01)))
    rows = both_signs(graph)
    program = program_of(graph, rows)
    assert sum(layer.first > 0 for layer in program.layers) == 2
    x = np.random.default_rng(1).uniform(-1, 1, (100, 2))
    np.testing.assert_allclose(program.evaluate(x), graph.run(x) @ rows.T, atol=1e-13)
    box = Box(np.full(2, -1.0), np.full(2, 1.0))
    solution = solve(graph, box, rows, tol=1e-4)
    assert (solution.lower <= (graph.run(x) @ rows.T).min(axis=0) + 1e-12).all()
    assert solution.status == "exact"


def test_a_sum_that_is_the_output_keeps_its_layer():
    """Its curve has no reader, but a counterpart."""
    whole = apart(dense_net, "relu", 3, 0.01)
    pairs = pair_counterparts(whole)
    assert pairs is not None
    for value in pairs.curves:
        graph = replace(whole, output=whole.nodes[value - 1].inputs[0])
        rows = np.eye(graph.value_size(graph.output))
        x = np.random.default_rng(0).uniform(-1, 1, (20, graph.size))
        np.testing.assert_allclose(program_of(graph, rows).evaluate(x), graph.run(x), atol=1e-13)


@pytest.mark.parametrize("act", ["tanh", "hard_sigmoid"])
def test_other_curves_have_no_such_layers(act):
    assert compile_pairs(apart(dense_net, act, 0, 0.01), np.eye(2)) is None


@pytest.mark.parametrize("huge", [1e150, 1e200, 1e300])
@pytest.mark.parametrize("sharp", [0, 4])
def test_overflow_makes_bounds_loose_and_never_wrong(huge, sharp):
    """Infinite sizes, and differences of infinite ones, prove nothing."""
    reads = [
        np.array([[huge, 0.0]]),
        np.array([[0.0, huge]]),
        np.array([[huge]]),
        np.array([[1.0]]),
    ]
    sizes, none = [np.abs(r) for r in reads], np.zeros(1)
    layers = [
        ProgramLayer({0: reads[0]}, {0: sizes[0]}, none, False, 0.0, 1.0),
        ProgramLayer({1: reads[2]}, {1: sizes[2]}, none, False, 0.0, 1.0),
        ProgramLayer({0: reads[1]}, {0: sizes[1]}, none, False, 0.0, 1.0, first=1),
        ProgramLayer({3: reads[2]}, {3: sizes[2]}, none, False, 0.0, 1.0, first=2),
        ProgramLayer({4: reads[3]}, {4: sizes[3]}, none),
    ]
    kernel = CompiledProgram(LayerProgram(2, layers), np.ones(2))
    kernel.sharpen(sharp)
    for lo, hi in (([-1, -1], [1, 1]), ([0.5, -1], [1, -0.5]), ([-1, -1], [-0.5, 1])):
        least = kernel.bound(np.array(lo, float), np.array(hi, float), np.zeros(4, np.int8))[0]
        # At the lower corner, the difference of the second units is -huge^2 min(x, -y), or 0.
        falls = huge * max(0.0, min(hi[0], -lo[1])) * huge
        assert not least[0] > -falls
