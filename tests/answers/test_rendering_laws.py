"""Laws for every record: text, HTML and JSON agree, and HTML runs no code from names."""

import json
import re
from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest

from answers.record_cases import CASES, FEWER, KINDS
from answers.record_parts import HOSTILE
from outrange.answers.answer import Answer
from outrange.answers.range import Range
from outrange.answers.render.document import MOST_ROWS
from outrange.answers.render.text import SHORTEST_NAME
from outrange.answers.sampled import SampledRange
from outrange.answers.tables.overview import FEW


TAGS = {
    "div", "p", "strong", "br", "pre", "ul", "li", "figure", "figcaption",
    "table", "thead", "tbody", "tr", "th", "td", "svg", "rect", "path", "polygon",
    "style", "span", "details", "summary",
}  # fmt: skip
ATTRIBUTES = {
    "class",
    "role",
    "scope",
    "aria-label",
    "style",
    "width",
    "height",
    "x",
    "y",
    "d",
    "points",
    "fill",
    "stroke",
}
ALONE = {"br", "rect", "path", "polygon"}

PICTURES = re.compile("[─░█]+")
"""What text draws."""

ABOUT_PICTURES = {"unbounded", "Range", "range", "(dark:", "seen)"}
"""Words of the columns of bars, which text leaves out of wide tables."""


class Page(HTMLParser):
    """Reads HTML: what it shows outside figures, its tables, and whether its tags close.

    `words` are all of these, `unfolded` those that need no click.
    """

    def __init__(self, html: str):
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.unfolded: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        assert tag in TAGS
        assert {name for name, _ in attributes} <= ATTRIBUTES
        assert not any("nan" in value or "inf" in value for _, value in attributes)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")
        if tag not in ALONE:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in ALONE:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if {"figure", "style", "summary"} & set(self.open):
            return
        if {"td", "th"} & set(self.open):
            self.tables[-1][-1][-1] += data
        # Where a tag ends a word of text may go on: `<strong>title</strong>: lead`.
        if self.words and self.open[-1] == "p" and data.startswith(":"):
            self.words[-1] += ":"
            if self.unfolded:
                self.unfolded[-1] += ":"
            data = data[1:]
        self.words += data.split()
        if "details" not in self.open:
            self.unfolded += data.split()


def words(text: str) -> Counter:
    """Return the words of a text, without names that it truncates."""
    return Counter(word for word in PICTURES.sub(" ", text).split() if "…" not in word)


@pytest.mark.parametrize("record", FEWER.values(), ids=FEWER)
def test_text_and_html_say_the_same(record):
    text, page = str(record), Page(record._repr_html_())
    assert not words(text) - Counter(page.words)
    if "…" not in text:
        assert set(Counter(page.unfolded) - words(text)) <= ABOUT_PICTURES


@pytest.mark.parametrize("name", [name for name in CASES if "hostile" in name])
def test_a_hostile_name_is_shown_and_does_nothing(name):
    record = CASES[name]
    page = Page(record._repr_html_())
    assert " ".join(HOSTILE.split()) in " ".join(page.words)
    assert is_told(HOSTILE, str(record))


