"""Law: whatever the program, nothing that is PROVED of it can be contradicted by running it.

`benchmarks/false_proofs.py` asks the same of thousands of programs, on any backend.
"""

import pytest

import outrange
from cases import cases
from diagnosis.attacks.checks import CHECKS
from diagnosis.attacks.contradictions import contradiction
from diagnosis.attacks.random_programs import random_program
from outrange.answers.diagnosis import Level


keras = pytest.importorskip("keras")

SEEDS = cases([502, 507, 513], list(range(501, 517)))
"""The few are soon compiled; OR001, OR006, OR011, OR025 and OR030 say what is proved of them."""


@pytest.mark.parametrize("seed", SEEDS)
def test_no_proof_is_contradicted(seed):
    program = random_program(keras, seed)
    answer = outrange.diagnose(program.model, program.x, program.y, **program.options)
    for finding in (*answer, *answer.notes):
        if finding.level is Level.PROVED:
            assert not contradiction(keras, program, finding), finding


def test_every_rule_that_proves_something_is_attacked():
    """A rule of the table whose text speaks of proofs has its attack, or a reason for none."""
    from outrange.diagnosis import RULES

    facts = {
        "OR018": "16-bit layers are not drawn",
        "OR028": "a fact of the data alone",
        "OR037": "a fact of the data and a table's size",
        "OR038": "a fact of shapes",
    }
    proving = {code for code, rule in RULES.items() if "PROVED" in rule.why}
    assert proving <= set(CHECKS) | set(facts)
