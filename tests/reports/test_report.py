"""Tests of the report page: complete, self-contained, true to its answers, accessible."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import outrange
from cases import cases
from counted import pass_time
from outrange import InputError, Perturbation, x, y
from outrange.api.reports.data import check_units
from outrange.api.reports.questions import WEIGHTS, Questions
from outrange.core import OutOfTime
from outrange.reports.words import ISO, ISO_GROUPS, NOT_COVERED, STATEMENT, TITLES, WARRANTS


keras = pytest.importorskip("keras")

ROOT = Path(__file__).parents[2]

HOSTILE = "<script>alert(1)</script>"


class Outline(HTMLParser):
    """Collects headings, landmarks, ids, links, table headers and figures of a page."""

    VOID = ("meta", "br", "hr", "img", "input", "link")

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.tags, self.stack, self.headings = [], [], []
        self.feed(page)
        assert not self.stack, self.stack

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.stack.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append([int(tag[1]), ""])

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        if self.headings and any(re.fullmatch("h[1-6]", tag) for tag in self.stack):
            self.headings[-1][1] += data

    def all(self, tag):
        return [attributes for found, attributes in self.tags if found == tag]


def classifier(name="two_classes"):
    model = keras.Sequential(
        [keras.Input((3,), name="point"), keras.layers.Dense(4, "relu"), keras.layers.Dense(2)],
        name=name,
    )
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def rows(count=12):
    points = np.random.default_rng(1).uniform(-1, 1, (count, 3)).astype("float32")
    return points, (points[:, 0] > 0).astype(int)


@pytest.fixture(scope="module")
def full():
    """Return a report with every section, as the standard has it."""
    return outrange.report(
        classifier(),
        properties=[y[0] <= 50, "y[0] <= -50", (x[0] < 0) | (y[0] >= -50)],
        data=rows(),
        eps=0.01,
        names=["speed", "angle", HOSTILE],
        units={"speed": "m/s"},
        standard=ISO,
        time_limit=120,
    )


@pytest.fixture(scope="module")
def pages(full):
    """Return its page, by the standard of the headings."""
    return {standard: replace(full, standard=standard).html() for standard in (None, ISO)}


@pytest.mark.slow
@pytest.mark.parametrize("standard", [None, ISO])
def test_the_page_is_self_contained_and_well_built(pages, standard):
    page = pages[standard]
    outline = Outline(page)
    assert len(page) < 2e6
    assert not outline.all("script") and not outline.all("link") and "@import" not in page
    assert not re.search(r"""(?:src|href)="(?!#|data:image/png;base64,)""", page)
    assert not re.search(r"url\((?!#)", page)
    ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for attributes in outline.all("a"):
        assert attributes["href"][1:] in ids
    for name in ("main", "nav", "header", "footer", "h1", "title"):
        assert len(outline.all(name)) == 1, name
    assert outline.all("html")[0]["lang"] == "en"
    assert all(th.get("scope") in ("row", "col") for th in outline.all("th"))
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in outline.all("svg"))
    levels = [level for level, _ in outline.headings]
    assert levels[0] == 1 and max(np.diff(levels)) <= 1
    assert all(text.strip() for _, text in outline.headings)
    assert outline.all("a")[0]["href"] == "#content"


def test_what_was_asked_is_shown(full, pages):
    page = pages[None]
    assert [verdict.status for verdict in full.answers["properties"]] == [
        "HOLDS", "VIOLATED", "HOLDS",
    ]  # fmt: skip
    assert set(full.answers) == {
        "ranges", "layers", "properties", "robustness", "slopes", "monotonicity", "diagnosis",
    }  # fmt: skip
    (ranges,) = full.answers["ranges"]
    assert repr(float(ranges.hi[0])) in page
    assert ranges.sources[0].sha256 in page
    assert "Requirement: output[0] ≤ −50" in page
    assert "m/s" in page and HOSTILE not in page and "&lt;script&gt;" in page
    for title, text in NOT_COVERED.items():
        assert title in page and text in page
    assert f"outrange {outrange.__version__}" in re.sub("<[^>]*>", " ", page).replace("  ", " ")
    undrawn = {"diagnosis", "slopes", "properties"}
    drawn = [answer for key, part in full.answers.items() if key not in undrawn for answer in part]
    assert page.count("<figure>") == len(drawn)