def is_told(name: str, text: str) -> bool:
    """Return whether a text shows a name, or both its ends around an ellipsis."""
    name, text = (" ".join(part.split()) for part in (name, text))
    ends = (re.escape(name[: SHORTEST_NAME // 2 - 1]), re.escape(name[-(SHORTEST_NAME // 2 - 1) :]))
    for clipped in re.findall(f"{ends[0]}[^…]*…[^…]*?{ends[1]}", text):
        head, tail = clipped.split("…")
        if name.startswith(head) and name.endswith(tail):
            return True
    return name in text


def test_a_name_that_is_lost_or_garbled_is_noticed():
    name = "speed of the left wheel, as measured"
    for text in (name, f"a {name} b", "is speed of th…s measured here", "speed…sured"):
        assert is_told(name, text)
    for text in ("…", "speed…", "…measured", "speed of a…s measured", "other … name", "spe…red"):
        assert not is_told(name, text)


@pytest.mark.parametrize("record", FEWER.values(), ids=FEWER)
def test_json_is_strict_and_says_what_it_is(record):
    decoded = json.loads(json.dumps(record.as_dict(), allow_nan=False))
    assert decoded["format"] == record.FORMAT
    assert decoded["version"] == 1
    assert decoded == record.as_dict()


@pytest.mark.parametrize("record", FEWER.values(), ids=FEWER)
def test_what_is_shown_is_short(record):
    shown = [repr(record), repr([record])]
    assert max(map(len, shown)) <= 260 and "\n" not in "".join(shown)
    lines = str(record).splitlines()
    assert len(lines) <= MOST_ROWS + 20
    assert not any("..." in line for line in lines)
    # Code to paste is not wrapped, nor is a word.
    wide = [line for line in lines if len(line) > 100 and "model.compile" not in line]
    assert not any(" " in line.strip() for line in wide), wide


def test_every_record_has_instances():
    kinds = {kind for kind in Answer.__subclasses__() if kind.__module__.startswith("outrange.")}
    assert kinds == set(KINDS)


# ---- the numbers, recomputed from JSON alone ---------------------------------------------------


def flat(values) -> list[float]:
    return [float(v) for v in np.ravel(np.array(values, dtype=object)).tolist()]


def hull(ends):
    if ends is None or not ends[0]:
        return "-"
    return min(flat(ends[0])), max(flat(ends[1]))


def median(values):
    return float(np.sort(values)[(len(values) - 1) // 2])


def range_rows(r):
    return zip(flat(r["lo"]), flat(r["hi"]), flat(r["relative_gap"]), strict=True)


def summary_rows(r):
    counts = ("dead", "always_on", "saturated", "constant")
    for row in r["layers"]:
        bent = row["before"] is not None
        units = [len(row[c]) if bent or c == "constant" else "-" for c in counts]
        yield row["parameters"], hull(row["before"]), hull(row["after"]), *units


def dead_rows(r):
    for a in r["layers"]:
        exact = a["method"] == "closed form"
        ends = ["exact" if exact else (a[f"{n}lo"], a[f"{n}hi"]) for n in ("", "all_")]
        yield a["units"], a["chance"], ends[0], a["all_dead"], ends[1]


def study_rows(r):
    best = sorted(r["combinations"], key=lambda c: -sum(c["solved"]))
    for c in best if len(best) < MOST_ROWS // 2 else []:
        metrics = [float(t["metrics"][-1]) for t in c["trials"]]
        solved = f"{sum(c['solved'])}/{len(metrics)}"
        losses = [t["losses"][-1] for t in c["trials"]]
        yield (c["activation"], c["loss"], c["optimizer"], solved, median(metrics),
               (np.sort(metrics)[0], np.sort(metrics)[-1]), median(losses))  # fmt: skip


TABLES = {
    "range": (1, range_rows),
    "sampled": (1, lambda r: zip(flat(r["lo"]), flat(r["hi"]), strict=True)),
    "summary": (2, summary_rows),
    "optimum": (1, lambda r: (
        [] if r["status"] == "infeasible" else [(float(r["lo"]), float(r["hi"]))]
    )),
    "dead_start": (1, dead_rows),
    "monotone": (2, lambda r: [(t["direction"],) for t in r["trends"]]),
    "counterexamples": (0, lambda r: [(i,) for i in range(len(r["examples"]))]),
    "robust_accuracy": (1, lambda r: [
        (n, f"{n / len(r['status']):.1%}")
        for n in map(r["status"].count, ("wrong", "robust", "broken", "open"))
    ]),
    "diagnosis": (0, lambda r: [(f["code"], f["level"]) for f in r["findings"]]),
    "advice": (0, lambda r: [(c["what"],) for c in r["choices"]]),
    "study": (0, study_rows),
}  # fmt: skip
"""Format to the first column compared, and what the cells from there on must say."""


def agrees(cell: str, value, scale: float, half_units: int = 1) -> bool:
    """Return whether a cell shows a value with at least two digits, rounded by so many half units.

    The ends of an interval are rounded outward, by up to a whole unit of the last digit.
    """
    if isinstance(value, tuple):
        ends = cell.strip("[]").split(", ")
        return len(ends) == 2 and all(
            agrees(*end, scale, 2) for end in zip(ends, value, strict=True)
        )
    if isinstance(value, str):
        return cell == " ".join(value.split())
    if cell.startswith(">"):  # so many times the range seen that a number would say nothing
        return value > float(cell[1:])
    shown = float(cell.replace(",", ""))
    if not np.isfinite(value):
        return shown == value or bool(np.isnan(shown) and np.isnan(value))
    # As many digits as there are, are right: of three half a unit of the third.
    digits = sum(map(str.isdigit, cell.lstrip("-0.").split("e")[0]))
    near = half_units * {1: 0.05, 2: 0.05, 3: 5.1e-3}.get(digits, 5e-4)
    return abs(shown - value) <= max(near * abs(value), 1e-5 * scale)


def check_outstanding(record, tables, wanted, first):
    """With many rows some are above the fold: they are the right rows, with right cells."""
    if not isinstance(record, Range | SampledRange) or len(tables) < 2:
        assert all(few[1:] == every[1 : len(few)] for few, every in pairwise(tables))
        return
    names, (few, _) = record.names, tables
    at = [names.index(row[1]) for row in few[1:]]
    for row, i in zip(few[1:], at, strict=True):
        scale = max(abs(v) for v in wanted[i][:2])
        for cell, value in zip(row[first + 1 :], wanted[i][:2], strict=False):
            assert agrees(cell, value, scale), (row, wanted[i])
        for gap in wanted[i][2:]:  # in two digits, so that 130 may be 129
            assert abs(float(row[first + 3]) - gap) <= 0.05 * gap, (row, wanted[i])
    width = np.array([hi - lo for lo, hi, *_ in wanted])
    widths = {word: sorted(width[i] for row, i in zip(few[1:], at, strict=True) if row[0] == word)
             for word in ("widest", "narrowest")}  # fmt: skip
    order = np.sort(width)
    np.testing.assert_allclose(widths["widest"], order[-FEW:], rtol=1e-5)
    np.testing.assert_allclose(widths["narrowest"], order[:FEW], rtol=1e-5)


@pytest.mark.parametrize("record", FEWER.values(), ids=FEWER)
def test_tables_say_what_json_says(record):
    data = json.loads(json.dumps(record.as_dict()))
    if record.FORMAT.removeprefix("outrange.") not in TABLES:
        return
    first, expected = TABLES[record.FORMAT.removeprefix("outrange.")]
    html = record._repr_html_()
    tables = Page(html).tables
    check_outstanding(record, tables, list(expected(data)), first)
    rows = tables[-1] if tables else []
    rows = rows if record.FORMAT.endswith(("diagnosis", "advice")) else rows[1:]
    wanted = [tuple(row) for row in expected(data)]
    left_out = re.findall(r"and ([\d,]+) more \(as_dict", html)
    if wanted and len(rows) < len(wanted):
        assert len(rows) == MOST_ROWS
        assert int(left_out[-1].replace(",", "")) == len(wanted) - MOST_ROWS
    for row, values in zip(rows, wanted, strict=False):
        finite = [abs(v) for v in values if isinstance(v, float) and np.isfinite(v)]
        scale = max(finite[:2], default=0.0)
        for cell, value in zip(row[first:], values, strict=False):
            assert agrees(cell, value, scale), (row, values)


def verdict_numbers(r):
    example = r["counterexample"]
    if example is None:
        return [r["margin"]] if r["status"] == "UNKNOWN" and r["margin"] != "-inf" else []
    parts = example["x"].values() if isinstance(example["x"], dict) else [example["x"]]
    every = [v for part in parts for v in flat(part)]
    return every if len(every) < 64 else []


SENTENCES = {
    "outrange.verdict": verdict_numbers,
    "outrange.bad_inputs": lambda r: (
        [] if r["nowhere"] else [100 * r["share_lo"], 100 * r["share_hi"]]
    ),
    "outrange.robustness": lambda r: (
        [] if r["status"] == "broken" else [v for v in (r["lo"], r["hi"]) if v != "inf"]
    ),
}
"""Format to numbers that a sentence must hold."""

NUMBER = re.compile(r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d*)?(?:e[+-]?\d+)?")


@pytest.mark.parametrize("record", FEWER.values(), ids=FEWER)
def test_sentences_say_what_json_says(record):
    data = json.loads(json.dumps(record.as_dict()))
    shown = [float(n.replace(",", "")) for n in NUMBER.findall(str(record))]
    for value in SENTENCES.get(record.FORMAT, lambda r: [])(data):
        assert np.isclose(shown, value, rtol=1e-5, atol=0).any(), value


# ---- what is the least, and what only the least seen -------------------------------------------


@pytest.mark.parametrize("record", KINDS[Range]().values(), ids=KINDS[Range]())
def test_an_end_is_the_least_only_where_it_is_closed(record):
    # Quarters: the differences themselves may overflow.
    ends = (record.lo, record.hi, record.seen_lo, record.seen_hi)
    lo, hi, seen_lo, seen_hi = (np.ravel(end) / 4 for end in ends)
    size = np.maximum(seen_hi - seen_lo, 1e-6 * np.abs([seen_lo, seen_hi]).max(axis=0))
    gaps = np.stack([seen_lo - lo, hi - seen_hi], axis=1)
    closed = (gaps <= record.tol * size[:, None]).ravel()
    words = re.findall(r" is \S+ \((least|most)( seen)?\) at ", str(record))
    if record.lo.size > 10 or record.inputs == {"x": (40,)}:
        assert not words
        return
    assert [word for word, _ in words] == ["least", "most"] * record.lo.size
    assert [not seen for _, seen in words] == (closed | record.is_exact).tolist()
