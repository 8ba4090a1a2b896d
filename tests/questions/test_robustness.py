"""Radii with a closed form, brute force on small nets, and resumed data sets."""

import dataclasses
import itertools
import json

import numpy as np
import pytest

import outrange
from cases import cases, combine, some
from outrange import Perturbation
from outrange.answers.robust_accuracy import RobustAccuracy
from outrange.core import InputError, OutrangeError
from outrange.questions.evidence.check_point import contains
from outrange.questions.inputs.neighborhood import Neighborhood
from outrange.questions.robust.robustness import _Search


keras = pytest.importorskip("keras")

DUAL = {"inf": 1, 1: np.inf, 2: 2}


def linear(weight, bias, activation=None):
    weight = np.asarray(weight)
    layer = keras.layers.Dense(weight.shape[1], activation=activation)
    model = keras.Sequential([keras.Input((len(weight),)), layer])
    model.set_weights([weight, np.asarray(bias)])
    return model


def small_net(seed, inputs=2, classes=3, width=10, softmax=False):
    keras.utils.set_random_seed(seed)
    last = keras.layers.Dense(classes, activation="softmax" if softmax else None)
    return keras.Sequential(
        [keras.Input((inputs,)), keras.layers.Dense(width, activation="relu"), last]
    )


@pytest.mark.parametrize(("norm", "seed"), combine(["inf", 1, 2], range(3)))
def test_the_radius_of_a_linear_classifier_is_margin_over_dual_norm(norm, seed):
    rng = np.random.default_rng(seed)
    inputs, tol = (4, 1e-4) if norm == "inf" else (2, 1e-2)
    weight = rng.normal(size=(inputs, 3)).astype("float32")
    bias, x = rng.normal(size=3).astype("float32"), rng.normal(size=inputs).astype("float32")
    answer = outrange.robustness(
        linear(weight, bias), x, perturbation=Perturbation(norm=norm), tol=tol
    )
    y = x.astype(np.float64) @ weight.astype(np.float64) + bias.astype(np.float64)
    label = int(y.argmax())
    radius = min(
        (y[label] - y[j]) / np.linalg.norm((weight[:, label] - weight[:, j]).astype(float),
                                           DUAL[norm])
        for j in range(3) if j != label
    )  # fmt: skip
    assert answer.status == "exact"
    assert answer.lo <= radius * (1 + 1e-9)
    assert radius * (1 - 1e-9) <= answer.hi <= answer.lo * (1 + 1.1 * tol)
    assert answer.adversarial.flat_y.shape == (3,)


@pytest.mark.parametrize(("seed", "softmax"), combine(range(cases(1, 4)), [False, True]))
def test_no_grid_point_within_the_proved_radius_breaks_it(seed, softmax):
    model = small_net(seed, softmax=softmax)
    x = np.random.default_rng(seed).uniform(0.2, 0.8, 2).astype("float32")
    answer = outrange.robustness(
        model, x, perturbation=Perturbation(clip=(0, 1)), tol=1e-2, time_limit=20
    )
    steps = np.linspace(-1, 1, 81)
    network = outrange.load(model)
    label = int(network.graph.run(x[None].astype(float)).argmax())
    moved = np.array(list(itertools.product(steps, steps)))
    inside = np.clip(x + answer.lo * moved, 0, 1)
    assert (network.graph.run(inside).argmax(axis=1) == label).all()
    if np.isfinite(answer.hi):
        counterexample = answer.adversarial
        assert counterexample.flat_y.argmax() != label
        assert np.abs(counterexample.flat_x - x).max() <= answer.hi
        assert ((counterexample.flat_x >= 0) & (counterexample.flat_x <= 1)).all()
    else:
        # Without biases all classes are equal at the origin, a corner: what bends is left open.
        assert answer.status == "never" or (softmax and answer.status == "rounding")
        everywhere = (1 - 1e-6) * np.maximum(x, 1 - x).max()
        assert answer.status == "rounding" or answer.lo >= everywhere


