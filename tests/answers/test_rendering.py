"""Tests that every answer renders in every medium, however unusual its numbers."""

import json
from dataclasses import replace

import numpy as np
import pytest

from outrange.answers.render.text import number, tidy, vector
from outrange.cli.commands.demo import demo_text
from outrange.frontends.network import Network
from outrange.questions.output_range import output_range
from outrange.questions.sample_range import sample_range
from outrange.questions.summary import summary
from questions.nets import dense_net, two_in_two_out


NETS = [dense_net((2, 3), ("relu",)), two_in_two_out(), dense_net((3, 120), ("tanh",))]


@pytest.mark.parametrize("net", NETS)
def test_answers_render(net):
    answer, sampled = (
        output_range(net, (0, 1), time_limit=5),
        sample_range(net, (0, 1), samples=100),
    )
    layers = summary(net, (0, 1))
    for record in (answer, sampled, layers):
        json.dumps(record.as_dict(), allow_nan=False)
        assert len(repr(record)) < 600
        html = record._repr_html_()
        assert html.count("<tr>") == html.count("</tr>") > 0
        assert "<script" not in html
    assert "output" in str(answer)
    assert "missed" in demo_text(answer, sampled)


def test_infinite_bounds_render():
    answer = output_range(NETS[0], (0, 1))
    wide = replace(answer, lo=answer.lo - np.inf, hi=answer.hi + np.inf, status="time")
    assert "unbounded" in str(wide)
    assert "unbounded" in wide._repr_html_()
    assert json.loads(json.dumps(wide.as_dict(), allow_nan=False))["lo"][0] == "-inf"
    assert "gap inf" in repr(wide)


def test_names_are_escaped_in_html():
    answer = replace(output_range(NETS[0], (0, 1)), model="<b>&")
    assert "<b>" not in answer._repr_html_()


def test_display_hides_residues_and_negative_zero():
    assert vector(tidy([-4e-16, 2.0], 2.0)) == "[0., 2.]"
    assert vector(tidy([-0.5000000001], 1.0)) == "[-0.5]"
    assert vector(tidy([np.inf, -np.inf], np.inf)) == "[inf, -inf]"
    assert vector(tidy([1.23456789e-9], 1.23456789e-9)) == "[1.23457e-09]"
    assert vector(np.arange(12)) == "[0., 1., 2., ..., 9., 10., 11.]"
    assert number(None) == "-"


def test_plot_draws_one_bar_an_output():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    axes = output_range(NETS[0], (0, 1)).plot()
    assert [label.get_text() for label in axes.get_yticklabels()] == ["y[0]", "y[1]", "y[2]"]


def test_a_long_name_of_a_layer_loses_its_type_before_its_middle():
    row = summary(NETS[0], (0, 1)).layers[0]
    for name, kind in (("normalization", "Normalization"), ("conv_block_12_norm", "LayerNorm" * 4)):
        long = replace(row, name=name, kind=kind, parameters=10**8)
        text = str(replace(summary(NETS[0], (0, 1)), layers=(long,)))
        assert name in text and "ormalization)" not in text, text
        assert max(map(len, text.splitlines())) <= 100
    huge = replace(long, name="a" * 90)
    assert "aaa…aaa" in str(replace(summary(NETS[0], (0, 1)), layers=(huge,)))


def test_what_no_bound_decides_is_not_said_to_be_free():
    pytest.importorskip("matplotlib").use("Agg")
    figure = summary(NETS[0], (0, 1)).plot().figure
    labels = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert "not decided" in labels and not any("free" in item for item in labels)


def test_a_short_counterexample_is_shown_once():
    import outrange

    def network(net):
        return Network(net.graph, None, "net", "test")

    small = outrange.verify(network(NETS[0]), outrange.y[0] <= -1e6, (0, 1))
    assert str(small).count(str(small.counterexample.flat_x.tolist())) == 1
    assert "at x = [" not in str(small) and "x: [" in str(small)
    assert small.sentence.startswith("The property is broken at x = [")
    wide = outrange.verify(network(dense_net((20, 1), (None,))), outrange.y[0] <= -1e6, (0, 1))
    assert "20 numbers from" in str(wide)


def test_a_radius_of_inputs_in_mixed_units_hints_at_a_scale():
    from answers.record_cases import CASES

    plain = next(record for name, record in CASES.items() if name.startswith("Robustness"))
    plain = replace(plain, hi=np.inf, adversarial=None, status="never")
    mixed = replace(plain, x=np.array([0.5, 2000.0]), scale=None)
    text = " ".join(str(mixed).split())
    assert "give each input its own unit" in text and "a factor of 4000" in text
    for x, scale in (([0.5, 2000.0], np.ones(2)), ([0.0, 2000.0], None), ([0.5, 5.0], None)):
        assert "scale=" not in str(replace(plain, x=np.array(x), scale=scale))
    assert "scale=" not in str(replace(plain, x=np.linspace(1e-3, 1, 784), scale=None))
    assert "scale=" in str(replace(plain, x=np.array([15.0, 250.0, 15.0, 1.0]), scale=None))
    picture = np.linspace(0.01, 255.0, 64).reshape(8, 8, 1)
    assert "scale=" not in str(replace(plain, x=picture, scale=None))
    assert "scale=" not in str(replace(plain, x=np.array([1e-3, 2.0]), scale=None))


