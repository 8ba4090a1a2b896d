"""Trees of certificates written by workers: parts in order, whatever happens to a worker."""

import numpy as np
import pytest

from certify.small_networks import checked
from certify.test_kernel_prover import SLOPES, _case
from executors.scripted import Scripted, ScriptedPool
from outrange.certify import prove_on_workers as parts
from outrange.certify.missing import NoCertificateError
from outrange.certify.prove import Goal, prove_box
from outrange.core import OutOfTime, deadline
from outrange.executors.seam import Workers, working_on
from outrange.search.kernel.binding import library


pytestmark = pytest.mark.skipif(library() is None, reason="no kernel was compiled")


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """A call of the kernel is a task."""
    for name in ("FIRST", "LATER"):
        monkeypatch.setattr(parts, name, 0.0)
    monkeypatch.setattr(parts, "CALL", 3)


def asked(seed):
    network, box, forms, seen, width = _case(seed, SLOPES[seed % 4], 3)
    claims = seen - 0.05 * width
    goals = [Goal([f], float(c), float(w)) for f, c, w in zip(forms, claims, width, strict=True)]
    return network, box, forms, claims, goals


def written(pool, network, box, goals):
    with working_on(Workers(pool)):
        return prove_box(network, box, goals)


@pytest.mark.parametrize("seed", range(4))
def test_parts_are_one_tree(seed):
    """The very one that a single prover writes: where it stops, another goes on."""
    network, box, forms, claims, goals = asked(seed)
    executor = Scripted(workers=3)
    tree = written(ScriptedPool(executor), network, box, goals)
    assert executor.calls > 3
    assert checked(network, box, forms, claims, tree) > 1
    assert tree == prove_box(network, box, goals)


@pytest.mark.parametrize("script", [["lose", "do", "lose"], ["do", "do", "lose", "lose"]])
def test_a_lost_part_is_written_by_another(script):
    network, box, _, _, goals = asked(1)
    pool = ScriptedPool(Scripted(*script))
    assert written(pool, network, box, goals) == prove_box(network, box, goals)


def test_a_part_that_loses_its_workers_is_no_certificate():
    network, box, _, _, goals = asked(1)
    with pytest.raises(NoCertificateError, match="3 workers were lost"):
        written(ScriptedPool(Scripted(*["lose"] * 3)), network, box, goals)


def test_where_nobody_works_this_process_does():
    network, box, _, _, goals = asked(2)

    class Broken(ScriptedPool):
        broken = True

    for pool in (Broken(Scripted()), ScriptedPool(Scripted(workers=0))):
        assert written(pool, network, box, goals) == prove_box(network, box, goals)


def test_what_is_false_has_no_tree():
    network, box, _, claims, goals = asked(0)
    false = [Goal(goal.forms, goal.least + 0.2 * goal.scale, goal.scale) for goal in goals]
    assert np.isfinite(claims).all()
    assert written(ScriptedPool(Scripted()), network, box, false) is None


@pytest.mark.wallclock
def test_the_deadline_ends_it_while_a_worker_hangs():
    network, box, _, _, goals = asked(0)
    with pytest.raises(OutOfTime), deadline(0.3):
        written(ScriptedPool(Scripted(*["hang"] * 9)), network, box, goals)


def test_a_tree_beyond_what_the_checker_reads_is_refused(monkeypatch):
    network, box, _, _, goals = asked(0)
    monkeypatch.setattr(parts, "MOST_BYTES", 10)
    with pytest.raises(NoCertificateError, match="does not read"):
        written(ScriptedPool(Scripted()), network, box, goals)