def _run_search(lo: float, high: float, margins: dict, broken: bool = False) -> _Search:
    search = _Search(None, None, None, "", 0, np.inf)  # type: ignore[arg-type]
    search.lo, search.margins = lo, margins
    if broken:
        search.hi = high
    else:
        search.open_ = high
    return search


def test_the_next_radius_is_where_the_margin_would_be_lost():
    cubic = {r: 2.0 - 2.0 * (r / 1e-5) ** 3 for r in (0.0, 1e-6, 1e-3)}
    assert _run_search(1e-6, 1e-3, cubic).between == pytest.approx(1e-5, rel=1e-6)
    mean = pytest.approx(10**-4.5)
    assert _run_search(1e-6, 1e-3, cubic, broken=True).between == mean
    assert _run_search(1e-6, 1e-3, {0.0: 2.0, 1e-6: 1.9, 1e-3: -np.inf}).between == mean
    assert _run_search(1e-6, 1e-3, {0.0: 0.0, 1e-6: 0.0, 1e-3: -1.0}).between == mean
    assert _run_search(1e-6, 1e-3, cubic | {1e-6: 0.0}).between == pytest.approx(2e-6)
    assert _run_search(1e-6, 1e-3, cubic | {1e-6: 2.0 - 1e-12}).between == mean


def test_a_property_of_a_single_output():
    model = linear([[1.0], [1.0]], [0.0])
    answer = outrange.robustness(model, [0.5, 0.25], property=outrange.y[0] >= 0.5)
    assert answer.lo <= 0.125 <= answer.hi <= 0.1252
    assert not answer.reading
    with pytest.raises(InputError, match="pass the condition that must stay true as `property`"):
        outrange.robustness(linear([[1.0], [1.0]], [0.0], "relu"), [0.5, 0.25])


def test_what_is_wrong_already_and_what_cannot_break():
    model = linear([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0])
    answer = outrange.robustness(model, [0.75, 0.25], 1)
    assert (answer.lo, answer.hi, answer.status) == (0.0, 0.0, "broken")
    constant = linear([[0.0, 0.0]], [1.0, 0.0])
    answer = outrange.robustness(constant, [0.5], perturbation=Perturbation(clip=(0, 1)))
    assert answer.status == "never" and answer.lo >= 0.5 and answer.hi == np.inf
    answer = outrange.robustness(constant, [0.5], perturbation=Perturbation(3.0))
    assert (answer.status, answer.lo) == ("never", 3.0)


@pytest.mark.parametrize("norm", ["inf", 1, 2])
def test_balls_hold_what_their_distance_says(norm, rng):
    slots = outrange.load(linear(np.ones((5, 2)), [0.0, 0.0])).graph.inputs
    for _ in range(200):
        center = rng.normal(size=5) * 10.0 ** rng.integers(-3, 4)
        around = Neighborhood.of(slots, center, norm, None)
        x = around.center + rng.normal(size=5) * 10.0 ** rng.integers(-6, 3)
        assert contains(around.region(around.distance(x)), x)
        assert contains(around.region(0.0), around.center)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"perturbation": 0.1}, "must be an `outrange.Perturbation"),
        ({"perturbation": Perturbation(clip=(0, 0.5))}, "within"),
        ({"perturbation": Perturbation(0)}, "eps"), ({"property": 2}, "class from 0 to 1"),
        ({"perturbation": Perturbation([0.1, 0.2])}, "eps"), ({"property": True}, "class"),
        ({"property": 0.0}, "class"), ({"tol": -1}, "tol"), ({"time_limit": 0}, "time"),
        ({"label": 0}, "`property`"), ({"threshold": 0.3}, "outrange.y"), ({"most": 1}, "`eps`"),
        ({"norm": 2}, "Perturbation"), ({"clip": (0, 1)}, "Perturbation"), ({"seed": 1}, "seed"),
    ],
)  # fmt: skip
def test_arguments_that_break_a_rule(options, word):
    model = linear([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0])
    with pytest.raises(InputError, match=word):
        outrange.robustness(model, [0.75, 0.25], **options)
    with pytest.raises(InputError, match="shape"):
        outrange.robustness(model, [0.75, 0.25, 0.5])


