"""`RangeMonitor` with inputs of every shape; nothing of its own ends a training."""

import warnings

import numpy as np
import pytest

import outrange
from cases import some
from outrange.callbacks import RangeMonitor, RangeWarning
from outrange.train import watched
from outrange.train.comparison.structure import Structure
from outrange.train.snapshot import moment


keras = pytest.importorskip("keras")
L, ops = keras.layers, keras.ops
RNG = np.random.default_rng(0)
N = 24
Y = RNG.normal(size=(N, 1)).astype("float32")


def real(*shape):
    return RNG.normal(size=(N, *shape)).astype("float32")


def chain(shape, *layers, dtype="float32"):
    return keras.Sequential([keras.Input(shape, dtype=dtype), *layers, L.Dense(1, name="last")])


def two_inputs():
    a, b = keras.Input((3,), name="wide"), keras.Input((2, 2), name="deep")
    z = L.Concatenate()([L.Dense(3, "relu", name="left")(a), L.Flatten()(b)])
    return keras.Model([a, b], L.Dense(1, name="last")(z))


def dict_of_inputs():
    inputs = {"b": keras.Input((2,)), "a": keras.Input((3, 1))}
    z = L.Concatenate()([L.Flatten()(inputs["a"]), inputs["b"]])
    return keras.Model(inputs, L.Dense(1, name="last")(L.Dense(4, "tanh")(z)))


def two_outputs():
    x = keras.Input((4, 3))
    z = L.Conv1D(2, 2, activation="relu")(x)
    z = L.Flatten()(z)
    return keras.Model(x, [L.Dense(1, name="value")(z), L.Dense(2, "tanh", name="other")(z)])


CASES = {
    "an image": lambda: (
        chain((6, 6, 2), L.Conv2D(3, 3, activation="relu", name="conv"), L.MaxPooling2D(),
              L.Flatten()), real(6, 6, 2), Y),
    "an image of one channel": lambda: (
        chain((6, 6, 1), L.Conv2D(2, 3, activation="relu"), L.GlobalAveragePooling2D()),
        real(6, 6), Y),
    "a sequence": lambda: (chain((4, 2), L.SimpleRNN(3)), real(4, 2), Y),
    "an LSTM": lambda: (chain((3, 2), L.LSTM(2)), real(3, 2), Y),
    "a sequence, convolved": lambda: (
        chain((7, 2), L.Conv1D(3, 3, activation="relu"), L.Flatten()), real(7, 2), Y),
    "a sequence of any length": lambda: (
        chain((None, 2), L.Conv1D(3, 3, activation="relu"), L.GlobalMaxPooling1D()),
        real(6, 2), Y),
    "tokens": lambda: (
        chain((5,), L.Embedding(7, 3), L.GlobalAveragePooling1D(), dtype="int32"),
        RNG.integers(0, 7, (N, 5)), Y),
    "one number": lambda: (chain((1,), L.Dense(3, "relu")), real(), Y),
    "a volume": lambda: (chain((3, 3, 3, 1), L.Conv3D(2, 2, activation="relu"), L.Flatten()),
                         real(3, 3, 3, 1), Y),
    "two inputs": lambda: (two_inputs(), [real(3), real(2, 2)], Y),
    "two inputs by name": lambda: (
        two_inputs(), {"deep": real(2, 2), "wide": real(3)}, Y),
    "a dict of inputs": lambda: (dict_of_inputs(), {"a": real(3, 1), "b": real(2)}, Y),
    "two outputs": lambda: (
        two_outputs(), real(4, 3), [Y, np.tanh(real(2))]),
    "attention": lambda: (chain((3, 4), L.Dense(4, "relu", name="before"),
                                keras.layers.Lambda(lambda t: ops.softmax(t) * t), L.Flatten(),
                                L.Dense(3, "relu", name="behind")), real(3, 4), Y),
}  # fmt: skip


