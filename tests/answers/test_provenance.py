"""Tests of provenance: every answer shows it, and equal questions have equal provenance."""

import dataclasses
import json
from html import escape

import numpy as np
import pytest

import outrange
from answers.record_cases import CASES
from cases import some
from outrange.api.decorators import format_argument
from outrange.core import ModelSource, PropertySource, Provenance, text_digest
from outrange.core.source import value_digest
from questions.nets import dense_net


MODEL = ModelSource("arm.keras", "ab" * 32, "file")

PROPERTY = PropertySource("never.vnnlib", "cd" * 32, "file")

OF_EACH_KIND = dict(some(CASES.items(), 34, key=lambda case: type(case[1])))
"""What is recorded beside an answer depends on its kind alone."""

ASKED = Provenance("verify", "9.8.7", PROPERTY, (("box", "(0, 1)"), ("seed", "3")))


@pytest.mark.slow
@pytest.mark.parametrize("record", OF_EACH_KIND.values(), ids=OF_EACH_KIND)
def test_every_answer_shows_and_keeps_it(record, tmp_path):
    record = dataclasses.replace(record, sources=(MODEL,), provenance=ASKED)
    provenance = json.loads(json.dumps(record.as_dict()))["provenance"]
    warrant = getattr(record, "warrant", None)
    assert provenance == {
        "question": "verify",
        "version": "9.8.7",
        "models": [{"name": "arm.keras", "sha256": "ab" * 32, "of": "file"}],
        "property": {"name": "never.vnnlib", "sha256": "cd" * 32, "of": "file"},
        "arguments": {"box": "(0, 1)", "seed": "3"},
        "warrant": warrant.name if isinstance(warrant, outrange.answers.Warrant) else None,
    }
    page = record.html()
    for shown in ("ab" * 32, "cd" * 32, "9.8.7", escape("verify(box=(0, 1), seed=3)")):
        assert shown in page
    record.save(tmp_path / "a.json")
    assert outrange.answers.read(tmp_path / "a.json").provenance == ASKED


@pytest.mark.slow
@pytest.mark.parametrize("record", OF_EACH_KIND.values(), ids=OF_EACH_KIND)
def test_files_from_before_are_read(record, tmp_path):
    """Files of older releases lack the field."""
    record.save(tmp_path / "a.json")
    saved = json.loads((tmp_path / "a.json").read_text())
    del saved["answer"]["provenance"]
    (tmp_path / "a.json").write_text(json.dumps(saved))
    again = outrange.answers.read(tmp_path / "a.json")
    assert again.provenance is None and again.as_dict()["provenance"]["question"] == ""


def weights_of(seed):
    return dense_net((2, 3, 1), ("relu", None), seed=seed).graph


QUESTIONS = {
    "output_range": lambda net: outrange.output_range(net, (0, 1)),
    "summary": lambda net: outrange.summary(net, (0, 1)),
    "layer_bounds": lambda net: outrange.layer_bounds(net, (0, 1)),
    "sample_range": lambda net: outrange.sample_range(net, (0, 1), samples=10),
    "verify": lambda net: outrange.verify(net, "y[0] <= 100", (0, 1)),
    "counterexamples": lambda net: outrange.counterexamples(net, "y[0] <= 100", (0, 1)),
    "bad_inputs": lambda net: outrange.bad_inputs(net, "y[0] <= 100", (0, 1)),
    "extrapolation": lambda net: outrange.extrapolation(np.eye(2), [[2.0, 0.0]], model=net),
    "minimize": lambda net: outrange.minimize(net, outrange.y[0], (0, 1)),
    "maximize": lambda net: outrange.maximize(net, outrange.y[0], (0, 1)),
    "monotone": lambda net: outrange.monotone(net, (0, 1)),
    "gradient_range": lambda net: outrange.gradient_range(net, (0, 1)),
    "lipschitz": lambda net: outrange.lipschitz(net, (0, 1)),
    "difference_range": lambda net: outrange.difference_range(net, net, (0, 1)),
    "robustness": lambda net: outrange.robustness(
        net, [0.5, 0.5], perturbation=outrange.Perturbation(0.1), property=outrange.y[0] <= 100
    ),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_same_question_has_the_same_provenance(name):
    ask = QUESTIONS[name]
    once, again, other = (ask(weights_of(seed)) for seed in (0, 0, 1))
    provenance = once.as_dict()["provenance"]
    assert provenance == again.as_dict()["provenance"]
    assert provenance["question"] == name and provenance["version"] == outrange.__version__
    assert once.sources and once.sources != other.sources
    assert once.provenance == other.provenance


def test_a_property_is_told_by_its_text():
    answer = outrange.verify(weights_of(0), "y[0] <= 100", (0, 1))
    source = answer.provenance.property
    assert source == PropertySource("y[0] <= 100", text_digest("y[0] <= 100"), "text")


def test_a_changed_weight_changes_the_hash():
    """Hashes depend on the last bit, but not on the memory layout."""
    from outrange.graph import Graph
    from outrange.ops import dense
    from outrange.questions.common.fingerprints import graph_source

    graph = weights_of(0)
    weight = np.arange(6.0).reshape(2, 3)
    hashes = set()
    for changed in (weight, weight + [[0, 2.0**-50, 0], [0, 0, 0]], weight[:, ::-1]):
        node = dataclasses.replace(graph.nodes[0], op=dense(changed, name="same"))
        nodes = (node, *graph.nodes[1:])
        hashes.add(graph_source("net", Graph(graph.inputs, nodes, graph.output, graph.outputs)))
    assert len(hashes) == 3


def test_a_file_that_is_overwritten_later_is_not_taken_for_the_first(tmp_path):
    pytest.importorskip("onnx")
    from cli.verify_files import sum_and_difference, vnnlib

    model = sum_and_difference(tmp_path)
    rule = vnnlib(tmp_path / "p.vnnlib", [(0.0, 1.0)] * 2, ["(>= Y_0 2.5)"], 2)
    from outrange.core import file_digest

    network, prop = outrange.load(model), outrange.vnnlib.read_property(rule)
    before = file_digest(model), file_digest(rule)
    with open(model, "ab") as file:
        file.write(b"\0")
    rule.write_text(rule.read_text().replace("2.5", "0.5"))
    answer = outrange.verify(network, prop)
    assert answer.holds
    assert (answer.sources[0].sha256, answer.provenance.property.sha256) == before


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (np.float64(0.5), "0.5"),
        ((0, 1), "(0, 1)"),
        ({"speed": (0, 30)}, "{'speed': (0, 30)}"),
        (outrange.x[0] <= 0.5, "x[0] <= 0.5"),
        (len, "function len"),
    ],
)
def test_short_arguments_are_shown_as_written(value, text):
    assert format_argument(value) == text


def test_long_arguments_are_told_apart_by_their_hash():
    data = np.zeros((100, 2))
    other = data.copy()
    other[99, 1] = 5e-324
    ball = outrange.L2Ball([0.0, 0.0], 1.0)
    values = [data, other, data.astype(np.float32), data.ravel(), list(range(100)), ball,
              outrange.L2Ball([0.0, 0.0], 2.0), (data, other), (other, data)]  # fmt: skip
    texts = [format_argument(value) for value in values]
    assert len(set(texts)) == len(texts) and all("SHA-256" in text for text in texts)
    assert texts == [format_argument(value) for value in values]
    assert value_digest([[1], 2]) != value_digest([[1, 2]])
