"""The record that `output_range` returns, and its treatment of arguments."""

import json

import numpy as np
import pytest

from outrange.core import InputError, ModelError, OutrangeError, Warrant
from outrange.questions.evidence.evaluate import enclose
from outrange.questions.output_range import output_range
from outrange.search import solve
from questions.nets import Net, dense_net, two_in_two_out


def test_known_range_and_attaining_inputs():
    net = dense_net((2, 1), (None,), weights=[([[-0.5], [1.0]], [0.0])])
    answer = output_range(net, (0, 1))
    np.testing.assert_allclose([answer.lo[0], answer.hi[0]], [-0.5, 1.0], atol=1e-12)
    assert answer.at_lo.tolist() == [[1.0, 0.0]]
    assert answer.at_hi.tolist() == [[0.0, 1.0]]
    assert answer.model_lo.tolist() == [-0.5]
    assert answer.status == "exact"
    assert answer.warrant is Warrant.FLOAT64_ROUNDED
    assert repr(answer) == "Range(lo=[-0.5], hi=[1.], exact to 1e-06, FLOAT64_ROUNDED)"


def test_claim_and_evidence_of_a_bent_net():
    net = dense_net((3, 8, 4), ("relu", None))
    answer = output_range(net, (-1, 1))
    x = np.random.default_rng(1).uniform(-1, 1, (20_000, 3))
    y = net.graph.run(x)
    assert np.all(answer.lo <= y.min(axis=0))
    assert np.all(y.max(axis=0) <= answer.hi)
    assert np.all(answer.gap <= 2e-6 * (answer.seen_hi - answer.seen_lo))
    for at, seen, side in ((answer.at_lo, answer.seen_lo, 1), (answer.at_hi, answer.seen_hi, 0)):
        assert at.shape == (4, 3)
        assert np.all(np.abs(at) <= 1)
        # Sums of other batches may be rounded otherwise: each encloses the value by itself.
        lo, hi = (end.diagonal() for end in enclose(net.graph, at))
        assert np.all(lo <= seen) if side else np.all(seen <= hi)
        np.testing.assert_allclose(seen, (lo, hi)[side], rtol=1e-14, atol=1e-14)


def test_several_inputs_and_outputs():
    answer = output_range(two_in_two_out(), {"x": (0, 1), "u": (2, 3)})
    np.testing.assert_allclose(answer.lo, [2, -1, 6], atol=1e-12)
    np.testing.assert_allclose(answer.hi, [5, 1, 9], atol=1e-12)
    assert list(answer.by_name) == ["sum", "pair"]
    pair = answer["pair"]
    assert pair.lo.shape == (2,)
    assert pair.at_hi["x"].shape == (2, 2)
    assert pair.at_hi["u"].shape == (2, 1)
    assert pair.at_hi["u"][1].tolist() == [3.0]
    assert pair["pair"] is pair
    with pytest.raises(InputError, match="must be one of"):
        answer["nope"]


def test_rows_are_bounded_as_they_are():
    net = dense_net((2, 2), (None,), weights=[(np.eye(2), [0.0, 0.0])])
    answer = output_range(net, (0, 1), rows=[[1, -1], [1, 1], [0, 0]])
    np.testing.assert_allclose(answer.lo, [-1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(answer.hi, [1, 2, 0], atol=1e-12)
    np.testing.assert_allclose(answer.model_hi, [1, 2, 0], atol=1e-6)


def test_fixed_inputs():
    net = dense_net((3, 8, 2), ("relu", None))
    point = np.array([0.25, -0.5, 1.0])
    answer = output_range(net, (point, point))
    value = net.graph.run(point[None])[0]
    np.testing.assert_allclose(answer.lo, value, rtol=1e-13)
    np.testing.assert_allclose(answer.hi, value, rtol=1e-13)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"tol": -1e-6}, "tol"),
        ({"tol": float("nan")}, "tol"),
        ({"tol": "small"}, "tol"),
        ({"time_limit": 0}, "time"),
        ({"time_limit": float("nan")}, "time"),
        ({"rows": [[1, 2, 3]]}, "shape"),
        ({"rows": [[np.nan, 0]]}, r"rows\[0, 0\]"),
        ({"rows": "no"}, "rows"),
    ],
)
def test_bad_arguments(arguments, word):
    with pytest.raises(InputError, match=word):
        output_range(dense_net((2, 3, 2), ("relu", None)), (0, 1), **arguments)


def test_a_model_that_is_not_its_graph_is_an_error():
    net = dense_net((2, 3, 2), ("relu", None))
    wrong = Net(net.graph, lambda x: net.predict(x) + 1e-3)
    with pytest.raises(ModelError, match="output 0 is"):
        output_range(wrong, (0, 1))


def test_float32_rounding_is_not_an_error():
    net = dense_net((10, 64, 64, 64, 3), ("tanh", "relu", "relu", None))
    output_range(net, (-1e-3, 1e-3), time_limit=5, tol=0.5)


def test_interrupted_before_the_search_reports_interval_bounds(monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(solve, "select_search", interrupt)
    net = dense_net((3, 8, 4), ("relu", None))
    answer = output_range(net, (-1, 1))
    assert answer.status == "interrupted"
    y = net.graph.run(np.random.default_rng(1).uniform(-1, 1, (1000, 3)))
    assert np.all((answer.lo <= y) & (y <= answer.hi))


def test_progress_speaks_of_outputs():
    seen = []
    net = dense_net((4, 16, 2), ("relu", None))
    answer = output_range(net, (-1, 1), progress=seen.append)
    for now in seen:
        assert now.lo.shape == (2,)
        assert np.all(now.lo <= answer.seen_lo)
        assert np.all(now.hi >= answer.seen_hi)
        assert np.all((now.share_known >= 0) & (now.share_known <= 1))


def test_time_gives_valid_bounds():
    net = dense_net((12, 64, 64, 1), ("relu", "relu", None))
    answer = output_range(net, (-1, 1), time_limit=0.5)
    assert answer.status == "time"
    y = net.graph.run(np.random.default_rng(1).uniform(-1, 1, (10_000, 12)))
    assert answer.lo[0] <= y.min()
    assert y.max() <= answer.hi[0]
    assert "the search ended early, gap " in repr(answer)


def test_as_dict_survives_json():
    answer = output_range(two_in_two_out(), {"x": (0, 1), "u": 2.0})
    record = json.loads(json.dumps(answer.as_dict(), allow_nan=False))
    assert record["version"] == 1
    assert record["lo"] == answer.lo.tolist()
    assert record["at_lo"]["x"] == answer.at_lo["x"].tolist()
    assert record["warrant"] == "FLOAT64_ROUNDED"


def test_evidence_against_the_claim_cannot_be_built():
    from dataclasses import replace

    answer = output_range(dense_net((2, 3, 1), ("relu", None)), (0, 1))
    with pytest.raises(OutrangeError, match="bug in outrange"):
        replace(answer, seen_lo=answer.lo - 1.0)
    with pytest.raises(OutrangeError, match="bug in outrange"):
        replace(answer, lo=answer.lo * np.nan)
