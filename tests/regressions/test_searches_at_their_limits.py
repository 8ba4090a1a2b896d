"""Searches of very wide and deep networks, and of a single point, do not end with an error."""

import numpy as np
import pytest

from outrange.core import Box
from outrange.graph import Builder, Slot
from outrange.search.attack.first_points import first_points
from outrange.search.attack.hill_climb import hill_climb
from outrange.search.attack.pgd import PacedGradient, polish, scatter
from outrange.search.common.domain_boxes import DomainBoxes
from outrange.search.gradients.bounds import DerivativeEngine
from outrange.search.gradients.exact_cells import ExactCells
from outrange.search.gradients.objectives import Partials
from outrange.search.kernel.compile import compile_layers
from outrange.search.preimage.activation_patterns import PatternBox, enumerate_patterns


@pytest.mark.parametrize("units", [1023, 1024])
def test_a_box_of_more_patterns_than_float64_counts_is_split(units):
    b = Builder([Slot("x", (1,))])
    (x,) = b.input_values()
    hidden = b.curve("relu", b.dense(x, np.ones((1, units))))
    graph = b.finish([b.dense(hidden, np.ones((units, 1)))], ["y"])
    box = Box(-np.ones(1), np.ones(1))
    engine = DerivativeEngine(graph, box, Partials(*np.array([[0], [0], [1]])))
    bounds = engine.bound(box.lo[None], box.hi[None])
    slopes = {v: (least[0], most[0]) for v, (least, most) in bounds.slopes.items()}
    ends = [(lo[0], hi[0]) for lo, hi in bounds.ends]
    assert bounds.undecided == units
    cells = ExactCells(engine.plan, engine.derivatives)
    with np.errstate(all="ignore"):  # as in every search
        assert cells.find(box.lo, box.hi, slopes, ends, np.zeros(1)) is None


def gradient(x, k):
    return np.full((len(x), 2), 3.0), np.zeros_like(x)


def evaluate(x):
    return gradient(x, None)[0]


POINT = DomainBoxes(np.zeros((1, 0)), np.zeros((1, 0)), np.zeros(0, bool))
BOTH = np.arange(2)

ATTACKS = {
    "samples": lambda paced, rng: first_points(paced, evaluate, POINT, 2, rng),
    "climbs": lambda paced, rng: hill_climb(paced, evaluate, POINT, np.zeros(2), BOTH, rng),
    "polish": lambda paced, rng: polish(paced, np.zeros((1, 0)), BOTH[:1], POINT, rng),
    "scatter": lambda paced, rng: scatter(paced, POINT, BOTH[:1], POINT, rng),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_on_a_box_without_a_free_input_evaluates_its_point(name):
    least, at, *_ = ATTACKS[name](PacedGradient(gradient), np.random.default_rng(0))
    assert (least == 3.0).all() and at.shape[1] == 0


def deep(layers):
    """A network of one unit a layer, of which only the first one is open on [-1, 1]."""
    b = Builder([Slot("x", (1,))])
    (x,) = b.input_values()
    for _ in range(layers):
        x = b.curve("relu", b.dense(x, np.ones((1, 1)), np.full(1, 2.0**-20)))
    return b.finish([x], ["y"])


@pytest.mark.slow
def test_cells_of_a_network_deeper_than_the_stack():
    box = Box(-np.ones(1), np.ones(1))
    engine = DerivativeEngine(deep(520), box, Partials(*np.array([[0], [0], [1]])))
    bounds = engine.bound(box.lo[None], box.hi[None])
    slopes = {v: (least[0], most[0]) for v, (least, most) in bounds.slopes.items()}
    ends = [(lo[0], hi[0]) for lo, hi in bounds.ends]
    cells = ExactCells(engine.plan, engine.derivatives)
    with np.errstate(all="ignore"):
        exact = cells.find(box.lo, box.hi, slopes, ends, np.full(1, 0.5))
    assert exact is not None and exact.settled and exact.least == [0.0]


def test_patterns_of_a_network_deeper_than_the_stack():
    graph = deep(1200)
    program = compile_layers(graph, np.ones((1, 1)), np.full(1, -0.5), np.full(1, np.nan))
    ends, units = np.ones(1), program.states
    leaf = PatternBox(-ends, ends, np.zeros(units, np.int8), np.ones(1, bool), np.zeros(1, bool))
    parts = enumerate_patterns(program, leaf)
    assert len(parts) == 2  # the first unit off, and on
    assert all(graph.run(part.at[None])[0, 0] <= 0.5 for part in parts)
