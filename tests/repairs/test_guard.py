"""Guard mode of `repair`: what it proves, what it leaves alone, what it refuses by name."""

import keras
import numpy as np
import pytest
from keras import Input, Model, Sequential, layers as L

import outrange
from cases import some
from outrange import UnsupportedError, x, y


BOX = (-0.5, 0.5)

PROPERTIES = {
    "limit": lambda: y[0] <= 0.2,
    "limits": lambda: (y[0] <= 0.2) & (y[1] >= -0.1) & (y[2] <= 0.5) & (y[2] >= 0.4),
    "equal to the text": lambda: "y[0] <= 0.2",
    "row": lambda: y[0] + 2 * y[1] - y[2] <= 0.1,
    "rows": lambda: (y[0] - y[1] <= 0.1) & (y[1] - y[2] <= 0.1),
    "argmax": lambda: y.argmax() == 1,
    "not argmax": lambda: y.argmax() != 0,
    "not argmin": lambda: (y[0] > y[1]) | (y[0] > y[2]),
    "smallest": lambda: (y[0] < y[1]) & (y[0] < y[2]),
    "either": lambda: (y[0] <= -1) | (y[0] + y[1] <= -2),
}


def model(seed=0, last=None):
    keras.utils.set_random_seed(seed)
    h = L.Dense(8, "relu", bias_initializer="random_normal")
    return Sequential(
        [Input((2,)), h, L.Dense(3, last, bias_initializer="random_normal", name="y")]
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", some(PROPERTIES, 3))
def test_the_guarded_model_is_proved_and_changes_only_violations(name, rng, tmp_path):
    net, claim = model(), PROPERTIES[name]()
    before = net.get_weights()
    fixed = outrange.repair(net, claim, BOX, method="guard", budget=20)
    assert fixed.status in ("REPAIRED", "HOLDS"), fixed
    assert all((a == b).all() for a, b in zip(before, net.get_weights(), strict=True))
    fixed.model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    assert outrange.verify(again, claim, BOX).status == "HOLDS"
    assert {layer.name for layer in net.layers} <= {layer.name for layer in again.layers}
    at = rng.uniform(-2, 2, (4000, 2)).astype("float32")
    old, new = net.predict(at, verbose=0), again.predict(at, verbose=0)
    far = (np.abs(at) > 0.52).any(axis=1)
    np.testing.assert_allclose(new[far], old[far], atol=1e-5)
    checked = [outrange.verify(net, claim, (row, row)).status == "HOLDS" for row in at[~far][:5]]
    for row, holds in zip(np.flatnonzero(~far)[:5], checked, strict=True):
        if holds:
            np.testing.assert_allclose(new[row], old[row], atol=1e-5)


@pytest.mark.slow
def test_some_property_is_violated_by_the_original():
    verdicts = [outrange.verify(model(), PROPERTIES[name](), BOX).status for name in PROPERTIES]
    assert verdicts.count("VIOLATED") >= 6


@pytest.mark.slow
def test_several_inputs_outputs_and_boxes():
    keras.utils.set_random_seed(0)
    a, b = Input((2,), name="a"), Input((1, 2), name="b")
    h = L.Concatenate()([a, L.Flatten()(b)])
    net = Model([a, b], [L.Dense(1, name="s")(h), L.Reshape((2, 1), name="t")(L.Dense(2)(h))])
    claim = (y["s"][0] <= 0.1) & (y["t"][0, 0] >= 0) & (y["t"][1, 0] <= 1)
    boxes = outrange.Union({"a": (0, 1), "b": (0, 1)}, {"a": (-1, 0), "b": (0, 1)})
    fixed = outrange.repair(net, claim, boxes, method="guard", budget=20)
    assert fixed.status == "REPAIRED", fixed
    assert [tuple(out.shape[1:]) for out in fixed.model.outputs] == [(1,), (2, 1)]


@pytest.mark.slow
def test_compile_settings_and_probabilities():
    net = model(last="softmax")
    net.compile("sgd", "mse")
    fixed = outrange.repair(net, y[0] <= 0.1, BOX, method="guard", budget=20)
    assert fixed.status == "REPAIRED"
    assert type(fixed.model.optimizer).__name__ == "SGD" and fixed.model.loss == "mse"
    assert "add up to 1" in fixed.changes[0].detail


@pytest.mark.slow
@pytest.mark.parametrize(
    ("last", "claim", "decision", "expected"),
    [
        (None, y[0] <= -0.5, None, None),
        (None, y[0] <= -0.5, "argmin", "argmin"),
        (None, y.argmax() == 1, None, "argmax"),
        ("softmax", y[0] <= 0.1, None, "argmax"),
    ],
)
def test_the_agreement_is_that_of_the_decisions(last, claim, decision, expected):
    net = model(last=last)
    fixed = outrange.repair(
        net,
        claim,
        BOX,
        method="guard",
        decision=decision,
        x=outrange.Box(-2 * np.ones(2), 2 * np.ones(2)),
        budget=10,
    )
    assert fixed.status == "REPAIRED", fixed
    assert [a.where for a in fixed.fidelity] == ["inside", "outside"]
    agreement = fixed.fidelity[0]
    if expected is None:
        assert agreement.same is None and agreement.same_where_safe is None
        return
    at = np.random.default_rng(0).uniform(*BOX, (20_000, 2))
    old, new = (
        getattr(m.predict(at, verbose=0, batch_size=20_000), expected)(axis=1)
        for m in (net, fixed.model)
    )
    assert agreement.same == pytest.approx((old == new).mean(), abs=0.05)
    assert agreement.same_where_safe in (None, 1.0)


@pytest.mark.parametrize(
    "claim",
    [
        lambda: y[0] <= x[0],
        lambda: (y[0] - y[1] <= -1) & (y[1] - y[0] <= -1),
        lambda: ((y[0] <= -5) & (y[1] <= -5)) | (y[2] <= -5),
        lambda: (y[0] <= -5) & ((y[0] <= y[1]) | (y[0] <= y[2])),
        lambda: (y[0] <= -5) | (y[0] >= 5),
    ],
)
def test_a_property_without_a_closed_form_is_refused(claim):
    with pytest.raises(UnsupportedError, match="A guard needs limits"):
        outrange.repair(model(), claim(), BOX, method="guard", budget=5)


def test_a_model_without_a_graph_of_layers_is_refused():
    class Plain(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = L.Dense(1)

        def call(self, inputs):
            return self.dense(inputs)

    net = Plain()
    net(np.zeros((1, 2)))
    with pytest.raises(outrange.OutrangeError):
        outrange.repair(net, y[0] <= -9, BOX, method="guard", budget=5)


VNNLIB = """
(declare-const X_0 Real) (declare-const X_1 Real)
(declare-const Y_0 Real) (declare-const Y_1 Real) (declare-const Y_2 Real)
(assert (>= X_0 -0.5)) (assert (<= X_0 0.5)) (assert (>= X_1 0.0)) (assert (<= X_1 0.25))
(assert (>= Y_0 Y_1)) (assert (>= Y_0 Y_2))
"""


@pytest.mark.slow
def test_bounds_of_inputs_in_a_file_are_no_part_of_the_rule(tmp_path):
    """A file states them as alternatives of the property, which read inputs and had no guard."""
    (tmp_path / "p.vnnlib").write_text(VNNLIB)
    net = model()
    net.layers[-1].bias.assign([1.0, 0.0, 0.0])
    fixed = outrange.repair(net, tmp_path / "p.vnnlib", method="guard", budget=20)
    assert (fixed.status, fixed.method) == ("REPAIRED", "guard")
    box = outrange.Box([-0.5, 0], [0.5, 0.25])
    assert outrange.verify(fixed.model, (y[0] < y[1]) | (y[0] < y[2]), box, budget=5)


@pytest.mark.slow
def test_guarded_outputs_keep_their_names(tmp_path):
    """The names of the guards replaced them, so the property did not fit the repaired model."""
    keras.utils.set_random_seed(0)
    a = Input((2,), name="a")
    h = L.Dense(4, "tanh")(a)
    net = Model(a, [L.Dense(1, name="p")(h), L.Dense(1, name="q")(h)])
    fixed = outrange.repair(net, y["p"][0] <= 0.1, (-1, 1), method="guard", budget=20)
    assert fixed.status == "REPAIRED" and fixed.model.output_names == ["p", "q"]
    fixed.model.save(tmp_path / "m.keras")
    assert outrange.verify(str(tmp_path / "m.keras"), y["p"][0] <= 0.1, (-1, 1), budget=5)