def fit(model, x, y, *callbacks, epochs=2):
    """Train with a monitor at every epoch; it must not have anything to warn of."""
    model.compile(keras.optimizers.SGD(1e-3), "mse")
    with warnings.catch_warnings():
        warnings.simplefilter("error", RangeWarning)
        return model.fit(
            x, y, epochs=epochs, batch_size=N, verbose=0,
            callbacks=[RangeMonitor(x, y, share=1.0), *callbacks],
        ).history  # fmt: skip


@pytest.mark.parametrize("name", some(CASES, 3))
def test_inputs_of_every_shape(name):
    model, x, y = CASES[name]()
    history = fit(model, x, y)
    assert history["ranges/epoch"] == [0.0, 1.0]
    outputs = [np.asarray(o) for o in keras.tree.flatten(model.predict(x, verbose=0))]
    # The least and the largest bound are over all outputs, and hold what the model returns.
    assert history["ranges/lo"][-1] <= min(o.min() for o in outputs) + 1e-5
    assert history["ranges/hi"][-1] >= max(o.max() for o in outputs) - 1e-5
    assert np.isfinite([history["ranges/lo"], history["ranges/hi"]]).all()
    assert all(len(values) == 2 for values in history.values())


def test_a_dict_goes_by_the_names_of_the_inputs():
    model = two_inputs()
    wide, deep = real(3), real(2, 2)
    structure = Structure(model, {"deep": deep, "wide": wide})
    expected = np.concatenate([wide, deep.reshape(N, 4)], axis=1)
    np.testing.assert_array_equal(structure.rows(), expected)


def test_gradients_of_layers_inside_fused_curves():
    """They were 0: a curve goes from before the first of them past the others."""
    model = chain((3,), L.Dense(4, "relu"), L.LeakyReLU(name="leaky"), L.ELU(name="elu"))
    x = real(3)
    structure = Structure(model, x)
    network = structure.now()
    gradients = moment(network, structure.data_box(np.arange(N)), structure.rows())
    kernel = np.asarray(model.get_layer("last").kernel, float)[:, 0]
    h = np.asarray(model.layers[0](x), float)
    by = {layer.name: layer.gradient for layer in gradients.layers}
    # relu(z) >= 0, where both are the identity but for the slope of the first at 0.
    assert network.bypassed and (h > 0).any() and (h == 0).any()
    by_leaky = np.linalg.norm(kernel * np.where(h > 0, 1.0, 0.3), axis=1)
    assert by["leaky"] == pytest.approx((by_leaky.min(), by_leaky.max()))
    assert by["elu"] == pytest.approx((np.linalg.norm(kernel),) * 2)


def test_calls_of_a_shared_layer_have_numbers():
    x = keras.Input((3,))
    twice = L.Dense(3, "relu", name="twice")
    model = keras.Model(x, L.Dense(1)(twice(twice(x))))
    history = fit(model, real(3), Y)
    assert {"ranges/twice:0/idle", "ranges/twice:1/idle"} <= set(history)


def test_gradients_are_unknown_only_before_what_has_none():
    model, x, y = CASES["attention"]()
    history = fit(model, x, y)
    assert np.isnan(history["ranges/before/gradient_hi"]).all()
    assert np.isfinite(history["ranges/behind/gradient_hi"]).all()


def test_a_recurrent_layer_is_recorded_once():
    """Its initial zeros were a tensor of the backend, for which every look recorded it again."""
    recurrent, x, _ = CASES["an LSTM"]()
    assert Structure(recurrent, x).fixed
    twice = Structure(recurrent, x).now()
    expected = np.asarray(recurrent(x), float)
    np.testing.assert_allclose(twice.graph.run(x.reshape(N, -1)), expected, atol=1e-5)


def test_rows_that_are_looked_at_in_parts_give_the_same(monkeypatch):
    model, x, _ = CASES["an image"]()
    structure = Structure(model, x)
    arguments = structure.now(), structure.data_box(np.arange(N)), structure.rows()
    whole = moment(*arguments)
    monkeypatch.setattr(outrange.train.snapshot, "NUMBERS", 1)
    parts = moment(*arguments)
    assert [(a.idle, a.gradient) for a in whole.layers] == [
        (b.idle, pytest.approx(b.gradient)) for b in parts.layers
    ]


