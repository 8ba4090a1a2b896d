"""Laws for every answer: it is drawn, tabulated, rendered as a page, and read back from a file."""

import dataclasses
import hashlib
import json
import sys
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import outrange
from answers.record_cases import CASES, FEWER, KINDS, output_range
from answers.record_parts import HOSTILE
from outrange.answers.advice import Advice
from outrange.answers.range import Range
from outrange.answers.storage.encode import encode
from outrange.core import InputError, ModelSource
from outrange.frontends.network import Network
from outrange.frontends.source import file_source, weights_source
from outrange.reports.report import Report
from questions.nets import dense_net


DRAWN = {name: record for name, record in FEWER.items() if not isinstance(record, Advice)}

SOURCE = ModelSource("arm.keras", "ab" * 32, "file")

EMPTY = {"meta", "link", "br", "rect", "path", "polygon"}


@pytest.fixture(scope="module")
def pyplot():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


class Balanced(HTMLParser):
    """Check that every tag closes, and that nothing external is loaded or run."""

    def __init__(self, page: str):
        super().__init__()
        self.open: list[str] = []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        assert tag not in ("script", "iframe", "link", "img", "object")
        assert not any(name.startswith("on") or name in ("src", "href") for name, _ in attrs)
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in EMPTY:
            assert self.open.pop() == tag


@pytest.mark.parametrize("record", FEWER.values(), ids=FEWER)
def test_a_page_stands_alone(record, tmp_path):
    shown = record.html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    Balanced(page)
    assert page.startswith("<!DOCTYPE html>") and shown in page
    assert "http" not in page and "url(" not in page and "@import" not in page
    assert "prefers-color-scheme:dark" in shown and "data-jp-theme-light" in shown


def test_pages_name_the_model_and_the_methods(tmp_path):
    answer = dataclasses.replace(output_range(2), sources=(SOURCE,))
    assert "ab" * 32 in answer.html() and "CROWN" in answer.html()
    with pytest.raises(InputError, match="cannot be written"):
        answer.html(tmp_path / "no" / "page.html")


# ---- files -------------------------------------------------------------------------------------


@pytest.mark.parametrize("record", FEWER.values(), ids=FEWER)
def test_what_is_saved_is_read_back_to_the_bit(record, tmp_path):
    record = dataclasses.replace(record, sources=(SOURCE,))
    record.save(tmp_path / "a.json")
    again = outrange.answers.read(tmp_path / "a.json")
    assert type(again) is type(record)
    assert json.dumps(encode(again)) == json.dumps(encode(record))
    assert str(again) == str(record) and repr(again) == repr(record)
    assert again.sources == (SOURCE,)
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_zeros_keep_their_sign_and_types_stay(tmp_path):
    odd = np.array([-0.0, 5e-324, np.nextafter(1, 2)])
    wide = odd + [0, 1, 1e300]
    answer = output_range(
        3, "time", lo=odd, hi=wide, seen_lo=wide, seen_hi=wide, model_lo=np.float32([0.1, -0.0, 2])
    )
    answer.save(tmp_path / "a.json")
    again = outrange.answers.read(tmp_path / "a.json")
    assert again.lo.tobytes() == odd.tobytes()
    assert (
        again.model_lo.dtype == np.float32 and again.model_lo.tobytes() == answer.model_lo.tobytes()
    )
    assert again.methods == answer.methods and isinstance(again.cost.boxes, int)


def encode_damaged(record: dict, **changes) -> str:
    return json.dumps(record | changes)


def test_other_files_are_refused_with_a_reason(tmp_path):
    path = tmp_path / "a.json"
    output_range(2).save(path)
    good = json.loads(path.read_text())

    def answer(**changes):
        return encode_damaged(good, answer=good["answer"] | changes)

    def array(**changes):
        return answer(lo=good["answer"]["lo"] | changes)

    cases = {
        "is not JSON": ["", "{", "\x00\xff", "[" * 100_000],
        "as_dict": [json.dumps(output_range(2).as_dict())],
        "must be a file that `answer.save` wrote": [
            "3",
            "[]",
            "{}",
            encode_damaged(good, format="other"),
        ],
        "newer release wrote this file": [encode_damaged(good, version=2)],
        "reads version 1": [encode_damaged(good, version="1"), encode_damaged(good, version=None)],
        "is damaged": [
            encode_damaged(good, answer={"@": "Path", "value": "/"}),
            encode_damaged(good, answer={"@": "Range"}),
            encode_damaged(good, answer={"@": ["Range"]}),
            encode_damaged(good, answer=None),
            encode_damaged(good, kind="outrange.verdict"),
            encode_damaged(good, answer={"@": "Cost", "seconds": 1.0, "boxes": 1}),
            json.dumps({k: v for k, v in good.items() if k != "answer"}),
            answer(lo="__import__('os')"),
            answer(status="fine"),
            answer(labels=3),
            answer(outputs={"@": "dict", "items": [["y", [10**12]]]}),
            answer(warrant={"@": "Warrant", "name": "SURE"}),
            answer(sources=[{"@": "ModelSource"}]),
            array(dtype="object"),
            array(dtype="<U1000000000"),
            array(shape=[10**15]),
            array(shape=[-1, -2]),
            array(shape="2"),
            array(data=[1.0, "x"]),
            array(data=[True, False]),
            array(data=[9e9, 9e9]),
            answer(tol=False),
            answer(tol=True),
        ],
    }
    for message, texts in cases.items():
        for text in texts:
            path.write_text(text, encoding="latin-1")
            with pytest.raises(InputError, match=message):
                outrange.answers.read(path)
    with pytest.raises(InputError, match="does not exist"):
        outrange.answers.read(tmp_path / "none.json")
    with pytest.raises(InputError, match="which is not a file"):
        outrange.answers.read(tmp_path)


