"""Robust accuracy at several radii equals that at each radius, with fewer questions."""

import numpy as np
import pytest

import outrange
from outrange.questions.robust import robust_run
from outrange.questions.robust.robust_curve import halving_order
from questions.nets import dense_net


NET = dense_net((2, 6, 3), ("relu", None), seed=2)
X = np.random.default_rng(0).uniform(size=(12, 2))
LABELS = NET.graph.run(X).argmax(axis=1)
LABELS[3] = (LABELS[3] + 1) % 3
RADII = (0.001, 0.02, 0.05, 0.1, 0.3, 1.0)


def ask(eps, **options):
    return outrange.robust_accuracy(NET.graph, X, LABELS, eps=eps, **options)


@pytest.fixture
def count_questions(monkeypatch):
    calls = []
    verify = robust_run.verify

    def count(*args, **options):
        calls.append(1)
        return verify(*args, **options)

    monkeypatch.setattr(robust_run, "verify", count)
    return calls


@pytest.mark.slow
def test_a_curve_is_its_radii_one_by_one_with_fewer_questions(count_questions):
    single = [ask(eps) for eps in RADII]
    many = len(count_questions)
    count_questions.clear()
    curve = ask(RADII[::-1])
    assert curve.radii.tolist() == list(RADII) and len(curve) == len(RADII)
    assert {"robust", "broken", "wrong"} == {s for answer in single for s in answer.status}
    for answer, other in zip(single, curve, strict=True):
        assert answer.status.tolist() == other.status.tolist()
        assert set(answer.adversarial) == set(other.adversarial)
        for i, counterexample in other.adversarial.items():
            assert np.abs(counterexample.x - X[i]).max() <= other.eps * (1 + 1e-12)
    # The binary search of an input takes at most three of the six questions.
    assert len(count_questions) <= 3 * 11 < many == 6 * 11
    assert (np.diff(curve.lo) <= 0).all() and (np.diff(curve.hi) <= 0).all()
    assert curve.accuracy == single[0].accuracy and curve[0].eps == RADII[0]
    assert [r["eps"] for r in curve.records()] == list(RADII)


def test_every_radius_is_asked_once():
    for n in range(1, 40):
        order = halving_order(np.arange(n).tolist())
        assert sorted(order) == list(range(n)) and order[0] == n // 2


def test_an_array_of_one_radius_is_a_curve():
    curve = ask(np.array([0.1, 0.1]))
    assert isinstance(curve, outrange.answers.RobustnessCurve) and len(curve) == 1
    assert curve[0].sources and curve.sources and "1 radius" in repr(curve)


def test_an_interrupted_curve_has_what_is_implied(monkeypatch):
    verify, left = robust_run.verify, [5]

    def stop(*args, **options):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return verify(*args, **options)

    monkeypatch.setattr(robust_run, "verify", stop)
    curve = ask(RADII)
    assert not any(answer.complete for answer in curve)
    assert max(int((answer.status != "").sum()) for answer in curve) >= 5
    assert "no search was started" in " ".join(str(curve).split())


def test_each_radius_has_a_file(tmp_path, count_questions):
    first = ask([0.02, 0.1], file=tmp_path / "records.jsonl")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["records-0.02.jsonl", "records-0.1.jsonl"]
    count_questions.clear()
    again = ask([0.02, 0.1], file=tmp_path / "records.jsonl")
    assert not count_questions and again.lo.tolist() == first.lo.tolist()


def test_progress_counts_all_radii():
    seen = []
    ask([0.02, 0.1], progress=seen.append)
    assert {answer.count for answer in seen} == {24}
    last = seen[-1]
    assert last.robust + last.broken + last.wrong + last.open == 24


@pytest.mark.parametrize("eps", [[], [0.1, -1.0], [[0.1]], ["a"], [np.inf], "0.1", None])
def test_what_is_no_radius_is_refused(eps):
    with pytest.raises(outrange.InputError, match="or a list of"):
        ask(eps)


def test_the_plot_shows_both_lines():
    pytest.importorskip("matplotlib")
    ax = ask([0.02, 0.1]).plot()
    assert {"proved", "attacks leave"} <= {line.get_label() for line in ax.lines}
