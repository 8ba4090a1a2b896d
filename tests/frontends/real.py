"""Location of real networks on this computer, if there are any."""

import os
from pathlib import Path

import pytest

from cases import FULL, some


def data_folder() -> Path | None:
    """Return `OUTRANGE_DATA`, or `../shared/data` next to the repository, or None."""
    stated = os.environ.get("OUTRANGE_DATA")
    folder = Path(stated) if stated else Path(__file__).parents[3] / "shared" / "data"
    return folder if folder.is_dir() else None


MOST_BYTES = 100_000
"""Size, packed, of a real file that `make test` still takes."""


def real_files(*patterns: str, few: int = 30) -> list:
    """Return test parameters: each matching file, or one that is skipped with the reason.

    In `make test` they are about `few` of the smaller files, and at least one of each family.
    """
    folder = data_folder()
    if folder is None:
        reason = "real networks not found: set OUTRANGE_DATA or put them in ../shared/data"
        return [pytest.param(None, marks=pytest.mark.skip(reason=reason), id="no data")]
    files = sorted(path for pattern in patterns for path in folder.glob(pattern))
    if not FULL:
        small = [path for path in files if path.stat().st_size <= MOST_BYTES]
        files = some(small, few, key=lambda path: path.relative_to(folder).parts[0])
    return [pytest.param(path, id=str(path.relative_to(folder))) for path in files]
