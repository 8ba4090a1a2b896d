"""Rows that were mixed behind a step, or a branch on their number, were answered as one row."""

import itertools

import numpy as np
import pytest

import outrange
from outrange.core import UnsupportedError
from outrange.frontends.row_mixing import BatchGraph, mixing_part
from outrange.graph import Builder, Slot


def zero(x):
    """Return 1 where an entry is 0, which a random row does not reach."""
    return 1.0 * (x == 0)


MIXED = {
    "first row": lambda x: x + zero(x)[:1],
    "mean": lambda x: x + zero(x).mean(0),
    "far": lambda x: x + ((x > 1e4) * x).mean(0),
    "rows as columns": lambda x: x + zero(x) @ zero(x).T @ x,
    "number of rows": lambda x: x + zero(x) * x.shape[0],
    "seven rows": lambda x: x + (1.0 if x.shape[0] == 7 else 0.0),
    "many rows": lambda x: x + (0.0 if x.shape[0] < 40 else 1.0),
    "even batches": lambda x: x + float(x.shape[0] % 64 == 0),
}
APART = {
    "own mean": lambda x: x - zero(x).mean(1)[:, None],
    "turned twice": lambda x: (zero(x).T + x.T).T,
    "flattened": lambda x: zero(x.reshape(-1)).reshape(-1, 2) + x,
    "a share of one": lambda x: x + zero(x) * (x.shape[0] / x.shape[0]),
}


def keras_model(function):
    keras = pytest.importorskip("keras")

    class Code(keras.layers.Layer):
        def call(self, x):
            import jax.numpy as jnp

            return function(jnp.asarray(x))

        def compute_output_spec(self, x):
            return keras.KerasTensor(x.shape, dtype="float32")

    inputs = keras.Input((2,))
    return keras.Model(inputs, Code()(inputs))


def torch_network(function):
    torch = pytest.importorskip("torch")

    class Code(torch.nn.Module):
        def forward(self, x):
            return function(x)

    return outrange.load(Code().eval(), input_shape=(2,))


@pytest.mark.parametrize("rows", [2, 3, 7, 8])
def test_any_row_that_depends_on_another_is_seen(rows):
    """Rows are told apart by the digits of their numbers: no pair may be missed."""
    single = Builder([Slot("x", (1,))])
    alone = single.finish(single.input_values(), ["y"])
    for reader, read in itertools.product(range(rows), repeat=2):
        b = Builder([Slot("x", (rows,))])
        matrix = np.eye(rows)
        matrix[reader, read] += 1e-3 * (reader != read)
        y = b.reshape(b.dense(b.input_values()[0], matrix.T), (rows, 1))
        batch = BatchGraph(b.finish([b.reshape(y, (1, rows))], ["y"]), rows, [1], [(rows, 1)])
        part = mixing_part(alone, batch, [(1, 1)])
        assert (part is None) == (reader == read) and part != "the number of rows"


@pytest.mark.parametrize("name", MIXED)
def test_jax_code_that_mixes_rows_is_refused(name):
    with pytest.raises(UnsupportedError, match="mixes the rows"):
        outrange.load(keras_model(MIXED[name]))


@pytest.mark.parametrize("name", APART)
def test_jax_code_on_each_row_is_read(name):
    assert outrange.load(keras_model(APART[name])).graph.size == 2


@pytest.mark.backends
@pytest.mark.parametrize("name", MIXED)
def test_modules_that_mix_rows_are_refused(name):
    with pytest.raises(UnsupportedError, match="mixes the rows"):
        torch_network(MIXED[name])


@pytest.mark.backends
@pytest.mark.parametrize("name", APART)
def test_modules_on_each_row_are_read(name):
    assert torch_network(APART[name]).graph.size == 2
