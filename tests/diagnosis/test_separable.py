"""Certificates that no line separates: checked in rational numbers, right on sets of known kind."""

from fractions import Fraction

import numpy as np
import pytest

import outrange
from outrange.diagnosis import RULES
from outrange.diagnosis.separability.duals import least_cross_entropy, least_squares
from outrange.diagnosis.separability.farkas import disjoint_certificates, find_certificate
from outrange.diagnosis.separability.margins import HomogeneousRows, Margins


keras = pytest.importorskip("keras")
layers = keras.layers if keras else None

TABLE = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float)
XOR, XNOR, AND, OR = [0, 1, 1, 0], [1, 0, 0, 1], [0, 0, 0, 1], [0, 1, 1, 1]
OTHERS = sorted(set(RULES) - {"OR039"})
SETS = range(30)


def is_contradiction(x, rows, multipliers, classes, others):
    """The definition, written anew: no weights make all weighted margins positive."""
    sums: dict[tuple[int, int], Fraction] = {}
    for row, multiplier, right, wrong in zip(rows, multipliers, classes, others, strict=True):
        if multiplier < 0 or right == wrong:
            return False
        for place, value in enumerate([*x[row], 1.0]):
            part = Fraction(multiplier) * Fraction(float(value))
            sums[right, place] = sums.get((right, place), Fraction(0)) + part
            sums[wrong, place] = sums.get((wrong, place), Fraction(0)) - part
    return any(multipliers) and not any(sums.values())


def certificate(x, labels, classes=2):
    """The certificate of some rows, checked; None if there is none."""
    margins = Margins.of_classes(np.asarray(x, float), np.asarray(labels), classes)
    first = find_certificate(margins)
    if first is None:
        return None
    for disjoint in disjoint_certificates(margins, first):
        rows = disjoint.margins.rows
        units = np.eye(classes, dtype=int)[:, :-1]
        wrong = [
            int(np.flatnonzero((units == units[labels[r]] - effect).all(axis=1))[0])
            for r, effect in zip(rows, disjoint.margins.effects, strict=True)
        ]
        right = [int(labels[r]) for r in rows]
        assert is_contradiction(x, rows, disjoint.multipliers.reduced, right, wrong)
    return first


def draw_separable(seed):
    """Rows, and the side of a plane of each: integers or floats, exactly off the plane."""
    rng = np.random.default_rng(seed)
    features = int(rng.integers(2, 11))
    count = int(rng.integers(4, 201))
    w = rng.integers(-5, 6, features).astype(float)
    w[0] = w[0] or 1.0
    if seed % 2:
        x = rng.integers(-9, 10, (4 * count, features)).astype(float)
    else:
        x = rng.normal(size=(4 * count, features)).astype(np.float32).astype(float)
    side = x @ w + 0.5
    x, side = x[np.abs(side) > 1e-3], side[np.abs(side) > 1e-3]
    chosen = np.concatenate([np.flatnonzero(side > 0)[:2], np.flatnonzero(side < 0)[:2]])
    rest = np.setdiff1d(np.arange(len(x)), chosen)[: count - len(chosen)]
    chosen = rng.permutation(np.concatenate([chosen, rest]))
    return x[chosen], (side[chosen] > 0).astype(int), rng


@pytest.mark.parametrize("seed", SETS)
def test_separable_rows_have_no_certificate(seed):
    x, labels, _ = draw_separable(seed)
    assert certificate(x, labels) is None


@pytest.mark.parametrize("seed", SETS)
def test_one_contradiction_among_separable_rows_is_found(seed):
    x, labels, rng = draw_separable(seed)
    of_one = np.flatnonzero(labels == 1)
    if seed % 3 == 0:
        new = x[of_one[0]]  # the same row with the other label
    elif seed % 3 == 1:
        new = 0.5 * (x[of_one[0]] + x[of_one[1]])
    else:
        new = x[of_one[0]] + 0.25 * (x[of_one[1]] - x[of_one[0]])
    order = rng.permutation(len(x) + 1)
    x, labels = np.concatenate([x, new[None]])[order], np.append(labels, 0)[order]
    # Sums of float32 numbers of similar size are exact in float64, and so is the new row.
    assert certificate(x, labels) is not None