@pytest.mark.parametrize("options", [{"norm": 3}, {"norm": None}, {"clip": (1, 0)}, {"clip": 1}])
def test_perturbations_that_break_a_rule(options):
    with pytest.raises(InputError, match=f"`{next(iter(options))}`"):
        Perturbation(0.1, **options)


def test_the_former_arguments_of_the_accuracy_are_refused(data):
    model, x, labels = data
    for options in ({"clip": (0, 1)}, {"norm": 2}, {"scale": "std"}):
        with pytest.raises(InputError, match=r"`outrange\.Perturbation.* as `eps`"):
            outrange.robust_accuracy(model, x, labels, 0.1, **options)


# ---- data sets --------------------------------------------------------------------------


@pytest.fixture
def data():
    model = small_net(1, softmax=True)
    x = np.random.default_rng(0).uniform(size=(24, 2)).astype("float32")
    labels = np.asarray(model(x)).argmax(axis=1)
    labels[::7] = (labels[::7] + 1) % 3
    return model, x, labels


@pytest.mark.slow
def test_every_input_is_accounted_for(data):
    model, x, labels = data
    answer = outrange.robust_accuracy(model, x, labels, Perturbation(0.05, clip=(0, 1)))
    assert answer.complete and answer.count["wrong"] == 4 and answer.count["open"] == 0
    assert answer.lo == answer.hi
    for i in some(range(len(x)), 4, lambda i: answer.status[i]):
        radius = outrange.robustness(
            model, x[i], int(labels[i]), perturbation=Perturbation(clip=(0, 1)), tol=1e-2
        )
        if answer.status[i] == "robust":
            assert radius.hi > 0.05
        else:
            assert radius.lo <= 0.05
    assert json.loads(json.dumps(answer.as_dict()))["status"] == answer.status.tolist()
    assert "misclassified" in str(answer) and "<table" in answer._repr_html_()


