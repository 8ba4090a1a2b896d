"""The input set that an answer is about, for whoever reads the answer later."""

from dataclasses import dataclass

import numpy as np

from .errors import OutrangeError


@dataclass(frozen=True, eq=False)
class InputDomain:
    """The smallest box around an input set, by the names of its entries, and what cuts it.

    Args:
        names: What each entry of the inputs is called, flat.
        lo: `(inputs,)`; infinite where conditions alone bound an entry.
        hi: `(inputs,)`, likewise.
        cuts: What else is known of the set, in a few words each; empty if it is the box.

    Raises:
        OutrangeError: The parts are not of one length.
    """

    names: tuple[str, ...]
    lo: np.ndarray
    hi: np.ndarray
    cuts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.lo.shape == self.hi.shape == (len(self.names),):
            raise OutrangeError(
                "A domain has a name and two ends for each input. "
                f"Received: {len(self.names)} names, shapes {self.lo.shape} and {self.hi.shape}."
            )