def codes(found):
    """Return the code of a report and of its sections, ready to run."""
    (section,) = [part for part in found.sections if part.key == "reproduce"]
    texts = [getattr(block, "text", "") for block in section.blocks]
    return [
        text.replace("= ...  # the data", "= given").replace(
            "= ...  # the model hashed above", "= m #"
        )
        for text in texts
        if "import outrange" in text
    ]


@pytest.mark.slow
def test_the_calls_ask_the_same_again(full):
    space = {"m": classifier(), "given": rows()}
    _, code = codes(full)
    exec(code.replace("outrange.output_range", "again = outrange.output_range"), space)
    (ranges,) = full.answers["ranges"]
    assert np.array_equal(space["again"].lo, ranges.lo)


@pytest.mark.slow
def test_the_call_of_the_report_makes_it_again(full):
    space = {"m": classifier(), "given": rows()}
    code, _ = codes(full)
    exec(code.replace("outrange.report", "again = outrange.report"), space)
    first, second = ({p.key: p for p in report.sections} for report in (full, space["again"]))
    assert first.keys() == second.keys()
    assert {k: p.outcome for k, p in first.items()} == {k: p.outcome for k, p in second.items()}
    assert first["domain"].blocks == second["domain"].blocks
    assert full.answers["robustness"][0].eps == space["again"].answers["robustness"][0].eps
    assert codes(space["again"])[0] == code


CLIPPED = Perturbation(clip=(0.0, 1.0))
WIDE = Perturbation(np.float64(0.25), clip=(np.float32(-1), 2))


@pytest.mark.parametrize("options", [
    {"box": {"point": (0, 1)}}, {"box": ([0, 0, 0.5], [1, 1, 1]), "eps": CLIPPED},
    {"box": (0, 1), "properties": [(x[0] >= 0.9).implies(y[0] <= 9) & (abs(y).max() <= 99)]},
    {"box": (0, 1), "properties": [np.maximum(y[0], x[1]) <= 99, outrange.y.argmax() == 1]},
    {"data": rows()[0], "samples": 5}, {"box": (0, 1), "properties": [lambda x, y: y[0] <= 50]},
    {"box": (0, 1), "data": rows(), "eps": WIDE},
], ids="-".join)  # fmt: skip
def test_the_call_says_whatever_was_asked(options, monkeypatch):
    arguments = []
    monkeypatch.setattr(Questions, "_asks", lambda self: iter(()))
    monkeypatch.setattr(Questions, "_known_range", lambda self: None)
    post_init = Questions.__post_init__
    monkeypatch.setattr(
        Questions, "__post_init__", lambda self: (arguments.append(self), post_init(self))
    )
    model = classifier("c")
    report = outrange.report(model, time_limit=50, **options)
    data = options.get("data")
    exec(codes(report)[0], {"m": model, "given": data})
    first, second = arguments
    for name in ("eps", "clip", "samples", "_claims"):
        assert getattr(first, name) == getattr(second, name), name
    assert np.array_equal(first._regions[0].box.lo, second._regions[0].box.lo)
    assert np.array_equal(first._regions[0].box.hi, second._regions[0].box.hi)
    assert (first.y is None) == (second.y is None)


def test_headings_of_the_standard(pages):
    second = [text for level, text in Outline(pages[ISO]).headings if level == 2]
    assert second[1:] == [f"{i} {name}" for i, name in enumerate(ISO_GROUPS, 1)]


def test_the_words_on_proofs_are_those_of_the_page_on_soundness():
    soundness = " ".join((ROOT / "docs" / "soundness.md").read_text().replace("`", "").split())
    for title, text in NOT_COVERED.items():
        assert f"* *{title}*" in soundness
        for sentence in re.findall(r"[^.]+\.", text):
            assert sentence.strip() in soundness, sentence
    for sentence in re.findall(r"[^.]+\.", STATEMENT[0]):
        assert sentence.strip() in soundness
    assert " ".join(STATEMENT[1].split()) in soundness
    for name, text in WARRANTS:
        assert f"| {name} | {text} |" in soundness


def test_each_section_says_if_it_was_cut(monkeypatch):
    def late(*_, **__):
        raise OutOfTime

    monkeypatch.setattr("outrange.api.ranges.summary", late)
    report = outrange.report(classifier(), (0, 1), standard=ISO, time_limit=120)
    assert report.cut == ["Layers"]
    assert "Open in part" in report.html() and "incomplete: Layers" in repr(report)


