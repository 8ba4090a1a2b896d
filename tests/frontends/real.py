"""Where the real networks are, if they are on this machine."""

import os
from pathlib import Path

import pytest

from cases import FULL, some


def data_folder() -> Path | None:
    """`OUTRANGE_DATA`, or `../shared/data` beside the repository; None where neither exists."""
    stated = os.environ.get("OUTRANGE_DATA")
    folder = Path(stated) if stated else Path(__file__).parents[3] / "shared" / "data"
    return folder if folder.is_dir() else None


MOST_BYTES = 100_000
"""Size, packed, of a real file that `make test` still takes."""


def real_files(*patterns: str, few: int = 30) -> list:
    """Test parameters: each matching file, or one that is skipped with the reason.

    In `make test` they are about `few` of the smaller ones, and one of each family at least.
    """
    folder = data_folder()
    if folder is None:
        reason = "real networks not found: set OUTRANGE_DATA or put them in ../shared/data"
        return [pytest.param(None, marks=pytest.mark.skip(reason=reason), id="no data")]
    found = sorted(path for pattern in patterns for path in folder.glob(pattern))
    if not FULL:
        small = [path for path in found if path.stat().st_size <= MOST_BYTES]
        found = some(small, few, key=lambda path: path.relative_to(folder).parts[0])
    return [pytest.param(path, id=str(path.relative_to(folder))) for path in found]
