"""A time limit holds while files are read, conditions spread out, and points evaluated."""

import jax.numpy as jnp
import numpy as np
import pytest

import outrange
from outrange.core import Box, Clock, OutOfTime, deadline
from outrange.core.arrays import linear_forms
from outrange.graph import Builder, Slot
from outrange.questions.evidence.budget import MOST_SHARE, EvidenceBudget
from outrange.questions.output_range import output_range
from outrange.search.common.problem import with_rows
from questions.nets import dense_net


@pytest.fixture
def keras_file(tmp_path):
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, "relu", name="hidden")])
    model.save(tmp_path / "net.keras")
    return tmp_path / "net.keras"


def test_reading_a_model_stops_at_the_deadline(keras_file):
    with pytest.raises(OutOfTime), deadline(0.0):
        outrange.load(keras_file)


def chain_of_curves(b, x):
    for _ in range(16):
        x = b.curve("tanh", b.affine_map(x, 0.5, 0.1))
    b.finish([x], ["y"])


def code_of_jax(b, x):
    from outrange.frontends.functions import trace

    trace(b, lambda x: jnp.tanh(0.5 * x), [b.reshape(x, (2,))], None, "The plant")


@pytest.mark.parametrize("part", [chain_of_curves, code_of_jax])
def test_every_step_of_reading_looks_at_the_deadline(part):
    b = Builder([Slot("x", (2,))])
    with pytest.raises(OutOfTime), deadline(0.0):
        part(b, b.input_values()[0])
    b = Builder([Slot("x", (2,))])
    part(b, b.input_values()[0])


def test_a_long_property_is_undecided_not_late(keras_file, tmp_path):
    network = outrange.load(keras_file)
    declared = [f"(declare-const {v} Real)" for v in ("X_0", "X_1", "Y_0", "Y_1", "Y_2")]
    bounds = [f"(assert (<= X_{i} 1)) (assert (>= X_{i} 0))" for i in (0, 1)]
    many = " ".join(f"(and (>= X_0 {i / 1e6}) (>= Y_0 {i}))" for i in range(100_000))
    file = tmp_path / "long.vnnlib"
    file.write_text("\n".join([*declared, *bounds, f"(assert (or {many}))"]))
    verdict = outrange.verify(network, file, time_limit=1e-3)
    assert (verdict.status, verdict.reason) == ("UNKNOWN", "time")
    assert verdict.cost.seconds < 5


@pytest.mark.parametrize("question", ["verify", "counterexamples", "bad_inputs", "maximize"])
def test_reading_several_networks_may_outlast_the_limit(question, keras_file):
    """The answer has the bounds that are known without a search, as for one network."""
    subject = "f.y[0] - g.y[1]" if question == "maximize" else "f.y[0] <= g.y[1] + 99"
    models = {"f": keras_file, "g": keras_file}
    answer = getattr(outrange, question)(models, subject, (0, 1), time_limit=1e-4)
    assert question != "verify" or answer.status in ("HOLDS", "UNKNOWN")
    assert question != "maximize" or answer.hi < 99


def test_hidden_values_may_outlast_the_limit(keras_file):
    verdict = outrange.verify(keras_file, 'layer("hidden")[0] <= 99', (0, 1), time_limit=1e-4)
    assert verdict.status in ("HOLDS", "UNKNOWN")


def test_a_file_about_several_networks_is_refused_when_its_time_is_over(keras_file, tmp_path):
    file = tmp_path / "two.vnnlib"
    file.write_text(
        "(vnnlib-version <2.0>)\n"
        + "".join(
            f"(declare-network {n} (declare-input {n}x Real [2]) (declare-output {n}y Real [3]))\n"
            for n in "fg"
        )
        + "(assert (and (<= fx[0] gx[0]) (<= fy[0] gy[0])))\n"
    )
    with pytest.raises(outrange.InputError, match="time limit expired"):
        outrange.verify({"f": keras_file, "g": keras_file}, file, time_limit=1e-4)


def test_few_points_are_evaluated_where_time_is_short():
    net = dense_net([2, 3], [None])
    box = Box(np.zeros(2), np.ones(2))
    unlimited = EvidenceBudget.of(net.graph, box, 1000, Clock(None))
    assert (unlimited.seconds, unlimited.points) == (0.0, 1000)
    limit = 1e-7
    short = EvidenceBudget.of(net.graph, box, 1000, Clock(limit))
    assert short.seconds <= MOST_SHARE * limit and 1 <= short.points < 1000
    kept = short.spread(1000)
    assert 1 <= len(kept) <= short.points and kept.min() >= 0 and kept.max() <= 999


