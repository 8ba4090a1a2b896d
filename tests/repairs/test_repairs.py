"""Laws of repairs: no false REPAIRED, the original is untouched, and every refusal is named."""

from dataclasses import replace

import numpy as np
import pytest

import independent_milp
import outrange
from cases import some
from outrange import InputError, UnsupportedError, x as x_, y
from outrange.frontends.load import load
from outrange.repairs.heads import Heads


keras = pytest.importorskip("keras")

layers = keras.layers


def dense(width, activation="relu", **options):
    return layers.Dense(width, activation=activation, bias_initializer="random_normal", **options)


def two_heads():
    x = keras.Input((2,), name="x")
    hidden = dense(6)(x)
    return keras.Model(x, {"a": dense(2, None)(hidden), "b": dense(1, "sigmoid")(hidden)})


def unsorted_heads():
    x = keras.Input((2,), name="x")
    hidden = dense(6)(x)
    return keras.Model(x, {"b": dense(1, "sigmoid")(hidden), "a": dense(2, None)(hidden)})


def residual():
    x = keras.Input((2,))
    hidden = dense(5)(x)
    return keras.Model(x, dense(2, None)(layers.Add()([hidden, dense(5, "tanh")(hidden)])))


def shared():
    head, x = dense(1, None), keras.Input((2,))
    return keras.Model(x, layers.Concatenate()([head(dense(4)(x)), head(dense(4)(x))]))


def chain(*parts, shape=(2,)):
    return keras.Sequential([keras.Input(shape), *parts])


MODELS = {
    "relu": lambda: chain(dense(6), dense(6), dense(2, None)),
    "no bias": lambda: chain(dense(6), dense(2, None, use_bias=False)),
    "only a head": lambda: chain(dense(2, None)),
    "tanh": lambda: chain(dense(5, "tanh"), dense(2, None)),
    "gelu": lambda: chain(dense(4, "gelu"), dense(2, None)),
    "softmax": lambda: chain(dense(6), dense(3, "softmax")),
    "softmax layer": lambda: chain(dense(6), dense(3, None), layers.Softmax()),
    "sigmoid": lambda: chain(dense(6), dense(2, "sigmoid")),
    "softplus": lambda: chain(dense(6), dense(2, "softplus")),
    "tanh head": lambda: chain(dense(6), dense(2, "tanh")),
    "relu head": lambda: chain(dense(6), dense(2, "relu")),
    "exponential": lambda: chain(dense(6), dense(2, "exponential")),
    "normalized": lambda: chain(
        dense(6), layers.BatchNormalization(), dense(2, None), layers.Rescaling(2.0, 0.5)
    ),
    "convolution": lambda: chain(
        layers.Reshape((2, 1)), layers.Conv1D(3, 2, padding="same", activation="relu"),
        layers.Flatten(), layers.Dropout(0.5), dense(2, None),
    ),
    "places": lambda: chain(
        layers.Reshape((2, 1)), dense(4), dense(1, None), layers.Flatten()
    ),
    "residual": residual,
    "two heads": two_heads,
    "unsorted heads": unsorted_heads,
}  # fmt: skip


def rules(model, rng):
    """Properties that random models often violate, each with a function of `(x, y)` rows."""
    grid = rng.uniform(size=(400, 2))
    out = outputs(model, grid)
    low, high = np.quantile(out[:, 0], [0.3, 0.8]).tolist()
    first = "y['a'][0]" if len(model.outputs) > 1 else "y[0]"
    second = "y['a'][1]" if len(model.outputs) > 1 else "y[1]"
    return {
        f"{first} <= {high!r}": lambda x, v: high - v[:, 0],
        f"{first} >= {low!r}": lambda x, v: v[:, 0] - low,
        f"{low!r} <= {first} <= {high!r}": lambda x, v: np.minimum(v[:, 0] - low, high - v[:, 0]),
        f"{first} <= {second} or {first} <= {low!r}": lambda x, v: np.maximum(
            v[:, 1] - v[:, 0], low - v[:, 0]
        ),
        f"{first} - {second} <= 0": lambda x, v: v[:, 1] - v[:, 0],
    }


def outputs(model, x):
    y = keras.tree.flatten(model(np.asarray(x, "float32"), training=False))
    return np.concatenate([np.asarray(keras.ops.convert_to_numpy(p)) for p in y], axis=1)


