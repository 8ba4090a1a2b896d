"""Random formulas on networks all of whose linear regions are known, and hand-made shapes."""

import random
from fractions import Fraction
from functools import lru_cache

import numpy as np
import pytest

import outrange
from cases import some
from outrange import implies, x, y
from planted.planted_check import HOLDS, NOT_HOLDS, NOT_VIOLATED, VIOLATED, Problem, case
from planted.planted_exact import regions, satisfiable, value
from planted.planted_formulas import clauses, expression, random_tree, true_at, vnnlib
from planted.planted_nets import Net, random_layers


EASE = Fraction(1, 10**6)
SIZES = [(1, 4, 2), (1, 3, 3, 1), (2, 3, 2), (2, 4, 2, 2), (2, 3, 1)]


@lru_cache
def network(sizes, seed):
    """Layers, and values of outputs at corners of their regions: limits that touch."""
    layers = random_layers(np.random.default_rng([seed, *sizes, 7]), sizes)
    parts = regions(layers, [-1] * sizes[0], [1] * sizes[0])
    heights = {value(form, p) for polygon, forms in parts for p in polygon for form in forms}
    exact = sorted(h for h in heights if Fraction(float(h)) == h and abs(h) < 2**20)
    return layers, exact


def plant_formula(sizes, seed):
    """Return a network, a random property that should hold, and the known answer."""
    layers, exact = network(sizes, seed % 5)
    r = random.Random(f"{sizes} {seed}")
    near = [*exact, *(h + Fraction(r.choice([-1, 1]), 2 ** r.randint(2, 9)) for h in exact)]
    tree = random_tree(r, (sizes[0], sizes[-1]), 3, near)
    unsafe = clauses(tree, flip=True)
    ends = [-1] * sizes[0], [1] * sizes[0]
    broken = satisfiable(layers, *ends, unsafe)
    clear = all(satisfiable(layers, *ends, unsafe, e) == broken for e in (EASE, -EASE))
    expect = VIOLATED if broken else HOLDS
    if not clear:
        expect = NOT_HOLDS if broken else NOT_VIOLATED
    net = Net(sizes[0])
    return net.finish(net.layers(0, layers)), tree, expect


def as_expression(sizes, seed):
    net, tree, expect = plant_formula(sizes, seed)
    return Problem(
        net, expression(tree, sizes[0]), (-1, 1), expect, lambda x, y: not true_at(tree, [*x, *y])
    )


def as_file(sizes, seed, folder):
    net, tree, expect = plant_formula(sizes, seed)
    path = folder / "property.vnnlib"
    box = [-1] * sizes[0], [1] * sizes[0]
    path.write_text(vnnlib(tree, sizes[0], sizes[-1], box, flip=True))
    return Problem(
        net,
        path,
        None,
        expect,
        lambda x, y: not true_at(tree, [*x, *y]),
        lambda x: all(abs(e) <= 1 for e in x),
        vacuous=None,  # a file does not say what is an assumption and what the property
    )


RANDOM = [
    pytest.param(sizes, seed, id=f"{'-'.join(map(str, sizes))}-{seed}")
    for sizes in SIZES
    for seed in range(14)
]


@pytest.mark.parametrize("sizes, seed", some(RANDOM, 15))
def test_random_formulas(sizes, seed):
    as_expression(sizes, seed).check("auto")


@pytest.mark.parametrize("sizes, seed", some(RANDOM[::2], 8))
def test_random_files(sizes, seed, tmp_path):
    as_file(sizes, seed, tmp_path).check("auto")


@pytest.mark.parametrize("sizes, seed", some(RANDOM[1::3], 5))
def test_random_formulas_on_the_array_engine(sizes, seed):
    as_expression(sizes, seed).check("array")


def test_the_random_formulas_are_of_every_sort():
    expectations = [plant_formula(*case.values)[2] for case in some(RANDOM, 15)]
    assert all(expectations.count(sort) >= 3 for sort in (HOLDS, VIOLATED)), expectations


