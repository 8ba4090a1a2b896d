"""A budget gives the same answer to the last byte: in any process, on any number of cores."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import outrange
from cases import cases


keras = pytest.importorskip("keras")
zoo = pytest.importorskip("zoo")

BUDGET = cases(0.1, 0.3)
"""Units of work of a question: enough for some rounds of a search, not for hard models."""

BOX = (-0.5, 0.5)

MODELS = list(zoo.MODELS)[:: cases(17, 6)]


def ask_range(network):
    return outrange.output_range(network, BOX, budget=BUDGET)


def ask_verdict(network):
    return outrange.verify(network, outrange.y[0] <= 0.3, BOX, budget=BUDGET)


def ask_minimum(network):
    return outrange.minimize(network, outrange.y[0], BOX, budget=BUDGET)


def ask_robustness(network):
    shapes = {slot.name: np.zeros(slot.shape) for slot in network.graph.inputs}
    return outrange.robustness(network, shapes, budget=BUDGET)


QUESTIONS = {
    "range": ask_range,
    "verdict": ask_verdict,
    "minimum": ask_minimum,
    "robustness": ask_robustness,
}


def answer(question: str, model: str) -> str:
    """Return an answer about a model of the zoo as JSON, or the words of a refusal."""
    keras.utils.clear_session(free_memory=False)  # to collect garbage takes half a second
    network = outrange.load(zoo.build(model))
    try:
        return json.dumps(QUESTIONS[question](network).as_dict(), default=str)
    except outrange.OutrangeError as refusal:
        return str(refusal)


def loop_answer() -> str:
    """Return the answer about a closed loop as JSON."""
    keras.utils.clear_session(free_memory=False)  # to collect garbage takes half a second
    layers = [keras.Input((2,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1)]
    controller = keras.Sequential(layers)
    rng = np.random.default_rng(0)
    controller.set_weights([rng.normal(size=w.shape) for w in controller.get_weights()])

    def plant(x, u):
        return [x[0] + 0.1 * x[1], x[1] + 0.1 * (u[0] - np.sin(x[0]))]

    loop = outrange.closed_loop(
        outrange.ControlLoop(controller, plant, ([0.5, -0.1], [1.0, 0.1])), steps=12, budget=BUDGET
    )
    return json.dumps(loop.as_dict(), default=str)


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("model", MODELS)
def test_a_budget_gives_the_same_answer_twice(model, question):
    assert answer(question, model) == answer(question, model)


def test_a_closed_loop_with_a_budget_gives_the_same_answer_twice():
    assert loop_answer() == loop_answer()


def test_the_cost_of_a_budget_counts_units():
    network = outrange.load(zoo.build("lstm_both_ways"))
    cost = ask_range(network).cost
    assert cost.unit == "units" and "units" in str(cost)
    # A reading may come late, by the work since the one before it; never by a multiple.
    assert cost.seconds <= 2 * BUDGET


def test_a_larger_budget_never_proves_less():
    network = outrange.load(zoo.build("tanh_softmax"))
    answers = [outrange.output_range(network, BOX, budget=BUDGET * k) for k in (0.2, 1, 4)]
    for less, more in itertools.pairwise(answers):
        assert (more.lo >= less.lo - 1e-12).all() and (more.hi <= less.hi + 1e-12).all()


@pytest.mark.wallclock
@pytest.mark.slow
def test_a_budget_gives_the_same_answer_in_any_process():
    """Other processes have other hash seeds, and other numbers of threads."""
    script = (
        "import sys, test_budget as law\n"
        "for name in sys.argv[1:]:\n"
        "    for question in law.QUESTIONS: print(law.answer(question, name))\n"
        "print(law.loop_answer())\n"
    )
    here = Path(__file__).parent
    outputs = []
    for threads in ("1", "2"):
        env = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(here), str(here.parent), *sys.path]),
            "PYTHONHASHSEED": threads,
            "OMP_NUM_THREADS": threads,
            "KERAS_BACKEND": keras.backend.backend(),
        }
        run = [sys.executable, "-c", script, *MODELS[::3]]
        outputs.append(subprocess.run(run, env=env, capture_output=True, check=True).stdout)
    assert outputs[0] and outputs[0] == outputs[1]


@pytest.mark.parametrize(
    "options, words",
    [
        ({"budget": 0}, "positive"),
        ({"budget": "10"}, "positive"),
        ({"budget": True}, "positive"),
        ({"budget": float("nan")}, "positive"),
        ({"budget": 1, "time_limit": 1}, "must not be combined"),
    ],
    ids=str,
)
def test_a_budget_that_cannot_be_is_refused(options, words):
    network = outrange.load(zoo.build("mlp"))
    with pytest.raises(outrange.InputError, match=words):
        outrange.output_range(network, BOX, **options)
