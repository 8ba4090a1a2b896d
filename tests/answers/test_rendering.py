"""Every answer renders in every medium, however odd its numbers."""

import json
from dataclasses import replace

import numpy as np
import pytest

from outrange.answers.render.text import number, tidy, vector
from outrange.cli.text import demo_text
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
    told = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert "not decided" in told and not any("free" in one for one in told)


def test_a_short_counterexample_is_shown_once():
    import outrange

    def network(net):
        return Network(net.graph, None, "net", "test")

    small = outrange.verify(network(NETS[0]), outrange.y[0] <= -1e6, (0, 1))
    assert str(small).count(str(small.counterexample.flat_x.tolist())) == 1
    assert "at x = [" not in str(small) and "x: [" in str(small)
    assert small.sentence.startswith("It is broken at x = [")
    wide = outrange.verify(network(dense_net((20, 1), (None,))), outrange.y[0] <= -1e6, (0, 1))
    assert "20 numbers from" in str(wide)


def test_a_radius_of_inputs_in_mixed_units_hints_at_a_scale():
    from answers.record_cases import CASES

    plain = next(one for name, one in CASES.items() if name.startswith("Robustness"))
    mixed = replace(plain, x=np.array([0.5, 2000.0]), scale=None)
    assert "`scale=` gives each" in str(mixed) and "a factor of 4000" in str(mixed)
    for x, scale in (([0.5, 2000.0], np.ones(2)), ([0.0, 2000.0], None), ([0.5, 5.0], None)):
        assert "scale=" not in str(replace(plain, x=np.array(x), scale=scale))
    assert "scale=" not in str(replace(plain, x=np.linspace(1e-3, 1, 784), scale=None))