def test_files_are_checked_where_assertions_are_off(tmp_path):
    from outrange.answers.storage import read as module

    output_range(2).save(tmp_path / "a.json")
    good = json.loads((tmp_path / "a.json").read_text())
    odd = good["answer"] | {"inputs": {"@": "dict", "items": [["x", [5]]]}}
    (tmp_path / "a.json").write_text(encode_damaged(good, answer=odd))
    source = Path(module.__file__).read_text()
    space = {"__name__": module.__name__, "__package__": module.__package__}
    exec(compile(source, module.__file__, "exec", optimize=2), space)
    with pytest.raises(InputError, match="is damaged"):
        space["read_answer"](tmp_path / "a.json", [Range])


def test_pages_are_written_whole_or_not_at_all(tmp_path, monkeypatch):
    def full(self, text, **_):
        with open(self, "w", encoding="utf-8") as file:
            file.write(text[: len(text) // 2])
        raise OSError(28, "No space left on device")

    (tmp_path / "a.html").write_text("before")
    monkeypatch.setattr(Path, "write_text", full)
    for record in (output_range(2), Report("net", "today", ())):
        with pytest.raises(InputError, match="cannot be written"):
            record.html(tmp_path / "a.html")
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]
    assert (tmp_path / "a.html").read_text() == "before"


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        output_range(2).save(tmp_path / "no" / "a.json")
    odd = dataclasses.replace(output_range(2), methods=(object(),))
    with pytest.raises(InputError, match="numbers, strings and arrays"):
        odd.save(tmp_path / "a.json")
    assert not list(tmp_path.iterdir())


def test_an_answer_is_about_one_model(tmp_path):
    net, other = dense_net((2, 1), (None,)), dense_net((2, 1), (None,))
    net, other = (
        Network(n.graph, None, n.name, "test", source=weights_source(n.name, weights))
        for n, weights in ((net, [np.zeros(2)]), (other, [np.ones(2)]))
    )
    answer = outrange.output_range(net, (0, 1))
    assert answer.sources == (net.source,)
    answer.save(tmp_path / "a.json")
    assert outrange.answers.read(tmp_path / "a.json", model=net).lo == answer.lo
    with pytest.raises(InputError, match="the model it was computed for"):
        outrange.answers.read(tmp_path / "a.json", model=other)
    source = file_source(tmp_path / "a.json")
    wanted = hashlib.sha256((tmp_path / "a.json").read_bytes()).hexdigest()
    assert (source.name, source.sha256, source.of) == ("a.json", wanted, "file")


def test_weights_of_other_types_and_shapes_have_other_hashes():
    zeros = [np.zeros(4), np.zeros((2, 2)), np.zeros(4, np.float32), np.zeros(2), -np.zeros(4)]
    assert len({weights_source("net", [array]).sha256 for array in zeros}) == len(zeros)
    big = np.arange(4.0).astype(">f8")
    assert weights_source("net", [big]) == weights_source("net", [big.astype("<f8")])


def test_answers_know_what_they_are_about(pyplot):
    net = Network(dense_net((2, 2), (None,)).graph, None, "net", "test")
    verdict = outrange.verify(net, outrange.y[0] <= -1e6, (0, 1))
    assert verdict.over.names == ("x[0]", "x[1]")
    np.testing.assert_array_equal(verdict.box, [[0, 0], [1, 1]])
    notes = [text.get_text() for text in verdict.plot().texts]
    assert len(notes) == 2 and all(note.endswith("in [0, 1]") for note in notes)
    slopes = outrange.gradient_range(net, (0, 1))
    assert slopes.names[:3] == ["d y[0] / d x[0]", "d y[0] / d x[1]", "d y[1] / d x[0]"]
    assert slopes["d y[1] / d x[0]"].lo == slopes[1, 0].lo
    subjects = [outrange.lipschitz(net, (0, 1)), outrange.difference_range(net, net, (0, 1))]
    assert [answer.subject for answer in (slopes, *subjects)] == [
        "gradient", "lipschitz", "difference",
    ]  # fmt: skip


# ---- frames ------------------------------------------------------------------------------------


@pytest.mark.parametrize("record", FEWER.values(), ids=FEWER)
def test_frames_have_what_records_say(record):
    pytest.importorskip("pandas")
    rows, frame = record.records(), record.to_frame()
    assert len(frame) == len(rows)
    if rows and record.INDEX:
        assert list(frame.index.names) == list(record.INDEX)
        assert not set(record.INDEX) & set(frame.columns)


def test_the_frame_of_a_range_is_the_range():
    pytest.importorskip("pandas")
    answer = output_range(3, "time", 0.1)
    frame = answer.to_frame()
    assert list(frame.index) == ["y[0]", "y[1]", "y[2]"]
    for name in ("lo", "hi", "seen_lo", "seen_hi", "gap", "relative_gap", "model_lo"):
        np.testing.assert_array_equal(frame[name], np.ravel(getattr(answer, name)))


def test_without_pandas_the_message_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InputError, match="pip install pandas"):
        output_range(1).to_frame()


