"""An end that a search left open was printed as the least or the most there is."""

from dataclasses import replace

import numpy as np
import pytest

import outrange
from outrange.answers.answer import Cost
from outrange.answers.range import Range
from outrange.cli.commands.demo import demo_text
from outrange.core import Warrant
from outrange.questions.output_range import output_range
from outrange.questions.sample_range import sample_range
from outrange.search.common import incumbent
from questions.nets import dense_net


def answer(status, outputs=2, inputs=3):
    """The lower end of the first output is closed, and the upper one of the last."""
    lo, hi = np.full(outputs, -4.0), np.full(outputs, 4.0)
    seen_lo, seen_hi = np.full(outputs, -1.0), np.full(outputs, 1.0)
    lo[0], hi[-1] = seen_lo[0] - 1e-7, seen_hi[-1] + 1e-7
    at = np.zeros((outputs, inputs))
    return Range(
        "net", {"x": (inputs,)}, {"y": (outputs,)}, lo, hi, seen_lo, seen_hi, at, at, None, None,
        1e-6, status, Warrant.FLOAT64_ROUNDED, Cost(1.0, 7),
    )  # fmt: skip


@pytest.mark.parametrize("status", ["interrupted", "time", "rounding"])
def test_each_end_says_what_is_known_of_it(status):
    lines = [line for line in str(answer(status)).splitlines() if " at x = " in line]
    words = [line[line.index("(") : line.index(")") + 1] for line in lines]
    assert words == ["(least)", "(most seen)", "(least seen)", "(most)"]
    bounds = answer(status)
    assert bounds.closed_lo.tolist() == [True, False]
    assert bounds.closed_hi.tolist() == [False, True]


def test_inputs_that_are_not_listed_are_not_claimed_to_attain_the_ends():
    assert "give the smallest and largest values seen" in str(answer("time", inputs=20))
    closed = replace(answer("time", inputs=20), lo=np.full(2, -1.0), hi=np.full(2, 1.0))
    assert "attain the bounds" in str(closed)


def test_infinite_ends_are_open():
    bounds = replace(answer("time"), lo=np.full(2, -np.inf), hi=np.full(2, np.inf))
    assert not bounds.closed_lo.any() and not bounds.closed_hi.any()
    assert str(bounds).count("(least seen)") == str(bounds).count("(most seen)") == 2


def interrupt(now):
    raise KeyboardInterrupt


def test_an_interrupted_search_claims_nothing_beyond_what_it_saw(monkeypatch):
    monkeypatch.setattr(incumbent, "REPORTS", 0.0)
    net = dense_net((4, 24, 24, 1), ("relu", "relu", None))
    whole, broken = output_range(net, (-3, 3)), output_range(net, (-3, 3), progress=interrupt)
    assert broken.status == "interrupted" and not broken.closed_hi.all()
    assert "(most seen)" in str(broken)
    text = str(whole)
    assert "(least)" in text and "(most)" in text
    assert "least seen" not in text and "most seen" not in text


def test_sampling_is_not_said_to_miss_what_nothing_attains():
    net = dense_net((2, 3, 1), ("relu", None))
    exact, sampled = output_range(net, (-1, 1)), sample_range(net, (-1, 1), samples=1000)
    loose = replace(exact, lo=exact.lo - 100.0, hi=exact.hi + 100.0, status="time")
    missed = [
        float(demo_text(bounds, sampled).split(" %")[0].split()[-1]) for bounds in (exact, loose)
    ]
    assert missed[0] == missed[1] < 50.0
    assert "can be (proved)" not in demo_text(loose, sampled)


def test_the_point_of_an_open_optimum_is_the_best_seen():
    net = dense_net((2, 3, 1), ("relu", None))
    optimum = outrange.minimize(net.graph, outrange.y[0], (-1, 1))
    assert "\nThis value is attained at x = " in str(optimum)
    open_ = replace(optimum, status="time", lo=optimum.lo - 1.0)
    assert "\nThe best value seen is attained at x = " in str(open_)
