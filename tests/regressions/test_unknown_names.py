"""Names that an answer does not have ended in StopIteration, TypeError or a bare KeyError."""

import numpy as np
import pytest

import outrange
from questions.nets import dense_net, two_in_two_out


NET = dense_net((2, 3, 2), ("relu", None)).graph
MONOTONE = outrange.monotone(NET, (0, 1))
KEYS = [
    ("y[0]", "nope"), ("nope", "x[0]"), "nope", 0, (0, 1), None, 1.5, slice(None), (), ("y[0]",),
    np.array(["y[0]", "x[0]"]), ["y[0]", "nope"],
]  # fmt: skip


RANGES = [outrange.output_range(net, (0, 1)) for net in (NET, two_in_two_out().graph)]
# Ranges are picked from as arrays are.
NO_INDEX = [key for key in KEYS if repr(key) not in ("0", "(0, 1)", "()", repr(slice(None)))]


@pytest.mark.parametrize("key", NO_INDEX, ids=repr)
@pytest.mark.parametrize("answer", RANGES, ids=["one output", "two outputs"])
def test_a_range_tells_what_it_has(answer, key):
    with pytest.raises(outrange.InputError, match="Received: ") as raised:
        answer[key]
    assert not str(raised.value).startswith("'")
    assert isinstance(raised.value, LookupError) or key in (None, 1.5)


@pytest.mark.parametrize("key", KEYS, ids=repr)
@pytest.mark.parametrize(
    "answer", [MONOTONE, outrange.summary(NET, (0, 1))], ids=lambda answer: type(answer).__name__
)
def test_an_unknown_key_is_an_error_of_ours(answer, key):
    with pytest.raises(outrange.InputError, match="Received: ") as raised:
        answer[key]
    assert isinstance(raised.value, KeyError)
    assert not str(raised.value).startswith("'")


def test_the_message_lists_what_there_is():
    trend = MONOTONE.trends[0]
    with pytest.raises(outrange.InputError, match=r"'y\[0\]'.*'x\[0\]'.*Received: \('y\[0\]', 'z"):
        MONOTONE["y[0]", "z"]
    assert MONOTONE[trend.output, trend.input] is trend
    assert MONOTONE[[trend.output, trend.input]] is trend


@pytest.mark.parametrize("given", ["nope", ["x", "y[0]"], np.array("x[9]")])
def test_entries_are_listed_once(given):
    message = r"must use these names: `x`, `x\[0\]`, `x\[1\]`\. "
    with pytest.raises(outrange.InputError, match=message):
        outrange.monotone(NET, (0, 1), inputs=given)


def test_a_number_in_an_array_without_axes():
    """TypeError: iteration over a 0-d array."""
    answer = outrange.monotone(NET, (0, 1), inputs=np.array(1), outputs=np.int64(0))
    assert [(t.output, t.input) for t in answer.trends] == [("y[0]", "x[1]")]
