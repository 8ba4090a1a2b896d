"""Tests of the report page for readers without Python: words, digits, categories, options, time."""

import re
from dataclasses import replace

import numpy as np
import pytest

import outrange
from answers.record_cases import output_range, robust_accuracies
from outrange import InputError
from outrange.answers.answer import Cost
from outrange.answers.monotone import FallingPair, Monotone, Trend
from outrange.answers.render.document import Table
from outrange.answers.render.text import text as render
from outrange.api import ranges
from outrange.cli.commands.report import read_units
from outrange.core import Box, Region, Warrant
from outrange.frontends.network import LayerInfo
from outrange.graph import Slot
from outrange.reports.domain import domain_section
from outrange.reports.plain.answers import with_page_names
from outrange.reports.plain.checks import accuracy_document
from outrange.reports.plain.ranges import OutputEnds, open_ends
from outrange.reports.plain.reader import Category, Reader, decimals, round_text
from outrange.reports.plain.requirement import requirement
from outrange.reports.plain.slopes import slope_document, slope_outcome
from outrange.reports.plain.trends import trend_document
from outrange.reports.plain.words import about, remedy
from outrange.reports.style import STYLE_SHEET
from outrange.reports.units import insert_spaces, output_names
from reports.house import houses, keras, model, words


CODE = ("at_lo", "at_hi", "model_lo", "time_limit", "as_dict", "tol=", "each=", "seen_hi", "`")
"""Names of Python that have no place in the page."""


def test_the_page_has_no_python(house_report):
    text = words(house_report.html())
    assert not [name for name in CODE if name in text]
    assert "sequential" not in text.split("1 Output ranges")[0]


def test_what_is_proved_comes_first_and_details_are_folded(house_report):
    page = house_report.html()
    places = [page.index(f'<section id="{key}"') for key in (
        "overview", "ranges", "properties", "monotonicity", "domain", "slopes", "reproduce",
    )]  # fmt: skip
    assert places == sorted(places)
    assert "<details open" not in page
    assert page.index("Proved for every input of the input set: price is never") > places[1]
    for key in ("model", "reproduce"):
        body = page[page.index(f'<section id="{key}"') :].split("</section>")[0]
        assert '<details class="part">' in body, key


def test_the_file_and_the_targets_name_the_page(house_report):
    page = house_report.html()
    assert "<h1>What house_prices can output</h1>" in page
    assert "Requirement: price ≤ 1,000,000 EUR" in words(page)
    assert "dense" not in words(page).split("Model The model")[0]


def test_values_that_were_not_seen_are_not_shown():
    answer = output_range(1, "time")
    unseen = replace(answer, lo=np.array([2.0]), hi=np.array([5.0]), seen_lo=np.array([5.0]),
                     seen_hi=np.array([2.0]))  # fmt: skip
    end = OutputEnds(unseen, 0, Reader(outputs=["price"]))
    assert (end.least, end.most) == ("none yet", "none yet")
    assert open_ends(unseen, Reader(outputs=["price"])) == [
        "the smallest price", "the largest price",
    ]  # fmt: skip


def test_outputs_with_several_units_have_them_in_the_figure():
    answer = output_range(2, "time")
    reader = Reader(outputs=["force", "torque"], output_units=["N", "N m"])
    assert with_page_names(answer, reader).labels == ("force [N]", "torque [N m]")
    same = replace(reader, output_units=["N", "N"])
    assert with_page_names(answer, same).labels == ("force", "torque")


def test_names_have_spaces_instead_of_underscores_if_they_stay_different():
    assert insert_spaces(["year_built", "x"]) == ["year built", "x"]
    assert insert_spaces(["a_b", "a b"]) == ["a_b", "a b"]
    net = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="net_price")])
    page = outrange.report(
        net, (0, 1), names=["year_built", "area"], properties=["x['year_built'] + y[0] <= 99"],
        units={"year_built": "a"}, time_limit=60,
    ).html()  # fmt: skip
    text = words(page)
    assert "year built + net price ≤ 99" in text and "year built from 0 a to 1 a" in text