@pytest.mark.slow
def test_the_file_is_taken_up_wherever_it_ends(data, tmp_path):
    model, x, labels = data
    path, seen = tmp_path / "records.jsonl", []
    whole = outrange.robust_accuracy(
        model, x, labels, 0.05, file=path, progress=lambda now: seen.append(now)
    )
    assert [now.robust + now.broken + now.wrong for now in seen] == list(range(1, 25))
    content = path.read_bytes()
    for end in (len(content), len(content) - 3, len(content) // 2, content.index(b"\n") + 1):
        path.write_bytes(content[:end])
        again = outrange.robust_accuracy(model, x, labels, 0.05, file=path)
        assert again.status.tolist() == whole.status.tolist()
        assert set(again.adversarial) == set(whole.adversarial)
        assert len(path.read_text().splitlines()) == 25
    stopped = outrange.robust_accuracy(model, x, labels, 0.05, time_limit=1e-9)
    assert not stopped.complete and "not reached" in repr(stopped)


def test_an_adversarial_input_in_the_file_is_looked_at_again(data, tmp_path):
    model, x, labels = data
    path = tmp_path / "records.jsonl"
    whole = outrange.robust_accuracy(model, x, labels, 0.05, file=path)
    broken = next(iter(whole.adversarial))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines[1:]:
        if line["index"] == broken:
            line["x"] = x[broken].tolist()
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    again = outrange.robust_accuracy(model, x, labels, 0.05, file=path)
    assert again.status.tolist() == whole.status.tolist()


def test_a_file_of_a_model_that_differs_in_a_silent_unit_is_refused(tmp_path):
    """On the data the unit is inactive, and both models agree; in the balls they differ."""
    import keras

    def model(weight):
        layers = [keras.layers.Dense(2, activation="relu"), keras.layers.Dense(2)]
        net = keras.Sequential([keras.Input((1,)), *layers])
        layers[0].set_weights([np.ones((1, 2)), np.array([0.0, -0.65])])
        layers[1].set_weights([np.array([[1.0, 0.0], [0.0, weight]]), np.zeros(2)])
        return net

    x, labels, path = np.array([[0.1], [0.2], [0.3], [0.6]]), np.zeros(4, int), tmp_path / "r.jsonl"
    outrange.robust_accuracy(model(0.0), x, labels, 0.1, each=1.0, file=path)
    with pytest.raises(InputError, match="model"):
        outrange.robust_accuracy(model(100.0), x, labels, 0.1, each=1.0, file=path)


def test_a_file_of_another_question_is_refused(data, tmp_path):
    model, x, labels = data
    path = tmp_path / "records.jsonl"
    outrange.robust_accuracy(model, x, labels, 0.05, file=path)
    for other, word in (
        ((model, x, labels, 0.06), "eps"), ((model, x[:-1], labels[:-1], 0.05), "data"),
        ((small_net(2), x, labels, 0.05), "model"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=word):
            outrange.robust_accuracy(*other, file=path)
    path.write_text("something else\n")
    with pytest.raises(InputError, match="results of an earlier call"):
        outrange.robust_accuracy(model, x, labels, 0.05, file=path)


@pytest.mark.parametrize(
    ("x", "y", "eps"),
    [
        (np.zeros((3, 3)), [0, 0, 0], 0.1), (np.zeros((3, 2)), [0, 0], 0.1),
        (np.zeros((3, 2)), [0, 0, 3], 0.1), (np.zeros((3, 2)), [0, 0.5, 1], 0.1),
        (np.full((3, 2), np.nan), [0, 0, 0], 0.1), (np.zeros((3, 2)), np.eye(3), 0.1),
        (np.zeros((3, 2)), [0, 0, 0], -1), (np.zeros((0, 2)), [], 0.1),
    ],
)  # fmt: skip
def test_data_that_does_not_fit(x, y, eps):
    with pytest.raises(InputError, match="Received"):
        outrange.robust_accuracy(small_net(0), x, y, eps)


def test_pictures(data):
    pytest.importorskip("matplotlib").use("Agg")
    model, x, labels = data
    answer = outrange.robust_accuracy(model, x, labels, 0.05)
    (shares,) = answer.plot(most=2).axes  # of rows of a table nobody sees a picture
    assert shares.get_xlabel() == "share of the inputs"
    counterexample = answer.adversarial.items()
    square = {i: dataclasses.replace(example, x=np.zeros((8, 8))) for i, example in counterexample}
    images = dataclasses.replace(answer, x=np.zeros((len(x), 8, 8)), adversarial=square)
    assert len(images.plot(most=2).axes) == 6
    alone = outrange.robust_accuracy(model, x[1:2], labels[1:2], 0.0)
    (shares,) = alone.plot().axes
    assert shares.get_xlabel() == "share of the inputs"


def test_status_and_evidence_must_fit(data):
    model, x, labels = data
    answer = outrange.robust_accuracy(model, x, labels, 0.05)
    fields = {field.name: getattr(answer, field.name) for field in dataclasses.fields(answer)}
    with pytest.raises(OutrangeError, match="counterexample"):
        RobustAccuracy(**{**fields, "adversarial": {}})


@pytest.mark.parametrize("each", [None, 0, -1.0, np.nan, np.inf, "10", True])
def test_the_time_of_each_is_refused_by_its_name(each):
    model = linear([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0])
    with pytest.raises(InputError, match=r"`each` must be .*Received: each="):
        outrange.robust_accuracy(model, np.zeros((1, 2)), [0], 0.1, each=each)
    if each is not None:  # of a list, its own limits
        with pytest.raises(InputError, match=r"`each` must be .*Received: each="):
            outrange.verify_all([("net.onnx", "property.vnnlib")], each=each)