def test_layers_that_the_clock_cut_are_not_called_complete(monkeypatch):
    from outrange.api import ranges

    ask = ranges.summary

    def late(*arguments, **options):
        answer = ask(*arguments, **options)
        pass_time(0.3)
        return answer

    monkeypatch.setattr("outrange.api.ranges.summary", late)
    shares = {"ranges": 1, "layers": 1, "slopes": 1e3}
    monkeypatch.setattr("outrange.api.reports.questions.WEIGHTS", shares)
    report = outrange.report(classifier(), (0, 1), standard=ISO, time_limit=200)
    assert report.answers["layers"] and "Layers" in report.cut


def test_a_property_that_does_not_fit_is_refused_before_any_is_asked():
    with pytest.raises(InputError, match=r"property 2 of 3, 'y\[7\] <= 1'"):
        outrange.report(classifier(), (0, 1), properties=[y[0] <= 50, "y[7] <= 1", y[1] <= 50])
    with pytest.raises(InputError, match=r"property 1 of 1"):
        outrange.report(classifier(), (0, 1), properties="no/such/file.vnnlib")


def test_what_is_said_of_properties_is_true_of_those_that_are_not_decided():
    title, explanation = TITLES["properties"]
    assert "not decided" in explanation
    (row,) = re.findall(rf"\| {title} \|.*", (ROOT / "docs" / "report.md").read_text())
    assert "not decided" in row


def test_an_interrupt_reports_what_is_known(monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("outrange.api.slopes.monotone", interrupt)
    report = outrange.report(classifier(), (0, 1), properties=[y[0] <= 50], time_limit=120)
    assert report.interrupted and set(report.answers) == {"ranges", "properties"}
    assert "interrupted" in report.html()


def test_an_interrupt_among_the_rows_is_one_of_the_report(monkeypatch):
    from outrange.questions.robust import robust_run

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(robust_run, "verify", interrupt)
    report = outrange.report(classifier(), data=rows(), time_limit=120)
    assert report.interrupted
    assert "monotonicity" not in report.answers and "diagnosis" not in report.answers


@pytest.mark.slow
def test_the_time_is_divided():
    layers = [keras.layers.Dense(48, "relu") for _ in range(3)]
    model = keras.Sequential([keras.Input((12,)), *layers, keras.layers.Dense(2)])
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    report = outrange.report(
        model, (-1, 1), properties=[y[0] <= 20, y[1] <= 20], time_limit=cases(2.5, 4.0)
    )
    assert len(report.answers["properties"]) == 2
    assert "Output ranges" in report.cut


def test_what_does_not_fit_is_said_and_no_fault():
    report = outrange.report(
        outrange.load(classifier()), data=(rows()[0], np.full(12, 0.5)), standard=ISO
    )
    parts = {part.key: part for part in report.sections}
    assert parts["robustness"].outcome == parts["diagnosis"].outcome == "not applicable"
    assert not report.cut
    page = report.html()
    assert "must be integer class labels" in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "neither"),
        ({"box": (0, 1), "standard": "iso-9000"}, "iso-24029"),
        ({"box": (0, 1), "names": ["a"]}, "3 inputs"),
        ({"box": (1, 0)}, "lo <= hi"),
        ({"box": (0, 1), "path": "/no/such/folder/report.html"}, "cannot be written"),
    ],
)
def test_mistakes_are_named(arguments, message):
    with pytest.raises(InputError, match=message):
        outrange.report(classifier(), time_limit=10, **arguments)


def test_pictures_are_as_large_as_they_were_drawn(pages):
    widths = [float(svg["width"]) for svg in Outline(pages[None]).all("svg") if "viewbox" in svg]
    assert len(widths) >= 4 and min(widths) >= 5.5 * 96 and max(widths) <= 992


def test_without_matplotlib_there_are_the_bars_of_the_tables(full, monkeypatch):
    monkeypatch.setattr("outrange.reports.figures.canvas", lambda *_: None)
    page = full.html()
    assert "<figure>" not in page and page.count("<svg") >= 4


def test_shares_of_the_time_name_every_question():
    assert set(WEIGHTS) == {
        "ranges", "layers", "properties", "robustness", "slopes", "monotonicity", "diagnosis",
    }  # fmt: skip


