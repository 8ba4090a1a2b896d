"""Boxes around data or a point: pairs `(lo, hi)` or dicts of such pairs, for use as `box`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...core import InputError
from .boxes import array_ball, array_box, describe_value, numbers
from .columns import (
    column_box,
    column_names,
    columns,
    frame_integers,
    is_frame,
    point_by_column,
    quote_names,
    warn_relaxed_ball,
)
from .data_boxes import ArrayBox, NamedBox, TableBox
from .scales import deviations
from .sets.table import frame_set, table_set


def data_box(
    x: Any, margin: float = 0.0, *, relative: bool = False, whole: bool | None = None
) -> Any:
    """Compute the per-feature range of data, widened by a margin.

    Args:
        x: Array `(n, *input_shape)`, a dict from input name to such arrays, or a DataFrame with
            one column per feature.
        margin: Non-negative number in the unit of the feature.
        relative: Whether `margin` is instead a multiple of the width of each feature's range.
        whole: For a DataFrame only. True restricts its integer columns to integers, and each group
            of one-hot columns to exactly one 1 (or at most one, for dummies without the first
            category). None also does this, with a warning that names these columns. False allows
            all numbers in between. Integer columns are stored as integers or Booleans, or contain
            only 0.0 and 1.0, each in at least two rows. Other floats are real numbers.

    Returns:
        `(lo, hi)`, two float64 arrays of shape `input_shape`, each rounded to nearest; for a dict,
        a dict of such pairs. For a DataFrame or a dict of columns `(n,)`, the names also denote the
        features of a model with one flat input. For a DataFrame with integer or one-hot columns,
        the result is an `outrange.Mixed` of the dict. Pass the result as `box`. Its method
        `contains(rows)` returns which rows lie in the box.

    Raises:
        InputError: The data is empty or not finite, or `margin` is negative.

    Example:
        >>> lo, hi = data_box([[0.0, 5.0], [2.0, 6.0]], margin=0.5)
        >>> lo.tolist(), hi.tolist()
        ([-0.5, 4.5], [2.5, 6.5])
        >>> data_box([[0.0, 5.0], [2.0, 6.0]]).contains([1.0, 7.0])
        False
    """
    if is_frame(x):
        return frame_set(x, margin, relative=relative, whole=whole)
    if whole is not None:
        raise InputError(
            "`whole` applies to the columns of a DataFrame; for arrays, declare integer features "
            f"with `outrange.Mixed`. Received: whole={whole!r} with {describe_value(x)}."
        )
    if isinstance(x, Mapping):
        parts = {str(name): numbers(part, f"`{name}`") for name, part in x.items()}
        if all(part.ndim == 1 for part in parts.values()):
            return TableBox(column_box(parts, margin, relative=relative))
        return NamedBox(
            (name, data_box(part, margin, relative=relative)) for name, part in parts.items()
        )
    return ArrayBox(*array_box(x, margin, relative=relative))


def ball(
    center: Any, radius: Any, clip: tuple | None = None, *, scale: Any = None, data: Any = None
) -> Any:
    """Return the L-infinity ball around a point: every entry may change by at most `radius`.

    Args:
        center: The point, in the model's input shape (a batch axis of length 1 may precede it), a
            dict from input name to such points, or a row of a DataFrame.
        radius: Non-negative number, an array that broadcasts against `center`, or a mapping from
            name to one of these (such as a Series). A radius of 0 fixes an input.
        clip: `(least, most)`, limits on every entry, such as `(0, 1)` for pixels.
        scale: Factors by which the radius is multiplied, in any of the forms of `radius`; `"std"`
            for the standard deviations of `data`.
        data: Data whose standard deviations are the factors if `scale` is `"std"`. A DataFrame also
            restricts its integer columns to integers, and its one-hot groups to categories, as in
            `outrange.data_box`. Columns that are not in `center` are ignored. Without a DataFrame,
            a ball around a row that seems to contain categories includes mixtures, with a warning.

    Returns:
        `(lo, hi)`, two float64 arrays of the shape of `center`, each rounded to nearest; for a
        dict, a dict of such pairs. If `data` is a DataFrame with integer or one-hot columns, an
        `outrange.Mixed` of the dict. Pass it as `box`.

    Raises:
        InputError: `radius` is negative, a number is not finite, a column is not in `data`, or the
            clipped ball is empty.

    Example:
        >>> lo, hi = ball([0.25, 0.875], 0.25, clip=(0, 1))
        >>> lo.tolist(), hi.tolist()
        ([0.0, 0.625], [0.5, 1.0])
    """
    names = column_names(center)
    if is_frame(data) and (names is not None or isinstance(center, Mapping)):
        names = names or tuple(center)
        data = _select_columns(data, names)
    if scale is not None:
        radius = _scale_radius(radius, scale, data, center, names)
    if names is not None or isinstance(center, Mapping):
        row, center = center, point_by_column(center)
        parts = {
            name: array_ball(center[name], _radius_of(radius, name, center), clip)
            for name in center
        }
        if names is None:
            box = NamedBox((name, ArrayBox(*ends)) for name, ends in parts.items())
        else:
            box = TableBox({name: (float(lo), float(hi)) for name, (lo, hi) in parts.items()})
            if is_frame(data):
                return table_set(box, columns(data), frame_integers(data))
        _warn_of_mixtures(row, center, parts)
        return box
    return ArrayBox(*array_ball(center, radius, clip))


def _select_columns(data: Any, names: Sequence[str]) -> Any:
    """Return the columns of a DataFrame with these names."""
    present = [str(name) for name in data.columns]
    missing = [name for name in names if name not in present]
    if missing:
        raise InputError(
            "`data` must contain every column of the point. Received: data without "
            f"{quote_names(missing)}."
        )
    return data[[name for name in data.columns if str(name) in names]]


def _warn_of_mixtures(row: Any, point: Mapping[str, Any], ball_of: Mapping[str, Any]) -> None:
    """Warn if a ball varies columns that seem to contain integers or categories.

    Args:
        row: The point as the caller passed it.
        point: The point by name.
        ball_of: Bounds `(lo, hi)` of each entry of the point.
    """
    values = {name: np.ravel(numbers(value, f"`{name}`")) for name, value in point.items()}
    values = {name: value for name, value in values.items() if value.size == 1}
    varies = {name for name in values if np.any(ball_of[name][0] < ball_of[name][1])}
    remedy = "To respect them, pass the table as `data=` to `ball`."
    warn_relaxed_ball(row, values, varies, remedy)


def _radius_of(radius: Any, name: str, names: Any) -> Any:
    """Return the radius of the input `name`, given one radius for all inputs or one per input."""
    if hasattr(radius, "index") and hasattr(radius, "to_dict"):
        radius = radius.to_dict()
    if isinstance(radius, Mapping):
        if set(radius) != set(names):
            raise InputError(
                f"A mapping of radii must name every input once (0 fixes an input): {list(names)}. "
                f"Received: {list(radius)}."
            )
        return radius[name]
    array = np.asarray(radius)
    return (
        array[list(names).index(name)] if array.ndim == 1 and array.size == len(names) else radius
    )


def _scale_radius(radius: Any, scale: Any, data: Any, x: Any, names: Any) -> Any:
    """Multiply `radius` by `scale` entry by entry; the result is a dict if the point has names."""
    factors = deviations(scale, data) if isinstance(scale, str) else scale
    names = tuple(x) if names is None and isinstance(x, Mapping) else names
    if names is None:
        return numbers(radius, "`radius`") * numbers(factors, "`scale`")
    parts = ((name, _radius_of(radius, name, names), factors) for name in names)
    return {
        name: numbers(by, "`radius`") * numbers(_radius_of(factor, name, names), "`scale`")
        for name, by, factor in parts
    }
