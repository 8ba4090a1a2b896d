"""Models with integer inputs: embeddings, categories, hashes, vocabularies."""

import itertools

import keras
import numpy as np
import pytest
from keras import layers as L

import outrange
from cases import cases


def of(layer, shape=(3,), dtype="int32"):
    x = keras.Input(shape, dtype=dtype, name="ids")
    return keras.Model(x, layer(x))


def brute(model, values, size):
    """Return the least and the largest output of the model itself over all tuples of `values`."""
    x = np.array(list(itertools.product(values, repeat=size)))
    y = np.asarray(model(x.astype("int32"))).reshape(len(x), -1)
    return y.min(axis=0), y.max(axis=0)


LAYERS = {
    "Embedding": lambda: L.Embedding(6, 2, embeddings_initializer="normal"),
    "ReversibleEmbedding": lambda: L.ReversibleEmbedding(6, 2),
    "multi-hot categories": lambda: L.CategoryEncoding(6, output_mode="multi_hot"),
    "counted categories": lambda: L.CategoryEncoding(6, output_mode="count"),
    "Hashing": lambda: L.Hashing(5),
    "Hashing, salted": lambda: L.Hashing(5, salt=[1, 2]),
    "Hashing, one-hot": lambda: L.Hashing(5, output_mode="multi_hot"),
    "IntegerLookup": lambda: L.IntegerLookup(vocabulary=[1, 4, 5]),
    "IntegerLookup, multi-hot": lambda: L.IntegerLookup(
        vocabulary=[1, 4, 5], output_mode="multi_hot"),
    "IntegerLookup, masked": lambda: L.IntegerLookup(vocabulary=[1, 4, 5], mask_token=0),
}  # fmt: skip


WITH_TENSORFLOW = ("Hashing", "IntegerLookup")
"""Layers that Keras computes by TensorFlow on every backend."""


@pytest.mark.parametrize("name", [
    pytest.param(name, marks=pytest.mark.backends if name.startswith(WITH_TENSORFLOW) else ())
    for name in LAYERS
])  # fmt: skip
def test_ranges_are_those_of_every_input(name):
    model = of(LAYERS[name]())
    # Only integers near the vocabulary differ; the next ones on either side are like all others.
    answer = outrange.output_range(model, (0, 5))
    least, most = brute(model, range(6), 3)
    np.testing.assert_allclose(np.ravel(answer.lo), least, atol=1e-6)
    np.testing.assert_allclose(np.ravel(answer.hi), most, atol=1e-6)


@pytest.fixture(scope="module")
def price_model():
    keras.utils.set_random_seed(1)
    words = keras.Input((3,), dtype="int32", name="words")
    price = keras.Input((2,), name="price")
    h = L.GlobalAveragePooling1D()(L.Embedding(6, 4)(words))
    h = L.Dense(8, "relu")(L.Concatenate()([h, price]))
    model = keras.Model([words, price], L.Dense(2)(h))
    for weight in model.weights:
        weight.assign(np.random.default_rng(len(weight.path)).normal(size=weight.shape))
    return model


def test_whole_and_real_inputs_together(price_model):
    box = {"words": (0, 5), "price": (-1, 1)}
    answer = outrange.output_range(price_model, box)
    assert answer.status == "exact"
    grid = np.array(list(itertools.product([-1, -0.3, 0.4, 1], repeat=2)), "float32")
    words = np.array(list(itertools.product(range(6), repeat=3)), "int32")
    y = np.asarray(price_model([np.repeat(words, 16, axis=0), np.tile(grid, (216, 1))]))
    assert (y >= answer.lo - 1e-5).all() and (y <= answer.hi + 1e-5).all()
    np.testing.assert_allclose(answer.model_lo, answer.lo, atol=1e-4)
    np.testing.assert_allclose(answer.model_hi, answer.hi, atol=1e-4)
    for at in (answer.at_lo, answer.at_hi):
        assert (at["words"] == np.rint(at["words"])).all()


