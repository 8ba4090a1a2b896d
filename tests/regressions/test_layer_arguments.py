"""Arguments of layers and losses that used to end in somebody else's error, or in none."""

import numpy as np
import pytest

from outrange import InputError
from outrange.layers import ChannelActivation, MaskedDense, wire
from outrange.losses import GroupedCrossentropy, MonotoneIndexPenalty
from outrange.train.layers.node import WiredNode


A, B = {"name": "A", "units": 2, "input": True}, {"name": "B", "units": 3}


def _wire(**changed):
    return wire({"nodes": [A, B], "edges": [("A", "B")], "outputs": "B"} | changed)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: _wire(edges=None), "'edges' must be a list"),
        (lambda: _wire(outputs=3), '"outputs" must be a name'),
        (lambda: _wire(outputs=["B", "B"]), "listed once"),
        (lambda: _wire(nodes=[A, B | {"activation": "foo"}]), "Node `B`: an activation"),
        (lambda: _wire(edges=[{"from": "A", "to": "B", "feedback": "no"}]), "True or False"),
        (lambda: MaskedDense(None, [[1, 1]]), "`units` must be an integer"),
        (lambda: MaskedDense("2", [[1, 1]]), "`units` must be an integer"),
        (lambda: MaskedDense(1.5, [[1]]), "`units` must be an integer"),
        (lambda: MaskedDense(2, [[1, 1]], activation="foo"), "an activation must be a name"),
        (lambda: ChannelActivation({0: "foo"}), "channels 0: an activation"),
        (lambda: ChannelActivation({0: "relu"}, others="foo"), "the other channels: an"),
        (lambda: ChannelActivation({0: "relu"}, axis="a"), "`axis` must be an integer"),
        (lambda: MonotoneIndexPenalty(2, weight="a"), "`weight` must be a finite number >= 0"),
        (lambda: MonotoneIndexPenalty(2, margin=np.inf), "`margin` must be a finite number"),
        (lambda: MonotoneIndexPenalty(2, loss="foo"), "`loss` must be a name"),
        (lambda: WiredNode(-1), "`units` must be an integer"),
        (lambda: WiredNode("a"), "`units` must be an integer"),
        (lambda: GroupedCrossentropy(2)(np.zeros((1, 4)), np.zeros((1, 6))), "the same shape"),
    ],
)
def test_one_sentence_names_the_argument(make, message):
    with pytest.raises(InputError, match=message) as raised:
        make()
    assert "Received: " in str(raised.value)