def tooth(d=1):
    """y = |x0| (+ x1): its values are plain."""
    net = Net(d)
    side = net.curve("abs", net.dense(0, np.eye(d)[:, :1]))
    rest = np.zeros((d, 1))
    rest[1:] = 1.0
    return net.finish(side if d == 1 else net.combine([1.0, 1.0], [side, net.dense(0, rest)]))


def many_boxes(count, hole, folder):
    """`|x|` on a union of `count` intervals of a file; broken in one of them only, or in none."""
    step = 2.0**-8
    parts = []
    for k in range(count):
        lo, hi = (2 * k + 1) * step, (2 * k + 2) * step
        limit = hi - step / 4 if k == hole else hi + step / 4
        parts.append(f"(and (>= X_0 {lo}) (<= X_0 {hi}) (>= Y_0 {limit}))")
    text = "(declare-const X_0 Real)\n(declare-const Y_0 Real)\n"
    path = folder / "boxes.vnnlib"
    path.write_text(text + f"(assert (or {' '.join(parts)}))\n")

    def broken(x, y):
        k = int((x[0] / Fraction(step) - 1) // 2)
        return k == hole and y[0] >= Fraction((2 * k + 2) * step - step / 4)

    return Problem(
        tooth(),
        path,
        None,
        HOLDS if hole is None else VIOLATED,
        broken,
        lambda x: (x[0] / Fraction(step)) % 2 >= 1 or (x[0] / Fraction(step)) % 2 == 0,
    )


@pytest.mark.parametrize("count, hole", [(3, None), (3, 1), (300, None), (300, 177), (1, 0)])
def test_unions_of_boxes_in_a_file(count, hole, tmp_path):
    many_boxes(count, hole, tmp_path).check("auto")


def shape(claim, expect, broken, d=1, box=(-1, 1)):
    return Problem(tooth(d), claim, box, expect, broken)


def never(x, y):
    return False


SHAPES = [
    case("x as output: y >= x", shape, y[0] >= x[0], NOT_VIOLATED, never),
    case("y >= x - hair", shape, y[0] >= x[0] - 2.0**-20, HOLDS, never),
    case(
        "y >= x + hair",
        shape,
        y[0] >= x[0] + 2.0**-20,
        VIOLATED,
        lambda x, y: y[0] < x[0] + Fraction(1, 2**20),
    ),
    case("y > |x|", shape, y[0] > abs(x[0]), NOT_HOLDS, lambda x, y: y[0] <= abs(x[0])),
    case("|y - |x|| small", shape, abs(y[0] - abs(x[0])) <= 1e-6, HOLDS, never),
    case("y == |x|", shape, y[0] == abs(x[0]), NOT_VIOLATED, never),
    case("y != 1/2", shape, y[0] != 0.5, VIOLATED, lambda x, y: y[0] == Fraction(1, 2)),
    case("y != 2", shape, y[0] != 2, HOLDS, never),
    case("implies, true", shape, implies(x[0] >= 0.5, y[0] >= 0.499), HOLDS, never),
    case(
        "implies, false",
        shape,
        implies(x[0] >= 0.5, y[0] >= 0.501),
        VIOLATED,
        lambda x, y: x[0] >= 0.5 and y[0] < Fraction(0.501),
    ),
    case("implies at the edge", shape, implies(x[0] >= 0.5, y[0] >= 0.5), NOT_VIOLATED, never),
    case(
        "implies, strict at the edge",
        shape,
        implies(x[0] >= 0.5, y[0] > 0.5),
        NOT_HOLDS,
        lambda x, y: x[0] >= 0.5 and y[0] <= 0.5,
    ),
    case("implies, open edge", shape, implies(x[0] > 0.5, y[0] > 0.5), NOT_VIOLATED, never),
    case("nothing assumed", shape, implies(x[0] >= 2, y[0] <= -5), HOLDS, never),
    case(
        "one point assumed",
        shape,
        implies(x[0] == 0.25, y[0] <= 0.125),
        VIOLATED,
        lambda x, y: x[0] == 0.25 and y[0] > 0.125,
    ),
    case("one point assumed, true", shape, implies(x[0] == 0.25, y[0] <= 0.375), HOLDS, never),
    case(
        "xor of conditions",
        shape,
        (x[0] >= 0.5) == (y[0] >= 0.5),
        VIOLATED,
        lambda x, y: (x[0] >= 0.5) != (y[0] >= 0.5),
    ),
    case("tautology", shape, (y[0] <= 0.5) | (y[0] >= 0.5), NOT_VIOLATED, never),
    case("tautology, open", shape, (y[0] < 0.5) | (y[0] >= 0.5), NOT_VIOLATED, never),
    case(
        "all but one value", shape, (y[0] < 0.5) | (y[0] > 0.5), VIOLATED, lambda x, y: y[0] == 0.5
    ),
    case("contradiction", shape, (y[0] <= 0.25) & (y[0] >= 0.5), VIOLATED, lambda x, y: True),
    case("double not", shape, ~~(y[0] <= 1.0625), HOLDS, never),
    case("not of and", shape, ~((y[0] >= 0.5) & (x[0] <= 0) & (x[0] >= -0.25)), HOLDS, never),
    case(
        "not of and, false",
        shape,
        ~((y[0] >= 0.5) & (x[0] <= 0) & (x[0] >= -0.75)),
        VIOLATED,
        lambda x, y: y[0] >= 0.5 and -0.75 <= x[0] <= 0,
    ),
    case("max of forms", shape, abs(y[0] - 0.5) + abs(x[0]) <= 1.5001, HOLDS, never, 1),
    case(
        "max of forms, false",
        shape,
        abs(y[0] - 0.5) + abs(x[0]) <= 1.4999,
        VIOLATED,
        lambda x, y: abs(y[0] - Fraction(1, 2)) + abs(x[0]) > Fraction(1.4999),
    ),
    case("mixed x1", shape, y[0] - x[1] <= 1.0001, HOLDS, never, 2),
    case(
        "mixed x1, false",
        shape,
        y[0] - x[1] <= 0.9999,
        VIOLATED,
        lambda x, y: y[0] - x[1] > Fraction(0.9999),
        2,
    ),
    case("zero times output", shape, 0 * y[0] <= 0, HOLDS, never),
    case("constant true", shape, 0 * y[0] <= 1, HOLDS, never),
    case("constant false", shape, 0 * y[0] >= 1, VIOLATED, lambda x, y: True),
]
for scale in (2.0**-400, 2.0**400, 1e-300, 1e300):
    SHAPES += [
        case(f"scaled {scale:g}", shape, scale * y[0] <= scale * 1.0625, HOLDS, never),
        case(
            f"scaled {scale:g}, false",
            shape,
            scale * y[0] <= scale * 0.9375,
            VIOLATED,
            lambda x, y: y[0] > Fraction(9, 10),
        ),
    ]


@pytest.mark.parametrize("make, args", SHAPES)
def test_shapes(make, args):
    make(*args).check("auto")


@pytest.mark.parametrize("make, args", SHAPES[::3])
def test_shapes_on_the_array_engine(make, args):
    make(*args).check("array")


def test_a_file_cut_by_a_box_of_its_own(tmp_path):
    path = tmp_path / "half.vnnlib"
    path.write_text("(declare-const X_0 Real)(declare-const Y_0 Real)(assert (>= Y_0 0.75))")
    net = tooth().network
    assert outrange.verify(net, path, (-0.5, 0.5)).status == HOLDS
    assert outrange.verify(net, path, (-0.5, 1.0)).status == VIOLATED
    assert outrange.verify(net, path, (-1.0, 1.0), where=abs(x[0]) <= 0.7).status == HOLDS
