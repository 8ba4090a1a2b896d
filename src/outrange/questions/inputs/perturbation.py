"""The public record `Perturbation`: a norm, and limits on how far inputs may move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from ...core import InputError
from .boxes import numbers


NORMS = {"inf": "inf", np.inf: "inf", 1: "1", "1": "1", 2: "2", "2": "2"}


@dataclass(frozen=True, eq=False)
class Perturbation:
    """The perturbations of an input that a robustness question considers.

    Args:
        eps: The radius, in the units of the inputs, or relative to `scale`; for
            `outrange.robust_accuracy` also a list of radii, and for `outrange.robustness` the
            largest radius of interest. None leaves that one open: it is the largest that `clip`
            permits, or without `clip` about 8000 times the largest entry of the input (or 1 if that
            is larger).
        norm: Norm of the perturbation: `"inf"` (each entry separately), 1 or 2. With several
            inputs, each has its own ball.
        clip: Bounds `(least, most)` on every perturbed entry, such as `(0, 1)` for pixels.
        scale: Change of each input at radius 1, in its own unit (0 fixes it): an array, or a
            mapping by name, such as `frame.std()`. `"std"`, for `outrange.robust_accuracy` only,
            means the standard deviations of its inputs. Only with `norm="inf"`.

    Raises:
        InputError: The norm is none of these, `clip` is not a pair of numbers in ascending order,
            or `scale` is combined with another norm than `"inf"`.

    Example:
        >>> Perturbation(8 / 255, clip=(0, 1))
        Perturbation(eps=0.03137254901960784, norm='inf', clip=(0, 1), scale=None)
    """

    eps: float | Sequence[float] | None = None
    _: KW_ONLY
    norm: Any = "inf"
    clip: tuple[float, float] | None = None
    scale: Any = None

    def __post_init__(self) -> None:
        norm_name(self.norm, self.scale)
        clip_limits(self.clip)


def norm_name(norm: Any, scale: Any = None) -> str:
    """Return the name of a norm: `"inf"`, `"1"` or `"2"`.

    Raises:
        InputError: The norm is none of these, or `scale` is combined with another norm than
            `"inf"`.
    """
    name = NORMS.get(norm) if isinstance(norm, int | float | str) else None
    if name is None:
        raise InputError(f'`norm` must be "inf", 1 or 2. Received: norm={norm!r}.')
    if scale is not None and name != "inf":
        raise InputError(
            '`scale` requires norm="inf". For another norm, omit `scale` and put a layer '
            f"that scales the inputs in front of the model. Received: norm={norm!r}."
        )
    return name


def clip_limits(clip: Any) -> tuple[float, float] | None:
    """Return the limits `(least, most)` on every entry, or None.

    Raises:
        InputError: `clip` is not a pair of finite numbers in ascending order.
    """
    if clip is None:
        return None
    pair = numbers(clip, "`clip`")
    if pair.shape != (2,) or not pair[0] < pair[1] or not np.isfinite(pair).all():
        raise InputError(
            "`clip` must be a pair of finite numbers (least, most) with least < most. "
            f"Received: clip={clip!r}."
        )
    return float(pair[0]), float(pair[1])


def read_perturbation(value: Any) -> Perturbation:
    """Return a `Perturbation`; a radius or a list of radii becomes one in the default norm.

    Raises:
        InputError: The radius is missing.
    """
    perturbation = value if isinstance(value, Perturbation) else Perturbation(value)
    if perturbation.eps is None:
        raise InputError(
            "`eps` must be a finite radius >= 0, or a list of such radii, or an "
            "`outrange.Perturbation` with one of these. Received: eps=None."
        )
    return perturbation
