"""Directions of outputs, steps that refute them, groups, and refusals."""

import json
import warnings

import numpy as np
import pytest

import outrange
from cases import cases
from outrange import InputError, monotone
from outrange.core.errors import RelaxedSetWarning
from outrange.graph import Builder, Slot, softmax
from outrange.graph.rewrites.order import reduce_to_logits
from outrange.questions.gradients.monotone_witness import MonotoneWitnesses
from questions.nets import Net, dense_net


def lines(rows, curve=None):
    """Return `curve(rows @ x)`."""
    rows = np.asarray(rows, float)
    return dense_net((rows.shape[1], len(rows)), (curve,), weights=[(rows.T, np.zeros(len(rows)))])


def directions(answer):
    return [trend.direction for trend in answer.trends]


def test_every_direction_is_named():
    answer = monotone(lines([[2, -1, 0]], "relu").graph, (-1, 1))
    assert directions(answer) == ["rises", "falls", "constant"]
    assert answer
    wave = monotone(lines([[1]], "abs").graph, (-1, 1))
    assert directions(wave) == ["neither"]
    assert wave.status == "VIOLATED" and not wave
    fall, rise = wave.trends[0].fall, wave.trends[0].rise
    assert fall.then > fall.x and fall.then_y < fall.y
    assert rise.then > rise.x and rise.then_y > rise.y


def test_a_direction_that_is_asked_for():
    graph = lines([[2, -1]]).graph
    assert monotone(graph, (0, 1), direction="rises", inputs=0).status == "HOLDS"
    assert monotone(graph, (0, 1), direction="falls", inputs=1).status == "HOLDS"
    wrong = monotone(graph, (0, 1), direction="rises")
    assert wrong.status == "VIOLATED"
    assert wrong["y[0]", "x[1]"].rises is False
    assert wrong["y[0]", "x[0]"].rises is True


def test_an_input_that_cannot_move_has_no_effect():
    answer = monotone(lines([[1, 1]], "abs").graph, ([0.5, -1], [0.5, 1]))
    assert directions(answer) == ["fixed", "neither"]
    assert answer.trends[0].is_fixed and answer.trends[0].rises and answer.trends[0].falls
    assert "A fixed input cannot change" in str(answer)


