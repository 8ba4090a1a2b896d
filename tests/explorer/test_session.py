"""Tests of the messages to a page: bounds, points, verdicts, samples, reports."""

import json
import random
import re
import threading

import numpy as np
import pytest

from explorer.pages import Page, ends, exhibit
from outrange.core import ContradictionError, InputError
from outrange.explorer.work import check
from outrange.explorer.worker import NewestWorker
from outrange.questions.output_range import output_range
from questions.nets import dense_net, two_in_two_out


pytestmark = pytest.mark.wallclock


@pytest.fixture
def page():
    made = Page()
    yield made
    made.session.close()
    made.session.join()


def test_bounds_close_to_the_exact_range(page):
    page.ask("range", **ends(-0.5, 0.75))
    first = page.hear("range")
    last = page.done()
    assert (first["stage"], last["stage"]) == ("bounds", "done")
    exact = output_range(dense_net([3, 8, 2], ["relu", None]), (-0.5, 0.75), solver=False)
    assert last["exact"]
    assert np.allclose([last["lo"], last["hi"]], [exact.lo, exact.hi])
    for now in (first, last):
        assert np.all(np.array(now["lo"]) <= np.array(now["seen_lo"]))
        assert np.all(np.array(now["seen_hi"]) <= np.array(now["hi"]))
    assert np.all(np.array(first["lo"]) <= np.array(last["lo"]))
    assert np.all(np.array(first["hi"]) >= np.array(last["hi"]))


def test_units_are_counted_and_drawn(page):
    page.ask("range", **ends(0.2, 0.2))
    hidden, last = page.hear("range")["layers"]
    assert set(hidden["state"]) <= set("dac")  # at one input every unit is decided
    assert len(hidden["before"][0]) == len(hidden["state"]) == sum(hidden["counts"].values()) == 8
    assert "before" not in last


@pytest.mark.parametrize("side", ["lo", "hi"])
def test_a_click_on_an_end_gives_the_inputs_that_attain_it(page, side):
    page.ask("range", **ends(-1, 1))
    last = page.done()
    page.ask("end", output=1, side=side)
    point = page.hear("point")
    assert np.all(np.abs(point["x"]) <= 1)
    assert point["y"][1] == pytest.approx(last[f"seen_{side}"][1], abs=1e-9)
    assert point["model"] == pytest.approx(point["y"], rel=1e-4)


def test_a_property_is_decided_over_the_box(page):
    page.ask("range", **ends(-1, 1))
    most = page.done()["hi"][0]
    page.ask("verify", property=f"y[0] <= {most + 0.01}", **ends(-1, 1))
    assert page.hear("verdict")["status"] == "HOLDS"
    page.ask("verify", property=f"y[0] <= {most - 0.01}", **ends(-1, 1))
    broken = page.hear("verdict")
    assert broken["status"] == "VIOLATED"
    page.ask("point", x=broken["x"])
    assert page.hear("point")["y"][0] > most - 0.01


@pytest.mark.parametrize("text", ["y[7] <= 1", "import os", "y[0]", "y[0] <= ", "1 <= 2", "z < 1"])
def test_what_is_no_property_is_refused_with_a_sentence(page, text):
    page.ask("verify", property=text, **ends(-1, 1))
    error = page.hear("error", "verdict")
    assert error["say"] == "error"
    assert error["ask"] == "verify"
    assert len(error["text"]) > 20
    assert "bug" not in error["text"] and "Received: " in error["text"]


def test_sampling_stays_inside_the_proof(page):
    page.ask("range", **ends(-1, 1))
    last = page.done()
    page.ask("sample", count=300, **ends(-1, 1))
    sample = page.hear("sample")
    assert sample["samples"] == 300
    assert np.all(np.array(sample["lo"]) >= np.array(last["lo"]) - 1e-9)
    assert np.all(np.array(sample["hi"]) <= np.array(last["hi"]) + 1e-9)


def test_a_report_is_one_escaped_page():
    shown = exhibit()
    object.__setattr__(shown.network, "name", "<script>alert(1)</script>")
    page = Page(shown)
    page.ask("report")
    assert page.hear("error", "report")["say"] == "error"  # nothing is shown yet
    page.ask("range", **ends(-1, 1))
    page.done()
    page.ask("verify", property="y[0] <= 1000", **ends(-1, 1))
    page.hear("verdict")
    page.ask("report")
    html = page.hear("report")["html"]
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "y[0] &lt;= 1000" in html
    assert len(re.findall("<svg", html)) >= 2
    page.session.close()


def test_the_last_of_many_questions_is_answered_and_older_searches_stop():
    page = Page(exhibit((12, 60, 60, 60, 2), seconds=600.0))
    for width in (1.0, 0.9, 0.8, 0.7):
        page.ask("range", **ends(-width, width, 12))
        page.hear("range")
    last = page.ask("range", **ends(0.1, 0.1001, 12))
    while (message := page.hear("range")).get("stage") != "done":
        pass
    assert message["id"] == last
    page.session.close()
    page.session.join()
    assert not any(thread.name.startswith("outrange-s") for thread in threading.enumerate())


