"""A property has the same meaning on placeholders as its Python source on plain arrays."""

from fractions import Fraction

import numpy as np
import pytest

from cases import cases
from outrange.core import And, Atom
from outrange.core.formula import atoms, holds, value
from outrange.graph import Slot
from outrange.questions.expressions import implies, resolve, resolve_linear, x, y
from questions.expressions.expression_grammar import (
    INPUTS,
    OUTPUTS,
    SIZE,
    Grammar,
    evaluate_formula,
    points,
    split,
    truth,
)


def _plain_implies(a, b):
    return ~np.bool_(a) | np.bool_(b)


@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("seed", range(cases(1, 8)))
def test_formula_holds_where_the_source_is_true(seed, depth):
    grammar = Grammar(100 * depth + seed)
    v = points(np.random.default_rng(seed), 120)
    for _ in range(40 >> depth):
        source = grammar.condition(depth)
        formula = resolve(evaluate_formula(source, x, y, implies), INPUTS, OUTPUTS)
        wanted = [bool(evaluate_formula(source, *split(row), _plain_implies)) for row in v]
        actual = truth(formula, v)
        assert actual.tolist() == wanted, f"{source} at {v[np.flatnonzero(actual != wanted)[0]]}"
        for row, true in zip(v[:5], wanted, strict=False):
            assert holds(formula, row, row) is true, source


@pytest.mark.parametrize("seed", range(6))
def test_real_points_away_from_the_boundary(seed):
    grammar = Grammar(1000 + seed)
    v = np.random.default_rng(seed).normal(0, 2, (60, SIZE))
    compared = 0
    for _ in range(25):
        source = grammar.condition(1)
        formula = resolve(evaluate_formula(source, x, y, implies), INPUTS, OUTPUTS)
        sides = [np.abs(value(atom, v)) for atom in atoms(formula)]
        clear = np.min([np.full(len(v), np.inf), *sides], axis=0) > 1e-9
        wanted = np.array([evaluate_formula(source, *split(row), _plain_implies) for row in v])
        actual = value(formula, v) <= 0
        assert (actual == wanted)[clear].all(), source
        compared += clear.sum()
    assert compared > 800


@pytest.mark.parametrize("seed", range(6))
def test_text_reads_back_as_the_same_condition(seed):
    grammar = Grammar(2000 + seed)
    names = {"x": x, "y": y, "implies": implies, "maximum": np.maximum, "minimum": np.minimum}
    read = 0
    for _ in range(60):
        condition = evaluate_formula(grammar.condition(seed % 3), x, y, implies)
        text = repr(condition)
        if " ... " in text:
            continue
        again = eval(text, names)
        assert repr(again) == text
        assert resolve(again, INPUTS, OUTPUTS) == resolve(condition, INPUTS, OUTPUTS)
        read += 1
    assert read > 30


def test_a_function_says_the_same_as_the_placeholders():
    grammar = Grammar(7)
    for _ in range(50):
        source = grammar.condition(1)
        direct = resolve(evaluate_formula(source, x, y, implies), INPUTS, OUTPUTS)
        late = resolve(lambda a, b, s=source: evaluate_formula(s, a, b, implies), INPUTS, OUTPUTS)
        assert direct == late


def test_functions_may_loop_and_ask_for_shapes():
    slots = [Slot("x", (3,))], [Slot("y", (2, 3))]

    def rows_sum_to_one(x, y):
        assert (len(y), y.shape, y[0].shape) == (2, (2, 3), (3,))
        return np.all([1]) & (sum(sum(row) for row in y) <= sum(x))

    wanted = resolve(y.sum() <= x.sum(), *slots)
    assert resolve(rows_sum_to_one, *slots) == wanted