class Break(keras.callbacks.Callback):
    """Breaks the weights after the first epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            self.model.get_layer("last").kernel.assign(
                np.full(self.model.get_layer("last").kernel.shape, np.nan)
            )


def test_weights_that_are_no_numbers_any_more_end_no_training():
    model, x, y = CASES["an image"]()
    model.compile("sgd", "mse")
    seen = RangeMonitor(x, y, share=1.0)
    with pytest.warns(RangeWarning, match="OR016"):
        history = model.fit(x, y, epochs=3, verbose=0, callbacks=[Break(), seen]).history
    assert history["ranges/epoch"] == [0.0, 1.0, 2.0]
    assert np.isnan(history["ranges/hi"][1:]).all() and np.isfinite(history["ranges/hi"][0])


def test_an_operation_that_may_leave_its_domain_has_an_infinite_range():
    """The difference is 1 at every row, and anything in their box."""
    first = L.Dense(1, use_bias=False, trainable=False)
    model = chain((2,), first, L.Lambda(ops.log), L.Dense(2, "leaky_relu", name="behind"))
    first.kernel.assign([[-1.0], [1.0]])
    x = np.repeat(RNG.normal(size=(N, 1)), 2, axis=1) + [0.0, 1.0]
    history = fit(model, x.astype("float32"), Y, epochs=1)
    assert (history["ranges/lo"], history["ranges/hi"]) == ([-np.inf], [np.inf])
    assert np.isfinite(history["ranges/behind/gradient_hi"]).all()


def test_whatever_fails_in_a_look_is_told_and_the_training_goes_on(monkeypatch):
    def broken(*arguments, **options):
        raise MemoryError("no room")

    monkeypatch.setattr(watched, "moment", broken)
    model, x, y = CASES["a sequence"]()
    model.compile("sgd", "mse")
    with pytest.warns(RangeWarning, match="continues. MemoryError: no room") as warnings:
        history = model.fit(
            x, y, epochs=3, verbose=0, callbacks=[RangeMonitor(x, y, share=1.0)]
        ).history
    assert len(history["loss"]) == 3 and np.isnan(history["ranges/hi"]).all()
    assert sum(w.category is RangeWarning for w in warnings) == 1


def test_wrong_data_are_told_when_the_callback_is_made():
    with pytest.raises(outrange.InputError, match="must consist of numeric arrays"):
        RangeMonitor(iter([real(3)]))
    with pytest.raises(outrange.InputError, match="must consist of numeric arrays"):
        RangeMonitor(np.array(["a", "b"]))
    with pytest.raises(outrange.InputError, match="`x` must have at least one row"):
        RangeMonitor([real(3), real(3)[:4]])
    with pytest.raises(outrange.InputError, match="`x` must have at least one row"):
        RangeMonitor(real(3)[:0])
    with pytest.raises(outrange.InputError, match="24 rows of inputs and 4 of targets"):
        RangeMonitor(real(3), Y[:4])
    with pytest.raises(outrange.InputError, match="share='a lot'"):
        RangeMonitor(real(3), share="a lot")


def test_data_that_do_not_fit_are_told_before_the_first_step():
    model, x, y = CASES["an image"]()
    model.compile("sgd", "mse")

    def begin(x, y=y):
        model.fit(real(6, 6, 2), Y, verbose=0, callbacks=[Unreached(), RangeMonitor(x, y)])

    class Unreached(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            raise AssertionError("training has begun")

    with pytest.raises(outrange.InputError, match=r"input shape \(6, 6, 2\)"):
        begin(x.reshape(N, -1))
    with pytest.raises(outrange.InputError, match="one array for each input"):
        begin([x, x])
    with pytest.raises(outrange.InputError, match="at least one row of finite numbers"):
        begin(np.full_like(x, np.nan))
    model = two_inputs()
    model.compile("sgd", "mse")
    with pytest.raises(outrange.InputError, match="one array for each of"):
        given = [real(3), real(2, 2)]
        model.fit(given, Y, verbose=0, callbacks=[RangeMonitor({"wide": given[0]}, Y)])