def test_a_category_cannot_change_alone():
    """The output falls in x[0] only between categories, where the box has points but the set none.

    It is `relu(x0) - 2 relu(x0 - |x1 - x2|)` with `x0` in [0, 1]; `|x1 - x2|` is 1 in the set.
    """
    b = Builder([Slot("x", (3,))])
    (x,) = b.input_values()
    apart = b.curve("abs", b.dense(x, np.array([[0.0], [1.0], [-1.0]]), np.zeros(1)))
    z = b.dense(b.concat([x, apart], 1), np.array([[1.0, 1], [0, 0], [0, 0], [0, -1]]), np.zeros(2))
    graph = b.finish([b.dense(b.curve("relu", z), np.array([[1.0], [-2.0]]), np.zeros(1))], ["y"])
    box = (np.zeros(3), np.ones(3))
    assert directions(monotone(graph, box, inputs=0)) == ["neither"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer = monotone(graph, outrange.Mixed(box, one_hot=[[1, 2]]))
    assert directions(answer) == ["rises", "fixed", "fixed"]
    assert answer


def test_a_set_without_a_category_is_refused():
    empty = outrange.Mixed(([0, 0], [0.5, 0.5]), one_hot=[[0, 1]])
    with pytest.raises(InputError, match="the bounds exclude this"):
        monotone(lines([[1, 1]]).graph, empty)


def test_samples_refute_both_directions_before_any_search():
    """A pair whose direction is hard to prove does not delay the counterexamples of the others."""
    net = dense_net((12, 48, 24, 1), ("relu", "relu", None), seed=3)
    answer = monotone(net.graph, (-2.0, 2.0), budget=0.5)
    assert directions(answer) == ["neither"] * 12


def test_outputs_and_layers_are_picked():
    net = dense_net((2, 3, 2), ("relu", None))
    answer = monotone(net.graph, (0, 1), outputs=1, inputs=[1])
    assert [(t.output, t.input) for t in answer.trends] == [("y[1]", "x[1]")]
    rows = np.array([[1.0, -1.0], [2.0, 1.0]])
    hidden = dense_net((2, 2, 1), ("relu", None), weights=[
        (rows.T, np.zeros(2)), (np.array([[1.0], [-1.0]]), np.zeros(1))
    ])  # fmt: skip
    inner = monotone(outrange.load(hidden.graph, layer="dense_0"), (0.1, 1), inputs=0)
    assert directions(inner) == ["rises", "rises"]


def test_time_is_an_answer(rng):
    net = dense_net((6, 40, 40, 1), ("tanh", "tanh", None), seed=3)
    answer = monotone(net.graph, (-3, 3), inputs=0, time_limit=0.3)
    assert answer.reason in ("time", "decided")
    assert answer.holds is None or answer.trends[0].fall is not None


@pytest.mark.parametrize(
    "call, part",
    [
        (lambda g: monotone(g, (0, 1), direction="up"), "'up'"),
        (lambda g: monotone(g, (0, 1), inputs=7), "7"),
        (lambda g: monotone(g, (0, 1), inputs="z"), "'z'"),
        (lambda g: monotone(g, (0, 1), outputs=[]), "at least one"),
        (lambda g: monotone(g, (0, 1), inputs=1.5), "1.5"),
        (lambda g: monotone(g, (0, 1), groups=2, inputs=0), "groups"),
        (lambda g: monotone(g, (0, 1), groups=[[0, 1], [1, 2]]), "[[0, 1], [1, 2]]"),
        (lambda g: monotone(g, (0, 1), groups=4), "groups=4"),
        (lambda g: monotone(g, (0, 1), time_limit=-1), "-1"),
    ],
)
def test_refused(call, part):
    with pytest.raises(InputError, match="Received: ") as error:
        call(dense_net((2, 3), (None,)).graph)
    assert part in str(error.value)


def test_it_renders():
    net = dense_net((2, 6), ("tanh",))
    for answer in (monotone(net.graph, (-1, 1)), monotone(net.graph, (-1, 1), groups=2)):
        json.dumps(answer.as_dict(), allow_nan=False)
        assert len(repr(answer)) < 600
        assert answer.headline in str(answer)
        assert answer._repr_html_().count("<tr>") > 1


# ---- groups -------------------------------------------------------------------------------------


def grouped_net(rows, soft: bool):
    """Return groups of three from `rows @ x`, with or without a softmax each."""
    b = Builder([Slot("x", (2,))])
    z = b.dense(b.input_values()[0], np.asarray(rows, float).T)
    parts = [b.structural(lambda a, i=i: a[0][:, i : i + 3], [z]) for i in range(0, len(rows), 3)]
    return b.finish([b.concat([softmax(b, p) if soft else p for p in parts], 1)], ["p"])


UP = np.array([[0.0, 0.0], [1.0, 0.5], [2.0, 1.0]])


@pytest.mark.parametrize("soft", [False, True])
def test_groups_in_order_and_out_of_order(soft):
    """Logits are `i * (s + c)`: the index increases with the slope `c` added per group."""
    rises = grouped_net(np.concatenate([UP, UP + [[0, 0], [0, 1], [0, 2]]]), soft)
    assert monotone(rises, ([-1, 0.1], [1, 1]), groups=2).status == "HOLDS"
    answer = monotone(rises, ([-1, -1], [1, 1]), groups=2)
    assert answer.status == "VIOLATED"
    y = answer.order.counterexample.flat_y.reshape(2, 3)
    assert y[1].argmax() < y[0].argmax()


def test_the_logits_take_the_place_of_a_softmax():
    graph = grouped_net(np.concatenate([UP, UP]), True)
    logits = reduce_to_logits(graph, [[0, 1, 2], [3, 4, 5]])
    plain = grouped_net(np.concatenate([UP, UP]), False)
    x = np.random.default_rng(0).normal(size=(20, 2))
    np.testing.assert_array_equal(logits.run(x), plain.run(x))
    # Entries of two softmaxes share no order.
    mixed = reduce_to_logits(graph, [[0, 3], [1, 4]])
    np.testing.assert_array_equal(mixed.run(x), graph.run(x)[:, [0, 3, 1, 4]])


def test_random_groups_agree_with_samples(rng):
    for seed in range(12):
        draw = np.random.default_rng(seed)
        rows = np.concatenate([UP, UP + draw.normal(size=(3, 2)) * 0.3 + [[0, 0], [0, 1], [0, 2]]])
        graph = grouped_net(rows, False)
        answer = monotone(graph, ([-1, 0.3], [1, 1]), groups=[[0, 1, 2], [3, 4, 5]])
        x = rng.uniform([-1, 0.3], [1, 1], (20000, 2))
        y = graph.run(x).reshape(-1, 2, 3).argmax(axis=2)
        falls = bool((y[:, 1] < y[:, 0]).any())
        assert answer.holds is not None
        assert not (falls and answer.holds)
        if not answer.holds:
            y = answer.order.counterexample.flat_y.reshape(2, 3)
            assert y[1].argmax() < y[0].argmax()


@pytest.mark.slow
def test_equal_groups_never_fall():
    graph = grouped_net(np.concatenate([UP, UP]), False)
    answer = monotone(graph, (-1, 1), groups=2, time_limit=cases(0.4, None))
    assert answer.status in ("HOLDS", "UNKNOWN")


def test_a_network_without_a_model_is_answered():
    assert monotone(Net(lines([[1.0]]).graph).graph, (0, 1))


def test_the_example_is_the_largest_change_of_the_points_tried(monkeypatch):
    """An example that fell by 1e-10 hid another one, of half the output's range."""
    find, changes = MonotoneWitnesses.find_fall, []

    def recorded(self, x, output, direction, sign):
        pair = find(self, x, output, direction, sign)
        if sign > 0 and pair is not None:
            changes.append(pair.y - pair.then_y)
        return pair

    monkeypatch.setattr(MonotoneWitnesses, "find_fall", recorded)
    net = dense_net((2, 12, 1), ("tanh", None), seed=4)
    trend = monotone(net.graph, (-1, 1), inputs=[0]).trends[0]
    assert trend.direction == "neither" and len(set(changes)) > 1
    assert trend.fall.y - trend.fall.then_y == max(changes)
    assert changes[0] < max(changes), "the first point already has the largest change"


def test_a_refuted_direction_is_named_in_the_table():
    answer = monotone(lines([[2, -1]]).graph, (-1, 1), direction="rises")
    assert answer.status == "VIOLATED"
    table = str(answer)
    assert "can fall" in table and "unknown" not in table


def test_a_direction_between_integers_is_not_called_decided():
    """`relu(x) - 1.9 relu(x - 0.5)` rises and falls in [0, 1], and rises from 0 to 1."""
    bend = dense_net(
        (1, 2, 1), ("relu", None),
        weights=[(np.ones((1, 2)), np.array([0, -0.5])), (np.array([[1.0], [-1.9]]), np.zeros(1))],
    )  # fmt: skip
    with pytest.warns(RelaxedSetWarning):
        answer = monotone(bend.graph, outrange.Mixed((0, 1), integers=[0]))
    assert answer.trends[0].falls is False and answer.trends[0].rises is None
    assert (answer.status, answer.reason) == ("UNKNOWN", "integers")
    assert "between integers" in str(answer) and "(decided)" not in str(answer)
    wanted = monotone(bend.graph, (0, 1), direction="rises")
    assert (wanted.status, wanted.reason) == ("VIOLATED", "decided")
