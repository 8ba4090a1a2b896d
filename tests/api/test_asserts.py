"""Tests of the assertions: they pass on proofs, and fail with an input that can be pasted."""

import re

import numpy as np
import pytest

import outrange
from cli.verify_files import hard, random_net, sum_and_difference
from outrange import InputError, x, y
from outrange.answers.render.code import witness_code
from outrange.api.asserts import assert_holds, assert_range


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Write `relu(x0 + x1)`, `relu(x0 - x1)`, and a network that no search closes."""
    path = tmp_path_factory.mktemp("asserts")
    sum_and_difference(path)
    hard(path)
    return path


@pytest.fixture
def small(folder):
    return str(folder / "small.onnx")


def run_pasted_code(message, model=None):
    """Run the code at the end of a message as a reader would, and return its result."""
    lines = message[message.index("x = ") :].splitlines()
    # The sentence before has an `x = ` of its own.
    while "np.array" not in lines[0] and lines[0] != "x = {":
        lines = lines[1:]
    scope = {"np": np, "outrange": outrange, "model": model}
    exec("\n".join(lines[:-1]), scope)
    return scope["x"], eval(lines[-1], scope)


def failure(function, *arguments, **options):
    with pytest.raises(AssertionError) as caught:
        function(*arguments, **options)
    return str(caught.value)


def test_what_is_proved_passes(small):
    assert assert_holds(small, y[0] <= 2.5, (0, 1)).holds
    assert assert_holds(small, y[0] <= 1.5, (0, 1), where=x[0] + x[1] <= 1.4).holds
    assert assert_range(small, (0, 1), -0.1, 2.1).holds
    assert assert_range(small, (0, 1), hi=[2.1, 1.1]).holds
    assert assert_range(small, (0, 1), lo=[-0.1, -np.inf], hi=[np.inf, 1.1]).holds


def test_a_failure_has_the_sentence_and_the_input(small):
    message = failure(assert_holds, small, y[0] <= 1.5, (0, 1))
    assert message.startswith("y[0] <= 1.5 does not hold. The property is broken at x = [")
    point, returned = run_pasted_code(message)
    assert point.dtype == np.float32
    assert ((point >= 0) & (point <= 1)).all()
    assert returned[0, 0] > 1.5
    assert f"outrange.load({small!r}).predict(x)" in message


def test_random_nets_fail_where_the_code_says(folder, rng):
    for seed in range(5):
        path = random_net(folder, f"net{seed}.onnx", (3, 8, 8, 2), 300 * seed)
        bounds = outrange.output_range(str(path), (-1, 1))
        hi = bounds.hi.ravel()
        gap = 1e-3 * (hi - bounds.lo.ravel())
        assert assert_range(str(path), (-1, 1), hi=(hi + gap).reshape(bounds.hi.shape))
        entry = int(rng.integers(2))
        limit = hi + np.where(np.arange(2) == entry, -gap, gap)
        message = failure(assert_range, str(path), (-1, 1), hi=limit.reshape(bounds.hi.shape))
        _, returned = run_pasted_code(message)
        assert returned.ravel()[entry] > limit[entry]
        named = re.findall(r"\[(?:0, )?(\d)\] is (\S+), above hi = (\S+)\.\n", message)
        assert [int(i) for i, _, _ in named] == [entry]
        assert float(named[0][2]) == limit[entry]


def test_an_output_below_its_range_is_named(small):
    message = failure(assert_range, small, (0, 1), lo=[0.25, -1])
    assert re.search(r"y\[0\] is \S+, below lo = 0\.25\.", message)
    assert "y[1] is" not in message
    assert "above" not in message


@pytest.mark.slow
def test_unknown_fails_in_its_own_words_or_skips(folder):
    question = (str(folder / "hard.onnx"), y[0] <= 10000, (-1, 1))
    message = failure(assert_holds, *question, time_limit=0.3)
    assert "could be neither proved nor refuted. Unknown: the search ended early" in message
    with pytest.raises(pytest.skip.Exception, match="neither proved nor refuted"):
        assert_holds(*question, time_limit=0.3, unknown="skip")
    with pytest.raises(pytest.skip.Exception):
        assert_range(str(folder / "hard.onnx"), (-1, 1), hi=10000, time_limit=0.3, unknown="skip")
    # A counterexample is never skipped.
    assert "does not hold" in failure(
        assert_holds, str(folder / "small.onnx"), y[0] <= 1, (0, 1), unknown="skip"
    )


def test_keras_models_are_called(folder):
    keras = pytest.importorskip("keras")
    layers = keras.layers
    a, b = keras.Input((2,), name="a"), keras.Input((1,), name="b")
    left = layers.Dense(1, kernel_initializer="ones", name="left")(a)
    right = layers.Dense(1, kernel_initializer="ones", name="right")(layers.Concatenate()([a, b]))
    first, second = keras.Model(a, left), keras.Model([a, b], {"left": left, "right": right})
    message = failure(assert_holds, first, y[0] <= 1.5, (0, 1))
    assert message.endswith("\nmodel(x)")
    point, returned = run_pasted_code(message, first)
    assert point.shape == (1, 2)
    assert np.asarray(returned)[0, 0] > 1.5
    assert assert_range(second, (0, 1), -0.5, 3.5)
    assert assert_range(second, (0, 1), hi={"left": 2.5})
    message = failure(assert_range, second, (0, 1), hi={"left": 2.5, "right": [2.5]})
    point, returned = run_pasted_code(message, second)
    assert {name: part.shape for name, part in point.items()} == {"a": (1, 2), "b": (1, 1)}
    assert np.asarray(returned["right"])[0, 0] > 2.5
    assert "right[0] is " in message and "left[0] is " not in message
    table = pytest.importorskip("pandas").DataFrame({"speed": [0.0, 1.5], "load": [0.5, 1.0]})
    message = failure(assert_holds, first, y[0] <= 1.5, table)
    point, returned = run_pasted_code(message, first)
    assert point.shape == (1, 2), "the columns of a table are features of one input"
    assert np.asarray(returned)[0, 0] > 1.5


@pytest.mark.parametrize(
    "options",
    [
        {}, {"lo": np.nan}, {"lo": np.inf}, {"hi": -np.inf}, {"hi": np.inf}, {"lo": [1, 2, 3]},
        {"lo": 2, "hi": 1}, {"lo": [0, 2], "hi": 1}, {"hi": {"z": 1}}, {"hi": {}}, {"hi": "a"},
        {"hi": 1, "unknown": "pass"}, {"hi": 1, "time_limit": 0},
    ],
)  # fmt: skip
def test_mistakes_are_told(small, options):
    with pytest.raises(InputError, match="Received: "):
        assert_range(small, (0, 1), **options)


def test_numbers_come_back_to_the_bit(rng):
    single = rng.integers(0, 2**32, 3000, np.uint32).view(np.float32)
    single = np.concatenate([single[np.isfinite(single)], np.float32([0.1, -0.0, 1e-45, 3.4e38])])
    values = np.concatenate([single.astype(float), rng.normal(size=500)])
    scope = {"np": np}
    exec(witness_code(values, ""), scope)
    assert scope["x"].tobytes() == values.astype(np.float32)[None].tobytes()
    assert "too large" in witness_code(np.zeros(20_000), "")
