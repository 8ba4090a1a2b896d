"""Refusals of unsupported expressions name an alternative."""

import numpy as np
import pytest

from outrange.core import InputError
from outrange.graph import Slot
from outrange.questions.expressions import implies, resolve, resolve_linear, x, y


ONE = [Slot("speed", (3,))], [Slot("out", (4,))]
TWO = [Slot("x", (3,)), Slot("u", (2,))], [Slot("left", (3,)), Slot("right", (2, 3))]


def _message(make, slots=ONE, ask=resolve) -> str:
    with pytest.raises(InputError) as caught:
        ask(make(), *slots)
    message = str(caught.value)
    assert "Received: " in message
    assert len(message) < 460
    return message


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: 0 <= y[0] <= 1, ["(0 <= a) & (a <= 1)", "y[0] >= 0"]),
        (lambda: y[0] <= 1 and y[1] <= 1, ["`&`", "y[0] <= 1"]),
        (lambda: not y[0] <= 1, ["`~`"]),
        (lambda: (y[1] >= 0) if y[0] <= 1 else (y[1] <= 0), ["implies(a, b)"]),
        (lambda: y.argmax() in (1, 2), ["(i == 1) | (i == 2)", "y.argmax() == 1"]),
        (lambda: max(y[0], y[1]) <= 1, ["np.maximum"]),
        (lambda: 3 in y, [".any()", "in y"]),
        (lambda: float(y[0]), ["number", "y[0]"]),
        (lambda: np.asarray(y), ["number"]),
        (lambda: np.arange(3)[y.argmax()], ["y.argmax()"]),
        (lambda: range(y[0]), ["number", "y[0]"]),
        (lambda: len(y), ["lambda x, y", "y outside"]),
        (lambda: list(y), ["lambda x, y"]),
        (lambda: lambda x, y: len(y[0]) <= 1, ["needs an array", "y[0]"]),
        (lambda: y[0] <= 1 & y[1], ["parentheses", "bind more tightly"]),
        (lambda: y[0] & (y[1] <= 1), ["parentheses", "y[0] where a condition"]),
        (lambda: ~y[0], ["y[0] where a condition"]),
        (lambda: implies(y[0], y[1] <= 1), ["y[0] where a condition"]),
        (lambda: (0, 1) & (x[0] <= 1), ["`where=`"]),
        (lambda: (y[0] <= 1) + (y[1] <= 1) <= 1, ["not a number", "y[0] <= 1"]),
        (lambda: (y <= 1).sum() <= 2, ["not counted", "y <= 1"]),
        (lambda: (y[0] <= 1) >= 0, ["not a number"]),
    ],
)
def test_what_python_would_decide_at_once(make, words):
    message = _message(make)
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: y[0] * y[1] <= 1, ["must consist of linear", "`outrange.verify`", "y[0] * y[1]"]),
        (lambda: x[0] * y[1] <= 1, ["products", "x[0] * y[1]"]),
        (lambda: y @ y <= 1, ["products", "y @ y"]),
        (lambda: 1 / y[0] <= 1, ["linear", "1 / y[0]"]),
        (lambda: y[0] / 0 <= 1, ["divisor", "y[0] / 0"]),
        (lambda: y[0] ** 2 <= 1, ["linear", "y[0] ** 2"]),
        (lambda: y[0] % 2 <= 1, ["not supported"]),
        (lambda: y[0] // 2 <= 1, ["not supported"]),
        (lambda: np.exp(y[0]) <= 1, ["functions", "exp(y[0])"]),
        (lambda: np.linalg.norm(y) <= 1, ["products", "** 2"]),
        (lambda: np.linalg.norm(y, 1) <= 1, ["np.norm", "linalg.norm"]),
        (lambda: np.gcd(y, 2) <= 1, ["np.gcd", "sin sinh"]),
        (lambda: np.add.reduce(y) <= 1, ["np.add.reduce"]),
        (lambda: np.max(y, keepdims=True) <= 1, ["np.max", "only `axis`"]),
        (lambda: y.argmax() + 1 == 2, ["only be compared", "y.argmax()"]),
        (lambda: y.argmax() == 4, ["0 to 3", "with 4"]),
        (lambda: y.argmax() != -1, ["0 to 3", "with -1"]),
        (lambda: y.argmax() == 1.5, ["0 to 3", "1.5"]),
        (lambda: y.argmax() <= y[0], ["index", "values of the model"]),
        (lambda: abs(y[[0, 1, 2, 3] * 10]).sum() <= 1, ["one by one", "10**12"]),
        (lambda: abs(y[[0, 1] * 10]).sum() <= 1, ["65,536", "1,048,576"]),
        (lambda: y[[0, 1] * 200].argmax() <= y[[2, 3] * 200].argmax(), ["400 entries", "65,536"]),
        (lambda: y[0] <= np.inf, ["finite", "inf"]),
        (lambda: y <= np.array([0, np.nan, 0, 0]), ["finite"]),
        (lambda: 1e300 * y[0] * 1e300 <= 1, ["1.8e308"]),
        (lambda: y[0] <= None, ["real numbers", "None"]),
        (lambda: y[0] == "cat", ["real numbers", "cat"]),
        (lambda: 1j * y[0] <= 1, ["real numbers", "1j"]),
    ],
)
def test_what_is_not_linear(make, words):
    message = _message(make)
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: y[7] <= 1, ["Output `out` has shape (4,)", "index 7", "y[7]"]),
        (lambda: x[3] <= 1, ["Input `speed` has shape (3,)", "x[3]"]),
        (lambda: y[0, 1] <= 1, ["`out` has shape (4,)", "batch axis", "y[0, 1]"]),
        (lambda: y[1.0] <= 1, ["`out`", "integers", "y[1.0]"]),
        (lambda: y[[0, 9]] <= 1, ["`out`", "index 9"]),
        (lambda: (y + 1)[4] <= 1, ["y + 1 has shape (4,)"]),
        (lambda: y["oot"] <= 1, ["`out` (4,)", "Did you mean `out`", 'y["oot"]']),
        (lambda: x["out"] <= 1, ["no input with this name", "`speed` (3,)"]),
        (lambda: (y + 1)["out"] <= 1, ["must come first", '(y + 1)["out"]']),
        (lambda: y["out"]["out"] <= 1, ["must come first", 'y["out"]["out"]']),
        (lambda: y["out", 0] <= 1, ["must come first", 'y["out", 0]']),
        (lambda: y[y.argmax()] <= 1, ["do not use the model", "y[y.argmax()]"]),
        (lambda: y[y <= 1] <= 1, ["do not use the model", "y[y <= 1]"]),
        (lambda: y[: y[0]] <= 1, ["number", "y[0]"]),
        (lambda: y[:"a"] <= 1, ["slice", "'a'"]),
        (lambda: y <= 1, ["(y <= 1).all()", "shape (4,)"]),
        (lambda: y[:0] <= 1, [".all()", "0 entries"]),
        (lambda: y[:0].max() <= 1, ["at least one entry"]),
        (lambda: y <= [1, 2, 3], ["(4,) and (3,)", "broadcast"]),
        (lambda: (y - x <= 1).all(), ["(4,) and (3,)", "y - x"]),
        (lambda: y @ [1, 2] <= 1, ["(4,) and (2,)", "y @ [1, 2]"]),
        (lambda: y.sum(axis=1) <= 1, ["axis=1", "(4,)"]),
        (lambda: y.sum(axis=(0, 0)) <= 1, ["repeat an axis"]),
        (lambda: y.reshape(3) <= 1, ["(4,)", "y.reshape(3)"]),
        (lambda: y, ["compare it", "Received: y."]),
        (lambda: y.argmax(), ["compare it", "y.argmax()"]),
        (lambda: True, ["plain numbers", "True"]),
        (lambda: lambda x, y: 2 <= 3, ["plain numbers", "True"]),
        (lambda: lambda x, y: [y[0] <= 1], ["A property must be", "list"]),
        (lambda: "y[0] <= 1", ["A property must be", "str"]),
        (lambda: None, ["A property must be", "None"]),
        (lambda: lambda y: y[0] <= 1, ["lambda x, y"]),
    ],
)
def test_what_does_not_fit_the_model(make, words):
    message = _message(make)
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: y[0] <= 1, ["2 outputs", "`left` (3,)", "`right` (2, 3)", 'y["left"]']),
        (lambda: x.sum() <= 1, ["2 inputs", "`x` (3,)", "`u` (2,)", 'x["x"]']),
        (lambda: y["left"][3] <= 1, ["Output `left` has shape (3,)", 'y["left"][3]']),
        (lambda: y["right"][:, 3] <= 1, ["Output `right` has shape (2, 3)", "index 3"]),
        (lambda: y["rihgt"] <= 1, ["Did you mean `right`"]),
    ],
)
def test_several_inputs_and_outputs(make, words):
    message = _message(make, TWO)
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: y.max(), "not linear"),
        (lambda: y, "4 entries"),
        (lambda: y[0] <= 1, "condition"),
        (lambda: y.argmax(), "index"),
        (lambda: 3, "int 3"),
        (lambda: lambda x, y: "y[0]", "str"),
    ],
)
def test_what_is_no_objective(make, word):
    assert word in _message(make, ask=resolve_linear)


def test_without_outputs_a_condition_is_about_inputs():
    with pytest.raises(InputError, match="must use only `x`"):
        resolve(y[0] <= 1, ONE[0], [])
    assert resolve(lambda x: x[0] <= 1, ONE[0], []) == resolve(x[0] <= 1, *ONE)