@pytest.mark.parametrize("seed", SETS)
def test_labels_at_random_are_inseparable(seed):
    """With many more rows than features there is no plane (Cover's count is below 1e-6)."""
    rng = np.random.default_rng(seed)
    features = int(rng.integers(2, 11))
    count = 60 + 12 * features
    x = rng.integers(-4, 5, (count, features)) if seed % 2 else rng.normal(size=(count, features))
    labels = rng.integers(0, 2, count)
    assert certificate(np.asarray(x, float), labels) is not None


@pytest.mark.parametrize("seed", range(6))
def test_three_classes(seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(-9, 10, (60, 3)).astype(float)
    scores = x @ rng.integers(-5, 6, (3, 3)) + np.array([0.0, 0.25, 0.5])
    labels = scores.argmax(axis=1)
    present = np.unique(labels, return_inverse=True)[1]
    assert certificate(x, present, int(present.max()) + 1) is None
    assert certificate(x, rng.permutation(np.arange(60) % 3), 3) is not None


@pytest.mark.parametrize("scale", [1e-20, 1.0, 1e20])
def test_gates_at_any_scale(scale):
    x = TABLE * scale
    for labels in (XOR, XNOR):
        proof = certificate(x, labels)
        assert proof is not None
        assert proof.multipliers.reduced == [1, 1, 1, 1]
    for labels in (AND, OR):
        assert certificate(x, labels) is None


@pytest.mark.parametrize("classes", [2, 3])
def test_no_weights_get_below_the_floor_of_the_cross_entropy(classes):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 2))
    labels = np.arange(40) % classes
    margins = Margins.of_classes(x, labels, classes)
    floor = least_cross_entropy(margins, labels, classes)
    least = np.inf
    w = np.zeros((classes, 3))
    points = margins.points.values
    for _ in range(3000):
        z = points @ w.T
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        least = min(least, float(-np.log(p[np.arange(40), labels]).mean()))
        w -= 0.5 * (p - np.eye(classes)[labels]).T @ points / 40
    assert 0 < floor <= least
    assert floor == pytest.approx(least, rel=1e-4)


def test_the_floor_of_squares_is_what_least_squares_leave():
    rng = np.random.default_rng(0)
    rows = HomogeneousRows.of(rng.normal(size=(30, 4)))
    y = rng.integers(0, 2, 30).astype(float)
    left = y - rows.values @ np.linalg.lstsq(rows.values, y, rcond=None)[0]
    floor = least_squares(rows, y)
    assert floor <= np.mean(left**2)
    assert floor == pytest.approx(np.mean(left**2), rel=1e-6)


# ---- the rule -----------------------------------------------------------------------------------


def neuron(activation="sigmoid", loss="binary_crossentropy", units=1, inputs=2, before=()):
    model = keras.Sequential(
        [keras.Input((inputs,)), *before, layers.Dense(units, activation, name="neuron")]
    )
    model.compile(keras.optimizers.Adam(0.05), loss)
    return model


def findings_and_notes(model, x, y, **options):
    """Findings and notes of the rule alone."""
    answer = outrange.diagnose(model, x, y, train=0, ignore=OTHERS, **options)
    return [*answer.findings, *answer.notes]


@pytest.mark.parametrize("targets", [XOR, XNOR])
def test_one_neuron_is_told_what_it_cannot_learn(targets):
    (finding,) = outrange.diagnose(neuron(), TABLE, np.array(targets))
    assert (finding.code, finding.level.name, finding.layer) == ("OR039", "PROVED", "neuron")
    assert "no line separates the two classes: the point [0.5, 0.5] is a weighted mean of" in (
        finding.message
    )
    cost = finding.cost
    keys = ("rows", "multipliers", "classes", "others")
    assert is_contradiction(TABLE, *(cost[key] for key in keys))
    assert cost["classes"] == [targets[row] for row in cost["rows"]]
    assert cost["accuracy"] == 0.75
    assert cost["loss_floor"] == pytest.approx(np.log(2), rel=1e-6)
    assert cost["loss_floor"] <= np.log(2)
    assert finding.fix.startswith('keras.layers.Dense(16, activation="relu"),')


@pytest.mark.parametrize("targets", [AND, OR])
def test_gates_that_a_line_separates_are_silent(targets):
    assert not findings_and_notes(neuron(), TABLE, np.array(targets))