def test_targets_that_are_numbers_are_no_classes():
    report = outrange.report(model(), data=houses(), time_limit=60)
    (section,) = (part for part in report.sections if part.key == "robustness")
    assert section.outcome == "not applicable"
    targets = houses()[1].round()
    report = outrange.report(model(), data=(houses()[0], targets), time_limit=60)
    assert "but the targets of the data are numbers" in words(report.html())


def test_a_box_that_allows_mixtures_says_so():
    frame, price = houses()
    box = outrange.data_box(frame, whole=False)
    net = model()
    page = outrange.report(net, box, data=(frame, price), time_limit=120).html()
    text = words(page)
    assert "mixtures of categories, which the data does not have" in text
    at = outrange.output_range(net, box).at_hi
    assert isinstance(at, dict)
    flat = np.concatenate([np.ravel(part) for part in at.values()])
    if set(flat[2:]) != {0.0, 1.0} or flat[2:].sum() != 1:
        assert "no single one (" in text and "mixes categories" in text


def test_directions_are_asked_of_numbers_and_shown_by_real_inputs(house_report):
    (answer,) = house_report.answers["monotonicity"]
    assert [trend.input for trend in answer.trends] == ["area", "rooms"]
    for trend in answer.trends:
        for pair in filter(None, (trend.fall, trend.rise)):
            for point in (pair.x, pair.then):
                flat = np.concatenate([np.ravel(part) for part in point.values()])
                assert flat[1].is_integer() and sorted(flat[2:]) == [0, 0, 1]
    assert "the values of a category have no order" in words(house_report.html())


def test_an_open_end_lies_between_two_numbers(monkeypatch):
    ask = ranges.output_range

    def open_(*arguments, **options):
        answer = ask(*arguments, **options)
        wider = {"hi": answer.hi + 100.0, "lo": answer.lo - 100.0, "status": "time"}
        return replace(answer, **wider)

    monkeypatch.setattr("outrange.api.ranges.output_range", open_)
    text = words(outrange.report(model(), data=houses(), time_limit=120).html())
    assert re.search(r"The highest price is between [\d−,.]+ and [\d−,.]+\.", text)
    assert "What is not known, and what would settle it" in text
    assert "or use a smaller set of inputs" in text
    assert re.search(
        r"Still open\. The smallest price \(between [\d−,.]+ and [\d−,.]+\); the largest price ",
        text,
    )


def test_ranges_that_are_open_get_the_time_that_is_left(monkeypatch):
    ask, limits = ranges.output_range, []

    def ask_and_record(*arguments, **options):
        limits.append(options["time_limit"])
        answer = ask(*arguments, **options)
        return replace(answer, status="time") if len(limits) == 1 else answer

    monkeypatch.setattr("outrange.api.ranges.output_range", ask_and_record)
    report = outrange.report(model(), (0, 1), time_limit=200)
    assert len(limits) == 2 and limits[1] > limits[0]
    assert "Output ranges" not in report.cut


def test_options_name_outputs_units_and_the_page():
    page = outrange.report(
        model(), (0, 1), title="Prices <2026>", output_names="price", units="EUR", time_limit=120
    ).html()
    assert "<h1>Prices &lt;2026&gt;</h1>" in page
    assert re.search(r"price is never below [\d−,.]+ EUR and never above [\d−,.]+ EUR", words(page))
    assert "price [EUR]" in page  # the axis of the picture
    for options in ("output_names=&#x27;price&#x27;", "units=&#x27;EUR&#x27;"):
        assert options in page.replace("[&#x27;price&#x27;]", "&#x27;price&#x27;")


@pytest.mark.parametrize(("options", "message"), [
    ({"output_names": ["a", "b"]}, "each of the 1 outputs"),
    ({"units": {"prize": "EUR"}, "output_names": ["price"]}, "a unit for 'prize'.*'price'"),
], ids=str)  # fmt: skip
def test_names_that_do_not_fit_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        outrange.report(model(), (0, 1), **options)


