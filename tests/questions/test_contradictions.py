"""A contradiction between model and answer beyond rounding raises an error with the reason."""

import numpy as np
import pytest

import outrange
from outrange import x, y
from outrange.core import Atom, Box, Region
from outrange.frontends.network import Network
from outrange.graph import Builder, Slot
from outrange.questions.evidence.contradictions import (
    check_forms,
    check_least,
    check_never,
    run_samples,
)
from outrange.questions.evidence.evaluate import ModelRun


def network(off=0.0, curve="relu", rounded=0.0):
    """Return `relu(0.3 a + 0.7 b)`, and a model whose sum is off by `off` or a relative amount."""
    b = Builder([Slot("x", (2,))])
    (value,) = b.input_values()
    weight = np.float32([[0.3], [0.7]])
    graph = b.finish([b.curve(curve, b.dense(value, weight))], ["y"])

    def predict(at):
        answer = at.astype(np.float32) @ weight * np.float32(1 + rounded) + np.float32(off)
        return np.maximum(answer, 0) if curve == "relu" else np.floor(answer)

    return Network(graph, predict, "net", "test")


QUESTIONS = {
    "output_range": lambda n: outrange.output_range(n, (-1, 1)),
    "verify": lambda n: outrange.verify(n, y[0] >= 0, (-1, 1)),
    "verify with a margin": lambda n: outrange.verify(n, y[0] <= 5, (-1, 1)),
    "minimize": lambda n: outrange.minimize(n, y[0], (-1, 1)),
    "maximize": lambda n: outrange.maximize(n, y[0], (-1, 1)),
    "maximize where": lambda n: outrange.maximize(n, y[0], (-1, 1), where=x[0] <= 0),
}


@pytest.mark.parametrize("name", QUESTIONS)
@pytest.mark.parametrize("off", [1e-3, -1e-3, 1.0])
def test_a_model_that_is_not_its_graph(name, off):
    with pytest.raises(outrange.ContradictionError, match=r"bug in outrange.*Received: the input"):
        QUESTIONS[name](network(off))


@pytest.mark.parametrize("name", QUESTIONS)
@pytest.mark.parametrize("rounded", [0.0, 3e-7, -3e-7])
def test_rounding_contradicts_nothing(name, rounded):
    QUESTIONS[name](network(rounded=rounded))


def test_a_jump_within_rounding_contradicts_nothing():
    """At (1, 1) the order of summation decides whether the sum is a float32 below 1."""
    answer = outrange.output_range(network(curve="floor"), (0, 1))
    assert answer.lo[0] <= 0.0 <= answer.hi[0]


RUN = ModelRun(np.array([[0.5, 1.0]]), np.array([[2.0, -1.0]]), np.array([[0.1, np.inf]]))


def test_forms_beyond_their_bounds():
    rows = np.array([[1.0, 0.0]])
    check_forms(RUN, rows, np.array([1.9]), np.array([1.95]))
    for lo, hi in ((2.2, 3.0), (-1.0, 1.8)):
        with pytest.raises(outrange.ContradictionError, match=r"the input \[0.5, 1\]"):
            check_forms(RUN, rows, np.array([lo]), np.array([hi]))
    # Nothing is known of the second output.
    check_forms(RUN, np.array([[1.0, 1.0]]), np.array([50.0]), np.array([60.0]))
    check_forms(None, rows, np.array([50.0]), np.array([60.0]))


def test_what_was_proved_never_to_hold():
    above = Atom(((2, -1.0),), 1.95)  # 1.95 <= y[0]
    check_never(RUN, above, "claim")
    with pytest.raises(outrange.ContradictionError, match=r"claim.*of which float32 rounding"):
        check_never(RUN, Atom(((2, -1.0),), 1.8), "claim")


def test_an_objective_below_its_least_value():
    objective = Atom(((0, 1.0), (2, 1.0)), -0.25)  # 0.5 + 2 - 0.25, up to 0.1
    check_least(RUN, objective, 2.3)
    check_least(RUN, objective, -np.inf)
    with pytest.raises(outrange.ContradictionError, match=r"below 2\.5"):
        check_least(RUN, objective, 2.5)


def test_the_inputs_run_lie_in_the_set_and_are_float32():
    lo, hi = np.array([0.1, -3.0]), np.array([0.1 + 1e-12, 7.0])
    thin = [Region(Box(lo, hi))]
    assert run_samples(network(), thin) is None  # no float32 lies between the first two
    box = Box(np.array([0.1, -3.0]), np.array([4.5, 7.0]))
    wide = [Region(box, condition=Atom(((0, 1.0),), -2.0))]
    run = run_samples(network(), wide)
    assert run is not None and len(run.x) > 4
    assert (run.x == run.x.astype(np.float32)).all()
    assert ((run.x >= [0.1, -3.0]) & (run.x <= [2.0, 7.0])).all()
    assert run_samples(Network(network().graph, None, "net", "test"), wide) is None