@pytest.mark.parametrize(
    ("activation", "loss", "targets", "floor"),
    [
        ("sigmoid", "mse", XOR, 0.125),
        ("sigmoid", "mae", XOR, 0.25),
        (None, "mse", XOR, 0.25),
        ("tanh", "mse", [-1, 1, 1, -1], 0.5),
        ("relu", "mse", XOR, 0.125),
        (None, "hinge", XOR, None),
        ("tanh", "binary_crossentropy", XOR, None),
        ("sigmoid", "binary_focal_crossentropy", XOR, None),
    ],
)
def test_other_heads_and_losses(activation, loss, targets, floor):
    y = np.array(targets)
    (finding,) = findings_and_notes(neuron(activation, loss), TABLE, y)
    assert finding.cost["accuracy"] == 0.75
    assert finding.cost.get("loss_floor") == (None if floor is None else pytest.approx(floor))


@pytest.mark.slow
def test_logits_and_softmax():
    logits = keras.losses.BinaryCrossentropy(from_logits=True)
    (finding,) = findings_and_notes(neuron(None, logits), TABLE, np.array(XOR))
    assert finding.cost["loss_floor"] == pytest.approx(np.log(2), rel=1e-6)
    sparse = neuron("softmax", "sparse_categorical_crossentropy", 2)
    (two,) = findings_and_notes(sparse, TABLE, np.array(XOR))
    hot = neuron("softmax", "categorical_crossentropy", 2)
    (three,) = findings_and_notes(hot, TABLE, np.eye(2)[XOR])
    for each in (two, three):
        assert each.cost["loss_floor"] == pytest.approx(np.log(2), rel=1e-6)
    # A class without rows is no help.
    more = neuron("softmax", "sparse_categorical_crossentropy", 5)
    (four,) = findings_and_notes(more, TABLE, np.array([1, 4, 4, 1]))
    assert four.cost["classes"] == [1, 4, 4, 1]
    assert four.cost["loss_floor"] == pytest.approx(np.log(2), rel=1e-5)


def test_three_classes_on_a_line():
    """The class in the middle of two others has no place: scores along a line are convex."""
    x = np.array([[0.0], [1.0], [2.0], [3.0]])
    y = np.array([0, 1, 0, 2])
    (finding,) = findings_and_notes(
        neuron("softmax", "sparse_categorical_crossentropy", 3, 1), x, y
    )
    keys = ("rows", "multipliers", "classes", "others")
    assert is_contradiction(x, *(finding.cost[key] for key in keys))
    assert "no single Dense layer can separate the 3 classes" in finding.message


def test_layers_without_a_curve_are_still_linear():
    affine = [
        layers.Normalization(mean=[0.5, 0.5], variance=[2.0, 2.0]), layers.Dense(7),
        layers.Dropout(0.2), layers.BatchNormalization(), layers.Reshape((7, 1)), layers.Flatten(),
    ]  # fmt: skip
    assert findings_and_notes(neuron(before=affine), TABLE, np.array(XOR))


@pytest.mark.parametrize(
    "before",
    [
        lambda: [layers.Dense(2, "relu")],
        lambda: [layers.Dense(2), layers.PReLU(alpha_initializer="ones")],
        lambda: [layers.Dense(2), layers.Activation("gelu")],
        lambda: [layers.LayerNormalization()],
        lambda: [layers.Dense(4, "linear"), layers.Reshape((4, 1)), layers.MaxPooling1D(2),
                 layers.Flatten()],
    ],
)  # fmt: skip
def test_networks_that_bend_are_silent(before):
    assert not findings_and_notes(neuron(before=before()), TABLE, np.array(XOR))


def test_layers_of_images_without_a_curve_are_linear_too():
    """Images whose upper and lower half are one gray each: XOR of the two."""
    x = np.zeros((4, 4, 4, 1))
    x[:, :2, :, 0] = TABLE[:, :1, None]
    x[:, 2:, :, 0] = TABLE[:, 1:, None]
    model = keras.Sequential([
        keras.Input((4, 4, 1)), layers.Rescaling(2.0, offset=0.5), layers.ZeroPadding2D(1),
        layers.Conv2D(3, 2), layers.DepthwiseConv2D(2), layers.AveragePooling2D(2),
        layers.GlobalAveragePooling2D(), layers.Dense(1, "sigmoid"),
    ])  # fmt: skip
    model.compile("sgd", "binary_crossentropy")
    (finding,) = findings_and_notes(model, x, np.array(XOR))
    assert finding.cost["multipliers"] == [1, 1, 1, 1]


