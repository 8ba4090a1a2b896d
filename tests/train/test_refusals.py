"""Invalid arguments are refused with a message that says what was received and what to do."""

import numpy as np
import pytest
from keras import Input

import outrange
from outrange.layers import (
    ChannelActivation,
    GroupedSoftmax,
    MaskedDense,
    MonotoneIndexHead,
    wire,
)
from outrange.losses import GroupedCrossentropy, MonotoneIndexPenalty


A = {"name": "A", "units": 2, "input": True}
B, C = ({"name": n, "units": 3, "activation": "relu"} for n in "BC")


def wired_with(**changes):
    spec = {"nodes": [A, B, C], "edges": [("A", "B"), ("B", "C")], "outputs": "C", **changes}
    return lambda: wire(spec)


def on(layer, *shape):
    return lambda: layer()(Input(shape))


BAD = {
    "overlap": (on(lambda: ChannelActivation([(0, "relu"), (range(2), "tanh")]), 4), "channel 0"),
    "outside": (on(lambda: ChannelActivation({7: "relu"}), 4), "channel 7"),
    "empty slice": (on(lambda: ChannelActivation([(slice(3, 9), "relu")]), 4), "slice"),
    "no key": (lambda: ChannelActivation({}), "must map channels"),
    "batch axis": (on(lambda: ChannelActivation({0: "relu"}, axis=0), 4), "batch"),
    "open axis": (on(lambda: ChannelActivation({0: "relu"}, axis=1), None, 4), "axis 1"),
    "mask shape": (lambda: MaskedDense(3, np.ones((2, 2))), "(2, 2)"),
    "mask values": (lambda: MaskedDense(2, [[0.5, 1]]), "0.5"),
    "ragged mask": (lambda: MaskedDense(2, [[0, 1], [1]]), "different lengths"),
    "mask rows": (on(lambda: MaskedDense(2, [[0, 1], [1, 1]]), 3), "3"),
    "groups overlap": (on(lambda: GroupedSoftmax([[0, 1], [1, 2]]), 3), "channel 1"),
    "groups leave out": (on(lambda: GroupedSoftmax([[0, 1], [2, 3]]), 5), "[4]"),
    "groups sum": (on(lambda: GroupedSoftmax([2, 2]), 5), "add up"),
    "unequal": (on(lambda: GroupedSoftmax(2), 5), "equal groups"),
    "one class": (on(lambda: GroupedSoftmax([1, 2]), 3), "always 1"),
    "no groups": (lambda: GroupedSoftmax(0), "groups"),
    "head": (lambda: MonotoneIndexHead(2, 1), "classes=1"),
    "by": (lambda: MonotoneIndexPenalty(2, by="argmax"), "argmax"),
    "weight": (lambda: MonotoneIndexPenalty(2, weight=-1), "-1"),
    "loss groups": (lambda: GroupedCrossentropy([[0, 1], 2]), "groups"),
    "cycle": (wired_with(edges=[("A", "B"), ("B", "C"), ("C", "B")]), "C -> B"),
    "unknown node": (wired_with(edges=[("A", "B"), ("B", "D")]), "'D'"),
    "into input": (wired_with(edges=[("A", "B"), ("B", "C"), ("B", "A")]), "B -> A"),
    "same name": (wired_with(nodes=[A, B, B]), "twice"),
    "same edge": (wired_with(edges=[("A", "B"), ("B", "C"), ("B", "C")]), "twice"),
    "no passes": (wired_with(edges=[("A", "B"), ("B", "C"),
                               {"from": "C", "to": "B", "feedback": True}]), "passes=1"),
    "idle passes": (wired_with(passes=3), "passes=3"),
    "only feedback": (wired_with(edges=[("A", "B"), {"from": "B", "to": "C", "feedback": True}],
                            passes=2), "`C`"),
    "no effect": (wired_with(outputs="B"), "['C']"),
    "feedback of input": (wired_with(edges=[("A", "B"), ("B", "C"),
                                       {"from": "A", "to": "C", "feedback": True}], passes=2),
                          "`A -> C`"),
    "shared shapes": (wired_with(edges=[{"from": "A", "to": "B", "shared": "w"},
                                   {"from": "B", "to": "C", "shared": "w"}]), "shared='w'"),
    "units": (wired_with(nodes=[A, {**B, "units": 0}, C]), "Received: 0"),
    "key": (wired_with(steps=3), "steps"),
    "edge mask": (wired_with(edges=[{"from": "A", "to": "B", "mask": [[1, 1]]}, ("B", "C")]),
                  "(1, 2)"),
}  # fmt: skip


@pytest.mark.parametrize("made, part", BAD.values(), ids=BAD)
def test_refused(made, part):
    with pytest.raises(outrange.InputError) as refusal:
        made()
    assert part in str(refusal.value)
    assert "Received: " in str(refusal.value)


def test_the_example_in_the_message_works_on_every_python():
    """A slice is no key of a dict before Python 3.12."""
    with pytest.raises(outrange.InputError) as refused:
        ChannelActivation(["relu", "tanh"])
    example = str(refused.value).split("`")[3]
    layer = ChannelActivation(eval(example))
    assert np.asarray(layer(np.array([[0.0, -1.0, 2.0, 3.0, -4.0]]))).tolist() == [
        [0.5, 0.0, 2.0, 3.0, 0.0]
    ]
