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
from outrange.train import monitor as monitor_module, time_share
from outrange.train.comparison import structure
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
    monitor = RangeMonitor(X, Y, share=0.5)
    history = fit(mlp(), Once(monitor), monitor, epochs=4)
    assert history["ranges/epoch"] == [0.0] * 4
    assert len(set(history["ranges/hi"])) == 1


class Once(keras.callbacks.Callback):
    """Lets a monitor look after the first epoch, and never again."""

    def __init__(self, monitor):
        super().__init__()
        self.monitor = monitor

    def on_epoch_end(self, epoch, logs=None):
        self.monitor.time_share.allows_measurement = lambda *a, **k: epoch == 0
        self.monitor.time_share.allows_comparison = lambda: False


class Clocks:
    """Wall and processor time as a test says."""

    def __init__(self, monkeypatch):
        self.wall = self.used = 0.0
        monkeypatch.setattr(time_share, "read_clock", lambda: self.wall)
        monkeypatch.setattr(time_share, "read_processor_clock", lambda: self.used)

    def set(self, wall, used=None):
        self.wall, self.used = wall, wall if used is None else used


def nothing_is_cheap(monkeypatch):
    monkeypatch.setattr(time_share, "CHEAP", 0.0)


def test_what_cannot_be_paid_is_not_done_and_the_user_is_told(monkeypatch):
    nothing_is_cheap(monkeypatch)
    with pytest.warns(UserWarning, match=r"no time to measure.*are NaN.*share=1"):
        history = fit(mlp(), RangeMonitor(X, Y, share=1e-9), epochs=3)
    assert np.isnan(history["ranges/epoch"]).all() and np.isnan(history["ranges/hi"]).all()
    assert len({len(values) for values in history.values()}) == 1


def test_a_short_training_has_numbers_in_its_last_epoch(monkeypatch):
    """By intervals, which hold what lines prove."""
    monkeypatch.setattr(time_share, "CHEAP", 60.0)
    model = mlp(keras.layers.Dense(4, "tanh"))
    history = fit(model, RangeMonitor(X, Y, share=1e-9), epochs=3)
    assert np.isnan(history["ranges/epoch"][:2]).all()
    assert history["ranges/epoch"][2] == 2.0
    answer = outrange.summary(model, X)
    assert history["ranges/lo"][2] <= answer["last"].after[0].min()
    assert history["ranges/hi"][2] >= answer["last"].after[1].max()
    assert 0.0 <= history["ranges/hidden/idle"][2] <= 1.0
    assert len({len(values) for values in history.values()}) == 1


class Stop(keras.callbacks.Callback):
    """Ends the training after its second epoch."""

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch == 1


@pytest.mark.parametrize("behind", [True, False])
def test_a_training_that_is_stopped_has_its_last_numbers(behind, monkeypatch):
    monkeypatch.setattr(time_share, "CHEAP", 60.0)
    callbacks = [RangeMonitor(X, Y, share=1e-9), Stop()]
    history = fit(mlp(), *(callbacks if behind else callbacks[::-1]), epochs=9)
    assert np.isnan(history["ranges/epoch"][0])
    assert history["ranges/epoch"][1] == 1.0
    assert np.isfinite(history["ranges/hi"][1])


def test_the_time_allowed_is_a_share_of_the_training(monkeypatch):
    clocks = Clocks(monkeypatch)
    share = time_share.TimeShare(0.05, 100)
    clocks.set(0.1)
    share.has_read()
    assert share.spent == 0.1  # a look is taken to need 0.3 s
    clocks.set(1.0)
    share.has_ended(0)
    assert not share.allows_measurement(False)  # 0.4 s are more than 4 % of 1 s
    clocks.set(1.1)
    share.has_ended(1)
    # 98 epochs of 0.1 s are to come, of which half are counted: 4 % of 6 s.
    assert not share.allows_measurement(False)
    clocks.set(1.6)
    share.has_ended(2)
    assert share.allows_measurement(False)
    clocks.set(1.7)
    share.has_measured(1.6)
    assert share.spent == pytest.approx(0.2)
    assert share.look == pytest.approx(0.1)
    share.has_ended(3)
    assert not share.allows_measurement(True)  # now only what has passed counts
    clocks.set(7.6)
    assert share.allows_measurement(True)


def test_after_the_first_look_time_is_saved_for_the_comparison(monkeypatch):
    clocks = Clocks(monkeypatch)
    share = time_share.TimeShare(0.05, 100)
    clocks.set(0.02)
    share.has_read()
    clocks.set(1.0)
    share.has_ended(0)
    clocks.set(1.01)
    share.has_measured(1.0)  # spent 0.03 s; a comparison and a look need 0.13 s
    clocks.set(1.1)
    share.has_ended(1)
    assert not share.allows_measurement(False)  # 98 epochs of 0.1 s will pay a comparison
    assert share.allows_measurement(True)
    assert not share.allows_comparison()
    share.epochs = 5  # too few to pay a comparison: looks go on
    assert share.allows_measurement(False)
    clocks.set(4.1)
    assert share.allows_comparison()


def test_an_interrupted_training_earns_no_more(monkeypatch):
    """On a busy computer 20 s of wall time were 1 s of work, of which 0.4 s are no 5 %."""
    clocks = Clocks(monkeypatch)
    share = time_share.TimeShare(0.05, 2)
    clocks.set(0.2, 0.1)
    share.has_read()
    for wall, used in ((20.0, 1.0), (1.0, 20.0)):  # or many cores
        clocks.set(wall, used)
        assert not share.allows_measurement(True)
    clocks.set(10.1, 10.1)
    assert share.allows_measurement(True)


def test_a_recording_that_is_not_the_model_is_told_when_it_is_compared(monkeypatch):
    def differs(*arguments):
        raise outrange.ModelError("The graph is not the model. Received: nonsense.")

    monitor = RangeMonitor(X, Y, share=0.9)
    monkeypatch.setattr(structure, "compare", differs)
    monkeypatch.setattr(time_share.TimeShare, "allows_measurement", lambda *a, **k: True)
    monkeypatch.setattr(time_share.TimeShare, "allows_comparison", lambda self: self.measured)
    with pytest.warns(RangeWarning, match="nonsense"):
        history = fit(mlp(), monitor, epochs=3)
    assert history["ranges/compared"][0] == 0.0
    assert np.isfinite(history["ranges/hi"][0]) and np.isnan(history["ranges/hi"][1:]).all()


def test_it_is_compared_at_the_beginning_where_time_does_not_matter():
    assert fit(mlp(), RangeMonitor(X, Y, share=1.0))["ranges/compared"] == [1.0] * 3


def test_labels_that_a_sigmoid_only_approaches_ask_for_no_diagnosis(monkeypatch):
    """A diagnosis takes longer than the training, and would find nothing."""
    asked = []
    monkeypatch.setattr(monitor_module, "findings", lambda *given: asked.append(given) or ())
    labels = (Y > 0).astype(np.float32)
    history = fit(mlp(last="sigmoid"), RangeMonitor(X, labels, share=1.0), y=labels)
    assert history["ranges/unreachable"][-1] == 1.0
    assert not asked
    fit(mlp(last="sigmoid"), RangeMonitor(X, labels - 1, share=1.0), y=labels)
    assert len(asked) == 1


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
        "r/compared",
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
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = outrange.callbacks.Nothing


def test_what_reading_takes_counts_as_time_spent():
    monitor = RangeMonitor(X, Y)
    monitor.set_model(mlp())
    monitor.on_train_begin()
    assert monitor.spent > 0.0
