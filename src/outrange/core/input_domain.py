"""A record of the input set of an answer."""

from dataclasses import dataclass

import numpy as np

from .errors import OutrangeError


@dataclass(frozen=True, eq=False)
class InputDomain:
    """The bounding box of an input set, the names of its entries, and its further constraints.

    Args:
        names: Name of each entry of the flat inputs.
        lo: Lower bounds, `(inputs,)`; infinite where only the constraints bound an entry.
        hi: Upper bounds, `(inputs,)`; infinite where only the constraints bound an entry.
        cuts: Short descriptions of further constraints; empty if the set is the box.

    Raises:
        OutrangeError: `names`, `lo` and `hi` differ in length.
    """

    names: tuple[str, ...]
    lo: np.ndarray
    hi: np.ndarray
    cuts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.lo.shape == self.hi.shape == (len(self.names),):
            raise OutrangeError(
                "A domain needs a name and two bounds for each input. "
                f"Received: {len(self.names)} names, shapes {self.lo.shape} and {self.hi.shape}."
            )