def adversarial(center, moved):
    from outrange.answers.answer import Cost
    from outrange.answers.robustness import Robustness
    from outrange.answers.verdict import Counterexample
    from outrange.core import Warrant

    moved = np.asarray(moved, float)
    example = Counterexample(moved, np.zeros(1), None, None, moved, np.zeros(1))
    return Robustness(
        "m", "y[0] <= 1", "inf", None, np.asarray(center, float), 0.5, 1.0, example, 0.01, "exact",
        Warrant.FLOAT64_ROUNDED, Cost(0.1, 0),
    )  # fmt: skip


def test_a_radius_names_the_input_that_breaks_it():
    text = str(adversarial([1, 2], [1.25, 1.0]))
    assert "broken at x = [1.25, 1.], where x[1] changed most, from 2 to 1." in text
    assert "boxes" not in text
    alike = str(adversarial([1, 2], [2.0, 1.0]))
    assert "broken at x = [2., 1.]." in alike and "changed most" not in alike


def test_an_input_that_is_bad_itself_is_said_once():
    text = str(replace(adversarial([1, 2], [1, 2]), lo=0.0, hi=0.0, status="broken"))
    assert text.lower().count("breaks the property") == 1


def test_what_nobody_claimed_is_not_violated():
    from answers.record_cases import CASES

    plain = next(r for n, r in CASES.items() if n.startswith("Monotone") and not r.is_claim)
    for text in (str(plain), repr(plain)):
        assert "VIOLATED" not in text and "HOLDS" not in text
    assert "outrange-bad" not in plain.html().split("</style>")[1]
    claimed = replace(plain, wanted="rises")
    assert claimed.status in str(claimed) and claimed.status in repr(claimed)
    assert "outrange-bad" in claimed.html().split("</style>")[1]


def test_gaps_without_a_range_seen_are_not_counted():
    from answers.record_cases import output_range

    answer = output_range(1, "time", 1e9)
    assert ">1000" in str(answer) and "times the range seen" not in repr(answer)


def test_an_empty_set_has_no_least_value():
    from answers.record_cases import CASES

    empty = next(r for r in CASES.values() if getattr(r, "status", "") == "infeasible")
    assert "inf" not in str(empty).replace("infeasible", "") and "No input satisfies" in str(empty)


NINE = np.arange(9.0)


def over(**changes):
    from outrange.core import InputDomain

    options = {"names": ("speed", "night"), "lo": np.zeros(2), "hi": np.array([30.0, 0.0])}
    return InputDomain(**options | changes)


def many(lo, hi):
    count = len(lo)
    return over(names=tuple(f"x[{i}]" for i in range(count)), lo=lo, hi=hi)


@pytest.mark.parametrize(
    ("domain", "line"),
    [
        (over(), "over speed 0..30, night = 0"),
        (over(cuts=("in an L2 ball",)), "over speed 0..30, night = 0 (in an L2 ball)"),
        (many(np.zeros(784), np.ones(784)), "over 784 inputs in 0..1"),
        (many(NINE - 0.1, NINE + 0.1), "over 9 inputs, each within ±0.1 of a point"),
        (many(NINE, NINE), "over a single point of 9 inputs"),
        (many(np.zeros(9), NINE), "over a box of 9 inputs"),
        (many(np.full(9, -np.inf), NINE), "over a set of 9 inputs"),
    ],
)
def test_the_input_set_stands_below_the_title(domain, line):
    from answers.record_cases import output_range

    answer = replace(output_range(2), over=domain)
    assert str(answer).splitlines()[1] == line
    assert f'<p class="outrange-over">{line}</p>' in answer.html()
    box = answer.as_dict()["box"]
    assert box["names"] == list(domain.names) and box["cuts"] == list(domain.cuts)


def test_large_sets_are_told_apart_by_their_hash():
    from answers.record_cases import output_range

    end = np.ones(2000)
    first, second = (
        replace(output_range(2), over=many(np.zeros(2000), hi)).as_dict()["box"]
        for hi in (end, np.append(end[1:], 2.0))
    )
    assert (first["inputs"], first["lo"], first["hi"], second["hi"]) == (2000, 0.0, 1.0, 2.0)
    assert first["sha256"] != second["sha256"]
