"""The kernel on random tapes of every kind.

A box always gets the same bound, whatever was bounded before. Overflows make bounds loose, never
wrong.
"""

from fractions import Fraction

import numpy as np
import pytest

from outrange.core import Box
from outrange.search.common.domain_boxes import DomainBoxes
from outrange.search.common.incumbent import Incumbent
from outrange.search.input_split.kernel_search import KernelSearch, root_magnitudes
from outrange.search.kernel.binding import CompiledProgram, address, library
from outrange.search.kernel.layer_program import LayerProgram, ProgramLayer


pytestmark = pytest.mark.skipif(library() is None, reason="built without a compiler")

SLOPES = ((0.0, 1.0), (0.01, 1.0), (-1.0, 1.0), (1.0, 0.0), (1.0, -1.0), (2.5, -0.3), (-2.0, -0.5))


def _level(sources, bias, below=1.0, above=1.0) -> ProgramLayer:
    matrices = {k: np.array(m, float) for k, m in sources.items()}
    linear = (below, above) == (1.0, 1.0)
    return ProgramLayer(
        matrices,
        {k: np.abs(m) for k, m in matrices.items()},
        np.array(bias, float),
        linear,
        below,
        above,
    )


def _random_tape(rng) -> LayerProgram:
    sizes, levels = [int(rng.choice([1, 2, 3, 8, 9, 12]))], []
    depth = int(rng.integers(2, 6))
    for k in range(1, depth + 1):
        n = int(rng.choice([1, 2, 5, 8, 11, 16, 17])) if k < depth else int(rng.integers(1, 3))
        more = rng.choice(k, int(rng.integers(0, min(k, 3))), replace=False)
        sources = {}
        for s in {k - 1, *map(int, more)}:
            matrix = rng.normal(size=(n, sizes[s])) * 10.0 ** rng.uniform(-1, 1)
            sources[s] = matrix * (rng.random(matrix.shape) < 0.2) if rng.random() < 0.3 else matrix
        kinked = k < depth and rng.random() < 0.7
        slopes = SLOPES[rng.integers(len(SLOPES))] if kinked else (1.0, 1.0)
        levels.append(_level(sources, rng.normal(size=n), *slopes))
        sizes.append(n)
    return LayerProgram(sizes[0], levels)


def _explore(kernel, lo, hi) -> tuple[np.ndarray, ...]:
    """Visit each box once, in order and in one thread; return its children's bounds."""
    count, (m, d, s) = len(lo), (kernel.objectives, kernel.program.inputs, kernel.program.states)
    room = 2 * count
    out = [
        np.empty((room, d)),
        np.empty((room, d)),
        np.empty((room, m)),
        np.empty((room, s), np.int8),
        np.empty((room, m), np.uint8),
    ]
    arguments = [
        lo,
        hi,
        np.full((count, m), -np.inf),
        np.zeros((count, s), np.int8),
        np.ones((count, m), np.uint8),
    ]
    best, at, closed = np.full(m, 1e300), np.zeros((m, d)), np.full(m, np.inf)
    never, stats = np.full(m, 1e300), np.zeros(5, np.int64)
    left = kernel.lib.explore(
        kernel.handle,
        count,
        *map(address, arguments),
        1,
        0,
        100,
        5,
        1,
        *map(address, (best, at, np.ones(m), np.ones(m))),
        address(never),
        address(-never),
        *map(address, out),
        address(closed),
        address(stats),
    )
    return tuple(part[:left] for part in out)


@pytest.mark.parametrize("part", range(4))
def test_a_box_is_bounded_the_same_after_other_boxes(part):
    compared = 0
    for seed in range(150):
        rng = np.random.default_rng((7, part, seed))
        tape = _random_tape(rng)
        middle = rng.normal(size=tape.inputs)
        radius = np.abs(rng.normal(size=tape.inputs)) * 10.0 ** rng.uniform(-3, 0.5)
        lo, hi = middle - radius, middle + radius
        kernel = root_magnitudes(tape, Box(lo, hi))
        inner = np.sort(rng.uniform(lo, hi, (2, 2, tape.inputs)), axis=0)
        boxes = (
            np.stack([inner[0, 0], lo, inner[0, 1], lo]),
            np.stack([inner[1, 0], hi, inner[1, 1], hi]),
        )
        result = _explore(kernel, *boxes)
        for low, high in zip(*boxes, strict=True):
            least, *_, status, _, _ = kernel.bound(low, high, np.zeros(tape.states, np.int8), 5)
            inside = (result[0] >= low).all(axis=1) & (result[1] <= high).all(axis=1)
            same = inside & (result[3] == status).all(axis=1) & (result[2] == least).all(axis=1)
            assert same.any() or not inside.any() or (status != 0).all()
            compared += int(same.any())
    assert compared > 100


