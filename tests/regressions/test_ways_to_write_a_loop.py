"""Plants and calls of closed loops that used to end in somebody else's error, or in none."""

import numpy as np
import pytest

import outrange
from outrange import InputError, OutrangeError, UnsupportedError, linear_plant, x


START = [0.5], [1.0]


def steer(x):
    return [-x[0]]


def decay(x, u):
    return [0.9 * x[0] + 0.1 * u[0]]


def ask_loop(plant=decay, controller=steer, steps=2, spec=None):
    return outrange.closed_loop(outrange.ControlLoop(controller, plant, START), steps, spec)


@pytest.mark.parametrize(
    ("controller", "plant"),
    [
        (decay, steer),
        (["0.9*x1 + 0.1*u1"], steer),
        (linear_plant([[0.9]], [[0.1]]), steer),
    ],
    ids=["function", "formulas", "matrices"],
)
def test_a_plant_in_place_of_the_controller(controller, plant):
    with pytest.raises(InputError, match=r"must come before the plant: `ControlLoop\(contr"):
        ask_loop(plant, controller)


def _entry(x, u):
    x[0] = 0.9 * x[0] + 0.1 * u[0]
    return x


def _entry_more(x, u):
    x[0] += 0.1 * u[0]
    return x


def _all(x, u):
    x += 0.1 * u
    return x


def _another_name(x, u):
    y = x
    y += 0.1 * u
    return x


def _mask(x, u):
    mask = x > 0
    mask &= x < 1
    return np.where(mask, x, u)


def _out(x, u):
    np.add(x, 0.1 * u, out=x)
    return x


@pytest.mark.parametrize("plant", [_entry, _entry_more, _all, _another_name, _mask, _out])
def test_a_plant_that_changes_its_argument(plant):
    """`y = x; y += u; return x` was read as `return x`, which is not what NumPy computes."""
    with pytest.raises(UnsupportedError, match=r"changes an array in place.*Make a new one"):
        ask_loop(plant)


def test_a_number_is_bound_anew():
    def plant(x, u):
        y = x[0]
        y *= 0.9
        y += 0.1 * u[0]
        return [y]

    assert repr(ask_loop(plant).pipe) == repr(ask_loop().pipe)


def test_an_array_that_a_plant_fills():
    def plant(x, u):
        y = np.zeros(1)
        y[0] = x[0]
        return y

    with pytest.raises(InputError, match=r"return a list: `return \[a, b\]`"):
        ask_loop(plant)


def test_times_without_a_period():
    with pytest.raises(
        InputError, match=r"Without `dt=`, a loop is in discrete time.*pass its period"
    ):
        ask_loop(spec=(x[0] <= 1).during(0.5, 1))


def test_arguments_of_a_plant_in_another_order():
    """`(x, u, dt)` was called with `(t, x, u)`."""
    with pytest.raises(InputError, match=r"function of `\(x, u\)`.*a function of x, u, dt"):
        ask_loop(lambda x, u, dt: [x[0] + dt * u[0]])


@pytest.mark.parametrize("name", ["erf", "erfc", "expit"])
def test_functions_of_scipy(name):
    special = pytest.importorskip("scipy.special")
    function = getattr(special, name)
    pipe = ask_loop(lambda x, u: [function(x[0]) + u[0]], steps=1).pipe
    ends = function(np.array([0.5, 1.0])) - [0.5, 1.0]
    assert pipe.lo[1] <= ends.min() and ends.max() <= pipe.hi[1]


def test_a_function_of_scipy_that_is_not_described():
    special = pytest.importorskip("scipy.special")
    with pytest.raises(UnsupportedError, match="`gammaln` is not supported yet: write it with"):
        ask_loop(lambda x, u: [special.gammaln(x[0]) + u[0]])


def test_data_without_inputs():
    with pytest.raises(OutrangeError, match="Inputs and targets are two arguments, `x` and `y`"):
        outrange.recommend([0, 0, 0, 1])