def cases():
    return [(name, seed) for seed, name in enumerate(MODELS)]


@pytest.mark.parametrize("name", some(MODELS, 8))
def test_the_last_layers_reproduce_the_model(name, rng):
    """IMPOSSIBLE is about the outputs in the order of the graph."""
    model, x = MODELS[name](), rng.uniform(-1, 1, (20, 2))
    heads = Heads(model)
    logits = heads.logits(heads.features(x), heads.weights())
    np.testing.assert_allclose(heads.outputs(logits), load(model).predict(x), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "seed"), some(cases(), 6))
def test_a_repaired_model_keeps_the_rule_in_its_file(name, seed, tmp_path):
    keras.utils.set_random_seed(seed)
    model, rng = MODELS[name](), np.random.default_rng(seed)
    rule, slack = list(rules(model, rng).items())[int(rng.integers(5))]
    before = [weight.copy() for weight in model.get_weights()]
    fixed = outrange.repair(model, rule, (0, 1), budget=5)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert str(fixed) and fixed.html()
    if not fixed:
        assert fixed.model is None and fixed.reason and fixed.status in ("UNREPAIRED", "IMPOSSIBLE")
        return
    assert fixed.verdict.holds
    fixed.model.save(tmp_path / "fixed.keras")
    again = keras.models.load_model(tmp_path / "fixed.keras")
    assert type(again) is type(model) and [p.name for p in again.layers] == [
        p.name for p in model.layers
    ]
    x = np.concatenate([rng.uniform(size=(5000, 2)), [[0, 0], [0, 1], [1, 0], [1, 1]]])
    assert slack(x, outputs(again, x)).min() >= -1e-5
    assert outrange.verify(str(tmp_path / "fixed.keras"), rule, (0, 1), budget=5)


@pytest.mark.slow
@pytest.mark.parametrize("seed", some(range(4), 2))
def test_an_independent_solver_finds_no_violation(seed):
    keras.utils.set_random_seed(seed)
    model = MODELS["relu"]()
    bound = float(np.quantile(outputs(model, np.random.default_rng(0).uniform(size=(99, 2))), 0.7))
    fixed = outrange.repair(model, (y <= bound).all(), (0, 1), budget=5)
    assert fixed.status == "REPAIRED"
    pairs = [part.get_weights() for part in fixed.model.layers]
    net = []
    for kernel, bias in pairs:
        net += [
            ("dense", kernel.astype(float), bias.astype(float)),
            ("pieces", (0.0,), (0.0, 1.0), 0.0),
        ]
    for output in range(2):
        _, most = independent_milp.output_range(net[:-1], [0, 0], [1, 1], output)
        assert most.value <= bound + 1e-9


def small(*, name="relu", seed=0):
    keras.utils.set_random_seed(seed)
    return MODELS[name]()


def test_nothing_is_changed_if_the_property_holds():
    model = small()
    fixed = outrange.repair(model, (y <= 1e3).all(), (0, 1), budget=5)
    assert fixed.status == "HOLDS" and fixed and not fixed.changes
    for a, b in zip(model.get_weights(), fixed.model.get_weights(), strict=True):
        assert np.array_equal(a, b)


@keras.saving.register_keras_serializable("tests")
class Forgetful(keras.layers.Layer):
    """A layer whose factor is not in its file."""

    def __init__(self, factor=10.0, **options):
        super().__init__(**options)
        self.factor = factor

    def call(self, inputs):
        return self.factor * inputs

    def get_config(self):
        return {"name": self.name}


def test_the_verdict_is_about_the_model_that_is_returned():
    keras.utils.set_random_seed(0)
    model = chain(dense(1, "sigmoid"), Forgetful(0.1), dense(1, None, kernel_initializer="ones"))
    assert outrange.verify(model, y[0] <= 1, (0, 1), budget=5)
    fixed = outrange.repair(model, y[0] <= 1, (0, 1), budget=5)
    assert fixed.status == "REPAIRED" and outrange.verify(fixed.model, y[0] <= 1, (0, 1), budget=5)