def test_units_of_the_command_line():
    assert read_units(["EUR"]) == "EUR"
    assert read_units(["price=EUR,area=m²", "x=1/s"]) == {"price": "EUR", "area": "m²", "x": "1/s"}
    assert read_units([]) == {}
    with pytest.raises(InputError, match="--units must be"):
        read_units(["EUR", "m"])


def test_bounds_are_rounded_outward():
    places = decimals(1239.1, 4)
    assert places == 0
    assert (
        round_text(1235.01, places, True) == "1,236"
        and round_text(1198.99, places, False) == "1,198"
    )
    assert (
        round_text(-3.2, places, False) == "−4"
        and round_text(3.9900000000000002, 3, True) == "3.991"
    )
    assert round_text(-1e-12, 2) == "0" and round_text(1e-20, decimals(1e-19, 4)) == "1e−20"
    assert decimals(0.0, 4) is None and decimals(np.inf, 4) is None


def test_points_are_written_with_categories_and_units():
    city = Category("city", (2, 3), ("A", "B"))
    reader = Reader(
        ["area", "rooms", "city_A", "city_B"], ["m²", "", "", ""], [220, 7, 1, 1],
        frozenset({1}), [city], ["price"],
    )  # fmt: skip
    assert reader.point(np.array([142.6, 4.0, 0, 1])) == [
        ("area", "142.6 m²"), ("rooms", "4"), ("city", "B"),
    ]  # fmt: skip
    mixed = np.array([30.0, 3.74, 0.25, 0.5])
    assert reader.point(mixed)[1:] == [
        ("rooms", "3.74"), ("city", "no single one (A 0.25, B 0.5)"),
    ]  # fmt: skip
    assert reader.is_mixed(mixed) and reader.is_fractional(mixed)


@pytest.mark.parametrize(("claim", "text"), [
    ("y[0] <= 2500", "price ≤ 2,500 kCHF"),
    ("(0 <= y[0]) & (y[0] <= 2.5e3)", "(price ≥ 0 kCHF) and (price ≤ 2,500 kCHF)"),
    ("(x[1] < 1990) | (y[0] >= -0.1)", "(year < 1990) or (price ≥ −0.1 kCHF)"),
    ("y['out[0]'] <= 1234.5678901234567", "price ≤ 1234.5678901234567 kCHF"),
    ("(x[\"b & <= x\"] == 1) & (y[0] >= 3)", "(b & <= x = 1 m²) and (price ≥ 3 kCHF)"),
    # A unit stands only after a number that is compared with a single entry.
    ("2 * y[0] <= 3", "2 * price ≤ 3"), ("-y[0] <= 3", "-price ≤ 3"),
    ("y[0] <= 3 * x['b & <= x'] + x[1]", "price ≤ 3 * b & <= x + year"),
    ("y[0] - y[1] <= 4", "price - rent ≤ 4"), ("y[0] <= y[1]", "price ≤ rent"),
    ("3 - 1 <= y[0]", "3 - 1 ≤ price"), ("(2 + 1 <= y[0])", "(2 + 1 ≤ price)"),
    ("implies(x[1] < 1990, implies((x[1] >= 3) & (x[1] >= 4), y[0] >= 1000))",
     "if year < 1990, then if (year ≥ 3) and (year ≥ 4), then price ≥ 1,000 kCHF"),
    ("implies(x['b & <= x'] >= 2, y[0] <= 0) & (y[0] <= 3)",
     "implies(b & <= x ≥ 2, price ≤ 0 kCHF) and (price ≤ 3 kCHF)"),
    ("y.argmax() == 1", "the largest output is rent"), ("y[7] <= 1", "y[7] ≤ 1"),
])  # fmt: skip
def test_requirements_have_the_names_and_units_of_the_page(claim, text):
    reader = Reader(
        ["b & <= x", "year"], ["m²", ""], [1, 1], outputs=["price", "rent"],
        output_units=["kCHF", "EUR"], entries=["b & <= x", "year"],
        output_entries=["out[0]", "out[1]"],
    )  # fmt: skip
    assert requirement(claim, reader) == text


