"""Nearly every wrong condition, sign or rounding of the checker's core is noticed by its tests."""

import re
import subprocess
import sys

import pytest

from checker import mutants


LEAST_RATE = 0.98


def test_equivalent_mutants_are_mutants():
    every = {label for _, _, label in mutants.mutants()}
    assert set(mutants.EQUIVALENT) <= every


def test_a_mutant_is_another_text():
    for module, i, label in mutants.mutants()[::60]:
        before, after = label.removeprefix(f"{module}: ").split("  ->  ")
        assert before != after
        compile(mutants.broken(module, i), module, "exec")


@pytest.mark.slow
def test_mutants_are_noticed():
    """In a program of its own, whose modules are broken one after the other."""
    command = [sys.executable, mutants.__file__, "100", "1"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=3000)
    counts = re.search(r"(\d+) of (\d+) mutants are noticed", run.stdout)
    assert counts, (run.returncode, run.stdout, run.stderr)
    noticed, tried = counts.groups()
    assert int(noticed) >= LEAST_RATE * int(tried), run.stderr