# ---- parts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [
    0, -1, 5, slice(2, 4), slice(None, None, -2), np.array([3, 1]), [0, 2], (2,), ...,
    np.arange(6) > 3,
], ids=str)  # fmt: skip
def test_parts_of_a_range_are_those_of_its_arrays(key):
    whole = output_range(6, "time", 0.1)
    part = whole[key]
    for name in ("lo", "hi", "seen_lo", "seen_hi", "at_lo", "at_hi", "model_lo", "model_hi"):
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[key])
    assert part.names == np.ravel(np.array(whole.names)[key]).tolist()
    assert str(part) and repr(part) and part.to_frame() is not None


def test_parts_of_several_axes_and_outputs():
    image = output_range(6, "time", 0.1)["y"]
    shaped = dataclasses.replace(
        image, outputs={"map": (2, 3)}, model_lo=None, model_hi=None,
        **{n: getattr(image, n).reshape(2, 3, *getattr(image, n).shape[1:])
           for n in ("lo", "hi", "seen_lo", "seen_hi", "at_lo", "at_hi")},
    )  # fmt: skip
    assert shaped[1, 2].lo == shaped["map[1, 2]"].lo == shaped.lo[1, 2]
    assert shaped[:, 1].names == ["map[0, 1]", "map[1, 1]"]
    assert [part.lo.shape for part in shaped] == [(3,), (3,)]
    two = KINDS[Range]()["several"]
    assert two["force"].lo.shape == (3,) and two[HOSTILE].lo.shape == ()
    assert two["force[2]"].lo == two[2].lo == two.lo[2]


@pytest.mark.parametrize(("key", "error", "message"), [
    (6, IndexError, "shape"), (-7, IndexError, "shape"), ((0, 0), IndexError, "shape"),
    ("force", KeyError, "output must be one of"), (1.5, InputError, "by integers"),
    (True, InputError, "by integers"), (None, InputError, "by integers"),
    ({}, IndexError, "shape"),
], ids=str)  # fmt: skip
def test_parts_that_are_not_there(key, error, message):
    for answer in (output_range(6), KINDS[outrange.answers.SampledRange]()["many"][:6]):
        with pytest.raises(InputError, match=message) as raised:
            answer[key]
        assert issubclass(raised.type, error)


# ---- pictures ----------------------------------------------------------------------------------


@pytest.mark.parametrize("record", DRAWN.values(), ids=DRAWN)
def test_every_answer_is_drawn_with_a_sentence(record, pyplot):
    drawn = record.plot()
    figure = getattr(drawn, "figure", drawn)
    title = figure.get_suptitle() or figure.axes[0].get_title()
    assert len(title.split()) >= 2
    pyplot.close(figure)


@pytest.mark.parametrize("record", [
    next(iter(make().values())) for kind, make in KINDS.items() if kind is not Advice
], ids=lambda record: type(record).__name__)  # fmt: skip
def test_axes_of_the_callers_own_are_used(record, pyplot):
    if record.FORMAT.endswith("robust_accuracy"):
        return  # draws several pictures
    figure, ax = pyplot.subplots()
    assert record.plot(ax) is ax
    assert ax.get_title()
    ax.set_title("mine")  # takes the place of what was written
    pyplot.close(figure)