def test_slopes_have_the_unit_of_their_input_and_are_rounded_outward():
    reader = Reader(
        ["area", "city_A", "city_B", "rooms"], ["m²", "", "", ""], [100, 1, 1, 4],
        groups=[Category("city", (1, 2), ("A", "B"))], outputs=["price"], output_units=["kCHF"],
    )  # fmt: skip
    ends = {"lo": [[-1.2345, 5.0]], "hi": [[12.341, 7.0]]}
    ends |= {"seen_lo": [[-1.0, 6.0]], "seen_hi": [[11.99, 6.5]]}
    ends = {name: np.array(end) for name, end in ends.items()}
    answer = replace(output_range(1, "time"), subject="gradient", outputs={"d": (1, 2)}, **ends)
    (table, _) = slope_document(answer, reader).blocks
    assert isinstance(table, Table)
    assert [tuple(row) for row in table.rows] == [
        ("area", "12.4 kCHF per m²", "11.9", "1.3 kCHF per m²", "1"),
        ("rooms", "7 kCHF per 1", "6.5", "never falls", "-"),
    ]
    assert table.head[1] == "price rises by at most"
    unseen = replace(answer, lo=answer.hi - 1, seen_lo=answer.hi, seen_hi=answer.hi - 1)
    (table, _) = slope_document(unseen, reader).blocks
    assert isinstance(table, Table) and [row[2] for row in table.rows] == ["-", "-"]
    assert slope_outcome(answer, reader) == (
        "price rises by at most 12.4 kCHF per m² and falls by at most 1.3 kCHF per m² of area; "
        "price rises by at most 7 kCHF per 1 of rooms"
    )


@pytest.mark.parametrize(("columns", "name", "categories"), [
    (["city_Bern", "city_Basel"], "city", ("Bern", "Basel")),
    (["fuel_type_gas", "fuel_type_heat pump"], "fuel_type", ("gas", "heat pump")),
    (["kind[a]", "kind[b]"], "kind", ("a", "b")), (["a", "a_b"], "category", ("a", "a_b")),
    (["_a", "_b"], "category", ("_a", "_b")),
    (["x_", "x_b"], "category", ("x_", "x_b")),
])  # fmt: skip
def test_a_category_has_the_longest_prefix_of_its_columns(columns, name, categories):
    assert Category.of(columns, (0, 1)) == Category(name, (0, 1), categories)


def test_columns_of_dummies_are_one_category_with_a_further_value():
    """`drop_first` leaves out a column: all columns of a group may be 0."""
    frame, price = houses(400)
    frame = frame.drop(columns="city_A")
    net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, name="price")])
    net.set_weights([np.array([[1.0], [1.0], [5.0], [7.0]]), np.zeros(1)])
    text = words(outrange.report(net, data=(frame, price), time_limit=120).html())
    assert "city none of B, C C " in text
    assert "city one of B, C or none category" in text and "city_B" not in text
    assert "Further conditions restrict the input set" not in text


def test_many_open_limits_are_one_line(monkeypatch):
    ask = ranges.output_range

    def open_(*arguments, **options):
        answer = ask(*arguments, **options)
        width = answer.seen_hi - answer.seen_lo
        return replace(answer, hi=answer.seen_hi + 0.0501 * width, lo=answer.seen_lo - 0.04 * width,
                       status="time")  # fmt: skip

    monkeypatch.setattr("outrange.api.ranges.output_range", open_)
    net = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    text = words(outrange.report(net, (0, 1), time_limit=120).html())
    line = "The exact limits of the outputs, with gaps of at most 5.1 % of a range"
    assert f"Still open. {line}" in text


def test_a_small_gap_is_no_warning(monkeypatch):
    ask, wider = ranges.output_range, [5e-3]

    def open_(*arguments, **options):
        answer = ask(*arguments, **options)
        hi = answer.hi + wider[0] * (answer.seen_hi - answer.seen_lo)
        return replace(answer, hi=hi, status="time")

    monkeypatch.setattr("outrange.api.ranges.output_range", open_)
    for gap, marked in ((5e-3, False), (5e-2, True)):
        wider[0] = gap
        report = outrange.report(model(), (0, 1), time_limit=120)
        (section,) = (part for part in report.sections if part.key == "ranges")
        assert section.cut and section.is_open == marked
        body = report.html().split('<section id="ranges"')[1].split("</section>")[0]
        assert ("Open in part" in body) == marked and ("outrange-open" not in body or marked)


