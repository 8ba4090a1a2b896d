"""Tests of the evidence behind a page: earlier proofs, the model itself, provenance of a report."""

import threading

import numpy as np
import pytest

from explorer.pages import Page, ends, exhibit
from outrange.core import Box, ModelSource
from outrange.domains import bounds
from outrange.explorer import report, session, work
from outrange.explorer.exhibit import Exhibit
from outrange.explorer.messages import Ask
from outrange.explorer.proved import CAPACITY, ProvedRanges
from outrange.explorer.work import first_bounds
from outrange.questions.output_range import output_range


pytestmark = pytest.mark.wallclock


SOURCE = ModelSource("net", "ab" * 32, "weights")


@pytest.fixture
def hashed_exhibit():
    """Return a network with a hash."""
    result = exhibit()
    object.__setattr__(result.network, "source", SOURCE)
    return result


@pytest.fixture
def page(hashed_exhibit):
    made = Page(hashed_exhibit)
    yield made
    made.session.close()
    made.session.join()


def arrays(message):
    return np.array(message["lo"]), np.array(message["hi"])


def test_a_smaller_set_begins_with_what_is_proved_of_a_larger_one(page):
    page.ask("range", **ends(-1, 1))
    lo, hi = arrays(page.done())
    page.ask("range", **ends(-0.99, 1))
    first = page.hear("range")
    assert first["stage"] == "bounds"
    least, most = arrays(first)
    assert np.all(least >= lo) and np.all(most <= hi)
    strip = first["layers"][-1]["after"]  # rounded to a few digits
    assert np.all(np.array(strip[0]) >= lo - 1e-3) and np.all(np.array(strip[1]) <= hi + 1e-3)
    page.done()
    page.ask("range", **ends(-3, 3))
    least, most = arrays(page.hear("range"))
    assert np.any(least < lo) or np.any(most > hi)  # nothing is known of a larger one


def test_what_is_remembered_holds_on_parts_alone():
    proved, zero, one = ProvedRanges(), np.zeros(2), np.ones(2)
    assert proved.over(Box(zero, one)) is None
    proved.add(Box(zero, one), (-one, one))
    proved.add(Box(zero, one / 2), (-2 * one, one / 2))
    assert proved.over(Box(zero, 2 * one)) is None
    assert proved.over(Box(-one, zero)) is None
    lo, hi = proved.over(Box(zero, one / 4))
    assert (lo.tolist(), hi.tolist()) == ([-1, -1], [0.5, 0.5])
    for width in np.linspace(0.1, 0.2, 5 * CAPACITY):
        proved.add(Box(zero, zero + width), (-one, one))
    assert proved.over(Box(zero, one)) is not None  # the first one stays
    assert len(proved._ranges) == CAPACITY
    proved.clear()
    assert proved.over(Box(zero, one / 4)) is None


def test_the_end_of_a_search_keeps_what_was_proved_before_it(page, monkeypatch):
    answer = output_range(exhibit().network, (-1, 1), solver=False)
    monkeypatch.setattr(work, "output_range", lambda *_, **__: loose)
    loose = work.replace(answer, lo=answer.lo - 50, hi=answer.hi + 50, status="time")
    page.ask("range", **ends(-1, 1))
    first = arrays(page.hear("range"))
    last = page.done()
    assert np.all(arrays(last)[0] >= first[0]) and np.all(arrays(last)[1] <= first[1])
    assert np.all(np.array(last["seen_lo"]) >= arrays(last)[0])


def test_a_range_that_the_model_contradicts_has_failed(page, hashed_exhibit, monkeypatch):
    monkeypatch.setattr(session, "CALM", 0.0)
    off = lambda x: hashed_exhibit.network.graph.run(np.float64(x)) + 100  # noqa: E731
    object.__setattr__(hashed_exhibit.network, "predict", off)
    question = page.ask("range", **ends(-1, 1))
    page.done()
    error = page.hear("error")
    assert (error["ask"], error["id"], error["cause"]) == ("range", question, "failure")
    assert "bug in outrange" in error["text"]
    page.ask("end", output=0, side="lo")
    assert page.hear("error", "point")["text"] == "No ranges are shown yet."
    page.ask("report")
    assert page.hear("error", "report")["ask"] == "report"
    assert page.session._proved.over(Box([0.0] * 3, [0.5] * 3)) is None


