"""Remedies for open gaps are the result of trials; on sets with a known answer they state it."""

from __future__ import annotations

import re

import numpy as np
import pytest

import outrange
from outrange.core import Box, Clock
from outrange.graph import Builder, Slot
from outrange.questions.common import remedies
from outrange.questions.common.remedies import cost_of_tolerance, reserved_seconds, smaller_sets


def ask_sets(closes, inputs=6, free=None, seconds=60.0):
    """Call `smaller_sets` on the box [-1, 1]^inputs for a question that `closes(box)` answers."""
    weights = np.diag(np.arange(1.0, inputs + 1.0)) if inputs <= 40 else np.ones((inputs, 1))
    builder = Builder([Slot("x", (inputs,))])
    graph = builder.finish([builder.dense(builder.input_values()[0], weights)], ["y"])
    half = np.ones(inputs)
    if free is not None:
        half[free:] = 0.0
    tried: list[Box] = []

    def ask(box: Box, _seconds: float) -> bool:
        tried.append(box)
        return closes(box)

    names = [f"x[{i}]" for i in range(inputs)]
    return smaller_sets(ask, graph, Box(-half, half), names, Clock(seconds)), tried


@pytest.mark.parametrize("power", range(1, 11))
def test_the_largest_part_of_the_widths_is_found(power):
    sentences, _ = ask_sets(lambda box: bool((box.hi - box.lo).max() <= 2.0 * 0.5**power))
    assert sentences[0].startswith("On the middle 1/")
    share = int(re.search(r"1/(\d+)", sentences[0]).group(1))
    assert share >= 2**power  # never more than what closed
    if power in (1, 2, 4, 8):
        assert share == 2**power


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_the_fewest_inputs_of_most_influence_are_fixed(count):
    """Output i is (i + 1) x[i]: one pass of bounds gains the same share from each."""
    sentences, tried = ask_sets(lambda box: int((box.lo == box.hi).sum()) >= count)
    fixed = [s for s in sentences if s.startswith("With")]
    assert len(fixed) == 1
    names = re.findall(r"`x\[(\d)\]`", fixed[0])
    assert len(names) == (count if count <= 3 else 6 - count)
    assert ("all inputs but" in fixed[0]) == (count > 3)
    assert all((box.lo == box.hi).sum() <= 5 for box in tried)


def test_what_was_in_vain_is_said():
    sentences, tried = ask_sets(lambda box: False)
    assert len(sentences) == 1
    assert sentences[0].startswith(f"None of {len(tried)} smaller input sets")


def test_fixed_inputs_stay_and_pixels_are_not_fixed_one_by_one():
    _, tried = ask_sets(lambda box: False, free=3)
    assert all((box.lo[3:] == 0).all() and (box.hi[3:] == 0).all() for box in tried)
    sentences, tried = ask_sets(lambda box: True, inputs=50)
    assert len(sentences) == 1 and all((box.lo < box.hi).all() for box in tried)


def test_without_time_nothing_is_tried():
    sentences, tried = ask_sets(lambda box: True, seconds=0.0)
    assert not tried and not sentences


def test_time_is_kept_back_only_from_limits():
    assert reserved_seconds(np.inf) == reserved_seconds(1.0) == 0.0
    assert reserved_seconds(10.0) == pytest.approx(1.0) and reserved_seconds(1000.0) == 3.0


def test_the_cost_of_a_larger_tolerance_is_what_was_measured():
    assert cost_of_tolerance([(0.1, 0.5), (0.01, 2.0)], 1e-6) == (
        "`tol=0.01` was reached after 2 s; 0.001 was not reached.",
    )
    assert cost_of_tolerance([], 1e-6) == cost_of_tolerance([(0.1, 0.5)], 0.1) == ()


@pytest.fixture
def half_for_trials(monkeypatch):
    """Reserve half of the limit, so that some remains if a search ends late on a busy machine."""
    monkeypatch.setattr(remedies, "SHARE", 0.5)


def hard(activation="relu", inputs=16, seed=3):
    """Build a network that takes minutes over [-1, 1]^inputs, and no time on small parts of it."""
    import keras

    keras.utils.set_random_seed(seed)
    layer = keras.layers.Dense
    model = keras.Sequential([keras.Input((inputs,)), layer(48, activation), layer(48, activation)])
    model.add(layer(2))
    for part in model.layers:  # A kink or a bend in the middle of the box would stay in every part.
        part.bias.assign(np.random.default_rng(seed).normal(0, 0.3, part.bias.shape))
    return model


@pytest.mark.slow
def test_an_open_range_says_what_closes_it_and_it_does(half_for_trials):
    model = hard()
    answer = outrange.output_range(model, (-1, 1), time_limit=3.0)
    assert answer.status == "time" and answer.remedies
    assert all(sentence in " ".join(str(answer).split()) for sentence in answer.remedies)
    for sentence in answer.remedies:
        if part := re.search(r"1/(\d+) of every input's width all is exact", sentence):
            half = 1 / int(part.group(1))
            assert outrange.output_range(model, (-half, half), time_limit=60).is_exact


@pytest.mark.slow
def test_an_undecided_property_says_where_it_holds(half_for_trials):
    model = hard()
    seen = outrange.sample_range(model, (-1, 1), samples=2000)
    bound = float(seen.hi[0] + 0.3 * (seen.hi[0] - seen.lo[0]))
    verdict = outrange.verify(model, outrange.y[0] <= bound, (-1, 1), time_limit=3.0)
    assert verdict.status == "UNKNOWN" and verdict.remedies
    assert all(sentence in " ".join(str(verdict).split()) for sentence in verdict.remedies)


@pytest.mark.slow
def test_slopes_say_it_too(half_for_trials):
    answer = outrange.gradient_range(hard("tanh"), (-1, 1), time_limit=15.0)
    assert answer.status == "time" and answer.remedies
