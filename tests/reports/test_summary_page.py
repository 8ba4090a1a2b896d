"""Tests of the first page of a report, and of the images and extreme inputs that it shows."""

import re
from dataclasses import replace

import numpy as np
import pytest

import outrange
from outrange import y
from outrange.answers.answer import Cost
from outrange.answers.monotone import FallingPair, Monotone, Trend
from outrange.answers.verdict import Verdict
from outrange.core import Box, Region, Warrant
from outrange.reports.plain.checks import verdict_row
from outrange.reports.plain.reader import Reader
from outrange.reports.plain.trends import open_directions
from outrange.reports.style import STYLE_SHEET
from outrange.reports.units import reader_of
from reports.house import keras, model, words


def test_the_inputs_at_both_ends_are_shown_as_a_person_would_write_them(house_report):
    (answer,) = house_report.answers["ranges"]
    text = words(house_report.html()).split("The inputs with the smallest and the largest price:")[
        1
    ]
    assert re.search(r"city [ABC] [ABC] ", text)
    assert re.search(r"rooms [1-8] [1-8] ", text)
    assert re.search(r"area [\d.]+ m² [\d.]+ m² ", text)
    flat = np.concatenate([np.ravel(part) for part in answer.at_hi.values()])
    assert set(flat[2:]) == {0.0, 1.0} and flat[1].is_integer()


def test_the_summary_stands_alone(house_report):
    page = house_report.html()
    summary = page.split('<section id="overview"')[1].split("</section>")[0]
    text = " ".join(re.sub("<[^>]*>", " ", summary).split())
    order = [
        "Model. house_prices computes price in EUR from 3 inputs; it has 2 layers and 43 ",
        "Input set. All combinations of area from ", "and one category of city. Every input lies",
        "price ≤ 1,000,000 EUR proved holds for every input of the input set",
        "price ≤ −1,000,000 EUR not met at an input of the input set, price is ",
        "price is never below", "smallest price largest price proved limit never below",
        "Why it matters. A test tries single inputs.", "A requirement that is not met",
        "Still open.",
    ]  # fmt: skip
    places = [text.find(part) for part in order]
    assert min(places) >= 0 and places == sorted(places), text
    assert page.count('<figure><svg role="img" aria-label="price is never below') == 1
    paper = STYLE_SHEET.partition("@media print{html")[2]
    assert "#overview{break-after:page}" in paper


def test_the_summary_says_if_everything_is_proved_and_settled():
    report = outrange.report(model(), (0, 1), properties=[y[0] <= 1e6], time_limit=120)
    text = words(report.html())
    assert "So no input of the input set makes the model violate a requirement." in text
    assert "All combinations of 5 numbers, each from 0 to 1." in text
    assert ("Still open. Nothing; every question is settled." in text) == (not report.cut)


def test_the_summary_says_why_a_requirement_holds_trivially():
    verdict = outrange.verify(model(), y[0] <= 1e6, (0, 1))
    trivial = replace(verdict, vacuous=True)
    assert verdict_row(trivial, Reader())[2] == "no input satisfies its assumptions"
    assert verdict_row(verdict, Reader())[2] == "holds for every input of the input set"


def test_open_questions_are_named_in_the_summary():
    pair = FallingPair(np.zeros(2), np.ones(2), 0.0, 1.0, None, None, None)
    trends = (
        Trend("y[0]", "area", None, False, rise=pair),
        Trend("y[0]", "age", False, None, fall=pair),
        Trend("y[0]", "year", None, None),
        Trend("y[0]", "floor", True, False, rise=pair),
    )
    answer = Monotone("m", trends, None, None, "time", Warrant.FLOAT64_ROUNDED, Cost(1.0, 1), ())
    assert open_directions(answer, Reader(outputs=["price"])) == [
        "whether price can fall when area rises", "whether price can rise when age rises",
        "how price moves when year rises",
    ]  # fmt: skip


def test_many_inputs_are_folded_in_the_summary():
    net = keras.Sequential([keras.Input((30,)), keras.layers.Dense(1)])
    names = [f"n{i}" for i in range(30)]
    page = outrange.report(net, (0, 1), names=names, time_limit=60).html()
    summary = page.split('<section id="overview"')[1].split("</section>")[0]
    assert "<details><summary>The inputs with the smallest and the largest output" in summary


def test_of_many_outputs_the_extreme_values_of_all_are_shown():
    net = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    net.set_weights([np.array([[1.0, 2.0, -3.0], [1.0, 1.0, 0.0]]), np.zeros(3)])
    page = outrange.report(net, (0, 1), output_names=["a", "b", "c"], time_limit=60).html()
    text = words(page)
    assert "The inputs with the smallest of all values (c) and the largest (b):" in text
    assert "smallest c largest b proved limit never below −3 never above 3 value seen −3 3" in text


def test_images_are_shown_instead_of_a_table_of_their_pixels():
    pytest.importorskip("matplotlib")
    layers = [keras.Input((6, 6, 1), name="image"), keras.layers.Flatten(), keras.layers.Dense(3)]
    net = keras.Sequential(layers)
    report = outrange.report(net, (0, 1), properties=["y.argmax() == 1"], time_limit=60)
    page = report.html()
    text = words(page)
    assert "from an image of 6 × 6 pixels" in text
    assert "All images whose 36 pixel values lie between 0 and 1." in text
    assert "image[0, 1, 0]" not in text
    summary = page.split('<section id="overview"')[1].split("</section>")[0]
    assert 'aria-label="smallest output[' in summary and "; largest output[" in summary
    ranges = page.split('<section id="ranges"')[1].split("</section>")[0]
    labels = " ".join(re.findall(r'<svg role="img" aria-label="([^"]*)"', ranges))
    assert labels.count("smallest output[") == labels.count("largest output[") == 3
    assert not {"monotonicity", "slopes"} & {section.key for section in report.sections}
    (verdict,) = report.answers["properties"]
    assert isinstance(verdict, Verdict)
    shown = "at this input, the requirement is not met" in page
    assert shown == (verdict.counterexample is not None)


@pytest.mark.parametrize(("shape", "names", "is_image"), [
    ((8, 8, 1), None, True), ((3, 8, 9), None, True), ((8, 8), None, True), ((64,), None, False),
    ((12, 8), None, False), ((8, 8), [f"n{i}" for i in range(64)], False),
])  # fmt: skip
def test_images_are_recognized_by_their_shape(shape, names, is_image):
    net = outrange.load(keras.Sequential([keras.Input(shape), keras.layers.Flatten()]))
    size = int(np.prod(shape))
    region = Region(Box(np.zeros(size), np.ones(size)))
    assert reader_of(net.graph, net.graph, [region], names).is_image == is_image


def test_a_policy_of_pytorch_gets_a_summary():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    layers = [torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)]
    report = outrange.report(
        torch.nn.Sequential(*layers), (-1, 1), names=["speed", "angle"], time_limit=60,
        units={"speed": "m/s", "force": "N"}, output_names=["force", "torque"],
    )  # fmt: skip
    text = words(report.html())
    assert "Model. Sequential computes force in N and torque from 2 inputs." in text
    assert "Input set. All combinations of speed from −1 m/s to 1 m/s and angle from" in text
