"""Functions of `jax.nn`, `jax.numpy` and `jax.lax` are compared with JAX, or rejected by name.

The functions are those of `benchmarks/jax_functions.py`.
"""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import outrange
from outrange.core import InputError, UnsupportedError
from outrange.frontends.input_limits import limited_inputs
from outrange.frontends.jax import read
from outrange.frontends.network import Network
from outrange.graph import Builder, Slot, Value


sys.path.append(str(Path(__file__).parents[3] / "benchmarks"))
from jax_functions import cases, examine


REFUSED = {
    "nn.scaled_matmul": "scaled_matmul",
    "numpy.signbit": "bitcast_convert_type",
    "numpy.copysign": "bitcast_convert_type",
    "numpy.i0": "bessel_i0e",
    "numpy.arctan2": "atan2",
    "numpy.linalg.inv": "lu",
    "numpy.take of the input": "gather",
    "lax.erf_inv": "erf_inv",
    # Their binary search counts in `uint32`, whose lower limit 0 intervals cannot prove.
    "numpy.interp": "wrap around",
    "numpy.digitize": "wrap around",
    "numpy.searchsorted": "wrap around",
}
"""Functions that are not read, and the operation that the error names."""

CASES = cases()


@pytest.mark.parametrize("name", [name for name in CASES if name not in REFUSED])
def test_a_function_is_read(name):
    """Check that the graph equals the function at 500 samples, and that its bounds hold."""
    assert examine(*CASES[name], 500) == ""


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_names_the_operation(name):
    assert REFUSED[name] in examine(*CASES[name], 8)


def network(function, size: int) -> Network:
    """Build the network of a function of one vector, in float32."""
    b = Builder([Slot("x", (size,))], source="function")
    (outputs,) = read(b, lambda x: [function(x)], b.input_values(), ["float32"])
    b.inputs = limited_inputs(b, [])
    graph = b.finish([outputs if isinstance(outputs, Value) else np.asarray(outputs, float)], ["y"])
    return Network(graph, lambda x: np.asarray(function(jnp.asarray(x))), "function", "jax")


def test_a_type_of_integers_limits_the_inputs():
    """Check that inputs are limited where an `int8` would wrap around beyond 127."""
    small = network(lambda x: (x.astype("int8") + jnp.int8(100)).astype("float32"), 2)
    answer = outrange.output_range(small, (-3.5, 20.5))
    assert (answer.lo.tolist(), answer.hi.tolist()) == ([97.0, 97.0], [120.0, 120.0])
    with pytest.raises(InputError, match="wrap around"):
        outrange.output_range(small, (0, 50))


def test_a_narrower_type_limits_the_inputs():
    """Check that inputs are limited where a cast to `int8` would wrap around."""
    moved = network(lambda x: x.astype("int32").T.astype("int8").astype("float32").T, 2)
    with pytest.raises(InputError, match="wrap around"):
        outrange.output_range(moved, (0, 200))


def test_infinities_are_constants_or_refused():
    """Check that no value is infinite, and that a condition must not select infinity."""
    same = network(lambda x: jnp.where(jnp.isinf(x), jnp.inf, x), 2)
    assert outrange.output_range(same, (-1, 2)).hi.tolist() == [2.0, 2.0]
    with pytest.raises(UnsupportedError, match="must be finite"):
        network(lambda x: jnp.where(x > 0, jnp.inf, x), 2)


WRITES = {
    "positions that meet": lambda x: x.at[:, jnp.array([1, 1])].set(0.5),
    "a position outside": lambda x: x.at[:, jnp.array([9])].set(0.5),
    "positions of the input": lambda x: jax.lax.dynamic_update_slice(
        x, x[:, :1], (0, jnp.argmax(x[0]))
    ),
    "sums that meet": lambda x: x.at[:, jnp.array([1, 1])].add(x[:, :2]),
}


@pytest.mark.parametrize("name", WRITES)
def test_writes_without_one_place_are_refused(name):
    with pytest.raises(UnsupportedError, match=r"scatter|dynamic_update_slice"):
        network(WRITES[name], 4)


@pytest.mark.slow
def test_constants_in_branches_and_closures():
    """Check a closed-over array, a checkpoint, and both branches of a condition."""
    weights = np.linspace(-1.0, 1.0, 4, dtype=np.float32)

    @jax.checkpoint
    def inner(x):
        return jnp.tanh(x * weights)

    def function(x):
        first = jax.lax.cond(x[0, 0] > 0.25, lambda v: v + weights, lambda v: v - weights, x)
        return inner(first)

    both = network(function, 4)
    x = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    expected = np.concatenate([function(row[None]) for row in x])
    assert np.allclose(both.graph.run(x.astype(np.float64)), expected, atol=1e-6)
