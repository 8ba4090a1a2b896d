"""Inputs of whole numbers: where they wrap around, what limits they keep, what is refused."""

import itertools

import keras
import numpy as np
import pytest
from keras import layers as L, ops

import outrange


def of(function, shape=(1,), dtype="int32"):
    x = keras.Input(shape, dtype=dtype, name="x")
    return keras.Model(x, function(x))


def check(model, box, values, size, tol=1e-5):
    """Every output of the model at all tuples of `values` lies inside."""
    bounds = outrange.output_range(model, box, time_limit=20)
    kind = model.inputs[0].dtype
    x = np.array(list(itertools.product(values, repeat=size))).astype(kind)
    y = np.asarray(model(x.reshape(-1, *model.inputs[0].shape[1:])), float)
    assert (y >= bounds.lo - tol).all() and (y <= bounds.hi + tol).all()
    return bounds


def _wrapping_model():
    table = np.zeros(256)
    table[:40], table[77] = -100, 55
    embedding = L.Embedding(256, 1)

    def function(x):
        h = ops.cast(embedding(x) + 101.0, "uint8") + ops.cast(100, "uint8")
        return ops.abs(ops.cast(h, "float32") - 180.0)

    model = of(function, dtype="uint8")
    embedding.set_weights([table[:, None].astype("float32")])
    return model


def test_a_sum_that_wraps_around_at_one_number():
    model = _wrapping_model()
    with pytest.raises(outrange.InputError, match="from 0 to 76"):
        outrange.output_range(model, (0, 255))
    check(model, (0, 76), range(77), 1)


def test_a_cast_that_wraps_around_at_one_number():
    table = np.zeros(2000)
    table[777] = 1
    embedding = L.Embedding(2000, 1)

    def function(x):
        return ops.cast(ops.cast(ops.cast(embedding(x), "int32") * 300, "uint8"), "float32")

    model = of(function)
    embedding.set_weights([table[:, None].astype("float32")])
    with pytest.raises(outrange.InputError, match="from 0 to 776"):
        outrange.output_range(model, (0, 1999))


POOLED = {
    "mean": lambda h: L.GlobalAveragePooling1D()(h),
    "attention": lambda h: L.Flatten()(L.MultiHeadAttention(1, 2)(h, h)),
    "dot attention": lambda h: L.GlobalAveragePooling1D()(L.Attention()([h, h])),
}


@pytest.mark.parametrize("name", ["mean"])
def test_a_masked_embedding_that_is_pooled(name):
    model = of(lambda x: L.Dense(2)(POOLED[name](L.Embedding(5, 3, mask_zero=True)(x))), (3,))
    check(model, (1, 4), range(1, 5), 3)


def test_a_table_chosen_by_a_comparison():
    def function(x):
        return ops.where(
            ops.expand_dims(x > 3, -1), L.Embedding(9, 2)(x), L.Embedding(9, 2)(x) * 2.0
        )

    check(of(function), (0, 8), range(9), 1)


FORMULAS = {
    "row x + 1": (lambda x: L.Embedding(6, 2)(x + 1), (0, 4)),
    "row max(x, 2)": (lambda x: L.Embedding(6, 2)(ops.maximum(x, 2)), (0, 5)),
    "row of a sum": (lambda x: L.Embedding(16, 2)(ops.sum(x, axis=-1)), (0, 3)),
    "square": (lambda x: ops.cast(x * x, "float32"), (-3, 8)),
    "difference of bytes": (lambda x: ops.cast(ops.cast(x, "float32") - 3.0, "float32"), (0, 9)),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_limits_through_formulas(name):
    function, box = FORMULAS[name]
    size = 2 if "sum" in name else 1
    check(of(function, (size,)), box, range(box[0], box[1] + 1), size)


@pytest.mark.parametrize(
    "function",
    [lambda x: x + ops.cast(200, "uint8"), lambda x: x * x, lambda x: ops.cumsum(x, axis=-1)],
)
def test_bytes_that_wrap_around_have_narrower_limits(function):
    model = of(lambda x: ops.cast(function(x), "float32"), (2,), "uint8")
    with pytest.raises(outrange.InputError, match="takes integers from 0 to"):
        outrange.output_range(model, (0, 255))
    check(model, (0, 9), range(10), 2)


@pytest.mark.backends
def test_a_hash_as_the_row_of_a_table():
    model = of(lambda x: L.Embedding(5000, 2)(L.Hashing(5000)(x)), (1,))
    check(model, (0, 60), range(61), 1)
    of(lambda x: L.Hashing(4)(ops.clip(x, 0, 9)), (1,))


@pytest.mark.backends
@pytest.mark.parametrize(
    "arguments",
    [
        {"vocabulary": [12, 36, 7], "mask_token": 0, "output_mode": "multi_hot"},
        {"vocabulary": [12, 36, 7], "output_mode": "tf_idf", "idf_weights": [0.3, 0.5, 0.2]},
    ],
)
def test_vocabularies_that_are_refused(arguments):
    model = of(L.IntegerLookup(**arguments), (2,), "int64")
    with pytest.raises(outrange.UnsupportedError, match="output_mode"):
        outrange.output_range(model, (0, 40))


def _dense(rows):
    return keras.Sequential([
        keras.Input((2,), dtype="int32", name="x"), L.Embedding(rows, 1), L.Flatten(), L.Dense(1)
    ])  # fmt: skip


def test_a_difference_keeps_the_limits_of_both():
    for pair in ((10, 5), (5, 10)):
        one, two = map(_dense, pair)
        with pytest.raises(outrange.InputError, match="from 0 to 4"):
            outrange.difference_range(one, two, (0, 9))
        outrange.difference_range(one, two, (0, 4), time_limit=10)


@pytest.mark.parametrize(("kind", "last"), [("int8", 127), ("uint8", 255), ("int16", 32767)])
def test_a_cast_of_the_input_itself(kind, last):
    model = of(lambda x: ops.cast(ops.cast(x, kind), "float32"))
    with pytest.raises(outrange.InputError, match=f"to {last} "):
        outrange.output_range(model, (0, last + 1))
    assert outrange.output_range(model, (0, last)).hi[0] == last


def test_a_sum_that_reaches_the_last_number_of_its_type():
    model = of(lambda x: ops.cast(x + ops.cast(100, "int8"), "float32"), dtype="int8")
    assert outrange.output_range(model, (0, 27)).hi[0] == 127
    with pytest.raises(outrange.InputError, match="to 27 "):
        outrange.output_range(model, (0, 28))


def test_truth_values_do_not_add_up():
    model = of(lambda x: ops.cast(ops.add(x > 1, x > 2), "float32"))
    with pytest.raises(outrange.OutrangeError):
        assert outrange.output_range(model, (0, 5)).hi[0] <= 1


def test_messages_name_what_exists():
    with pytest.raises(outrange.InputError, match=r"outrange\.monotone"):
        outrange.gradient_range(_dense(5), (0, 4))
