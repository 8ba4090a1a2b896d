"""A plant whose numbers are not finite is refused by name; an infinite end of a clip is none."""

import jax.numpy as jnp
import numpy as np
import pytest

from outrange import ControlLoop, closed_loop
from outrange.core import InputError, OutrangeError


def ask_loop(plant, **options):
    loop = ControlLoop(lambda x: [-x[0]], plant, ([-1.0], [1.0]), **options)
    return closed_loop(loop, steps=2, time_limit=5)


PLANTS = {
    "a sum": lambda c: lambda x, u: [x[0] + c],
    "a factor": lambda c: lambda x, u: np.array([c]) * x + u,
    "a divisor": lambda c: lambda x, u: [x[0] / c],
    "a result": lambda c: lambda x, u: [c],
    "a branch": lambda c: lambda x, u: [np.where(x[0] > 0, c, x[0])],
    "of JAX": lambda c: lambda x, u: jnp.array([x[0] * c + u[0]]),
    "a branch of JAX": lambda c: lambda x, u: jnp.where(x > 0, c, x),
}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", PLANTS)
def test_it_is_refused(name, value):
    with pytest.raises(OutrangeError, match=f"^The plant: .* must be .*finite.* Received: {value}"):
        ask_loop(PLANTS[name](value))


@pytest.mark.parametrize("options", [{"dt": 0.1}, {"observe": lambda x: [x[0] * np.nan]},
                                     {"actuate": lambda u: [u[0] + np.inf]}])  # fmt: skip
def test_it_is_refused_wherever_it_is(options):
    factor = np.nan if "dt" in options else 1.0
    with pytest.raises(InputError, match="must be finite"):
        ask_loop(lambda x, u: [factor * x[0] + u[0]], **options)


ENDS = {
    "maximum": lambda x, u: [np.maximum(x[0], -np.inf)],
    "clip": lambda x, u: [np.clip(x[0], -1.0, np.inf)],
    "of JAX": lambda x, u: jnp.clip(x, -jnp.inf, 1.0),
    "replaced": lambda x, u: jnp.nan_to_num(x),
}


@pytest.mark.parametrize("name", ENDS)
def test_no_end_is_no_number(name):
    pipe = ask_loop(ENDS[name]).pipe
    np.testing.assert_allclose([pipe.lo[-1], pipe.hi[-1]], [[-1.0], [1.0]])