@pytest.mark.parametrize("part", range(2))
def test_random_tapes_are_bounded_soundly_in_exact_arithmetic(part):
    for seed in range(80):
        rng = np.random.default_rng((8, part, seed))
        tape = _random_tape(rng)
        middle = rng.normal(size=tape.inputs)
        lo, hi = middle - 0.5, middle + 0.5
        kernel = root_magnitudes(tape, Box(lo, hi))
        least, *_ = kernel.bound(lo, hi, np.zeros(tape.states, np.int8), 5)
        for x in (lo, hi, np.where(rng.random(tape.inputs) < 0.5, lo, hi)):
            values = [[Fraction(float(v)) for v in x]]
            for level in tape.layers:
                z = [Fraction(float(v)) for v in level.bias]
                for s, matrix in level.sources.items():
                    for i, j in np.argwhere(matrix):
                        z[i] += Fraction(float(matrix[i, j])) * values[s][j]
                slopes = Fraction(level.below), Fraction(level.above)
                values.append(z if level.linear else [v * slopes[v >= 0] for v in z])
            assert all(
                a <= b for a, b in zip(map(Fraction, least.tolist()), values[-1], strict=True)
            )


def _wide_sums() -> LayerProgram:
    """Build a net in which no value overflows, but the size of one does."""
    return LayerProgram(
        2,
        [
            _level({0: [[1.5e308, -1.5e308], [1, 0]]}, [0, 0]),
            _level({1: [[0, 1], [0, -1]]}, [0, 0], 0.0, 1.0),
            _level({2: [[-1, -1]]}, [0]),
        ],
    )


@pytest.mark.parametrize("target", [None, -0.2])
def test_a_bound_that_is_not_a_number_closes_nothing(target):
    with np.errstate(all="ignore"):
        state = Incumbent(np.ones((1, 1)), 1e-6 if target is None else 0.0, None, None)
        if target is not None:
            state.target, state.goal = np.array([target]), np.array([-5.0])
        search = KernelSearch(_wide_sums(), DomainBoxes.of(Box(np.zeros(2), np.ones(2))), state)
        search.run(until=2.0)
    assert search.lower()[0] <= -1.0


def test_widths_that_overflow_do_not_settle_a_unit():
    far = np.array([-7e7, -8e7, -9e7, -1e8])
    tape = LayerProgram(
        1,
        [
            _level({0: [[1.2e308]]}, [0], 0.0, 1.0),
            _level({1: np.full((4, 1), 1e-300)}, far, 0.0, 1.0),
            _level({2: -np.ones((1, 4))}, [0]),
        ],
    )
    unit = np.ones(1)
    with np.errstate(all="ignore"):
        kernel = root_magnitudes(tape, Box(-unit, unit))
        least, *_, upper = kernel.bound(-unit, unit, np.zeros(tape.states, np.int8))
    assert (upper[1:] >= 1.2e8 + far).all()
    assert least[0] <= -1.4e8


def test_constants_that_overflow_do_not_settle_a_unit():
    near, wide = 1e200 + 1e190 * np.array([1.0, 1.0, 3.0, 3.0]), 1.5e108
    tape = LayerProgram(
        1,
        [
            _level({0: np.full((4, 1), -5e199)}, near, 0.0, 1.0),
            _level({1: [[wide, wide, -wide, -wide]] * 4}, np.zeros(4), 0.0, 1.0),
            _level({2: np.full((1, 4), 1e-300)}, [0]),
        ],
    )
    lo, hi = np.array([2.0]), np.array([2.0 + 1e-13])
    with np.errstate(all="ignore"):
        kernel = root_magnitudes(tape, Box(lo, hi))
        *_, lower, _ = kernel.bound(lo, hi, np.zeros(tape.states, np.int8))
    assert (lower[4:] <= -6e298).all()


@pytest.mark.parametrize("slope", [1.0, 0.1, 0.01])
def test_a_row_pays_for_its_own_sum_whatever_its_slopes(slope):
    n, small = 1000, 0.4 * 2.0**-53
    tape = LayerProgram(
        1,
        [
            _level({0: np.ones((n, 1))}, np.zeros(n)),
            _level(
                {0: np.ones((4, 1)), 1: np.full((4, n), small)}, np.zeros(4), -slope, slope * 1.5
            ),
            _level({2: np.ones((1, 4))}, [0]),
        ],
    )
    kernel, unit = CompiledProgram(tape, np.ones(1)), np.ones(1)
    *_, upper = kernel.bound(-unit, unit, np.zeros(tape.states, np.int8))
    assert Fraction(float(upper.max())) >= 1 + n * Fraction(small)
