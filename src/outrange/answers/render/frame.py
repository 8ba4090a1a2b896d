"""The one file that imports pandas."""

from collections.abc import Sequence
from typing import Any

from ...core import InputError, pip_install


def frame(rows: Sequence[dict[str, Any]], index: Sequence[str]) -> Any:
    """A `pandas.DataFrame` of a row each, the columns `index` as its index."""
    try:
        import pandas
    except ImportError:
        raise InputError(
            f"Data frames are made by pandas, which is not installed: {pip_install('pandas')}. "
            "`answer.records()` has the same as a list of dicts. Received: ImportError."
        ) from None
    made = pandas.DataFrame.from_records(list(rows))
    return made.set_index(list(index) if len(index) > 1 else index[0]) if rows and index else made
