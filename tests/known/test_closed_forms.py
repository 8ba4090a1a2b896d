"""Networks whose range is known in closed form."""

import numpy as np
import pytest

import outrange
from cases import cases
from outrange.graph import Builder, Slot


def graph(inputs, build):
    """The graph of `build(builder, x)`."""
    builder = Builder([Slot("x", (inputs,))])
    (x,) = builder.input_values()
    return builder.finish([build(builder, x)], ["y"])


def check(model, box, lo, hi, tol=1e-6, **options):
    """The answer encloses `[lo, hi]` and is no wider than its tolerance allows."""
    answer = outrange.output_range(model, box, tol=tol, **options)
    lo, hi = np.broadcast_to(lo, answer.lo.shape), np.broadcast_to(hi, answer.hi.shape)
    room = 2 * tol * np.maximum(hi - lo, 1e-6 * np.abs(lo)) + 1e-12 * (1 + np.abs(lo) + np.abs(hi))
    ulps = 4 * np.spacing(np.maximum(np.abs(lo), np.abs(hi)))
    assert np.all(answer.lo <= lo + ulps) and np.all(hi - ulps <= answer.hi)
    assert np.all(lo - answer.lo <= room) and np.all(answer.hi - hi <= room)
    return answer


def tent(b, x):
    """`1 - |2x - 1|`: from 0 up to 1 and down again on [0, 1]."""
    return b.affine_map(b.curve("abs", b.affine_map(x, 2.0, -1.0)), -1.0, 1.0)


@pytest.mark.parametrize("folds", cases([1, 2, 5], [1, 2, 4, 6]))
def test_folded_tents(folds):
    """2**(folds - 1) peaks of height 1: samples see them badly, intervals not at all."""

    def build(b, x):
        for _ in range(folds):
            x = tent(b, x)
        return x

    check(graph(1, build), (0, 1), 0.0, 1.0)
    check(graph(1, build), (0.0, 0.4 / 2**folds), 0.0, 0.4)


def test_a_value_minus_itself():
    """relu(x) - relu(-x) - x is 0 everywhere."""

    def build(b, x):
        up, down = b.curve("relu", x), b.curve("relu", b.affine_map(x, -1.0))
        return b.combine((1.0, -1.0, -1.0), [up, down, x])

    check(graph(3, build), (-2, 3), 0.0, 0.0)


def test_first_norm_and_largest_entry():
    def norm(b, x):
        return b.reduce("sum", b.curve("abs", x), axes=(1,), keepdims=True)

    def span(b, x):
        most = b.reduce("max", x, axes=(1,), keepdims=True)
        return b.subtract(most, b.reduce("min", x, axes=(1,), keepdims=True))

    check(graph(4, norm), (-1, 2), 0.0, 8.0)
    check(graph(4, span), (-1, 2), 0.0, 3.0)


def test_margin_between_two_outputs():
    """y0 = relu(x) + 10 |x - 1/2| - 1/2 and y1 = relu(x): their difference is -1/2 at x = 1/2."""

    def build(b, x):
        y1 = b.curve("relu", x)
        bump = b.affine_map(b.curve("abs", b.affine_map(x, 1.0, -0.5)), 10.0, -0.5)
        return b.concat([b.add(y1, bump), y1], axis=1)

    answer = check(graph(1, build), (0, 1), -0.5, 4.5, rows=[[1.0, -1.0]])
    assert abs(np.ravel(answer.at_lo)[0] - 0.5) < 1e-6


def test_an_output_that_depends_on_no_input():
    check(graph(2, lambda b, x: b.affine_map(x, 0.0, [3.0, -4.0])), (0, 1), [3, -4], [3, -4])


def test_fixed_inputs():
    model = graph(3, lambda b, x: b.curve("relu", b.dense(x, np.ones((3, 1)))))
    check(model, ([1.0, 2.0, -3.0], [1.0, 2.0, -3.0]), 0.0, 0.0)
    check(model, ([1.0, 2.0, 0.0], [1.0, 3.0, 0.0]), 3.0, 4.0)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_weights_of_any_scale(scale):
    def build(b, x):
        h = b.curve("relu", b.dense(x, scale * np.array([[1.0, -1.0], [1.0, 1.0]])))
        return b.dense(h, np.array([[1.0], [1.0]]) / scale)

    # relu(x + y) + relu(y - x) on [-1, 1]^2
    check(graph(2, build), (-1, 1), 0.0, 2.0)


@pytest.mark.parametrize(
    ("name", "box", "lo", "hi"),
    [
        ("tanh", (-2.0, 1.0), np.tanh(-2.0), np.tanh(1.0)),
        ("sigmoid", (-40.0, 40.0), 1 / (1 + np.exp(40.0)), 1 / (1 + np.exp(-40.0))),
        ("softplus", (-1.0, 1.0), np.log1p(np.exp(-1.0)), np.log1p(np.exp(1.0))),
        ("silu", (-5.0, 1.0), -0.278464542761074, 1 / (1 + np.exp(-1.0))),
        ("sin", (0.0, 7.0), -1.0, 1.0),
        ("square", (-1.0, 2.0), 0.0, 4.0),
        ("exp", (-1.0, 1.0), np.exp(-1.0), np.exp(1.0)),
    ],
)
def test_one_smooth_curve(name, box, lo, hi):
    check(graph(1, lambda b, x: b.curve(name, x)), box, lo, hi, tol=1e-5, time_limit=60)


def test_difference_of_two_sigmoids():
    """sigmoid(x + 1) - sigmoid(x - 1) peaks at x = 0 with tanh(1/2), and falls to both sides."""

    def build(b, x):
        left = b.curve("sigmoid", b.affine_map(x, 1.0, 1.0))
        return b.subtract(left, b.curve("sigmoid", b.affine_map(x, 1.0, -1.0)))

    edge = 1 / (1 + np.exp(-6.0)) - 1 / (1 + np.exp(-4.0))
    check(graph(1, build), (-3, 5), edge, np.tanh(0.5), tol=1e-4, time_limit=60)
