"""A small network in the explorer, and a page that asks about it."""

import json
import queue

from outrange.explorer.exhibit import Exhibit
from outrange.explorer.session import Session
from questions.nets import dense_net


PATIENCE = 60.0
"""Seconds that a test waits for a message."""


def exhibit(sizes=(3, 8, 2), box=(-1, 1), seconds=30.0, curve="relu"):
    curves = [*[curve] * (len(sizes) - 2), None]
    return Exhibit.of(dense_net(list(sizes), curves), box, seconds)


class Page:
    """A session, and what it said."""

    def __init__(self, shown=None):
        self.said = queue.Queue()
        self.session = Session(shown or exhibit(), self.said.put)
        self.next = 0

    def ask(self, kind, **fields):
        self.next += 1
        refusal = self.session.receive(json.dumps({"ask": kind, "id": self.next, **fields}))
        if refusal is not None:
            self.said.put(refusal)
        return self.next

    def hear(self, *kinds):
        """Return the next message of one of these kinds."""
        while True:
            message = json.loads(self.said.get(timeout=PATIENCE))
            if message["say"] in kinds:
                return message

    def done(self):
        """Return the answer of the last search."""
        while (message := self.hear("range", "error")).get("stage") != "done":
            assert message["say"] == "range", message
        return message


def ends(lo, hi, count=3):
    """Return the two ends of a box, the same for every input."""
    return {"lo": [float(lo)] * count, "hi": [float(hi)] * count}
