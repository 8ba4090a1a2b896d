"""Softmax over several axes or a part of them: a TypeError, a refusal, a bound of 1.12."""

import numpy as np
import pytest

import outrange
from outrange import diagnose


keras = pytest.importorskip("keras")
ops, layers = keras.ops, keras.layers
SHAPE = (2, 1, 2)
BOX = (-0.5, 0.5)


def build_model(function, shape=SHAPE):
    x = keras.Input(shape)
    return keras.Model(x, function(x))


@pytest.mark.parametrize("axes", [(1, 2), (1, 3), (1, 2, 3)])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_several_axes_are_one(axes, name):
    forms = [lambda x: getattr(ops, name)(x, axis=axes)]
    forms += [lambda x: getattr(ops, name)(x, axis=axes[::-1])]
    others = np.prod([SHAPE[axis - 1] for axis in axes]) - 1
    lo, hi = 1 / (1 + others * np.exp(1)), 1 / (1 + others * np.exp(-1))
    for form in forms:
        bounds = outrange.output_range(build_model(form), BOX, tol=1e-2, time_limit=20)
        of = np.log if name == "log_softmax" else np.asarray
        np.testing.assert_allclose(bounds.lo, of(lo), atol=2e-2)
        np.testing.assert_allclose(bounds.hi, of(hi), atol=2e-2)


def test_one_axis_in_a_tuple():
    bounds = outrange.output_range(build_model(lambda x: ops.softmax(x, axis=(1,))), BOX)
    np.testing.assert_allclose(bounds.hi, 1 / (1 + np.exp(-1)), atol=1e-6)


@pytest.mark.parametrize("axis", [-1, 1])
def test_masked_entries_are_left_out(axis):
    """The mask was followed through the backend's code, with bounds above 1."""
    mask = np.array([[0, 1, 1, 0], [1, 0, 1, 0], [0, 0, 1, 0]], bool).reshape(1, 3, 2, 2)
    model = build_model(lambda x: layers.Softmax(axis=axis)(x, mask=mask), (3, 2, 2))
    answer = outrange.output_range(model, BOX, tol=1e-2, time_limit=20)
    assert answer.status == "exact"
    assert (answer.lo >= -1e-9).all() and (answer.hi <= 1 + 1e-9).all()
    assert (answer.hi[~mask[0]] == 0).all() and (answer.lo[~mask[0]] == 0).all()
    assert (answer.lo[mask[0]] > 0).all()


def test_a_kept_entry_below_what_stands_for_masked_ones():
    """Keras puts -1e9 in the place of a masked score: a lower one loses against it."""
    model = build_model(lambda x: layers.Softmax()(x, mask=np.array([[True, False]])), (2,))
    answer = outrange.output_range(model, ([-2e9, 0.0], [0.0, 0.0]), time_limit=10)
    assert answer.lo[0] == 0 and answer.hi[0] == 1
    near = outrange.output_range(model, (-50, 50), time_limit=10)
    assert near.lo[0] >= 1 - 1e-12 and near.hi[0] == 1


def test_attention_over_two_axes_is_refused_with_its_reason():
    attend = layers.MultiHeadAttention(1, 2, attention_axes=(1, 2), name="odd")
    with pytest.raises(outrange.UnsupportedError, match=r"(?s)`odd/.*several axes"):
        outrange.load(build_model(lambda x: attend(x, x), (2, 2, 2)))


def test_a_mask_that_depends_on_the_input_is_refused():
    model = build_model(lambda x: layers.Softmax(name="odd")(x, mask=x > 0))
    with pytest.raises(outrange.UnsupportedError, match=r"`odd` \(Softmax\).*mask"):
        outrange.load(model)


def test_a_model_that_fails_by_itself_does_not_mix_rows():
    """A list of axes is none of Keras's: the batch was blamed."""
    model = build_model(lambda x: ops.log_softmax(x, axis=[1, 2]))
    with pytest.raises(outrange.ModelError, match="fails when Keras runs it"):
        outrange.load(model)


def test_diagnosis_of_a_softmax_over_two_axes():
    """TypeError: '>=' of a tuple and an int."""
    model = build_model(lambda x: ops.softmax(layers.Dense(3)(x), axis=(1, 2)), (2, 3))
    model.compile("sgd", "categorical_crossentropy")
    rows = np.random.default_rng(0).normal(size=(6, 2, 3))
    assert diagnose(model, rows, np.eye(6).reshape(6, 2, 3)) is not None


@pytest.mark.parametrize("masked", [False, True])
def test_a_layer_over_several_axes_is_refused_with_its_reason(masked):
    """It computes `exp(x - logsumexp(x))`: 0.499985 for a half at scores of 1000."""
    mask = np.ones((1, *SHAPE), bool) if masked else None
    with pytest.raises(outrange.UnsupportedError, match=r"(?s)`odd`.*keras.ops.softmax"):
        outrange.load(build_model(lambda x: layers.Softmax(axis=[1, 2], name="odd")(x, mask=mask)))