@pytest.mark.slow
def test_verify_finds_a_sentence(price_model):
    box = {"words": (0, 5), "price": (-1, 1)}
    most = float(outrange.output_range(price_model, box).hi[0])
    broken = outrange.verify(price_model, outrange.y[0] <= most - 1e-3, box)
    assert "VIOLATED" in repr(broken)
    assert "HOLDS" in repr(outrange.verify(price_model, outrange.y[0] <= most + 1e-3, box))


@pytest.mark.parametrize(
    ("box", "told"),
    [((0, 6), "from 0 to 5"), ((-1, 5), "from 0 to 5"), ((0.2, 0.8), "must include an integer")],
)
def test_numbers_that_the_table_does_not_have(price_model, box, told):
    with pytest.raises(outrange.InputError, match=told):
        outrange.output_range(price_model, {"words": box, "price": 0})


@pytest.mark.parametrize("ask", [outrange.gradient_range, outrange.lipschitz])
def test_slopes_need_fixed_words(price_model, ask):
    with pytest.raises(outrange.InputError, match=r"`words`\[0\] takes integers only.*monotone"):
        ask(price_model, {"words": (0, 5), "price": (-1, 1)})
    ask(price_model, {"words": np.array([1, 2, 3]), "price": (-1, 1)}, time_limit=5)


def test_trends_of_words_are_those_of_the_model(price_model):
    box = {"words": (0, 5), "price": (-1, 1)}
    answer = outrange.monotone(price_model, box, outputs=0, budget=5)
    for trend in answer.trends:
        for pair, sign in ((trend.fall, 1), (trend.rise, -1)):
            if pair is not None:
                ends = [
                    price_model([
                        np.array([end["words"]], "int32"), np.array([end["price"]], "float32")
                    ])[0, 0]
                    for end in (pair.x, pair.then)
                ]  # fmt: skip
                assert pair.reproduced and sign * ends[1] < sign * ends[0]
    assert "neither" in {trend.direction for trend in answer.trends}


def test_a_radius_needs_real_inputs(price_model):
    with pytest.raises(outrange.InputError, match="takes integers"):
        outrange.robustness(price_model, {"words": np.array([1, 2, 3]), "price": np.zeros(2)}, 0)


def test_samples_are_whole(price_model):
    answer = outrange.sample_range(price_model, {"words": (0, 5), "price": (-1, 1)}, samples=3000)
    assert (answer.at_lo["words"] == np.rint(answer.at_lo["words"])).all()


@pytest.mark.backends
def test_a_vocabulary_then_an_embedding():
    words = keras.Input((2,), dtype="int64", name="words")
    index = L.IntegerLookup(vocabulary=[10, 20, 30])(words)
    model = keras.Model(words, L.Embedding(4, 2, embeddings_initializer="normal")(index))
    answer = outrange.output_range(model, (0, 40))
    table = np.asarray(model.weights[0])
    np.testing.assert_allclose(answer.lo[0], table.min(axis=0), atol=1e-6)
    np.testing.assert_allclose(answer.hi[1], table.max(axis=0), atol=1e-6)


def test_masked_words_leave_a_pooled_embedding():
    model = keras.Sequential([
        keras.Input((3,), dtype="int32"),
        L.Embedding(5, 2, mask_zero=True, embeddings_initializer="normal"),
        L.LSTM(2),
    ])  # fmt: skip
    answer = outrange.output_range(model, (1, 4), time_limit=cases(0.8, 20.0))
    least, most = brute(model, range(1, 5), 3)
    assert (answer.lo <= least + 1e-6).all() and (most - 1e-6 <= answer.hi).all()


def test_small_types_have_their_limits():
    x = keras.Input((2,), dtype="uint8", name="pixels")
    model = keras.Model(x, L.Rescaling(1 / 255)(x))
    answer = outrange.output_range(model, (0, 255))
    np.testing.assert_allclose(answer.hi, 1.0, atol=1e-6)
    with pytest.raises(outrange.InputError, match="from 0 to 255"):
        outrange.output_range(model, (0, 256))