@pytest.mark.parametrize(
    ("name", "rule"),
    [("sigmoid", y[0] >= 1.5), ("relu head", y[1] <= -0.5), ("softmax", y[0] >= 2)],
)
def test_what_no_output_satisfies_is_impossible(name, rule):
    fixed = outrange.repair(small(name=name), rule, (0, 1), budget=5)
    assert fixed.status == "IMPOSSIBLE" and fixed.model is None and "proved" in str(fixed)


@keras.saving.register_keras_serializable("tests")
class Identity(keras.layers.Layer):
    """A user's layer with the name of a Keras layer that changes nothing."""

    def call(self, inputs):
        return 10.0 * inputs


def test_a_layer_of_the_user_is_not_mistaken_for_one_of_keras():
    """The last sigmoid stays below 1, but the outputs do not."""
    keras.utils.set_random_seed(0)
    model = chain(dense(1, "sigmoid"), Identity())
    assert outrange.repair(model, y[0] >= 9.5, (0, 1), budget=5).status == "REPAIRED"
    with pytest.raises(UnsupportedError, match=r"tests.*Identity"):
        outrange.repair(model, y[0] >= 9.5, (0, 1), method="weights", budget=5)


def test_a_contradiction_is_not_repaired():
    fixed = outrange.repair(small(), (y[0] <= y[1]) & (y[0] >= y[1] + 1), (0, 1), budget=5)
    assert not fixed and fixed.status in ("UNREPAIRED", "IMPOSSIBLE")


@pytest.mark.slow
def test_several_properties_and_data():
    model, rng = small(), np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    high = float(np.quantile(outputs(model, rng.uniform(size=(99, 2)))[:, 0], 0.6))
    fixed = outrange.repair(
        model,
        [(y[0] <= high, (0, 1)), (y[1] <= y[0] + 10, (0, 1)), (y[1] >= -100, (-1, 1))],
        x=x, budget=10,
    )  # fmt: skip
    assert fixed.status == "REPAIRED" and len(fixed.verdicts) == 3 and all(fixed.verdicts)
    assert {a.where for a in fixed.fidelity} == {"inside", "x"}
    assert len(str(fixed).splitlines()) >= 5


@pytest.mark.slow
def test_the_same_budget_gives_the_same_weights():
    runs = [outrange.repair(small(), y[0] <= 0.05, (0, 1), budget=6) for _ in range(2)]
    first, second = (run.model.get_weights() for run in runs)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


class Custom(keras.Model):
    def __init__(self):
        super().__init__()
        self.head = layers.Dense(1)

    def call(self, x):
        return self.head(x)


def custom():
    model = Custom()
    model(np.zeros((1, 2), "float32"))
    return model


REFUSED = {
    "Conv1D": lambda: chain(layers.Reshape((2, 1)), layers.Conv1D(1, 2), layers.Flatten()),
    "gelu": lambda: chain(dense(4), dense(1, "gelu")),
    "Concatenate": shared,
    "softmax over 3 entries": lambda: chain(
        dense(6, None), layers.Reshape((2, 3)), layers.Softmax(), layers.Flatten()
    ),
}


@pytest.mark.parametrize("word", REFUSED)
def test_a_last_layer_that_is_not_supported_is_named(word):
    with pytest.raises(UnsupportedError, match=word):
        outrange.repair(REFUSED[word](), "y[0] <= -100", (0, 1), method="weights", budget=5)


@pytest.mark.slow
def test_auto_uses_a_guard_behind_an_unsupported_last_layer():
    keras.utils.set_random_seed(0)
    fixed = outrange.repair(REFUSED["gelu"](), y[0] <= -0.05, (0, 1), budget=5)
    assert fixed.status == "REPAIRED" and fixed.method == "guard"


def test_an_error_of_auto_names_both_reasons():
    keras.utils.set_random_seed(0)
    with pytest.raises(
        UnsupportedError, match=r"Neither mode.*Weights: .*gelu.*Guard: .*needs limits"
    ):
        outrange.repair(REFUSED["gelu"](), y[0] <= x_[0] - 9, (0, 1), budget=5)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"method": "magic"}, "method"),
        ({"keep": []}, "one list"),
        ({"seed": 1}, "seed"),
        ({"decision": "max"}, "decision"),
        ({"x": [[float("nan"), 0.0]]}, "finite"),
        ({"x": (-2, 2)}, "pass bounds as `outrange.Box"),
        ({"x": ([-2, -2], [2, 2])}, "pass bounds as `outrange.Box"),
        ({"x": outrange.Box([0.0], [1.0])}, "one coordinate per model input"),
    ],
)
def test_wrong_arguments_are_refused(options, match):
    with pytest.raises(InputError, match=match):
        outrange.repair(small(), y[0] <= 0, (0, 1), **options)


