"""Advice: the kind of targets is read right, and what is advised can reach them."""

import json

import keras
import numpy as np
import pytest

import outrange
from cases import some
from outrange.train.targets import KINDS, read_targets


RNG = np.random.default_rng(0)
ROWS = 60
X = RNG.normal(size=(ROWS, 3))

CASES = {
    "binary": RNG.integers(0, 2, ROWS),
    "classes": np.arange(ROWS) % 4,
    "one_hot": np.eye(3)[np.arange(ROWS) % 3],
    "multi_label": RNG.integers(0, 2, (ROWS, 3)),
    "distribution": RNG.dirichlet([1, 1, 1], ROWS),
    "unit_interval": RNG.random(ROWS),
    "counts": 3 * (np.arange(ROWS) % 7),
    "positive": np.exp(3 * RNG.normal(size=ROWS)),
    "real": RNG.normal(size=ROWS),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_recognized(kind):
    assert read_targets(CASES[kind]).kind == kind
    assert read_targets(CASES[kind], kind).kind == kind


@pytest.mark.parametrize(
    ("y", "kind"),
    [
        (["cat", "dog", "cat"], "binary"),
        (["a", "b", "c"], "classes"),
        ([True, False, True], "binary"),
        ([-1, 1, 1, -1], "binary"),
        ([[0.0], [1.0], [1.0]], "binary"),
        ([1, 2, 3, 1, 2, 3], "classes"),
        ([3, 5, 7, 9, 11, 13, 15], "real"),  # whole numbers, none twice
        ([3.0, 5.0, 3.0, 5.0], "real"),
        ([0, 5, 0, 5], "counts"),
        ([[0.2, 1.7], [3.0, 1.0]], "real"),
    ],
)
def test_small_targets(y, kind):
    assert read_targets(y).kind == kind


@pytest.mark.parametrize("kind", some(KINDS, 2))
def test_what_is_advised_trains_and_can_reach_every_target(kind):
    y = CASES[kind]
    advice = outrange.recommend(X, y)
    assert advice.kind == kind
    names = {"keras": keras, "np": np, "x": X, "y": y}
    exec(advice.code, names)
    model, y = names["model"], np.asarray(names["y"], float)
    loss = model.train_on_batch(names["x"].astype("float32"), names["y"])
    assert np.isfinite(np.ravel(loss)).all()
    ends = {"sigmoid": (0, 1), "softmax": (0, 1), "exponential": (0, np.inf)}
    lo, hi = ends.get(advice.activation, (-np.inf, np.inf))
    if kind != "classes":
        assert lo <= y.min()
        assert y.max() <= hi
    if kind in ("binary", "unit_interval", "real"):
        shaped = y.reshape(ROWS, -1)
        loss = outrange.diagnose(model, X.astype("float32"), shaped, train=0)
        assert not loss.at_least("proved"), loss


def test_reasons_follow_the_data():
    scaled = outrange.recommend(X * [1, 1000, 1], CASES["real"])
    assert "Normalization" in scaled.inputs
    assert "Normalization" not in outrange.recommend(X, CASES["real"]).inputs
    images = RNG.integers(0, 256, (ROWS, 4, 4, 1))
    assert "Rescaling" in outrange.recommend(images, CASES["classes"]).inputs
    assert outrange.recommend(X, 1e6 * CASES["real"]).targets != "y"
    heavy = CASES["real"].copy()
    heavy[0] = 1e4
    assert outrange.recommend(X, heavy).loss == "huber"
    rare = np.r_[1, np.zeros(ROWS - 1, int)]
    assert "1.67%" in " ".join(outrange.recommend(X, rare).warnings)
    flat = X.copy()
    flat[:, 1] = 7.0
    assert "feature 1" in " ".join(outrange.recommend(flat, CASES["real"]).warnings)
    assert not outrange.recommend(X, CASES["classes"]).sure
    assert outrange.recommend(X, CASES["classes"], kind="counts").loss == "poisson"


def test_the_rate_at_which_gradient_descent_diverges():
    x = np.array([[1.0], [2.0], [3.0]])
    whole = np.c_[x, np.ones(3)]
    bound = 2.0 / np.linalg.eigvalsh(2.0 * whole.T @ whole / 3).max()
    advice = outrange.recommend(x, [0.5, -1.0, 2.0])
    reason = next(c.reason for c in advice.choices if c.what == "optimizer")
    assert f"diverges above {bound:.2g}" in reason


def test_it_renders():
    advice = outrange.recommend(X, ["<b>", "c"] * (ROWS // 2))
    json.dumps(advice.as_dict(), allow_nan=False)
    assert "<b>" not in advice._repr_html_()
    assert len(repr(advice)) < 150
    assert max(map(len, str(advice).splitlines())) <= 110


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X, [1.0, np.nan] * (ROWS // 2), "row 1"),
        (X, np.zeros((ROWS, 2, 2)), "shape"),
        (X[:3], CASES["real"], "60 targets"),
        (np.full((ROWS, 1), np.inf), CASES["real"], r"x\[0, 0\] = inf"),
        (np.array([["a"]] * ROWS), CASES["real"], "numeric array"),
    ],
)
def test_data_that_break_a_rule(x, y, message):
    with pytest.raises(outrange.InputError, match=message):
        outrange.recommend(x, y)


def test_a_kind_that_does_not_fit():
    with pytest.raises(outrange.InputError, match="kind 'one_hot'"):
        outrange.recommend(X, CASES["real"], kind="one_hot")
    with pytest.raises(outrange.InputError, match="kind='color'"):
        outrange.recommend(X, CASES["real"], kind="color")


def test_two_classes_are_not_three_labels():
    """The kind "classes" was used without a word."""
    with pytest.raises(outrange.InputError, match="must be two classes"):
        read_targets(np.array(["a", "b", "c", "a"]), kind="binary")


def test_the_rate_above_which_gradient_descent_diverges_is_never_understated(monkeypatch):
    """For a large table, only a lower bound on the curvature is computed."""
    from outrange.train import recommend

    rng = np.random.default_rng(0)
    tables = [rng.normal(size=(40, 7)) * scale + shift for scale, shift in ((1, 0), (3, 5), (9, 1))]
    exact = [recommend._curvature(x) for x in tables]
    for x, curvature in zip(tables, exact, strict=True):
        whole = np.c_[x, np.ones(len(x))]
        largest = np.linalg.eigvalsh(2.0 * whole.T @ whole / len(x))[-1]
        assert curvature == pytest.approx(largest, rel=1e-12)
    monkeypatch.setattr(recommend, "_DENSE", 1)
    for x, curvature in zip(tables, exact, strict=True):
        assert 0.9 * curvature < recommend._curvature(x) <= curvature * (1 + 1e-12)