def test_a_range_of_many_outputs_in_no_time_is_still_a_range():
    net = dense_net([2, 300], ["relu"])
    answer = output_range(net, (-1, 1), time_limit=1e-4)
    exact = output_range(net, (-1, 1))
    assert (answer.lo <= exact.lo + 1e-9).all() and (exact.hi <= answer.hi + 1e-9).all()
    assert (answer.seen_lo >= exact.lo - 1e-9).all() and (answer.seen_hi <= exact.hi + 1e-9).all()


def test_a_range_over_a_ball_in_no_time_is_an_answer():
    graph = dense_net([3, 8, 2], ["relu", None]).graph
    center = np.array([0.1, 0.2, 0.3])
    answer = outrange.output_range(graph, outrange.L2Ball(center, 0.3), time_limit=1e-9)
    assert answer.status == "time"
    rng = np.random.default_rng(0)
    away = rng.normal(size=(2000, 3))
    seen = graph.run(center + 0.3 * away / np.linalg.norm(away, axis=1, keepdims=True))
    assert (answer.lo <= seen.min(axis=0)).all() and (seen.max(axis=0) <= answer.hi).all()
    for at in (*answer.at_lo, *answer.at_hi):
        assert np.linalg.norm(at - center) <= 0.3


def test_a_range_over_a_polytope_in_no_time_is_an_answer_without_an_input():
    graph = dense_net([3, 8, 2], ["relu", None]).graph
    some = outrange.Polytope([[1, 1, 0]], [0.5], (0, 1))
    answer = outrange.output_range(graph, some, time_limit=1e-9)
    assert answer.status == "time"
    # No input was looked at: none is shown, and nothing is said to be seen.
    assert np.isnan(answer.at_lo).all() and np.isnan(answer.at_hi).all()
    np.testing.assert_array_equal(answer.seen_lo, answer.hi)
    np.testing.assert_array_equal(answer.seen_hi, answer.lo)
    assert "No input of the set is known yet" in str(answer) and "nan" not in str(answer)


@pytest.mark.parametrize("entries", [0, 1, 2, 5])
def test_forms_of_few_entries_are_those_of_the_matrix(entries):
    rng = np.random.default_rng(entries)
    rows = np.zeros((40, 700))
    for row in rows:
        row[rng.choice(700, entries, replace=False)] = rng.standard_normal(entries)
    values = rng.standard_normal((6, 700))
    assert np.allclose(linear_forms(rows, values), values @ rows.T)
    net, offset = dense_net([3, 700], ["relu"]), rng.standard_normal(40)
    x = rng.standard_normal((5, 3))
    formed = with_rows(net.graph, rows, offset)
    assert np.allclose(formed.run(x), net.graph.run(x) @ rows.T + offset)
    assert len(formed.nodes) == len(net.graph.nodes) + 1


def test_forms_that_are_the_outputs_keep_them():
    values = np.array([[1.0, np.nan, np.inf]])
    assert linear_forms(np.eye(3), values) is values
    swapped = linear_forms(-np.eye(3)[::-1], values)
    assert swapped[0, 0] == -np.inf and np.isnan(swapped[0, 1]) and swapped[0, 2] == -1.0


@pytest.mark.parametrize("ask", [outrange.monotone, outrange.gradient_range, outrange.lipschitz])
def test_questions_about_slopes_answer_in_no_time(keras_file, ask):
    network = outrange.load(keras_file)
    answer = ask(network, (0, 1), time_limit=1e-9)
    if ask is not outrange.monotone:
        # Plain bounds of one hidden layer may be all there is to prove.
        assert answer.status in ("time", "exact")
        exact = ask(network, (0, 1))
        assert (answer.lo <= exact.lo + 1e-9).all() and (exact.hi <= answer.hi + 1e-9).all()


def test_a_command_reads_its_model_however_short_the_limit(keras_file, capsys):
    from outrange.cli.run import run

    code = run(["range", str(keras_file), "--box", "-1", "1", "--time-limit", "0.01"])
    assert code in (0, 3) and "Output range" in capsys.readouterr().out
