"""Robust accuracy at several radii; see `outrange.robust_accuracy`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...answers.curves.robustness_curve import RobustnessCurve
from ...answers.progress import RobustProgress
from ...answers.robust_accuracy import RobustAccuracy
from ...core import Clock, InputError
from ..common.arguments import check_limits
from ..common.network import NetworkLike
from .labeled_data import LabeledData
from .robust_accuracy import accuracy_at


LEAST = 1e-3
"""Minimum time limit, in seconds, for a radius. It applies to the radii that remain when the run is
out of time or interrupted. It suffices to reuse results at other radii."""


def is_several(eps: Any) -> bool:
    """Return whether `eps` is a sequence of radii."""
    return isinstance(eps, Sequence | np.ndarray) and not isinstance(eps, str) and np.ndim(eps) > 0


def robustness_curve(
    network: NetworkLike,
    data: LabeledData,
    *,
    eps: Any,
    time_limit: float | None = None,
    file: Any = None,
    progress: Callable[[RobustProgress], None] | None = None,
    **options: Any,
) -> RobustnessCurve:
    """Compute the robust accuracy at every radius.

    The radii are ordered so that an answer may decide many inputs at the radii processed later.

    Args:
        network: The network under study.
        data: Inputs with their labels.
        eps: The radii of the curve.
        time_limit: Limit in seconds for all radii together; None for no limit.
        file: Path of a file that stores the results. Each radius has its own file, with the radius
            at the end of its name.
        progress: Called after every input.
        **options: Other arguments of `accuracy_at`.
    """
    radii = _check_radii(eps)
    check_limits(0.0, time_limit)
    clock, is_stopped = Clock(time_limit), False
    done: list[RobustAccuracy] = []
    for radius in halving_order(radii):
        rest = None if time_limit is None else clock.left / (len(radii) - len(done))
        answer, was_interrupted = accuracy_at(
            network,
            data,
            eps=radius,
            time_limit=LEAST if is_stopped else rest if rest is None else max(rest, LEAST),
            file=None if file is None else _file_of(file, radius),
            progress=None if progress is None else _sum_progress(progress, done, len(radii)),
            decided=done,
            **options,
        )
        is_stopped |= was_interrupted
        done.append(answer)
    return RobustnessCurve(tuple(sorted(done, key=lambda answer: answer.eps)))


def halving_order(radii: Sequence[float]) -> list[float]:
    """Return ascending radii in bisection order: the middle one, then the middle of each half.

    Example:
        >>> halving_order([1.0, 2.0, 3.0, 4.0, 5.0])
        [3.0, 2.0, 5.0, 1.0, 4.0]
    """
    order, waiting = [], [list(radii)]
    while waiting:
        part = waiting.pop(0)
        if part:
            middle = len(part) // 2
            order.append(part[middle])
            waiting += [part[:middle], part[middle + 1 :]]
    return order


def _check_radii(eps: Any) -> list[float]:
    """Return the distinct radii in ascending order."""
    array = np.asarray(eps)
    is_real = array.dtype.kind in "iuf" and array.ndim == 1 and array.size > 0
    if not is_real or not (np.isfinite(array) & (array >= 0)).all():
        raise InputError(
            "`eps` must be a finite radius >= 0, or a list of at least one such radius. "
            f"Received: eps={eps!r}."
        )
    return np.unique(array.astype(np.float64)).tolist()


def _file_of(file: Any, radius: float) -> Path:
    path = Path(os.fspath(file))
    return path.with_name(f"{path.stem}-{radius!r}{path.suffix}")


def _sum_progress(
    progress: Callable[[RobustProgress], None], done: Sequence[RobustAccuracy], radii: int
) -> Callable[[RobustProgress], None]:
    """Return a callback that adds the counts from earlier radii to each progress record."""
    counts = [answer.count for answer in done]

    def report(current: RobustProgress) -> None:
        names = ("robust", "broken", "wrong", "open")
        sums = {n: getattr(current, n) + sum(count[n] for count in counts) for n in names}
        progress(replace(current, count=current.count * radii, **sums))

    return report
