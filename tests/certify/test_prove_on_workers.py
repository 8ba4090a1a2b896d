"""Trees of certificates written by workers: parts stay in order, even when workers are lost."""

import numpy as np
import pytest

from certify.small_networks import count_boxes
from certify.test_kernel_prover import SLOPES, _case
from executors.scripted import Scripted, ScriptedPool
from outrange.certify import prove_on_workers as parts
from outrange.certify.errors import NoCertificateError
from outrange.certify.prove import Goal, prove_box
from outrange.core import OutOfTime, deadline
from outrange.executors.ambient_pool import Workers, use_workers
from outrange.search.kernel.binding import library


pytestmark = pytest.mark.skipif(library() is None, reason="no kernel was compiled")


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Make every call of the kernel a task."""
    for name in ("FIRST", "LATER"):
        monkeypatch.setattr(parts, name, 0.0)
    monkeypatch.setattr(parts, "CALL", 3)


def hard_question(seed):
    network, box, forms, seen, width = _case(seed, SLOPES[seed % 4], 3)
    claims = seen - 0.05 * width
    goals = [Goal([f], float(c), float(w)) for f, c, w in zip(forms, claims, width, strict=True)]
    return network, box, forms, claims, goals


def write_tree(pool, network, box, goals):
    with use_workers(Workers(pool)):
        return prove_box(network, box, goals)


@pytest.mark.parametrize("seed", range(4))
def test_parts_are_one_tree(seed):
    """Write the very tree of a single prover: another worker resumes where one stops."""
    network, box, forms, claims, goals = hard_question(seed)
    executor = Scripted(workers=3)
    tree = write_tree(ScriptedPool(executor), network, box, goals)
    assert executor.calls > 3
    assert count_boxes(network, box, forms, claims, tree) > 1
    assert tree == prove_box(network, box, goals)


@pytest.mark.parametrize("script", [["lose", "do", "lose"], ["do", "do", "lose", "lose"]])
def test_a_lost_part_is_written_by_another(script):
    network, box, _, _, goals = hard_question(1)
    pool = ScriptedPool(Scripted(*script))
    assert write_tree(pool, network, box, goals) == prove_box(network, box, goals)


def test_a_part_that_loses_its_workers_is_no_certificate():
    network, box, _, _, goals = hard_question(1)
    with pytest.raises(NoCertificateError, match="3 workers were lost"):
        write_tree(ScriptedPool(Scripted(*["lose"] * 3)), network, box, goals)


def test_without_workers_this_process_proves():
    network, box, _, _, goals = hard_question(2)

    class Broken(ScriptedPool):
        broken = True

    for pool in (Broken(Scripted()), ScriptedPool(Scripted(workers=0))):
        assert write_tree(pool, network, box, goals) == prove_box(network, box, goals)


def test_a_false_claim_has_no_tree():
    network, box, _, claims, goals = hard_question(0)
    false = [Goal(goal.forms, goal.least + 0.2 * goal.scale, goal.scale) for goal in goals]
    assert np.isfinite(claims).all()
    assert write_tree(ScriptedPool(Scripted()), network, box, false) is None


@pytest.mark.wallclock
def test_the_deadline_ends_it_while_a_worker_hangs():
    network, box, _, _, goals = hard_question(0)
    with pytest.raises(OutOfTime), deadline(0.3):
        write_tree(ScriptedPool(Scripted(*["hang"] * 9)), network, box, goals)


def test_a_tree_beyond_what_the_checker_reads_is_refused(monkeypatch):
    network, box, _, _, goals = hard_question(0)
    monkeypatch.setattr(parts, "MOST_BYTES", 10)
    with pytest.raises(NoCertificateError, match="does not read"):
        write_tree(ScriptedPool(Scripted()), network, box, goals)
