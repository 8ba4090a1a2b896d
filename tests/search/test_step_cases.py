"""In every case a step function is a constant, and all points of the box are in some case."""

import numpy as np
import pytest

from outrange.domains import bounds
from outrange.graph import Builder, Slot
from outrange.ops import curve
from outrange.ops.step import Step
from outrange.search.common.open_boxes import OpenBoxes
from outrange.search.methods.bottleneck.step_cases import step_cases


def _net(rng, name):
    """Build two inputs, a step of a step, and other readers of their arguments."""
    b = Builder([Slot("x", (2,))])
    (x,) = b.input_values()
    first = b.dense(x, rng.choice([-1.0, 1.0], size=(2, 1)), rng.normal(size=1) * 0.1)
    low = b.curve(name, first)
    second = b.add(b.multiply(low, np.float64(0.7)), b.dense(x, rng.normal(size=(2, 1)) * 0.3))
    y = b.add(b.subtract(second, b.curve(name, second)), b.multiply(low, first))
    return b.finish([y], ["y"])


@pytest.mark.parametrize("name", ["floor", "ceil", "round", "sign", "heaviside"])
@pytest.mark.parametrize("seed", range(4))
def test_no_value_is_below_the_bounds_of_every_case(name, seed):
    rng = np.random.default_rng(seed)
    graph = _net(rng, name)
    lo = -rng.uniform(0.3, 0.6, 2).round(1)
    hi = rng.uniform(0.3, 0.6, 2).round(1)
    cases = step_cases(graph, lo, hi)
    assert len(cases.boxes.lo) > 1
    least = bounds(cases.graph, cases.boxes.lo, cases.boxes.hi, "forward")[cases.graph.output][0]
    possible = ~(least[:, 1:] > 0).any(axis=1)
    x = np.concatenate([rng.uniform(lo, hi, (3000, 2)), [lo, hi, 0.5 * lo + 0.5 * hi]])
    assert graph.run(x).min() >= least[possible, 0].min() - 1e-9
    # Each point, with the values of its steps, is a point of some case, and has its value.
    steps = [node for node in graph.nodes if isinstance(node.op, Step)]
    assert steps
    count = (cases.graph.size - 2) // 3
    values = np.unique(cases.boxes.lo[:, 2 : 2 + count], axis=0)
    least_gap = np.full(len(x), np.inf)
    for row in values:
        some = (cases.boxes.lo[:, 2 : 2 + count] == row).all(axis=1)
        for fixed in np.unique(cases.boxes.lo[some][:, 2:], axis=0):
            y = cases.graph.run(np.concatenate([x, np.tile(fixed, (len(x), 1))], axis=1))
            fits = (y[:, 1:] <= 0).all(axis=1)
            gap = np.abs(y[:, 0] - graph.run(x)[:, 0])
            least_gap = np.where(fits, np.minimum(least_gap, gap), least_gap)
    assert least_gap.max() <= 1e-9


def test_a_turn_modulo_closes_where_the_step_itself_does_not():
    # x - floor(x) + (floor(x) - x) is 0, but its bounds over a jump have width 1.
    b = Builder([Slot("x", (1,))])
    (x,) = b.input_values()
    turn = b.subtract(x, b.curve("floor", x))
    wave = b.curve("sin", b.multiply(turn, np.float64(2 * np.pi)))
    graph = b.finish([b.subtract(b.dense(x, [[6.0]]), wave)], ["y"])
    lo, hi, target = np.array([-0.1]), np.array([0.1]), np.array([-0.7])
    assert bounds(graph, lo[None], hi[None], "forward")[graph.output][0][0, 0] < target
    cases = step_cases(graph, lo, hi)
    boxes = OpenBoxes(
        cases.graph,
        cases.boxes,
        np.concatenate([target, np.zeros(2)]),
        lambda: False,
        lambda least: cases.is_closed(least, target),
    )
    boxes.bound("forward")
    for _ in range(8):
        if some := boxes.halvable(1).any():
            boxes.halve(boxes.halvable(1))
        assert some or not len(boxes.lo)
    assert not len(boxes.lo)


def test_steps_of_unknown_places_stay():
    b = Builder([Slot("x", (1,))])
    y = b.curve("floor", b.dense(b.input_values()[0], [[100.0]]))
    graph = b.finish([y], ["y"])
    cases = step_cases(graph, np.array([0.0]), np.array([1.0]))
    assert cases.graph is graph and len(cases.boxes.lo) == 1
    assert curve("floor").is_staircase
