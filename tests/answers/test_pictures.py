"""Tests of figures of answers: input set, scale and color."""

from dataclasses import replace

import numpy as np
import pytest

import outrange
from answers.record_cases import counterexample, output_range
from outrange import x, y
from outrange.answers.answer import Cost
from outrange.answers.counterexamples import Counterexamples
from outrange.answers.monotone import FallingPair, Monotone, Trend
from outrange.answers.render.document import Bar
from outrange.answers.render.images import is_image
from outrange.answers.render.plot import balance_lines
from outrange.answers.render.style import bar as svg_bar
from outrange.answers.render.text import TICK, _bar
from outrange.answers.summary import LayerRow, Summary
from outrange.answers.tables.directions import BROKEN
from outrange.core import InputDomain, Warrant
from outrange.frontends.network import Network
from questions.nets import dense_net


PROOF = Warrant.FLOAT64_ROUNDED


@pytest.fixture(autouse=True)
def pyplot():
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


def texts(ax):
    return [text.get_text() for text in ax.texts]


def title_of(ax):
    return ax.figure.get_suptitle()


# ---- against which set -------------------------------------------------------------------------


def test_counterexamples_are_drawn_against_the_set_asked_about(random_network):
    answer = outrange.counterexamples(random_network, y[0] <= -1e6, (-1, 3), count=2)
    np.testing.assert_array_equal(answer.box, [[-1, -1], [3, 3]])
    ax = answer.plot()
    assert texts(ax) == ["[-1, 3]"] * 2
    (labels,) = [[t.get_text() for t in legend.get_texts()] for legend in ax.figure.legends]
    assert "the input set" in labels


@pytest.fixture
def random_network():
    return Network(dense_net((2, 1), (None,)).graph, None, "net", "test")


@pytest.mark.parametrize(("shape", "drawn"), [
    ((2,), False), ((64,), False), ((4, 9), False), ((8, 8), True), ((8, 8, 1), True),
    ((28, 28, 3), True), ((3, 8, 8), True), ((24, 4), False), ((8, 8, 7), False), ((), False),
], ids=str)  # fmt: skip
def test_pictures_are_inputs_of_the_shape_of_one(shape, drawn):
    assert is_image(np.zeros(shape)) == drawn


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1), (5, 6, 3)], ids=str)
@pytest.mark.parametrize("count", [1, 6])
def test_a_counterexample_that_is_a_picture_is_drawn_as_one(shape, count):
    size = int(np.prod(shape))
    example = counterexample(size)
    example = replace(example, x=example.x.reshape(shape))
    over = InputDomain(tuple(example.names), example.flat_x - 0.5, example.flat_x + 0.5)
    answer = Counterexamples("net", "y[0] <= 1", (example,) * count, 6, 0.0, "all", PROOF,
                             Cost(1.0, 1), over=over)  # fmt: skip
    ax = answer.plot()
    assert len(ax.images) == 3 * min(count, 4)
    assert texts(ax)[:3] == ["middle of the set", "added (up to 1.11e-16)", "breaks it"] or (
        texts(ax)[0] == "middle of the set" and texts(ax)[2] == "breaks it"
    )


# ---- scales ------------------------------------------------------------------------------------


@pytest.mark.parametrize("find", [outrange.minimize, outrange.maximize])
@pytest.mark.parametrize("where", [None, x[0] <= 0.25])
def test_an_optimum_is_drawn_on_the_scale_of_the_values(find, where):
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.set_weights([np.array([[2.0], [1.0]]), np.ones(1)])
    answer = find(model, y[0], (0.5, 1) if where is None else (0, 1), where=where)
    ax = answer.plot()
    lo, hi = ax.get_xlim()
    assert hi - lo >= 0.2 * abs(answer.value)
    if where is None:
        assert answer.seen is not None and answer.seen[1] - answer.seen[0] > 0.5
        assert lo < answer.seen[0] and answer.seen[1] < hi
    ax.figure.canvas.draw()
    assert not ax.xaxis.get_major_formatter().get_offset()


def test_derivatives_in_mixed_units_are_all_seen():
    ends = np.array([1e-4, 1.0, 14.0, 0.0])
    mixed = output_range(
        4, subject="gradient", lo=-ends, hi=ends, seen_lo=-ends, seen_hi=ends, status="time"
    )
    ax = mixed.plot()
    widths = [patch.get_width() for patch in ax.patches[:3]]
    assert min(widths) > 1.9 and "its own scale" in ax.get_xlabel()
    assert texts(ax) == ["[-0.0001, 0.0001]", "[-1, 1]", "[-14, 14]", "[0, 0]"]
    alike = replace(mixed, lo=-np.ones(4), hi=np.ones(4), seen_lo=-np.ones(4), seen_hi=np.ones(4))
    assert "own" not in alike.plot().get_xlabel()
    none = replace(mixed, **dict.fromkeys(("lo", "hi", "seen_lo", "seen_hi"), np.zeros(4)))
    assert "own" not in none.plot().get_xlabel()


