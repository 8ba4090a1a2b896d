"""Conversion to data frames; the only module that imports pandas."""

from collections.abc import Sequence
from typing import Any

from ...core import InputError, pip_install


def frame(rows: Sequence[dict[str, Any]], index: Sequence[str]) -> Any:
    """Return a `pandas.DataFrame` with one row per dict, indexed by the columns `index`.

    The frame is not indexed by columns if `rows` or `index` is empty.

    Raises:
        InputError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise InputError(
            f"Data frames need pandas, which is not installed: {pip_install('pandas')}. "
            "`answer.records()` returns the same data as a list of dicts. Received: ImportError."
        ) from None
    table = pandas.DataFrame.from_records(list(rows))
    if not rows or not index:
        return table
    return table.set_index(list(index) if len(index) > 1 else index[0])
