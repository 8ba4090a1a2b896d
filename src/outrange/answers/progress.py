"""Progress records of running searches."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class RangeProgress:
    """Proved bounds at an intermediate stage of a range search.

    Args:
        seconds: Wall-clock time so far, in seconds.
        boxes: Number of sub-problems bounded.
        lo: Proved lower bounds, `(outputs,)`.
        hi: Proved upper bounds, `(outputs,)`.
        seen_lo: Smallest values seen, `(outputs,)`.
        seen_hi: Largest values seen, `(outputs,)`.
        open: Number of sub-problems still waiting to be processed.
    """

    seconds: float
    boxes: int
    lo: np.ndarray
    hi: np.ndarray
    seen_lo: np.ndarray
    seen_hi: np.ndarray
    open: int

    @property
    def share_known(self) -> np.ndarray:
        """`(outputs,)`, width of the range seen relative to the proved range; 1 if they agree."""
        claimed, seen = self.hi - self.lo, self.seen_hi - self.seen_lo
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where(claimed > 0, seen / claimed, 1.0)
        return np.clip(np.nan_to_num(share, nan=0.0), 0.0, 1.0)


@dataclass(frozen=True)
class VerifyProgress:
    """Progress of a verification.

    Args:
        seconds: Wall-clock time so far, in seconds.
        boxes: Number of sub-problems bounded.
        margin: Proved lower bound on the distance of every input from breaking the property, in
            the units of the property's inequalities; None as long as nothing is proved.
        nearest: Smallest such distance among the inputs tried.
        open: Number of sub-problems still waiting to be processed.
    """

    seconds: float
    boxes: int
    margin: float | None
    nearest: float
    open: int

    def __post_init__(self) -> None:
        if self.margin == -np.inf:
            object.__setattr__(self, "margin", None)


@dataclass(frozen=True)
class RobustProgress:
    """Progress of a robustness search over a data set.

    Args:
        seconds: Wall-clock time so far, in seconds.
        count: Total number of inputs.
        robust: Number of inputs proved robust.
        broken: Number of inputs with an adversarial example.
        wrong: Number of inputs misclassified without a perturbation.
        open: Number of inputs left undecided.
    """

    seconds: float
    count: int
    robust: int
    broken: int
    wrong: int
    open: int
