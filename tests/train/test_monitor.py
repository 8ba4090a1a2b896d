"""Ranges during `fit`: the numbers are right, and reach whoever reads `logs`."""

import csv
import warnings
from dataclasses import replace

import keras
import numpy as np
import pytest

import outrange
from outrange.callbacks import RangeMonitor, RangeWarning
from outrange.graph import Graph, Slot
from outrange.train.comparison.structure import Structure
from outrange.train.snapshot import gradient_norms


X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
Y = X.sum(axis=1, keepdims=True)


def mlp(*extra, last=None):
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(6, "relu", name="hidden"),
            *extra,
            keras.layers.Dense(1, last, name="last"),
        ]
    )
    model.compile(keras.optimizers.SGD(0.01), "mse")
    return model


def fit(model, *callbacks, epochs=3, x=X, y=Y):
    return model.fit(x, y, epochs=epochs, verbose=0, callbacks=list(callbacks)).history


@pytest.mark.parametrize("extra", [[], [keras.layers.BatchNormalization(name="norm")]])
def test_the_numbers_are_those_of_the_trained_model(extra):
    model = mlp(*extra)
    history = fit(model, RangeMonitor(X, Y, share=1.0))
    answer = outrange.summary(model, X)
    assert history["ranges/epoch"] == [0.0, 1.0, 2.0]
    assert history["ranges/lo"][-1] == pytest.approx(float(answer["last"].after[0].min()))
    assert history["ranges/hi"][-1] == pytest.approx(float(answer["last"].after[1].max()))
    assert history["ranges/hidden/dead"][-1] == answer["hidden"].count("dead") / 6
    hidden = keras.Model(model.inputs, model.get_layer("hidden").output)(X)
    silent = (np.asarray(hidden) == 0).all(axis=0).mean()
    assert history["ranges/hidden/idle"][-1] == silent


def test_gradient_norms_are_those_of_finite_differences():
    model = mlp(keras.layers.Dense(4, "tanh"))
    network = Structure(model).now()
    graph, x = network.graph, X[:5].astype(float)
    values = graph.run_all(x)
    norms = gradient_norms(graph, values)
    step = 1e-6
    for value in range(1, len(values)):
        rest = Graph((Slot("v", (values[value].shape[1],)),), *tail(graph, value), {})
        slopes = [
            (rest.run(values[value] + step * unit) - rest.run(values[value] - step * unit))[:, 0]
            / (2 * step)
            for unit in np.eye(values[value].shape[1])
        ]
        expected = np.linalg.norm(slopes, axis=0)
        np.testing.assert_allclose(norms[value], expected, rtol=1e-4, atol=1e-8)


def tail(graph, value):
    """Nodes after a value, which becomes the input, the output, and the outputs' slots."""
    nodes = [
        replace(node, inputs=tuple(j - value for j in node.inputs)) for node in graph.nodes[value:]
    ]
    return tuple(nodes), graph.output - value, graph.outputs


def test_later_callbacks_see_the_numbers(tmp_path):
    file = tmp_path / "log.csv"
    fit(mlp(), RangeMonitor(X, Y, share=1.0), keras.callbacks.CSVLogger(file))
    with file.open() as lines:
        rows = list(csv.DictReader(lines))
    assert [float(row["ranges/epoch"]) for row in rows] == [0.0, 1.0, 2.0]
    assert float(rows[0]["ranges/hi"]) > float(rows[0]["ranges/lo"])


def test_epochs_without_a_look_repeat_the_last_and_say_so():
    history = fit(mlp(), RangeMonitor(X, Y, share=1e-9), epochs=4)
    assert history["ranges/epoch"] == [0.0] * 4
    assert len(set(history["ranges/hi"])) == 1


def test_what_becomes_provable_is_warned_of_once():
    model = mlp(last="sigmoid")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(model, RangeMonitor(X, 5 + Y**2, share=1.0), y=5 + Y**2)
    codes = [str(w.message).split()[0] for w in caught if w.category is RangeWarning]
    assert codes.count("OR001") == 1
    assert len(codes) == len(set(codes))
    with warnings.catch_warnings():
        warnings.simplefilter("error", RangeWarning)
        fit(mlp(last="sigmoid"), RangeMonitor(X, 5 + Y**2, warn=False), y=5 + Y**2)
        fit(mlp(), RangeMonitor(X, Y))


def test_targets_and_layers_are_optional():
    history = fit(mlp(), RangeMonitor(X, layers=False, prefix="r"))
    assert sorted(k for k in history if k != "loss") == [
        "r/dead",
        "r/epoch",
        "r/hi",
        "r/idle",
        "r/lo",
        "r/saturated",
    ]


def test_training_is_not_changed():
    # Batches are shuffled by the global generator, so only a full batch is comparable.
    plain, watched = mlp(), mlp()
    watched.set_weights(plain.get_weights())
    plain.fit(X, Y, batch_size=64, epochs=3, verbose=0)
    watched.fit(X, Y, batch_size=64, epochs=3, verbose=0, callbacks=[RangeMonitor(X, Y, share=1.0)])
    for a, b in zip(plain.get_weights(), watched.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_arguments_that_break_a_rule():
    with pytest.raises(outrange.InputError, match="share=0"):
        RangeMonitor(X, share=0)
    with pytest.raises(outrange.InputError, match=r"input shape \(3,\)"):
        fit(mlp(), RangeMonitor(X[:, :2]))
    with pytest.raises(AttributeError, match="RangeMonitor"):
        _ = outrange.callbacks.Nothing


def test_what_reading_takes_counts_as_time_spent():
    monitor = RangeMonitor(X, Y)
    monitor.set_model(mlp())
    monitor.on_train_begin()
    assert monitor.spent > 0.0