def test_a_report_holds_no_range_that_was_not_checked(page, hashed_exhibit, monkeypatch):
    monkeypatch.setattr(session, "CALM", 600.0)
    off = lambda x: hashed_exhibit.network.graph.run(np.float64(x)) + 100  # noqa: E731
    object.__setattr__(hashed_exhibit.network, "predict", off)
    page.ask("range", **ends(-1, 1))
    page.done()
    while page.session._shown.answer is None:  # it is said before it is kept
        threading.Event().wait(0.01)
    page.ask("report")
    errors = [page.hear("error", "report")["ask"] for _ in range(2)]
    assert errors == ["range", "report"]


def test_answers_repeat_the_number_of_their_input_set(page):
    page.ask("range", **ends(-1, 1))
    page.done()
    page.ask("sample", count=9, box=7, **ends(-1, 1))
    assert page.hear("sample")["box"] == 7
    page.ask("verify", property="y[0] <= 1000", box=8, **ends(-1, 1))
    assert page.hear("verdict")["box"] == 8
    page.ask("verify", property="y[9] <= 1000", box=9, **ends(-1, 1))
    error = page.hear("error")
    assert (error["box"], error["cause"]) == (9, "input")
    for wrong in (-1, 1.5, "1", None, True, 2**53):
        page.ask("sample", count=9, box=wrong, **ends(-1, 1))
        assert "number of the input set" in page.hear("error", "sample")["text"]


@pytest.mark.parametrize("kind", ["sample", "verify"])
def test_an_answer_about_an_earlier_set_is_dropped(page, monkeypatch, kind):
    begun, go, told = threading.Event(), threading.Event(), []
    said, put = {"say": "late", "id": 1}, page.said.put
    page.session._send = lambda text: (told.append(text), put(text))

    def slow(*_):
        begun.set()
        assert go.wait(60)
        return said if kind == "sample" else (None, said)

    monkeypatch.setattr(session, "sample" if kind == "sample" else "decide", slow)
    page.ask(kind, count=9, property="y[0] <= 1", **ends(-1, 1))
    assert begun.wait(60)
    page.ask("range", **ends(-0.5, 1))
    go.set()
    page.done()
    page.session.close()
    page.session.join()
    assert told
    assert "late" not in "".join(told)


def test_a_bug_is_no_mistake_of_who_asks(page, monkeypatch):
    monkeypatch.setattr(session, "decide", lambda *_: 1 / 0)
    page.ask("verify", property="y[0] <= 1", **ends(-1, 1))
    assert page.hear("error")["cause"] == "failure"


def test_a_report_names_the_model_in_every_answer(page, monkeypatch):
    messages = []
    real = report.summary
    monkeypatch.setattr(
        report, "summary", lambda *args, **more: messages.append(more) or real(*args, **more)
    )
    page.ask("range", **ends(-1, 1))
    last = page.done()
    page.ask("verify", property="y[0] <= 1000", **ends(-1, 1))
    page.hear("verdict")
    ((_, verdict),) = [page.session._verdict]
    assert verdict.sources == (SOURCE,)
    assert np.all(verdict.box[0] == -1)
    assert len(verdict.over.names) == 3
    page.ask("report")
    html = page.hear("report")["html"]
    assert SOURCE.sha256 in html
    (more,) = messages
    assert more["known"].sources == (SOURCE,)
    assert np.allclose(more["known"].lo, last["lo"])


def test_a_property_is_written_as_the_page_says():
    from questions.nets import two_in_two_out

    shown = Exhibit.of(two_in_two_out(), (0, 1), 30.0)
    hello = shown.hello()
    assert hello["x"] == ['x["x"][0]', 'x["x"][1]', 'x["u"]']
    page = Page(shown)
    for term in hello["x"] + hello["y"]:
        page.ask("verify", property=f"{term} <= 1000", **ends(0, 1))
        assert page.hear("verdict", "error").get("status") == "HOLDS", term
    assert exhibit().hello()["x"] == ["x[0]", "x[1]", "x[2]"]
    page.session.close()


def test_the_linear_bounds_of_a_large_graph_are_those_of_its_inputs(monkeypatch):
    monkeypatch.setattr("outrange.explorer.exhibit.LARGE", 1)
    shown = exhibit()
    intervals, linear = first_bounds(shown, Ask("range", 1, box=shown.box))
    lo, hi = bounds(shown.network.graph, shown.box.lo, shown.box.hi, "linear")[-1]
    assert np.array_equal(linear.known[0], np.fmax(lo[0], intervals.known[0]))
    assert np.array_equal(linear.known[1], np.fmin(hi[0], intervals.known[1]))
