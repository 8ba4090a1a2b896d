"""Limits, interrupts, refusals and the record of the set of bad inputs."""

import json

import numpy as np
import pytest

from cases import combine
from outrange.core import Atom, InputError, OutrangeError, Warrant
from outrange.core.formula import TRUE
from outrange.questions.expressions import x, y
from outrange.questions.violations import bad_inputs as module
from outrange.search.preimage import paving
from questions.nets import dense_net
from questions.test_bad_inputs import ask, check_points, diamond, height, quantile, square_sum


# ---- limits ---------------------------------------------------------------------------------


def _hard():
    return dense_net((4, 24, 24, 1), ("relu", "relu", None), 1)


def _brackets(answer, net, unsafe, rng):
    points = rng.uniform(-1, 1, (50_000, 4))
    bad = np.mean(height(net, unsafe, points) <= 0)
    assert answer.share_lo - 0.01 <= bad <= answer.share_hi + 0.01
    check_points(answer, net, unsafe, points)


@pytest.mark.parametrize(
    "options", [{"time_limit": 1e-6}, {"time_limit": 0.3}, {"most_pieces": 40}]
)
def test_a_limit_leaves_valid_bounds(options, rng):
    net = _hard()
    unsafe = Atom(((4, 1.0),), -quantile(net, 0.4, 4, rng))
    answer = ask(net, unsafe, (-1, 1), share_tol=0.0, **options)
    assert answer.status == ("pieces" if "most_pieces" in options else "time")
    pieces = len(answer.pieces) + len(answer.box_lo) + len(answer.undecided_lo)
    assert pieces <= options.get("most_pieces", np.inf)
    _brackets(answer, net, unsafe, rng)


@pytest.mark.parametrize(("place", "calls"), combine(["bound", "halve", "tell"], [1, 2, 3, 10]))
def test_an_interrupt_leaves_valid_bounds(calls, place, monkeypatch, rng):
    net, left = _hard(), [calls]
    unsafe = Atom(((4, 1.0),), -quantile(net, 0.4, 4, rng))
    owner, name = {
        "bound": (module.ClauseBounds, "bound"),
        "halve": (paving, "_place"),
        "tell": (module, "enumerate_patterns"),
    }[place]
    work = getattr(owner, name)

    def interrupt(*arguments):
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        return work(*arguments)

    monkeypatch.setattr(owner, name, interrupt)
    answer = ask(net, unsafe, (-1, 1), share_tol=0.1, most_pieces=1000)
    assert answer.status == "interrupted"
    _brackets(answer, net, unsafe, rng)


def test_interrupted_before_anything_is_known(monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "ClauseBounds", interrupt)
    answer = ask(diamond(), y[0] >= 1, (-1, 1))
    assert (answer.share_lo, answer.share_hi, answer.holds) == (0, 1, None)
    assert answer.contains([0.0, 0.0]) is None


# ---- the record -----------------------------------------------------------------------------


@pytest.mark.parametrize(("options", "word"), [
    ({"share_tol": -0.1}, "share_tol"), ({"share_tol": np.nan}, "share_tol"),
    ({"share_tol": "small"}, "share_tol"), ({"time_limit": 0}, "time"),
    ({"most_pieces": 0}, "most_pieces"), ({"most_pieces": 2.5}, "most_pieces"),
])  # fmt: skip
def test_bad_arguments(options, word):
    with pytest.raises(InputError, match=word):
        ask(diamond(), y[0] >= 1, (-1, 1), **options)


def test_points_that_do_not_fit():
    answer = ask(diamond(), y[0] >= 1, (-1, 1))
    for points in (np.zeros(3), np.zeros((2, 3)), "no", [[np.nan, 0.0]], {"u": [0.0, 0.0]}):
        with pytest.raises(InputError):
            answer.contains(points)
    assert answer.contains(np.zeros((0, 2))).shape == (0,)


@pytest.mark.slow
def test_the_record_renders_everywhere():
    for net, box in ((diamond(), (-1, 1)), (square_sum(), (-1, 1)), (square_sum(1), (-1, 2))):
        answer = ask(net, y[0] >= 1, box)
        record = json.loads(json.dumps(answer.as_dict(), allow_nan=False))
        assert record["version"] == 1
        assert record["share_lo"] == answer.share_lo
        assert len(record["pieces"]) == len(answer.pieces)
        assert answer.warrant is Warrant.FLOAT64_ROUNDED
        assert repr(answer).startswith("BadInputs('p', share 0.")
        assert "% of the set" in str(answer)
        assert "<svg" in answer._repr_html_()
    assert "<svg" not in ask(square_sum(3), y[0] >= 1, (-1, 1))._repr_html_()
    assert "No input" in str(ask(diamond(), y[0] >= 3, (-1, 1)))


def test_the_picture_has_the_area_of_the_share():
    answer = ask(diamond(), y[0] >= 1, (-1, 1))
    area = 0.0
    for piece in answer.pieces:
        a, b = piece.corners(answer.varying).T
        area += 0.5 * abs(a @ np.roll(b, 1) - b @ np.roll(a, 1))
    np.testing.assert_allclose(area / 4, 0.5, rtol=1e-9)


@pytest.mark.slow
def test_plot():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    _, ax = pyplot.subplots()
    assert ask(diamond(), y[0] >= 1, (-1, 1)).plot(ax) is ax
    assert sum(len(shapes.get_paths()) for shapes in ax.collections) == 4
    assert ax.get_xlim() == (-1, 1)
    many = ask(square_sum(3), y[0] >= 1, (-1, 1))
    with pytest.raises(InputError, match="one or two"):
        many.drawing()
    assert "of the set breaks the property" in " ".join(many.plot().figure.get_suptitle().split())
    pyplot.close("all")


def test_shares_that_are_no_bounds_cannot_be_told():
    from dataclasses import replace

    answer = ask(diamond(), y[0] >= 1, (-1, 1))
    with pytest.raises(OutrangeError, match="bug in outrange"):
        replace(answer, share_lo=0.9)


def test_a_set_without_inputs():
    answer = ask(diamond(), TRUE, (-1, 1), where=x[0] >= 2)
    assert answer.nowhere
    assert answer.share_hi == 0
    assert answer.contains([0.0, 0.0]) is False