@pytest.mark.parametrize(("name", "shape", "shown"), [
    ("image", (2, 2, 1), "image[0, 0, 0]"), ("dense", (2,), "output[0]"), ("price", (1,), "price"),
    ("dense_3", (1,), "output"), ("risks", (2,), "risks[0]"),
])  # fmt: skip
def test_outputs_keep_the_names_that_people_gave(name, shape, shown):
    layer = LayerInfo(name, "Dense", shape, 1, None, 0)
    assert output_names([Slot(name, shape)], None, [layer])[0] == shown
    assert output_names([Slot(name, shape)], ["a"] * 4, [layer])[0] == "a"


def test_no_time_is_promised_that_was_not_measured():
    assert remedy("time") == (
        "To settle the question, allow more time, or use a smaller set of inputs."
    )
    document = accuracy_document(robust_accuracies()["nothing"], Reader())
    text = render(document)
    assert ".0%" not in text
    assert "6 rows were not checked; to check them, allow more time." in text


def test_times_are_whole_minutes_rounded_up():
    assert [about(s) for s in (5, 61, 7201)] == [
        "about a minute", "about 2 minutes", "about 3 hours",
    ]  # fmt: skip


def test_paper_opens_folds_and_begins_no_page_for_each_section():
    paper = STYLE_SHEET.partition("@media print{html")[2]
    assert "size:A4" in STYLE_SHEET
    for rule in ("::details-content{content-visibility:visible", "nav{display:none}",
                 "#overview{break-after:page}"):  # fmt: skip
        assert rule in paper, rule
    assert "break-before:page" not in STYLE_SHEET
    hidden = [rule.split("{")[0] for rule in paper.split("}") if rule.endswith("{display:none")]
    # The folded sections are printed, also below the headings of a standard.
    assert ".report section .outrange>details" in hidden
    assert not any("section details" in rule or rule.endswith(".part") for rule in hidden)


def test_a_page_of_many_outputs_leaves_out_rows_without_python():
    net = keras.Sequential([keras.Input((2,)), keras.layers.Dense(130)])
    text = words(outrange.report(net, (0, 1), time_limit=120).html())
    assert "all 130 outputs stay between" in text and "The first 100 of 130 outputs" in text
    assert not [name for name in CODE if name in text]


def test_printed_bounds_of_the_inputs_lie_within_the_set():
    """A page that printed 30 for the lower bound 30.02 claimed too much."""
    reader = Reader(inputs=("area", "age", "year"), widths=(220.0, 120.0, 34.0))
    box = Box(np.array([30.0211, 0.0376, 1990.0]), np.array([249.954, 119.94, 2024.0]))
    text = str(domain_section([Region(box)], reader).blocks)
    for printed in ("30.1", "249.9", "0.1", "119.9", "1990", "2024"):
        assert repr(printed) in text
    assert "'30'" not in text and "1,990" not in text


def test_a_half_known_direction_stands_in_the_table():
    pair = FallingPair(np.zeros(2), np.ones(2), 0.0, 1.0, None, None, None)
    trend = Trend("y[0]", "area", None, False, rise=pair)
    answer = Monotone("m", (trend,), None, None, "time", Warrant.FLOAT64_ROUNDED, Cost(1.0, 1), ())
    document = trend_document(answer, Reader())
    assert "can rise; whether it can also fall is unknown" in str(document)


def test_robust_accuracy_on_a_table_says_that_mixtures_are_included():
    frame, price = houses()
    net = keras.Sequential([keras.Input((frame.shape[1],)), keras.layers.Dense(2)])
    labels = (price > np.median(price)).astype(int)
    report = outrange.report(net, data=(frame, labels), samples=5, time_limit=60)
    (section,) = (part for part in report.sections if part.key == "robustness")
    assert "mixtures of categories" in str(section.blocks)
