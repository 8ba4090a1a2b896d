"""Tracing of NumPy functions: the graph computes what NumPy computes."""

import numpy as np
import pytest
from scipy import special

from outrange.core import UnsupportedError
from outrange.domains import bounds
from outrange.frontends.functions import trace
from outrange.frontends.functions.calls import FUNCTIONS, UFUNCS
from outrange.graph import Builder, Slot


A, B = np.arange(6.0).reshape(2, 3) - 2.2, np.array([0.4, -1.5, 2.5])

CASES = {
    "add": lambda x: x + B, "subtract": lambda x: B - x, "multiply": lambda x: x * x[::-1],
    "divide": lambda x: x / (3 + x[0]), "true_divide": lambda x: np.true_divide(x, B),
    "negative": lambda x: -x, "positive": lambda x: +x, "power": lambda x: x**3,
    "float_power": lambda x: np.float_power(x, 2), "matmul": lambda x: A @ x,
    "square": np.square, "absolute": abs, "fabs": np.fabs, "sqrt": lambda x: np.sqrt(x + 3),
    "exp": np.exp, "expm1": np.expm1, "exp2": np.exp2, "log": lambda x: np.log(x + 3),
    "log1p": lambda x: np.log1p(x + 2), "log2": lambda x: np.log2(x + 3),
    "log10": lambda x: np.log10(x + 3), "sin": np.sin, "cos": np.cos,
    "tan": lambda x: np.tan(x / 2),
    "arctan": np.arctan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "sign": np.sign,
    "reciprocal": lambda x: np.reciprocal(x + 3), "floor": np.floor, "ceil": np.ceil,
    "rint": np.rint, "trunc": np.trunc, "remainder": lambda x: np.remainder(x, 0.7),
    "heaviside": lambda x: np.heaviside(x, 0.5), "hypot": lambda x: np.hypot(x[0], x[1:]),
    "maximum": lambda x: np.maximum(x, B), "minimum": lambda x: np.minimum(x, x[0]),
    "fmax": lambda x: np.fmax(x, 0.1), "fmin": lambda x: np.fmin(x, 0.1),
    "greater": lambda x: np.where(x > B, x, 0), "less": lambda x: np.where(x < B, x, 0),
    "greater_equal": lambda x: np.where(x >= B, x, 0),
    "less_equal": lambda x: np.where(x <= B, x, 0), "equal": lambda x: np.where(x == B, 1.0, x),
    "not_equal": lambda x: np.where(x != B, x, 1.0),
    "logical_and": lambda x: np.where(np.logical_and(x > 0, x < 1), x, 0),
    "logical_or": lambda x: np.where(np.logical_or(x < 0, x > 1), x, 0),
    "logical_not": lambda x: np.where(np.logical_not(x > 0), x, 0),
    "deg2rad": np.deg2rad, "rad2deg": np.rad2deg,
    "erf": special.erf, "erfc": special.erfc, "expit": special.expit,
    "stack": lambda x: np.stack([x, x[::-1]], axis=1),
    "concatenate": lambda x: np.concatenate([x, B]),
    "hstack": lambda x: np.hstack([x, x]), "vstack": lambda x: np.vstack([x, B]),
    "where": lambda x: np.where(x > 0, x, -2 * x),
    "select": lambda x: np.select([x > 1, x > 0], [x, -x], 3.0),
    "piecewise": lambda x: np.piecewise(x, [x < 0, x >= 0], [lambda v: -v, lambda v: 2 * v]),
    "interp": lambda x: np.interp(x, [-1, 0, 1], [0.0, 2.0, 1.0]),
    "digitize": lambda x: np.digitize(x, [-1.0, 0.5]) * 1.0,
    "searchsorted": lambda x: np.searchsorted([-1.0, 0.5], x) * 1.0,
    "choose": lambda x: np.choose(np.digitize(x, [0.0]), [3.0, 2.0]),
    "clip": lambda x: np.clip(x, -0.5, 0.5), "dot": lambda x: np.dot(A, x),
    "cross": lambda x: np.cross(x, np.sin(x)), "outer": lambda x: np.outer(x, x[:2]),
    "norm": np.linalg.norm, "prod": np.prod, "diff": lambda x: np.diff(x, n=2),
    "cumsum": np.cumsum, "sum": np.sum, "mean": np.mean, "max": np.max, "amax": np.amax,
    "min": np.min, "amin": np.amin, "argmax": lambda x: np.argmax(x) * 1.0,
    "argmin": lambda x: np.argmin(x) * 1.0, "reshape": lambda x: np.reshape(x, (3, 1)),
    "ravel": lambda x: np.ravel(x * A), "transpose": lambda x: np.transpose(x * A),
    "flip": np.flip, "roll": lambda x: np.roll(x, 1),
    "squeeze": lambda x: np.squeeze(np.reshape(x, (1, 3))),
    "expand_dims": lambda x: np.expand_dims(x, 0) * A,
    "moveaxis": lambda x: np.moveaxis(x * A, 0, 1), "swapaxes": lambda x: np.swapaxes(x * A, 0, 1),
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 3)), "repeat": lambda x: np.repeat(x, 2),
    "tile": lambda x: np.tile(x, 2), "take": lambda x: np.take(x, [2, 0]),
    "diagonal": lambda x: np.diagonal(np.outer(x, x)),
}  # fmt: skip

MORE = {
    "cross with a constant": lambda x: np.cross(B, x),
    "cross of rows": lambda x: np.cross(x * A, A),
    "norm 1": lambda x: np.linalg.norm(x, 1), "norm inf": lambda x: np.linalg.norm(x, np.inf),
    "norm along an axis": lambda x: np.linalg.norm(x * A, axis=0),
    "norm of a matrix": lambda x: np.linalg.norm(x * A, axis=(0, 1)),
    "prod along an axis": lambda x: np.prod(x * A, axis=1),
    "cumsum along an axis": lambda x: np.cumsum(x * A, axis=0),
    "diff along an axis": lambda x: np.diff(x * A, axis=0),
}  # fmt: skip


def graph_of(function):
    b = Builder([Slot("x", (3,))])
    (x,) = b.input_values()
    return b.finish([trace(b, function, [b.reshape(x, (3,))], None, "f")], ["y"])


def test_every_function_has_a_case():
    assert set(CASES) == set(UFUNCS) | set(FUNCTIONS)


@pytest.mark.parametrize("name", [*CASES, *MORE])
def test_a_graph_computes_what_numpy_does(name):
    function = {**CASES, **MORE}[name]
    graph = graph_of(function)
    x = np.random.default_rng(0).uniform(-1.5, 1.5, (200, 3))
    expected = np.stack([np.ravel(function(row)) for row in x])
    values = graph.run(x)
    np.testing.assert_allclose(values, expected, 1e-12, 1e-13)
    lo, hi = bounds(graph, x.min(axis=0), x.max(axis=0))[-1]
    assert (lo <= values + 1e-9).all() and (values - 1e-9 <= hi).all()


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x: np.cross(x[:2], x[:2]), "three entries"),
        (lambda x: np.linalg.norm(x, 3), "order 3"),
        (lambda x: np.linalg.norm(x * A, "fro"), "an order needs a vector"),
        *(
            (lambda x, n=n: np.linalg.norm(x * A, n, axis=(0, 1)), "of matrices")
            for n in (1, 2, np.inf, "fro")
        ),
        (lambda x: np.fft.fft(x), "`np.fft` is not supported"),
    ],
)
def test_what_is_not_described_says_so(function, said):
    with pytest.raises(UnsupportedError, match=said):
        graph_of(function)