def test_a_product_of_inputs_is_no_linear_unit():
    i = keras.Input((2,))
    a, b = layers.Dense(1)(i), layers.Dense(1)(i)
    model = keras.Model(i, layers.Dense(1, "sigmoid")(layers.Multiply()([a, b])))
    model.compile("sgd", "binary_crossentropy")
    assert not findings_and_notes(model, TABLE, np.array(XOR))


@pytest.mark.parametrize("activation", ["gelu", "silu", "mish"])
def test_activations_that_turn_are_silent(activation):
    """After such a unit one threshold is two before it: it can learn XOR alone."""
    assert not findings_and_notes(neuron(activation, "mse"), TABLE, np.array(XOR))


def test_numbers_are_no_classes():
    assert not findings_and_notes(neuron(None, "mse"), TABLE, np.array([0.0, 1.5, 1.0, 0.0]))
    assert not findings_and_notes(neuron(), TABLE, np.array([0.1, 0.9, 0.9, 0.1]))


def quadrants(rows=200):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 2))
    return x, (x[:, 0] * x[:, 1] > 0).astype(int), rng


def test_quadrants_are_a_finding_and_noise_is_a_note():
    x, y, rng = quadrants()
    (finding,) = findings_and_notes(neuron(), x, y)
    assert not finding.note
    # Keras clips chances: without clips more is proved.
    assert 0.3 < finding.cost["loss_floor"] < finding.cost["loss_floor_unclipped"] < np.log(2)
    assert finding.cost["accuracy"] < 0.85
    noisy = (x[:, 0] + 0.4 * rng.normal(size=200) > 0).astype(int)
    (note,) = findings_and_notes(neuron(), x, noisy)
    assert note.note
    (chance,) = findings_and_notes(neuron(), x, rng.integers(0, 2, 200))
    assert chance.note


def test_training_stays_above_what_is_proved():
    x, y, _ = quadrants(64)
    model = neuron()
    (finding,) = findings_and_notes(model, x, y)
    model.fit(x, y, epochs=60, batch_size=64, verbose=0)
    assert model.evaluate(x, y, verbose=0) >= finding.cost["loss_floor_unclipped"]
    right = (model.predict(x, verbose=0)[:, 0] > 0.5) == y
    assert right.mean() <= finding.cost["accuracy"]


@pytest.mark.slow
def test_a_hidden_layer_as_printed_mends_it():
    x, y, _ = quadrants(120)
    answer = outrange.diagnose(neuron(), x, y, train="fixes")
    (finding,) = [f for f in answer if f.code == "OR039"]
    assert finding.cost["tried"]["lowers"]
    assert finding.cost["tried"]["gone"]


def test_rows_of_x_that_are_equal_count_for_every_network():
    """A hidden layer is no help where nothing but equal rows contradict each other."""
    x = np.repeat([[0.0, 0.0], [1.0, 1.0]], 4, axis=0)
    (finding,) = findings_and_notes(neuron(), x, np.array([0, 1, 0, 1, 0, 1, 1, 1]))
    assert finding.note


def test_many_rows_are_drawn_from():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(12_000, 9)).astype("float32")
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    (finding,) = findings_and_notes(neuron(inputs=9), x, y)
    assert max(finding.cost["rows"]) > 5000
    assert finding.cost["classes"] == y[finding.cost["rows"]].tolist()
    keys = ("rows", "multipliers", "classes", "others")
    assert is_contradiction(x.astype(float), *(finding.cost[key] for key in keys))
    assert finding.cost["accuracy"] == 1 - finding.cost["wrong"] / 12_000


def test_large_multipliers_are_kept_in_files(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 60)), rng.integers(0, 2, 200)
    answer = outrange.diagnose(neuron(inputs=60), x, y, train=0, ignore=OTHERS)
    (finding,) = [*answer, *answer.notes]
    assert max(finding.cost["multipliers"]) > 2**64
    answer.save(tmp_path / "large.json")
    assert outrange.answers.read(tmp_path / "large.json").as_dict() == answer.as_dict()


def test_the_finding_is_kept_in_files(tmp_path):
    answer = outrange.diagnose(neuron(), TABLE, np.array(XOR), train=0)
    answer.save(tmp_path / "xor.json")
    again = outrange.answers.read(tmp_path / "xor.json")
    assert again.as_dict() == answer.as_dict()