def test_several_inputs_of_several_shapes_come_in_one_line():
    from outrange.explorer.exhibit import Exhibit

    page = Page(Exhibit.of(two_in_two_out(), {"x": (0, 1), "u": 0.5}, 30.0))
    hello = json.loads(page.session.hello())
    assert hello["inputs"] == ["x[0]", "x[1]", "u"]
    assert hello["outputs"] == ["sum", "pair[0]", "pair[1]"]
    assert hello["low"][2] < 0.5 < hello["high"][2]  # a fixed input has room on its slider
    page.ask("range", lo=[0, 0, 0.5], hi=[1, 1, 0.5])
    assert page.done()["hi"] == pytest.approx([2.5, 1, 1.5])
    page.ask("end", output=1, side="hi")
    assert page.hear("point")["x"] == [1, 0, 0.5]


def test_a_bug_is_told_and_ends_nothing(page, monkeypatch):
    from outrange.explorer import session

    with monkeypatch.context() as patch:
        patch.setattr(session, "first_bounds", lambda *_: 1 / 0)
        page.ask("range", **ends(-1, 1))
        assert "ZeroDivisionError" in page.hear("error")["text"]
    page.ask("range", **ends(-1, 1))
    assert page.done()["exact"]


def test_the_model_itself_is_held_against_what_is_shown():
    shown, box = exhibit(), exhibit().box
    answer = output_range(shown.network, box)
    check(shown, box, answer)
    wrong = lambda x: shown.network.graph.run(np.float32(x)) + 100  # noqa: E731
    object.__setattr__(shown.network, "predict", wrong)
    with pytest.raises(ContradictionError):
        check(shown, box, answer)


def test_a_worker_does_the_newest_task_only():
    worker, done, go = NewestWorker("outrange-test"), [], threading.Event()
    worker.post(lambda: (go.wait(10), done.append("first")))
    for i in range(5):
        worker.post(lambda i=i: done.append(i))
    go.set()
    last = threading.Event()
    worker.post(last.set)
    assert last.wait(10)
    assert len(done) <= 3
    worker.close()
    worker.join()


@pytest.mark.parametrize("fault", [{"box": (0, np.inf)}, {"seconds": 0.0}, {"sizes": (3, 1001)}])
def test_what_cannot_be_shown_is_refused(fault):
    with pytest.raises(InputError):
        exhibit(**fault)


HOSTILE = [
    None, True, False, 0, -1, 1.5, 2**53, 2**70, 10**400, "", "range", "x" * 50, [], [1], {},
    {"a": 1}, [None] * 3, [1e308] * 3, [-1e308] * 3, [0.0] * 3, [1, 2, "3"], [True] * 3, [[0]] * 3,
]  # fmt: skip


def hostile_messages(count, seed=0):
    """Yield texts and bytes of every kind: near misses, noise, deep nesting, floods."""
    rng = random.Random(seed)
    kinds = [
        "range",
        "point",
        "end",
        "verify",
        "sample",
        "report",
        "stop",
        "hello",
        "",
        None,
        3,
        [],
    ]
    names = ["ask", "id", "lo", "hi", "x", "output", "side", "property", "count", "__proto__"]
    noise = [
        "", "{", "[]", "null", "NaN", "[" * 5000, '{"ask":' * 500, "1e999", '{"id":1e999}', "\0",
        '{"ask":"range","id":1,"lo":[NaN,0,0],"hi":[1,1,1]}', "9" * 5000, " " * 70000, "é" * 99,
        b"\xff\x00", b"",
        '{"ask":"range","id":1,"lo":[1e999,0,0],"hi":[1,1,1]}', '"\\ud800"',
    ]  # fmt: skip
    for _ in range(count):
        if rng.random() < 0.2:
            yield rng.choice(noise)
            continue
        fields = {name: rng.choice(HOSTILE) for name in names if rng.random() < 0.4}
        fields |= {"ask": rng.choice(kinds)} if rng.random() < 0.8 else {}
        fields |= {"id": rng.randrange(99)} if rng.random() < 0.8 else {}
        if rng.random() < 0.3:
            fields["property"] = rng.choice(
                ["y[0] <= 1", "y" * 5000, "((((", "y[0] <= 1e400", "\0"]
            )
        yield json.dumps(fields)


def test_a_thousand_random_messages_break_nothing(page):
    for message in hostile_messages(1000):
        refusal = page.session.receive(message)
        if refusal is not None:
            assert json.loads(refusal)["say"] == "error"
    page.ask("range", **ends(-1, 1))
    last = page.next
    while (message := page.hear("range")).get("stage") != "done" or message["id"] != last:
        pass
    assert message["exact"]
    while not page.said.empty():
        assert "bug" not in page.said.get()