def test_numbers_are_rounded_once(rng):
    slots = [Slot("x", (1,))], [Slot("y", (2,))]
    for _ in range(200):
        a, b, c, d = (float(k) for k in rng.normal(0, 1, 4) * 10.0 ** rng.integers(-9, 9, 4))
        form = resolve_linear(a * y[0] * b + (y[1] / c - d) * b + y[0] * c, *slots)
        a, b, c, d = map(Fraction, (a, b, c, d))
        assert form.terms == ((1, float(a * b + c)), (2, float(b / c)))
        assert form.offset == float(-d * b)
    assert resolve_linear(0.1 * y[0] * 3, *slots).terms[0][1] == float(3 * Fraction(0.1))
    assert resolve_linear(y[0] + 1e20 - 1e20, *slots) == Atom(((1, 1.0),), 0.0)
    for divisor in (3, 5.0, 7, 10, 49, np.int64(9), 0.75):
        form = resolve_linear((y[0] - 2 * y[1] + 4) / divisor, *slots)
        exact = [Fraction(k) / Fraction(float(divisor)) for k in (1, -2, 4)]
        assert [c for _, c in form.terms] == [float(k) for k in exact[:2]]
        assert form.offset == float(exact[2])
    assert dict(resolve_linear(y.mean() + x.mean() / 3, *slots).terms)[0] == 1 / 3
    single = np.float32(0.1) * y[0]
    assert resolve_linear(single, *slots).terms[0][1] == float(np.float32(0.1))


@pytest.mark.parametrize("seed", range(5))
def test_argmax_takes_the_first_of_equal_entries(seed):
    rng = np.random.default_rng(seed)
    slots = [Slot("x", (1,))], [Slot("y", (6,))]
    v = rng.integers(0, 3, (400, 7)).astype(float)
    a, b = np.argmax(v[:, 1:4], 1), np.argmax(v[:, 3:7], 1)
    low = np.argmin(v[:, 1:], 1)
    for k in range(3):
        assert (truth(resolve(y[:3].argmax() == k, *slots), v) == (a == k)).all()
        assert (truth(resolve(y.argmin() != k, *slots), v) == (low != k)).all()
        assert (truth(resolve(k < y.argmin(), *slots), v) == (k < low)).all()
        for cutoff in (k, k + 0.5):
            assert (truth(resolve(y[2:].argmax() <= cutoff, *slots), v) == (b <= cutoff)).all()
            assert (truth(resolve(y[2:].argmax() < cutoff, *slots), v) == (b < cutoff)).all()
            assert (truth(resolve(y[2:].argmax() >= cutoff, *slots), v) == (b >= cutoff)).all()
    first, second = y[:3].argmax(), y[2:].argmax()
    assert (truth(resolve(first == second, *slots), v) == (a == b)).all()
    assert (truth(resolve(first != second, *slots), v) == (a != b)).all()
    assert (truth(resolve(first < second, *slots), v) == (a < b)).all()
    assert (truth(resolve(first <= second, *slots), v) == (a <= b)).all()
    assert (truth(resolve(second > first, *slots), v) == (b > a)).all()
    assert (truth(resolve(second >= first, *slots), v) == (b >= a)).all()


def test_variables_are_numbered_inputs_first():
    formulas = [
        resolve_linear(form, INPUTS, OUTPUTS).terms
        for form in (x["u"][1], x["w"], y["a"][0], y["b"][1, 2])
    ]
    assert formulas == [((1, 1.0),), ((4, 1.0),), ((5, 1.0),), ((15, 1.0),)]


def test_many_outputs_give_one_inequality_each():
    slots = [Slot("x", (1,))], [Slot("y", (10_000,))]
    formula = resolve((y <= 3).all(), *slots)
    assert formula == And(tuple(Atom(((i + 1, 1.0),), -3.0) for i in range(10_000)))
    winner = resolve(y[:1000].argmax() == 7, *slots)
    assert [part.strict for part in atoms(winner)] == [True] * 7 + [False] * 992


def test_a_long_loop_is_no_deep_recursion():
    slots = [Slot("x", (1,))], [Slot("y", (2,))]
    form = sum(y[i % 2] for i in range(5_000))
    assert resolve_linear(form, *slots).terms == ((1, 2500.0), (2, 2500.0))
    assert " ... " in repr(form)
    assert len(repr(form)) < 500
