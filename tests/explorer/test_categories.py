"""Integers and one-hot groups in the explorer: the answers keep to them, and so does the page."""

import numpy as np
import pytest

import outrange
from explorer import chromium
from explorer.pages import Page
from outrange.core import Box
from outrange.explorer.exhibit import Exhibit
from outrange.questions.output_range import output_range
from outrange.questions.sample_range import sample_range
from questions.nets import dense_net


BOX = (np.array([-1.0, 0.0, 0.0, 0.0, 0.0]), np.array([1.0, 6.0, 1.0, 1.0, 1.0]))
SET = outrange.Mixed(BOX, integers=[1], one_hot=[[2, 3, 4]])


def make_exhibit(box=SET):
    return Exhibit.of(dense_net([5, 8, 2], ["relu", None], 3), box, 30.0)


@pytest.fixture
def page():
    made = Page(make_exhibit())
    yield made
    made.session.close()
    made.session.join()


def message(lo=BOX[0], hi=BOX[1]):
    return {"lo": np.asarray(lo, float).tolist(), "hi": np.asarray(hi, float).tolist()}


def test_the_page_learns_of_groups_and_integers():
    hello = make_exhibit().hello()
    assert hello["whole"][:2] == [False, True]
    [group] = hello["groups"]
    assert group["members"] == (2, 3, 4)
    assert len(group["categories"]) == 3


@pytest.mark.wallclock
def test_ranges_are_those_of_the_set_and_not_of_its_box(page):
    net = page.session._exhibit.network
    page.ask("range", **message())
    first, last = page.hear("range"), page.done()
    exact = output_range(net, SET, solver=False)
    assert np.allclose([last["lo"], last["hi"]], [exact.lo, exact.hi])
    relaxed = output_range(net, BOX, solver=False)
    assert (relaxed.hi - relaxed.lo > exact.hi - exact.lo + 1e-6).any()
    assert np.all(np.array(first["lo"]) <= np.array(last["lo"]))
    assert np.all(np.array(first["hi"]) >= np.array(last["hi"]))


@pytest.mark.wallclock
def test_one_category_is_a_part_of_the_set(page):
    category = message(np.array([-1, 0, 0, 1, 0]), np.array([1, 6, 0, 1, 0]))
    page.ask("range", **category)
    last = page.done()
    alone = outrange.Mixed((np.array(category["lo"]), np.array(category["hi"])), integers=[1])
    exact = output_range(page.session._exhibit.network, alone, solver=False)
    assert np.allclose([last["lo"], last["hi"]], [exact.lo, exact.hi])


@pytest.mark.wallclock
def test_counterexamples_and_samples_keep_to_the_set(page):
    page.ask("range", **message())
    last = page.done()
    page.ask("verify", property=f"y[0] <= {last['hi'][0] - 1e-3}", **message())
    broken = page.hear("verdict")
    assert broken["status"] == "VIOLATED"
    assert SET.contains(broken["x"])
    page.ask("verify", property=f"y[0] <= {last['hi'][0] + 1e-3}", **message())
    assert page.hear("verdict")["status"] == "HOLDS"
    page.ask("sample", count=500, **message())
    sample = page.hear("sample")
    assert sample["hi"][0] <= last["hi"][0] + 1e-9
    page.ask("report")
    html = page.hear("report")["html"]
    assert "mixtures of categories" not in html


@pytest.mark.wallclock
@pytest.mark.parametrize(
    ("lo", "hi"), [([0, 0, 1, 1, 0], [1, 6, 1, 1, 0]), ([0, 0.2, 0, 0, 0], [1, 0.8, 1, 1, 1])]
)
def test_a_box_without_any_input_of_the_set_is_refused(page, lo, hi):
    page.ask("range", **message(lo, hi))
    error = page.hear("error", "range")
    assert error["say"] == "error"
    assert "bug" not in error["text"]


def test_dummies_keep_to_their_group_unless_the_sliders_demand_two():
    dummies = outrange.Mixed(BOX, integers=[1], at_most_one=[[2, 3]])
    exhibit = make_exhibit(dummies)
    assert [group.tolist() for group in exhibit.input_set(exhibit.box).at_most_one] == [[2, 3]]
    both = Box(np.array([-1.0, 0, 1, 1, 0]), BOX[1])
    assert not exhibit.input_set(both).at_most_one


def test_sampled_points_keep_to_integers_and_groups():
    sampled = sample_range(dense_net([5, 8, 2], ["relu", None], 3), SET, samples=3000)
    for at in (sampled.at_lo, sampled.at_hi):
        assert SET.contains(np.reshape(at, (-1, 5))).all()


@pytest.mark.browser
@pytest.mark.wallclock
def test_a_drop_down_chooses_the_category(tmp_path):
    pytest.importorskip("playwright")
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(3)
    layers = [keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1)]
    keras.Sequential([keras.Input((5,)), *layers], name="net").save(tmp_path / "net.keras")
    rng = np.random.default_rng(0)
    rows = np.c_[rng.normal(size=60), rng.integers(0, 7, 60), np.eye(3)[rng.integers(0, 3, 60)]]
    head = "size,rooms,city_A,city_B,city_C"
    formats = ["%.3f", "%d", "%d", "%d", "%d"]
    np.savetxt(tmp_path / "t.csv", rows, formats, ",", header=head, comments="")
    server = chromium.Server(str(tmp_path / "net.keras"), ("--data", str(tmp_path / "t.csv")))
    with server.running() as running, chromium.browser() as engine:
        page = engine.new_page()
        page.goto(running.url)
        page.wait_for_selector("[data-stage=done]")
        assert page.locator(".or-input").count() == 3
        city = page.get_by_role("combobox", name="city")
        assert city.locator("option").all_inner_texts() == ["any of 3", "A", "B", "C"]
        assert page.get_by_role("spinbutton", name="rooms high").get_attribute("step") == "1"
        before = page.get_attribute(".outrange-explorer", "data-asked")
        wide = page.locator(".or-end").all_inner_texts()
        city.select_option(label="B")
        page.wait_for_function(
            "b => { const d = document.querySelector('.outrange-explorer').dataset;"
            " return d.asked !== b && d.shown === d.asked && d.stage === 'done'; }",
            arg=before,
        )
        assert page.locator(".or-end").all_inner_texts() != wide
        page.locator(".or-end").last.click()
        page.get_by_text("at B", exact=True).wait_for()
