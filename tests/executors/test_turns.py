"""Independent tasks over workers: none that takes long is the last to begin."""

import heapq

import numpy as np
import pytest

import outrange
from cli.verify_files import random_net, run_model, vnnlib
from executors.scripted import Scripted
from outrange.cli.batch import spread
from outrange.executors import Crew, Turns
from outrange.executors.turns import TURN, WASTE
from outrange.questions.robust import robust_spread
from outrange.questions.robust.robust_spread import decide_input


def play(times, workers, limit, short=True):
    """When the last task ends, and what all of them took."""
    turns, waiting, worked = Turns(workers if short else 1), [*enumerate(times)], 0.0
    under_way, now, order = [], 0.0, []
    while waiting or under_way:
        while waiting and len(under_way) < workers:
            k, needs = waiting.pop(0)
            takes = min(needs, turns.limit(k, limit))
            order.append(k)
            heapq.heappush(under_way, (now + takes, takes, k, needs))
        now, takes, k, needs = heapq.heappop(under_way)
        worked += takes
        if not turns.suffices(k, takes, takes >= needs):
            waiting.append((k, needs))
    return now, worked, order


def test_long_ones_do_not_begin_alone_at_the_end():
    times = [0.03] * 50 + [3.0] + [0.03] * 48 + [3.0]
    plain, _, _ = play(times, 2, 60.0, short=False)
    found, worked, _ = play(times, 2, 60.0)
    assert plain > 0.57 * sum(times)
    assert found <= 0.53 * worked
    assert found < 0.95 * plain


@pytest.mark.parametrize("seed", range(5))
def test_little_is_spent_twice(seed):
    """Also where all tasks are long, and where limits end them."""
    rng = np.random.default_rng(seed)
    for times in (rng.uniform(1, 9, 100), rng.lognormal(-2, 2, 100), np.full(50, 1e9)):
        limit, workers = 20.0, 4
        needed = np.minimum(times, limit).sum()
        _, worked, order = play(times, workers, limit)
        assert worked <= (1 + 2 * WASTE) * needed + 2 * workers * 2.0
        assert set(order) == set(range(len(times)))


def test_one_worker_has_no_turns_and_short_limits_have_none():
    assert Turns(1).limit(0, 60.0) == 60.0
    assert Turns(2).limit(0, 3 * TURN) == 3 * TURN
    turns = Turns(2)
    assert turns.limit(0, 60.0) == TURN and not turns.suffices(0, TURN, False)
    assert turns.is_second(0) and turns.limit(0, 60.0) == 60.0
    assert turns.suffices(0, 60.0, False)


def too_short(kept, question):
    """Decides nothing within a turn."""
    if question.seconds < 1.0:
        return robust_spread.Found(None, "time", None, question.seconds, "FLOAT64_ROUNDED", ())
    return decide_input(kept, question)


def test_what_a_turn_leaves_open_is_asked_again(tmp_path, monkeypatch):
    """Verdicts are those of the full limit."""
    path = random_net(tmp_path, "net.onnx", (3, 8, 3), 0)
    x = np.random.default_rng(0).uniform(-1, 1, (6, 3))
    y = np.array([run_model(path, row).argmax() for row in x])
    alone, asked, give = outrange.robust_accuracy(path, x, y, eps=0.1), [], Crew.give

    def watched(crew, ticket, name, parcel, work, question, **options):
        asked.append((ticket, question.seconds))
        give(crew, ticket, name, parcel, work, question, **options)

    monkeypatch.setattr(Crew, "give", watched)
    monkeypatch.setattr(robust_spread, "decide_input", too_short)
    found = outrange.robust_accuracy(path, x, y, eps=0.1, each=20.0, executor=Scripted())
    np.testing.assert_array_equal(found.status, alone.status)
    short = [i for i, seconds in asked if seconds < 1.0]
    assert short and {i for i, seconds in asked if seconds > 1.0} == set(range(6))


def test_an_instance_that_a_turn_leaves_open_is_asked_again(tmp_path, monkeypatch):
    """Nothing of a turn without a result is kept."""
    asked, give = [], Crew.give
    random_net(tmp_path, "net.onnx", (2, 4, 1), 0)
    pairs = []
    for k in range(3):
        path = tmp_path / f"p{k}.vnnlib"
        vnnlib(path, [(0.0, 1.0)] * 2, [f"(>= Y_0 {100.0 + k})"], 1)
        pairs.append((tmp_path / "net.onnx", path))

    def watched(crew, ticket, name, parcel, work, model, instances, **options):
        asked.extend(instances)
        give(crew, ticket, name, parcel, work, model, instances, **options)

    def decide(folder, model, name, content, seconds, seed):
        if seconds < 1.0:
            return {"verdict": "timeout", "seconds": seconds, "detail": "too short"}
        return real(folder, model, name, content, seconds, seed)

    real = spread.Folder.decide
    monkeypatch.setattr(Crew, "give", watched)
    monkeypatch.setattr(spread.Folder, "decide", decide)
    found = outrange.verify_all(pairs, each=20, executor=Scripted())
    assert [one.verdict for one in found] == ["unsat"] * 3
    assert min(one[2] for one in asked) < 1.0
    assert sorted(one[0] for one in asked if one[2] == 20.0) == [f"p{k}.vnnlib" for k in range(3)]