@pytest.mark.parametrize("count", [1, 4, 20, 100, 1000])
def test_no_label_of_a_range_is_cut_or_covers_another(count, pyplot):
    names = tuple(f"the force on joint number {i} of the arm, in newton" for i in range(count))
    ax = output_range(count, "time", 0.1, labels=names).plot(unit="N")
    figure = ax.figure
    figure.canvas.draw()
    edge = figure.bbox
    boxes = [label.get_window_extent() for label in ax.get_yticklabels() if label.get_text()]
    boxes.sort(key=lambda box: box.y0)
    assert all(edge.x0 <= box.x0 and box.x1 <= edge.x1 for box in boxes)
    assert all(low.y1 <= high.y0 + 1 for low, high in pairwise(boxes))
    title = figure._suptitle.get_window_extent()
    assert edge.x0 <= title.x0 and title.x1 <= edge.x1 and title.y1 <= edge.y1
    assert "[N]" in ax.get_xlabel() + ax.get_ylabel()
    pyplot.close(figure)


def test_titles_state_the_result(pyplot):
    exact = " ".join(output_range(1).plot().figure.get_suptitle().split())
    assert "Output y[0] lies in [" in exact and "for every input of the set" in exact
    assert exact.endswith("(exact to 1e-06)")
    open_ = output_range(1, "time", 0.1).plot().figure.get_suptitle()
    assert "not exact: the search ended early" in " ".join(open_.split())
    pyplot.close("all")


@pytest.mark.parametrize(("count", "said"), [
    (1, "The Lipschitz constant of y[0] over the set is at most"),
    (3, "The Lipschitz constants of 3 outputs over the set are at most"),
])  # fmt: skip
def test_a_lipschitz_constant_is_of_the_set_and_not_of_an_input(count, said, pyplot):
    steepest = output_range(count, subject="lipschitz", tol=0.01)
    title = " ".join(steepest.plot().figure.get_suptitle().split())
    begin, end = f"{said} ", " (exact to 0.01)"
    assert title.startswith(begin) and title.endswith(end)
    shown = float(title[len(begin) : -len(end)])
    assert steepest.hi.max() <= shown == pytest.approx(steepest.hi.max(), rel=1e-5)
    pyplot.close("all")


def test_an_optimum_is_exact_to_its_tolerance():
    sentences = [
        text.sentence for text in CASES.values() if isinstance(text, outrange.answers.Optimum)
    ]
    assert any("(exact to 1e-06)" in text for text in sentences) and not any(
        "(exact)" in o for o in sentences
    )


def test_signs_of_a_matrix_can_be_read(pyplot):
    ax = None
    for name, record in CASES.items():
        if name.startswith("Monotone") and record.trends and len(record.trends) < 16:
            ax = record.plot()
            assert all(text.get_fontsize() >= 14 for text in ax.texts)
    assert ax is not None and ax.texts
    pyplot.close("all")


# ---- sentences ---------------------------------------------------------------------------------


@pytest.mark.parametrize("record", FEWER.values(), ids=FEWER)
def test_no_sentence_says_least_where_it_was_only_seen(record):
    text = " ".join(f"{record} {getattr(record, 'sentence', '')}".split())
    assert "would do" not in text and "(JSON has" not in text
    if isinstance(record, Range) and not record.is_exact:
        assert "What would help" in text


def test_many_outputs_are_told_by_the_outstanding_ones():
    text = str(output_range(1000, "time", 0.1))
    assert "1,000 outputs: 1,000 with an open gap." in text
    assert text.count("widest ") == text.count("narrowest ") == 5
    assert "The lowest bound is" in text and len(text.splitlines()) < 25
    assert "█" in str(output_range(20, "time", 0.1))


def test_what_is_said_of_an_order_is_said_once():
    record = CASES["Monotone, order"]
    text = str(record)
    assert text.count(record.order.claim) == 1
    assert text.count(record.warrant.name) == 1


def test_robustness_of_an_image_is_drawn_as_images(pyplot):
    cases = KINDS[outrange.answers.Robustness]()
    image = cases["image"]
    assert len(image.plot().figure.axes) >= 3
    assert len(image.plot_distances().figure.axes) == 1
    assert "`clip=(0, 1)`" in str(image) and "clip=" not in str(cases["exact"])
    assert "`clip=(0, 1)`" not in str(dataclasses.replace(image, clip=(0.0, 1.0)))
    pyplot.close("all")


def test_one_open_input_is_in_the_singular():
    plain = KINDS[outrange.answers.RobustAccuracy]()["plain"]
    assert "For 1 open input there" in str(plain)
