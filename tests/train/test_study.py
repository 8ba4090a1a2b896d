"""Studies: what they say of known trials, files, tables and plots."""

import json
import math

import numpy as np
import pytest

from outrange import InputError, compare
from outrange.answers import Study
from outrange.answers.study.trials import Reason, Trial, combination_of


TICKS = np.array([0, 5, 10])


def trial(start, *metrics, why=()):
    return Trial(start, 10, np.linspace(1.0, 0.5, 3), np.array(metrics, float), tuple(why))


def study():
    late = Reason("T4", "MEASURED", "the loss still falls <b>.", "more epochs")
    flat = Reason("OR002", "PROVED", "always 1.")
    rows = [
        (("tanh", "mse", "sgd"), [trial(0, 0.5, 0.5, 1.0), trial(1, 0.5, 1.0, 1.0)]),
        (("tanh", "mae", "sgd"), [trial(0, 0.5, 1.0, 1.0), trial(1, 0.5, 1.0, 0.5, why=[late])]),
        (("softmax", "mse", "sgd"), [trial(0, 0.5, 0.5, math.nan, why=[flat]),
                                     trial(1, 0.5, 0.5, 0.5, why=[flat, late])]),
    ]  # fmt: skip
    combinations = tuple(
        combination_of(names, trials, TICKS, 0.9, "higher") for names, trials in rows
    )
    return Study(combinations, "accuracy", "higher", 0.9, 0.5, TICKS, 10, "complete", 1.5, "jax")


def test_the_best_succeeds_most_often_and_soonest():
    s = study()
    assert s.best.name == "tanh, mse, sgd"
    assert (s.best_activation, s.best_loss, s.best_optimizer) == ("tanh", "mse", "sgd")
    assert s.best_pair == ("tanh", "mse")
    assert [c.solved.sum() for c in s.ranking] == [2, 1, 0]
    assert s.best.epochs_to_goal == 5
    np.testing.assert_array_equal(s["tanh", "mae", "sgd"].reached, [5, np.nan])
    assert len(s.failures) == 3
    assert [r.code for r in s["softmax", "mse", "sgd"].why] == ["OR002", "T4"]
    with pytest.raises(KeyError, match="activation, loss and optimizer"):
        s["tanh", "mse", "adam"]


def test_intervals_are_of_values_reached():
    lo, hi, confidence = study().best.interval()
    assert (lo, hi) == (1.0, 1.0)
    assert confidence == pytest.approx(0.5)
    assert study().best.chance == pytest.approx((0.025**0.5, 1.0))


def test_files_keep_everything(tmp_path):
    s = study()
    s.save(tmp_path / "s.json")
    again = Study.load(tmp_path / "s.json")
    assert again.as_dict() == s.as_dict()
    assert str(again) == str(s)
    record = json.loads((tmp_path / "s.json").read_text())
    record["version"] = 99
    (tmp_path / "s.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="version 99"):
        Study.load(tmp_path / "s.json")
    record["version"] = 1
    record["answer"]["combinations"] = [{"@": "Combination", "activation": "x"}]
    for text, message in (
        ("{}", "must be a file that `answer.save` wrote"),
        ("no json", "is not JSON"),
        (json.dumps(record), "TypeError"),
    ):
        (tmp_path / "s.json").write_text(text)
        with pytest.raises(InputError, match=message):
            Study.load(tmp_path / "s.json")
    with pytest.raises(InputError, match="does not exist"):
        Study.load(tmp_path / "none.json")


def test_it_renders():
    s = study()
    assert "Best: tanh, mse, sgd (2 of 2 starts" in str(s)
    assert "OR002 PROVED: always 1." in str(s)
    html = s._repr_html_()
    assert "<b>" not in html
    assert html.count("<tr>") == html.count("</tr>") == 4
    assert len(repr(s)) < 300
    assert s.rows()[0]["epochs_to_goal"] == 5


def test_it_plots():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    s = study()
    axes = s.plot_heatmap()
    assert [t.get_text() for t in axes.texts] == ["100%", "50%", "0%", "0%"]
    with pytest.raises(InputError, match="optimizer='adam'"):
        s.plot_heatmap(optimizer="adam")
    axes = s.plot_curves(most=1)
    assert len(axes.lines) == 3  # two starts and the goal
    pyplot.close("all")


def test_pairs_that_succeed_as_often_are_all_named():
    keras = pytest.importorskip("keras")
    build = lambda activation: keras.Sequential(  # noqa: E731
        [keras.Input((2,)), keras.layers.Dense(1, activation=activation)]
    )
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
    study = compare(
        build,
        x,
        x.prod(axis=1, keepdims=True),
        candidates={"activation": ["sigmoid", "tanh"], "loss": ["mse"], "optimizer": ["sgd"]},
        training={"starts": 1, "epochs": 2},
        goal=-1.0,
    )
    assert all(c.solved.all() for c in study.combinations)
    assert set(study.best_pairs) == {("sigmoid", "mse"), ("tanh", "mse")}
    assert study.best_pair == study.best_pairs[0]
    text = " ".join(str(study).split())
    assert "succeed most often" in text and "0 % confidence" not in text
