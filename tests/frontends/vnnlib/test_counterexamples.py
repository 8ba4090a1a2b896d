"""Written counterexamples read back as the same doubles, here and by the competition's checker."""

import numpy as np
import pytest

from outrange.core import InputError, ModelError
from outrange.frontends.vnnlib import read_counterexample, write_counterexample


def parse_as_checker(text):
    """Parse like the competition's checker, which splits at every closing parenthesis."""
    content = text.replace("\n", " ").strip()
    assert content[0] == "(" and content[-1] == ")"
    values = {"X_": [], "Y_": []}
    for part in content[1:-1].split(")"):
        if part.strip():
            name, number = part.strip()[1:].split(" ")
            assert part.strip()[0] == "(" and int(name[2:]) == len(values[name[:2]])
            values[name[:2]].append(float(number))
    return np.array(values["X_"]), np.array(values["Y_"])


@pytest.mark.parametrize("reader", [parse_as_checker, read_counterexample])
def test_values_come_back_to_the_bit(rng, reader):
    for _ in range(200):
        x = rng.normal(size=rng.integers(1, 20)) * 10.0 ** rng.integers(-300, 300)
        y = rng.normal(size=(1, rng.integers(1, 5))).astype(np.float32)
        x[0] = rng.choice([-0.0, 5e-324, 1.7976931348623157e308, 3.0])
        a, b = reader(write_counterexample(x, y))
        assert a.tobytes() == x.tobytes()
        assert b.tobytes() == y.astype(float).ravel().tobytes()


def test_the_form_of_the_rules():
    assert write_counterexample([0.5, 1], 2) == "((X_0 0.5)\n (X_1 1.0)\n (Y_0 2.0))"


def test_blocks_of_other_writers():
    for text in ("sat\n((X_0  0.5)\n(Y_0  -1e-05)\n)\n", " ( ( X_0 .5 )( Y_0 -1E-5 ) ) "):
        x, y = read_counterexample(text)
        assert (x.tolist(), y.tolist()) == ([0.5], [-1e-5])


@pytest.mark.parametrize("x", [[np.nan], [np.inf], [], "a", [[1], [2, 3]], None, {}])
def test_values_must_be_finite(x):
    for pair in ((x, [1.0]), ([1.0], x)):
        with pytest.raises(InputError, match="Received: "):
            write_counterexample(*pair)


@pytest.mark.parametrize(
    "text",
    ["", "sat", "unsat", "(", ")", "()(", "X_0 1", "((X_0 1)", "(X_0 1))", "((X_0 1)(Z_0 1))",
     "((X_1 1))", "((X_0 1)(X_0 1))", "((X_0 1 2))", "((X_0 a))", "((X_0 nan))", "((X_0))",
     "((X_0 1e999))", "((X_0 1) junk (Y_0 1))", "((X_99999999999999999999 1))"],
)  # fmt: skip
def test_other_texts_are_refused(text):
    with pytest.raises(ModelError, match="Received: "):
        read_counterexample(text)