@pytest.mark.parametrize("axis", [(0.0, 0.0), (-1.0, 1.0), (-1.7e308, 1.7e308)], ids=str)
def test_a_constant_is_a_tick_and_no_bar(axis):
    drawn = _bar(Bar(0.0, 0.0, 0.0, 0.0), *axis, 31)
    assert drawn.strip() == TICK and drawn.index(TICK) == 15
    assert "<rect" not in svg_bar(Bar(0.0, 0.0), *axis)
    assert _bar(Bar(0.0, 1.0), 0.0, 1.0, 5) == "░░░░░"


def test_one_output_has_a_bar_where_it_shows_a_gap():
    assert "█" not in str(output_range(1)) and "<svg" not in output_range(1)._repr_html_()
    assert "█" in str(output_range(1, "time", 0.3)) and "█" in str(output_range(2))


# ---- words and colors --------------------------------------------------------------------------


def test_titles_are_balanced_and_without_backticks(random_network):
    sentence = "Every output of this network lies between two ends that are proved and (not exact)"
    lines = balance_lines(sentence, 60).splitlines()
    assert len(lines) == 2 and min(map(len, lines)) > 30
    assert balance_lines("word " * 200, 60).endswith("…") and not balance_lines("", 60)
    assert "`" not in title_of(outrange.verify(random_network, y[0] <= -1e6, (0, 1)).plot())


def pair(rises, falls, name):
    here = FallingPair(np.zeros(1), np.ones(1), 1.0, 0.0, None, None, None)
    return Trend("y", name, rises, falls, here if rises is False else None,
                 here if falls is False else None)  # fmt: skip


@pytest.mark.parametrize("wanted", [None, "rises", "falls"])
def test_red_is_for_a_broken_claim_alone(wanted):
    trends = (pair(False, False, "a"), pair(True, None, "b"), pair(None, None, "c"))
    if wanted is not None:  # the other side was not asked about
        trends = (pair(*((False, None) if wanted == "rises" else (None, False)), "a"), trends[2])
    ax = Monotone("net", trends, wanted, None, "time", PROOF, Cost(1, 1)).plot()
    red = np.array([int(BROKEN[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    cells = ax.images[0].get_array()[0]
    assert [bool(np.allclose(cell, red)) for cell in cells] == [
        wanted is not None, *[False] * (len(trends) - 1)
    ]  # fmt: skip
    if wanted:
        assert "1 refuted, 1 not decided" in " ".join(title_of(ax).split())


def test_layers_without_an_activation_are_not_called_undecided():
    none, ends = np.zeros(4, bool), (np.zeros(4), np.ones(4))
    bent = LayerRow("d", "Dense", (4,), 1, ends, ends, none, none, none, none)
    flat = replace(bent, name="f", kind="Flatten", before=None)
    ax = Summary("net", (flat,), "linear", 0.1).plot()
    (legend,) = ax.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["no activation"]
    both = Summary("net", (bent, flat), "linear", 0.1)
    assert "None of the 4 units with an activation" in both.sentence
    dead = Summary("net", (replace(bent, dead=~none), flat), "linear", 0.1)
    assert dead.sentence.startswith("Among 4 units with an activation")
    assert dead.sentence.endswith(": 4 dead")


def test_few_cells_of_a_matrix_stay_small():
    ax = Monotone("net", (pair(True, None, "a"),), None, None, "decided", PROOF, Cost(1, 1)).plot()
    ax.figure.canvas.draw()
    box = ax.get_window_extent()
    assert box.width == pytest.approx(box.height) and box.width < 0.25 * ax.figure.bbox.width


def test_outputs_in_the_shape_of_an_image_are_drawn_as_images(pyplot):
    """784 pixels of a decoder were drawn as bars, by number."""
    answer = output_range(64, "time", 0.1)
    names = "lo", "hi", "seen_lo", "seen_hi"
    ends = {name: getattr(answer, name).reshape(8, 8, 1) for name in names}
    drawn = replace(answer, **ends).plot()
    assert len(drawn.images) == 3 and not drawn.patches
    titles = texts(drawn)
    assert titles[:2] == ["never below", "never above"] and titles[2].startswith("difference")
    assert not answer.plot().images, "a vector is no image"