def test_the_radius_of_an_input_is_a_share_of_its_own_width():
    """With a single radius for years and francs, no row would stay right."""
    rng = np.random.default_rng(0)
    points = np.stack([rng.uniform(0, 1, 40), rng.uniform(0, 1e4, 40)], axis=1)
    points = points[np.abs(points[:, 0] - 0.5) > 0.05].astype("float32")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.set_weights([np.array([[1.0], [0.0]]), np.array([-0.5])])
    data = (points, (points[:, 0] > 0.5).astype(int))
    report = outrange.report(model, data=data, time_limit=120)
    (accuracy,) = report.answers["robustness"]
    assert accuracy.lo == accuracy.hi == 1.0
    assert "scale=data_x.max(axis=0) - data_x.min(axis=0)" in report.html()


def test_a_unit_of_no_input_is_refused():
    with pytest.raises(outrange.InputError, match="a unit for 'agee'"):
        outrange.report(classifier(), (0, 1), names=["age", "b", "c"], units={"agee": "years"})


def test_units_are_of_inputs_of_entries_or_of_names():
    model = classifier()
    (slot,) = outrange.load(model).graph.inputs
    for units in ({slot.name: "m"}, {f"{slot.name}[1]": "kg"}, {"age": "years"}):
        check_units(units, ["age", "b", "c"], [slot])
    with pytest.raises(InputError, match=r"`\"x\[0\]\"`"):
        check_units({f"{slot.name}[3]": "m"}, (), [slot])
    page = outrange.report(model, (0, 1), units={f"{slot.name}[1]": "furlongs"}).html()
    assert "furlongs" in page


def test_the_titles_of_a_csv_file_name_the_inputs(tmp_path, capsys):
    from outrange.cli import main

    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(tmp_path / "m.keras")
    (tmp_path / "d.csv").write_text("age,income,y\n20,100,0\n40,900,1\n")
    page = tmp_path / "r.html"
    with pytest.raises(SystemExit) as ended:
        main(["report", str(tmp_path / "m.keras"), "--data", str(tmp_path / "d.csv"),
              "--target", "y", "--units", "age=years,y=EUR", "-o", str(page),
              "--time-limit", "120"])  # fmt: skip
    assert ended.value.code == 0
    capsys.readouterr()
    text = page.read_text()
    assert "income" in text and "40 years" in text and " EUR" in text


@pytest.mark.slow
@pytest.mark.parametrize("given", ["box", "data", "names"])
def test_columns_name_the_features_in_every_section(given):
    """A table works as box or as data, with `names`, as for the other questions."""
    pandas = pytest.importorskip("pandas")
    points, targets = rows()
    frame = pandas.DataFrame(points, columns=["speed", "load", "heat"])
    model = classifier()
    model.set_weights([np.abs(w) for w in model.get_weights()])
    asked = {
        "box": {"box": frame},
        "data": {"data": (frame, targets), "eps": 0.01},
        "names": {"box": (-1, 1), "names": list(frame.columns), "units": {"point[0]": "km/h"}},
    }[given]
    report = outrange.report(model, properties=["x['speed'] + y[0] <= -50"], **asked)
    assert {trend.input for trend in report.answers["monotonicity"][0].trends} == set(frame.columns)
    assert list(report.answers["ranges"][0].inputs) == list(frame.columns)
    assert set(report.answers["properties"][0].counterexample.x) == set(frame.columns)
    page = report.html()
    assert ("km/h" in page) == (given == "names")
    if given == "names":  # of the domain, of a step, of a point and of a counterexample
        assert ">1 km/h<" in page and "Requirement: speed + output[0] ≤ -50" in page
        assert page.count(" km/h") > 5 and "km/h" not in str(report.answers["ranges"][0])
    if given != "data":  # where the page quotes the call
        assert "names=[&#x27;speed&#x27;, &#x27;load&#x27;, &#x27;heat&#x27;]" in report.html()


@pytest.mark.parametrize("eps", ["1", [0.1, 0.2], Perturbation(0.1, norm=2), Perturbation(scale=2)])
def test_a_radius_in_another_norm_or_unit_is_refused(eps):
    with pytest.raises(InputError, match="`eps` must be a radius"):
        outrange.report(classifier("c"), (0, 1), eps=eps)
