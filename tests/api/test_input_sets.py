"""Tests that every answer names its input set."""

import numpy as np
import pytest

import outrange
from cases import cases
from outrange import x, y
from outrange.frontends.network import Network
from questions.nets import dense_net


PLAIN = dense_net((2, 4, 1), ("relu", None))
NET = Network(PLAIN.graph, PLAIN.predict, "net", "keras").with_feature_names(["speed", "load"])
BOX = {"speed": (0, 30), "load": (-1, 1)}
LINE = "over speed 0..30, load -1..1"

ASKED = {
    "output_range": lambda box: outrange.output_range(NET, box),
    "verify": lambda box: outrange.verify(NET, y[0] <= 1e6, box),
    "counterexamples": lambda box: outrange.counterexamples(NET, y[0] <= -1e6, box, count=1),
    "bad_inputs": lambda box: outrange.bad_inputs(NET, y[0] <= 1e6, box),
    "minimize": lambda box: outrange.minimize(NET, y[0], box),
    "maximize": lambda box: outrange.maximize(NET, y[0] + x["speed"], box),
    "gradient_range": lambda box: outrange.gradient_range(NET, box),
    "lipschitz": lambda box: outrange.lipschitz(NET, box),
    "monotone": lambda box: outrange.monotone(NET, box),
    "difference_range": lambda box: outrange.difference_range(NET, NET, box),
    "summary": lambda box: outrange.summary(NET, box),
    "layer_bounds": lambda box: outrange.layer_bounds(NET, box),
    "sample_range": lambda box: outrange.sample_range(NET, box, samples=10),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_answers_name_their_input_set(ask, tmp_path):
    answer = ask(BOX)
    assert LINE in str(answer).splitlines() and LINE in answer.html()
    label = answer.as_dict()["box"]
    assert label == {"names": ["speed", "load"], "lo": [0.0, -1.0], "hi": [30.0, 1.0], "cuts": []}
    answer.save(tmp_path / "answer.json")
    assert LINE in str(outrange.answers.read(tmp_path / "answer.json"))


def test_data_that_was_meant_as_pairs_shows():
    pairs = np.array([(0, 5), (0, 1)])
    assert "over speed = 0, load 1..5" in str(outrange.output_range(NET, pairs))


@pytest.mark.parametrize(
    ("box", "cut"),
    [
        (outrange.Mixed(BOX, integers=["speed"]), "integers: speed"),
        (outrange.L2Ball([0, 0], 1), "in an L2 ball"),
        (outrange.Union(BOX, (0, 1)), "a union of 2 sets"),
    ],
)
def test_other_sets_are_told_by_their_kind(box, cut):
    assert f"({cut})" in str(outrange.verify(NET, y[0] <= 1e6, box)).splitlines()[1]
    optimum = outrange.minimize(NET, y[0], box, where=y[0] <= 1e6, tol=cases(1e-2, 1e-6))
    assert f"({cut}; cut by conditions)" in str(optimum).splitlines()[1]
    cut_too = outrange.verify(NET, y[0] <= 1e6, box, where=x["load"] <= 0.5)
    assert f"({cut}; cut by conditions)" in str(cut_too).splitlines()[1]
