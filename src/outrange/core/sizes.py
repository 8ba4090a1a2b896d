"""Limits on the size of a model, checked before its tensors are allocated.

A file of one kilobyte may declare tensors that no computer can store. The limits lie above the
sizes of large image networks (VGG16 has about 2^27 weights, Xception about 2^26 values). They lie
below the memory of a computer with 16 GiB: an entry of a value needs about 32 bytes while a graph
is compared with its model.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from .errors import ModelError


@dataclass(frozen=True)
class SizeLimit:
    """A limit on a total number of entries.

    Args:
        most: The largest permitted total.
        rule: Subject of the error message, such as "The weights of a model"; followed by "must not
            exceed" and the limit.
        remedy: Advice for the error message.
        unit: Plural noun for the counted items.
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
    "The weights of a model and the constants computed from them",
    "make the layers narrower",
)

INPUTS = SizeLimit(
    2**22, "The inputs of a model", "ask about a smaller image, or about a part of the model"
)
"""Limit on the number of flat inputs. While a graph is compared with its model, several random
points are in memory, each with an entry for every input.
"""

NODES = SizeLimit(
    2**17,
    "The operations of a model, with functions and loops unrolled,",
    "give its loops fewer rounds",
    "nodes",
)

LARGEST_VALUE = 2**25
"""Largest number of entries of one computed constant or index array."""

LARGEST_UNPACKED = 2**30
"""Largest number of bytes that a compressed file may unpack to: `WEIGHTS` numbers in float32."""

_FREE_UNPACKED = 2**26
_MOST_EXPANSION = 500
"""Largest ratio of unpacked to packed size beyond `_FREE_UNPACKED` bytes.

Sparse weights of real models reach a ratio of 181, and an array of zeros reaches 1000.
"""


class Tally:
    """A running total of sizes; `add` raises an error if the total exceeds a limit."""

    def __init__(self, limit: SizeLimit) -> None:
        self.limit = limit
        self.total = 0
        self.refusal: ModelError | None = None
        """The last error raised. Callers read it if code in between suppresses exceptions."""

    def add(self, shape: Iterable[int], where: str) -> None:
        """Count a tensor of `shape` before it is allocated.

        Args:
            shape: Sizes of all axes of the tensor, including a batch axis.
            where: Phrase that names the tensor and its layer in the error message.

        Raises:
            ModelError: The total exceeds the limit.
        """
        self.total += self.check_room(shape, where)

    def check_room(self, shape: Iterable[int], where: str) -> int:
        """Return the number of entries of a tensor if it fits, and leave the total unchanged.

        Raises:
            ModelError: The tensor does not fit.
        """
        sizes, limit = tuple(int(n) for n in shape), self.limit
        count = math.prod(sizes)
        if self.total + count > limit.most:
            self.refusal = ModelError(
                f"{limit.rule} must not exceed {limit.most} {limit.unit} in total: "
                f"{limit.remedy}. If the model is meant to be smaller, its file is damaged or "
                "hostile. "
                f"Received: {self.total + count} {limit.unit} up to {where}, "
                f"with shape {sizes}."
            )
            raise self.refusal
        return count


def unpacked_limit(packed: int) -> int:
    """Return the number of bytes that a compressed file of `packed` bytes may unpack to."""
    return min(LARGEST_UNPACKED, max(_FREE_UNPACKED, _MOST_EXPANSION * packed))