def test_other_models_are_refused():
    with pytest.raises(UnsupportedError, match="Keras models"):
        outrange.repair("model.onnx", y[0] <= 0, (0, 1))


@pytest.mark.slow
def test_the_command_writes_a_model_that_holds(tmp_path, capsys):
    from outrange.cli.run import run

    small().save(tmp_path / "m.keras")
    path = str(tmp_path / "fixed.keras")
    command = ["repair", str(tmp_path / "m.keras"), "y[0] <= 0.1", "--box", "0", "1", "-o", path]
    assert run([*command, "--budget", "8"]) == 0
    assert outrange.verify(path, "y[0] <= 0.1", (0, 1), budget=5)
    assert run([*command, "--budget", "8", "--where", "x[0] <= 0.5"]) == 0
    assert outrange.verify(path, "y[0] <= 0.1", (0, 1), where="x[0] <= 0.5", budget=5)
    (tmp_path / "p.vnnlib").write_text("")
    command = ["repair", str(tmp_path / "m.keras"), str(tmp_path / "p.vnnlib"), "-o", path]
    assert run([*command, "--where", "x[0] <= 0.5"]) == 2
    assert "--where needs an input set" in capsys.readouterr().err


@pytest.mark.slow
def test_a_certificate_is_about_the_new_model(tmp_path):
    pytest.importorskip("outrange_check")
    path, model = tmp_path / "fixed.proof", small()
    bound = float(outputs(model, np.random.default_rng(0).uniform(size=(99, 2)))[:, 0].max()) - 0.1
    fixed = outrange.repair(model, y[0] <= bound, (0, 1), certificate=path, budget=20)
    assert fixed.status == "REPAIRED" and str(path) in fixed.certificate and path.exists()


def test_a_missing_file_is_reported_with_its_folder(tmp_path):
    with pytest.raises(InputError, match="looked in"):
        outrange.repair(str(tmp_path / "m.keras"), y[0] <= 0, (0, 1))


@pytest.mark.parametrize("method", ["auto", "weights", "guard"])
def test_a_repair_without_time_says_so(method):
    model, bound = MODELS["relu"](), 1e-3
    fixed = outrange.repair(model, y[0] <= -bound, (0, 1), method=method, budget=1e-3)
    assert (fixed.status, fixed.model) == ("UNREPAIRED", None)
    assert "time limit" in fixed.reason and "time_limit" in fixed.reason


@pytest.mark.slow
def test_auto_leaves_time_for_a_guard(monkeypatch):
    monkeypatch.setattr(outrange.repairs.weights, "MOST_ROUNDS", 0)
    fixed = outrange.repair(MODELS["relu"](), y[0] <= -1, (0, 1), budget=20)
    assert (fixed.status, fixed.method) == ("REPAIRED", "guard")


def test_an_undecided_property_without_counterexample_is_no_crash(monkeypatch):
    """There were no constraints yet, which the quadratic program read as a list of numbers."""
    from outrange.repairs import run

    decide = run.decide_property

    def undecided(*args, **options):
        return replace(decide(*args, **options), status="UNKNOWN", counterexample=None)

    monkeypatch.setattr(run, "decide_property", undecided)
    fixed = outrange.repair(small(), (y <= 1e3).all(), (0, 1), method="weights", budget=5)
    assert fixed.status == "UNREPAIRED" and fixed.reason


class Unregistered(keras.layers.Layer):
    """A layer that Keras cannot find when it loads a file."""

    def call(self, x):
        return keras.ops.relu(x)


def test_a_class_that_is_not_registered_is_named():
    """The error named a temporary file and an argument that `repair` does not have."""
    with pytest.raises(UnsupportedError, match=r"register_keras_serializable.*`Unregistered`"):
        outrange.repair(chain(dense(2), Unregistered()), y[0] <= 0, (0, 1))
