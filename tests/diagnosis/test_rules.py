"""Laws over every rule: its faults are found at the level it states, its twins are clean."""

import inspect

import numpy as np
import pytest

import outrange
from cases import cases
from outrange.answers.diagnosis import Level
from outrange.diagnosis import RULES


keras = pytest.importorskip("keras")

EXAMPLES = [
    pytest.param(rule, example, id=f"{code}-{i}")
    for code, rule in sorted(RULES.items())
    for i, example in enumerate(rule.examples[: cases(1, None)])
]
MEASURING = ("OR012", "OR017", "OR021", "OR023", "OR025", "OR026", "OR032", "OR033")
"""Rules that need steps or gradients to say what they say."""


def diagnose(built, code, options):
    """A diagnosis; steps of training are taken only for rules that read them."""
    return outrange.diagnose(*built, train=None if code in MEASURING else 0, **options)


@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
def test_the_fault_is_found_at_its_level(rule, example):
    if keras.backend.backend() not in example.backends:
        pytest.skip("the fault does not show on this backend")
    apart = cases(set(MEASURING) - {rule.code}, set())
    options = {**example.options, "ignore": {*example.options.get("ignore", ()), *apart}}
    answer = diagnose(example.faulty(keras), rule.code, options)
    findings = [finding for finding in answer if finding.code == rule.code]
    assert findings, answer
    assert max(finding.level for finding in findings) is example.level
    for finding in findings:
        assert finding.message
        assert finding.fix
        if finding.level is Level.PROVED:
            assert finding.holds_for, f"{finding.code} does not say for which set it is proved"


@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
def test_the_twin_is_clean(rule, example):
    options = example.options if example.twin_options is None else example.twin_options
    answer = diagnose(example.healthy(keras), rule.code, options)
    assert not answer.at_least("measured"), answer
    assert rule.code not in answer.codes


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_every_rule_explains_itself(rule):
    assert rule.code.startswith("OR")
    assert len(rule.code) == 5
    assert rule.examples, "a rule ships a program that shows its fault"
    assert len(rule.why) > 150
    assert any(level.name in rule.why for level in Level), "the text says what its levels rest on"


def test_no_builder_imports_a_framework():
    for rule in RULES.values():
        for example in rule.examples:
            for build in (example.faulty, example.healthy):
                assert list(inspect.signature(build).parameters) in (["k"], ["keras"])


def test_the_model_is_left_as_it_was():
    model, x, y = RULES["OR006"].examples[0].faulty(keras)
    before = [np.array(w) for w in model.get_weights()]
    layers = [len(layer._inbound_nodes) for layer in model.layers]
    outrange.diagnose(model, x, y)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert layers == [len(layer._inbound_nodes) for layer in model.layers]
    assert int(model.optimizer.iterations) == 0
