"""The generator of programs: alike at every draw, complete, and judged by what training shows."""

from types import SimpleNamespace

import numpy as np
import pytest

from cases import cases
from diagnosis.generated import sample
from diagnosis.generated.draw import Draw
from diagnosis.generated.judge import fingerprint, is_healthy, verdict
from diagnosis.generated.operators import Operator
from diagnosis.generated.program import build
from diagnosis.generated.train import train_program


keras = pytest.importorskip("keras")

DRAWN = {name: make(3, Draw([3, 0])) for name, make in sample.BASES.items()}
OPERATORS = {one.name: one for one in (*sample.FAULTS, *sample.TWEAKS)}


def test_there_are_enough_kinds():
    assert len(sample.BASES) >= 14
    assert len(sample.FAULTS) >= 25
    assert len(OPERATORS) == len(sample.FAULTS) + len(sample.TWEAKS)


@pytest.mark.parametrize("name", sample.BASES)
def test_a_seed_is_a_program(name):
    again = sample.BASES[name](3, Draw([3, 0]))
    assert fingerprint(again) == fingerprint(DRAWN[name])
    assert fingerprint(sample.BASES[name](4, Draw([4, 0]))) != fingerprint(again)


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_applies_and_is_the_same_at_every_draw(name):
    seen = 0
    for seed in range(6):
        for make in sample.BASES.values():
            base = make(seed, Draw([seed, 0]))
            mutant = OPERATORS[name].apply(Draw([seed]), base)
            if mutant is None:
                continue
            seen += 1
            if name != "accuracy of numbers":  # what is shown in training changes nothing
                assert fingerprint(mutant) != fingerprint(base)
            again = OPERATORS[name].apply(Draw([seed]), base)
            assert again is not None
            assert fingerprint(mutant) == fingerprint(again)
        if seen:
            return
    pytest.fail(f"{name} applies to no base")


def test_a_group_of_seeds_shares_its_base():
    mutants = [sample.mutant_of(seed, sample.base_of(seed)) for seed in range(70, 75)]
    assert len({fingerprint(sample.base_of(seed)) for seed in range(70, 75)}) == 1
    assert len({operator.name for operator, _ in mutants}) == 5
    assert mutants[-1][0] in sample.TWEAKS


def test_a_cause_is_named_by_its_rule_and_its_words():
    operator = Operator("x", "y", lambda draw, program: None, ("OR001", "OR017:scal"), "frozen")
    finding = SimpleNamespace(code="OR001", title="", message="", fix="")
    assert operator.names(finding)
    finding.code = "OR017"
    assert not operator.names(finding)
    finding.fix = "scaled inputs"
    assert operator.names(finding)
    finding.code, finding.message = "OR099", "Its weights are frozen."
    assert operator.names(finding)


def test_harm_is_an_effect_that_is_no_chance():
    rng = np.random.default_rng(0)
    good = 0.9 + 0.02 * rng.normal(size=10)
    assert is_healthy(good)
    assert not is_healthy(good - 0.8)
    assert verdict(good, good - 0.5).kind == "harmful"
    assert verdict(good, good + 0.01).kind == "harmless"
    assert verdict(good, good - 0.06).kind == "undecided"
    assert verdict(good, np.full(10, -1.0)).effect > 10


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "jax", reason="programs are trained on JAX")
def test_a_mutant_does_worse_than_its_base():
    base = DRAWN["binary"]
    _, mutant = "", OPERATORS["targets shuffled"].change(Draw([1]), base)
    assert mutant is not None
    good, bad = (
        train_program(keras, program, starts=cases(2, 4)).skills for program in (base, mutant)
    )
    assert good.mean() > bad.mean() + 0.3
    assert len(set(np.round(good, 6))) > 1 or good.mean() == 1.0
    model = build(keras, base)
    assert model.count_params() < 5000
