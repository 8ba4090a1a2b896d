"""Determines the kind of targets: classes, probabilities, counts, real numbers and others."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import InputError


KINDS = {
    "binary": "two classes, one number per row",
    "classes": "classes, one integer per row",
    "one_hot": "classes, one row of 0 and a single 1",
    "multi_label": "several yes-or-no answers per row",
    "distribution": "probabilities that sum to 1 in each row",
    "unit_interval": "numbers in [0, 1]",
    "counts": "integers starting at 0",
    "positive": "positive numbers of several orders of magnitude",
    "real": "real numbers",
}

CLASSES = ("binary", "classes", "one_hot", "multi_label")

ROWS_PER_CLASS = 2
"""Minimum average number of rows per distinct integer for integers to be read as class numbers."""

MAGNITUDES = 20.0
"""Ratio of the largest target to the median above which positive targets are regarded as spanning
several orders of magnitude."""


@dataclass(frozen=True, eq=False)
class Targets:
    """Training targets with their kind, such as class numbers or real values.

    Args:
        kind: The kind, a key of `KINDS`.
        values: Class numbers from 0, or the targets themselves, `(rows, columns)` float64.
        classes: Number of classes for `"binary"`, `"classes"` and `"one_hot"`; number of columns
            for other kinds.
        names: The user's label of each class number; empty for kinds other than `"binary"` and
            `"classes"`.
        sure: False if the data have another plausible interpretation.
        other: The kind of that interpretation; empty if there is none.
    """

    kind: str
    values: np.ndarray
    classes: int
    names: tuple[Any, ...] = ()
    sure: bool = True
    other: str = ""

    @property
    def renamed(self) -> bool:
        """Whether the user's labels differ from the class numbers 0, 1, 2, ..."""
        return bool(self.names) and list(self.names) != list(range(len(self.names)))


def read_targets(y: Any, kind: str | None = None) -> Targets:
    """Read the user's targets and determine their kind.

    Args:
        y: Numbers, booleans or labels, `(rows,)` or `(rows, columns)`.
        kind: A key of `KINDS`, to resolve an ambiguity; None to infer the kind.

    Raises:
        InputError: Targets are missing or not finite, have more than two axes, or are not of the
            given kind. Also raised if `kind` is unknown.
    """
    array = np.asarray(y)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim not in (1, 2) or not array.size:
        raise InputError(
            "Targets must be one number or one row of numbers for each input row. "
            f"Received: targets of shape {np.shape(y)}."
        )
    if kind is not None and kind not in KINDS:
        raise InputError(f"`kind` must be one of {sorted(KINDS)}. Received: kind={kind!r}.")
    if array.dtype.kind not in "biuf":
        return _labels(array, kind)
    values = array.astype(np.float64)
    if not np.isfinite(values).all():
        bad = int(np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(axis=1))[0])
        raise InputError(
            "Targets must be finite numbers. "
            f"Received: {array[bad]} in row {bad}. Remove such rows or fill them in."
        )
    targets = _rows(values) if values.ndim == 2 else _column(values, array.dtype.kind)
    return targets if kind in (None, targets.kind) else _as(kind, values)


def _labels(array: np.ndarray, kind: str | None) -> Targets:
    if array.ndim != 1:
        raise InputError(
            "Labels that are not numbers must be a one-dimensional array, with one label per "
            f"row. Received: {array.dtype} targets of shape {array.shape}."
        )
    names, numbers = np.unique(array.astype(str), return_inverse=True)
    if kind not in (None, "binary", "classes"):
        raise InputError(
            'Labels that are not numbers need `kind` "binary" or "classes". '
            f"Received: kind={kind!r} with labels {names[:4]}."
        )
    if kind == "binary" and len(names) != 2:
        raise InputError(
            "Targets of kind 'binary' must be two classes. "
            f"Received: {len(names)} different labels, such as {names[:4].tolist()}."
        )
    inferred = "binary" if len(names) == 2 and kind != "classes" else "classes"
    return Targets(inferred, numbers[:, None].astype(float), len(names), tuple(names.tolist()))


def _rows(values: np.ndarray) -> Targets:
    columns = values.shape[1]
    inside = bool(((values >= 0) & (values <= 1)).all())
    sums_to_one = bool(np.allclose(values.sum(axis=1), 1.0, rtol=0, atol=1e-6))
    if inside and bool(np.isin(values, (0, 1)).all()):
        return Targets("one_hot" if sums_to_one else "multi_label", values, columns)
    if inside:
        return Targets("distribution" if sums_to_one else "unit_interval", values, columns)
    return Targets(_numbers(values), values, columns)


def _column(values: np.ndarray, dtype: str) -> Targets:
    distinct = np.unique(values)
    whole = bool((values == np.round(values)).all())
    names = tuple(int(v) for v in distinct) if whole else ()
    numbers = np.searchsorted(distinct, values)[:, None].astype(float)
    if whole and (names in ((0, 1), (-1, 1)) or dtype == "b"):
        return Targets("binary", numbers, 2, names)
    repeated = len(values) >= ROWS_PER_CLASS * len(distinct)
    consecutive = whole and len(distinct) == distinct[-1] - distinct[0] + 1
    if dtype in "iu" and repeated and consecutive and len(distinct) > 1 and distinct[0] in (0, 1):
        other = "counts" if len(distinct) > 2 else "real"
        kind = "binary" if len(distinct) == 2 else "classes"
        return Targets(kind, numbers, len(distinct), names, sure=False, other=other)
    column = values[:, None]
    if dtype in "iu" and distinct[0] >= 0 and repeated:
        return Targets("counts", column, 1, sure=False, other="classes")
    return Targets(_numbers(column), column, 1)


def _numbers(values: np.ndarray) -> str:
    if values.min() >= 0 and values.max() <= 1:
        return "unit_interval"
    if values.min() > 0 and values.max() > MAGNITUDES * np.median(values):
        return "positive"
    return "real"


def _as(kind: str, values: np.ndarray) -> Targets:
    """Interpret the targets as the kind that the user specified.

    Raises:
        InputError: The targets are not of this kind.
    """
    column = values if values.ndim == 2 else values[:, None]
    fits = {
        "one_hot": values.ndim == 2,
        "multi_label": values.ndim == 2,
        "distribution": values.ndim == 2 and bool((values >= 0).all()),
        "counts": bool((column >= 0).all()),
        "positive": bool((column > 0).all()),
        "unit_interval": bool(((column >= 0) & (column <= 1)).all()),
        "binary": values.ndim == 1 and len(np.unique(values)) == 2,
        "classes": values.ndim == 1,
        "real": True,
    }
    if not fits[kind]:
        raise InputError(
            f"Targets of kind {kind!r} must be {KINDS[kind]}. Received: targets of shape "
            f"{values.shape} in [{values.min():.6g}, {values.max():.6g}]."
        )
    if kind in ("binary", "classes"):
        distinct, numbers = np.unique(values, return_inverse=True)
        return Targets(kind, numbers.reshape(-1, 1).astype(float), len(distinct), tuple(distinct))
    return Targets(kind, column, column.shape[1])
