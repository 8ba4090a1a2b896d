"""Radii in real units: a factor for each input, by name or in standard deviations of data."""

from fractions import Fraction as Exact

import numpy as np
import pytest

import outrange
from outrange.core import InputError
from outrange.questions.inputs.neighborhood import Neighborhood


keras = pytest.importorskip("keras")
pd = pytest.importorskip("pandas")


def logit(weight, bias=0.0):
    model = keras.Sequential([keras.Input((len(weight),)), keras.layers.Dense(1)])
    model.set_weights([np.asarray(weight, float)[:, None], np.asarray([bias])])
    return model


MODEL = logit([1.0, -2.0, 0.5], 1.0)
POINT = np.array([0.5, -0.25, 1.0])
SCALE = np.array([2.0, 0.0, 4.0])
RADIUS = (0.5 + 0.5 + 0.5 + 1.0) / (1.0 * 2.0 + 0.5 * 4.0)
FRAME = pd.DataFrame(
    np.random.default_rng(0).normal(size=(30, 3)) * [1.0, 2.0, 0.0] + [0.0, 0.0, 1.0],
    columns=["speed", "load", "mode"],
)


@pytest.mark.parametrize("form", ["array", "names", "series"])
def test_the_radius_counts_in_units_of_the_scale(form):
    model, scale = MODEL, SCALE
    if form != "array":
        model = outrange.load(MODEL, names=list(FRAME.columns))
        scale = dict(zip(FRAME.columns, SCALE, strict=True))
        scale = pd.Series(scale) if form == "series" else scale
    answer = outrange.robustness(
        model, POINT, perturbation=outrange.Perturbation(scale=scale), tol=1e-4
    )
    assert answer.lo <= RADIUS * (1 + 1e-9) <= answer.hi * (1 + 1e-6)
    assert answer.is_exact
    assert answer.adversarial.flat_x[1] == POINT[1]
    assert "scaled L-infinity distance" in str(answer)


def test_accuracy_in_standard_deviations_is_that_of_scaled_boxes():
    data = FRAME.to_numpy()
    labels = (MODEL.predict(data, verbose=0)[:, 0] > 0).astype(int)
    answer = outrange.robust_accuracy(MODEL, FRAME, labels, outrange.Perturbation(0.5, scale="std"))
    weight = np.array([1.0, -2.0, 0.5])
    margin = np.abs(data @ weight + 1.0)
    expected = margin > 0.5 * np.abs(weight) @ data.std(axis=0)
    assert (answer.status == "robust").tolist() == expected.tolist()
    assert answer.scale == pytest.approx(data.std(axis=0))
    same = outrange.robust_accuracy(
        MODEL, data, labels, outrange.Perturbation(0.5, scale=data.std(axis=0))
    )
    assert same.status.tolist() == answer.status.tolist()
    assert "scaled inf-norm" in repr(answer)


def test_balls_in_real_units():
    lo, hi = outrange.ball(POINT, 0.5, scale=SCALE)
    assert lo.tolist() == [-0.5, -0.25, -1.0] and hi.tolist() == [1.5, -0.25, 3.0]
    row = FRAME.iloc[0]
    box = outrange.ball(row, 2.0, scale="std", data=FRAME)
    std = FRAME.to_numpy().std(axis=0)
    assert [end[1] for end in box.values()] == pytest.approx(row.to_numpy() + 2.0 * std)
    assert box["mode"] == (1.0, 1.0)


@pytest.mark.parametrize("seed", range(3))
def test_nothing_of_a_scaled_ball_is_lost_to_rounding(seed):
    rng = np.random.default_rng(seed)
    slots = outrange.load(MODEL).graph.inputs
    scale = rng.uniform(0, 1e3, 3) * (rng.uniform(size=3) < 0.7)
    scale[0] = 0.1
    around = Neighborhood.of(slots, POINT, "inf", None, scale)
    for radius in rng.uniform(0, 2, 50):
        box = around.region(radius).box
        for i in range(3):
            by = Exact(radius) * Exact(scale[i])
            assert Exact(box.lo[i]) <= Exact(POINT[i]) - by
            assert Exact(box.hi[i]) >= Exact(POINT[i]) + by
            assert scale[i] or box.lo[i] == box.hi[i] == POINT[i]
        moved = POINT + rng.uniform(-1, 1, 3) * scale
        away = around.distance(moved)
        needed = [
            abs(Exact(m) - Exact(p)) / Exact(s)
            for m, p, s in zip(moved, POINT, scale, strict=True)
            if s
        ]
        assert Exact(away) >= max(needed)


def test_scales_that_do_not_fit():
    wrong = {
        "negative": [1.0, -1.0, 1.0],
        "short": [1.0, 2.0],
        "nothing moves": [0.0, 0.0, 0.0],
        "word": "iqr",
        "no data": "std",
        "names": {"speed": 1.0},
    }
    for name, scale in wrong.items():
        with pytest.raises(InputError, match=r"[Ss]cale"):
            outrange.robustness(MODEL, POINT, perturbation=outrange.Perturbation(scale=scale))
            pytest.fail(name)
    with pytest.raises(InputError, match='requires norm="inf"'):
        outrange.robustness(MODEL, POINT, perturbation=outrange.Perturbation(scale=SCALE, norm=2))
