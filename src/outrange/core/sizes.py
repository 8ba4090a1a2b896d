"""How large a model may be: sizes are added up, and refused, before anything is allocated.

A file of a kilobyte may declare tensors that no computer holds. These limits lie above the largest
networks whose ranges anyone asks for (VGG16 has 2^27.05 weights, Xception 2^26.2 values), and
below what a computer of 16 GiB holds: a value takes some 32 bytes while a graph is compared.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from .errors import ModelError


@dataclass(frozen=True)
class SizeLimit:
    """A limit on entries added up.

    Args:
        most: Entries.
        rule: What is added up, the subject of a sentence.
        remedy: What to do.
        unit: What is counted.
    """

    most: int
    rule: str
    remedy: str
    unit: str = "entries"


VALUES = SizeLimit(
    2**27,
    "The values that a model computes from one input",
    "make the layers narrower, or the images smaller",
)

WEIGHTS = SizeLimit(
    2**28,
    "The weights of a model, and what is computed from them alone,",
    "make the layers narrower",
)

INPUTS = SizeLimit(
    2**22, "The inputs of a model", "ask about a smaller image, or about a part of the model"
)
"""Random points, each as long as all inputs, are held at once when a graph is compared."""

NODES = SizeLimit(
    2**17,
    "The operations of a model, functions and loops written out,",
    "give its loops fewer rounds",
    "nodes",
)

LARGEST_VALUE = 2**25
"""Entries of one value of a graph, or of one computed constant, with the indices around it."""

LARGEST_UNPACKED = 2**30
"""Bytes that a compressed file may unpack to: as many weights as `WEIGHTS` allows, in float32."""

_FREE_UNPACKED = 2**26
_MOST_EXPANSION = 500
"""Of a compressed file; sparse weights in use reach 181, zeros for ever 1000."""


class Tally:
    """Adds up sizes, and refuses the one that goes over a limit.

    Args:
        limit: The limit.
    """

    def __init__(self, limit: SizeLimit) -> None:
        self.limit = limit
        self.total = 0
        self.refusal: ModelError | None = None
        """What was raised, for callers whose callers lose exceptions."""

    def add(self, shape: Iterable[int], where: str) -> None:
        """Count a tensor of `shape`, before it is made.

        Args:
            shape: Its sizes; a batch axis counts as well.
            where: The tensor and its layer, as the message names them.

        Raises:
            ModelError: The limit is passed.
        """
        self.total += self.fitting(shape, where)

    def fitting(self, shape: Iterable[int], where: str) -> int:
        """The entries of a tensor of `shape`, if there is room for it; it is not counted.

        Raises:
            ModelError: There is none.
        """
        sizes, limit = tuple(int(n) for n in shape), self.limit
        count = math.prod(sizes)
        if self.total + count > limit.most:
            self.refusal = ModelError(
                f"{limit.rule} must be {limit.most} {limit.unit} at most, all together: "
                f"{limit.remedy}; a file meant to be smaller is damaged or hostile. "
                f"Received: {self.total + count} {limit.unit} up to {where}, "
                f"of shape {sizes}."
            )
            raise self.refusal
        return count


def unpacked_limit(packed: int) -> int:
    """How many bytes a compressed file of `packed` bytes may unpack to."""
    return min(LARGEST_UNPACKED, max(_FREE_UNPACKED, _MOST_EXPANSION * packed))
