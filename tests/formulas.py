"""Every built-in activation the way somebody writes it who does not know its name."""

from fractions import Fraction

from outrange.ops.pointwise import Expressions
from outrange.ops.pointwise.definitions import ROOT_2_OVER_PI, ROOT_HALF, largest, relu


def _where(t: Expressions, above, then, other):
    """`then` where x > above, else `other`."""
    return t.switch(t.x, (Fraction(above),), (other, then), (other,))


def _exp(t, u):
    return t.apply("exp", u)


def _sigmoid(t, u):
    return t.power(t.scale(_exp(t, t.scale(u, -1)), 1, 1), -1)


def _softplus(t, u):
    return t.apply("log", t.scale(_exp(t, u), 1, 1))


def _tanh(t, u):
    return t.scale(_sigmoid(t, t.scale(u, 2)), 2, -1)


def _size(t):
    return t.add(relu(t, t.x), relu(t, t.scale(t.x, -1)))


def _clip(t, u, lo, hi):
    top = largest(t, u, t.constant(Fraction(lo)))
    return t.scale(largest(t, t.scale(top, -1), t.constant(-Fraction(hi))), -1)


def _sixth(t):
    return _clip(t, t.scale(t.x, Fraction(1, 6), Fraction(1, 2)), 0, 1)


def _gelu_tanh(t):
    cubic = t.combine([(1, t.x), (Fraction("0.044715"), t.power(t.x, 3))])
    gate = t.apply("tanh", t.scale(cubic, ROOT_2_OVER_PI))
    return t.scale(t.multiply(t.x, t.scale(gate, 1, 1)), Fraction(1, 2))


FORMULAS = {
    "relu": lambda t: largest(t, t.x, t.zero),
    "leaky_relu": lambda t: largest(t, t.x, t.scale(t.x, Fraction(0.2))),
    "clip": lambda t: _clip(t, t.x, -1, 1),
    "abs": _size,
    "square": lambda t: t.multiply(t.x, t.x),
    "sigmoid": lambda t: _sigmoid(t, t.x),
    "tanh": lambda t: _tanh(t, t.x),
    "softplus": lambda t: _softplus(t, t.x),
    "softsign": lambda t: t.divide(t.x, t.scale(_size(t), 1, 1)),
    "elu": lambda t: _where(t, 0, t.x, t.scale(_exp(t, t.x), 1, -1)),
    "celu": lambda t: _where(t, 0, t.x, t.scale(_exp(t, t.x), 1, -1)),
    "selu": lambda t: t.scale(
        _where(t, 0, t.x, t.scale(t.scale(_exp(t, t.x), 1, -1), Fraction(1.6732632423543772))),
        Fraction(1.0507009873554805),
    ),
    "silu": lambda t: t.multiply(t.x, _sigmoid(t, t.x)),
    "gelu": lambda t: t.scale(
        t.multiply(t.x, t.scale(t.apply("erf", t.scale(t.x, ROOT_HALF)), 1, 1)), Fraction(1, 2)
    ),
    "gelu_tanh": _gelu_tanh,
    "mish": lambda t: t.multiply(t.x, _tanh(t, _softplus(t, t.x))),
    "exp": lambda t: _exp(t, t.x),
    "log_sigmoid": lambda t: t.scale(_softplus(t, t.scale(t.x, -1)), -1),
    "tanh_shrink": lambda t: t.subtract(t.x, _tanh(t, t.x)),
    "hard_sigmoid": _sixth,
    "hard_silu": lambda t: t.multiply(t.x, _sixth(t)),
    "hard_shrink": lambda t: t.multiply(
        t.x, t.add(_where(t, 0.5, t.one, t.zero), t.switch(
            t.x, (Fraction(-1, 2),), (t.one, t.zero), (t.zero,)
        ))
    ),
    "soft_shrink": lambda t: t.subtract(
        relu(t, t.scale(t.x, 1, Fraction(-1, 2))), relu(t, t.scale(t.x, -1, Fraction(-1, 2)))
    ),
    "threshold": lambda t: _where(t, 1, t.x, t.constant(-2)),
    "sparse_plus": lambda t: _where(
        t, -1, _where(t, 1, t.x, t.scale(t.power(t.scale(t.x, 1, 1), 2), Fraction(1, 4))), t.zero
    ),
    "sparse_sigmoid": lambda t: _clip(t, t.scale(t.x, Fraction(1, 2), Fraction(1, 2)), 0, 1),
    "squareplus": lambda t: t.scale(
        t.add(t.x, t.apply("sqrt", t.scale(t.multiply(t.x, t.x), 1, 4))), Fraction(1, 2)
    ),
}  # fmt: skip
"""Name in the table of curves to the formula, from a table of expressions."""

ATTRIBUTES = {
    "clip": {"least": -1.0, "most": 1.0},
    "threshold": {"threshold": 1.0, "default": -2.0},
}
"""Attributes of the curves that have no defaults."""

FREE = {
    "kinks on both sides": lambda t: t.subtract(relu(t, t.x), relu(t, t.scale(t.x, -1, 1))),
    "kink at a third": lambda t: t.add(relu(t, t.scale(t.x, 3, -1)), relu(t, t.x)),
    "cube": lambda t: t.power(t.x, 3),
    "bell": lambda t: _exp(t, t.scale(t.power(t.x, 2), -1)),
    "wave times x": lambda t: t.multiply(t.x, t.apply("sin", t.x)),
    "step": lambda t: _where(t, 0, t.one, t.zero),
    "clipped parabola": lambda t: relu(t, t.scale(t.power(t.x, 2), 1, -2)),
    "clipped wave": lambda t: relu(t, t.scale(t.apply("sin", t.x), 1, Fraction(-1, 2))),
    "relu of tanh": lambda t: relu(t, t.apply("tanh", t.x)),
    "log from 1 on": lambda t: _where(t, 1, t.scale(t.apply("log", t.x), 1, 1), t.x),
    "ricker": lambda t: t.multiply(t.x, _exp(t, t.scale(t.x, Fraction(-0.37), Fraction(0.7)))),
    "dose and response": lambda t: t.divide(
        t.power(t.scale(t.x, Fraction(-1.3), Fraction(0.7)), 2),
        t.scale(t.power(t.scale(t.x, Fraction(-1.3), Fraction(0.7)), 2), 1, Fraction(0.3)),
    ),
    "arrhenius": lambda t: _exp(t, t.combine([(Fraction(-2.3), t.power(t.x, -1))], Fraction(0.7))),
    "a pole inside": lambda t: t.divide(t.one, t.scale(t.x, 1, -1)),
    "hat": lambda t: t.multiply(
        _exp(t, t.scale(t.power(t.x, 2), -1)), t.scale(t.power(t.x, 2), -1, 1)
    ),
}
"""Functions that no file describes."""
