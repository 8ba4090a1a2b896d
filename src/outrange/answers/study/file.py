"""The file of a study: JSON of one layout."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from ...core import InputError


VERSION = 1

Record = TypeVar("Record")


def read_study(path: Path, layout: str, build: Callable[[dict[str, Any]], Record]) -> Record:
    """What `build` makes of the JSON in a file.

    Args:
        path: The file.
        layout: What the file must name as its format.
        build: From the document to the record; missing and odd entries make it fail.

    Raises:
        InputError: There is no such file, or it is not a study of this version.
    """
    try:
        record = json.loads(path.read_text())
    except OSError as error:
        raise InputError(f"There is no such study file. Received: `{path}`.") from error
    except ValueError as error:
        raise InputError(
            f"A study file is what `Study.save` wrote. Received: `{path}`, which is no JSON."
        ) from error
    if not isinstance(record, dict) or record.get("format") != layout:
        raise InputError(f"A study file is what `Study.save` wrote. Received: `{path}`.")
    if record.get("version") != VERSION:
        raise InputError(
            f"This release reads version {VERSION} of study files. "
            f"Received: version {record.get('version')!r} in `{path}`."
        )
    try:
        return build(record)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"A study file is what `Study.save` wrote. Received: `{path}`, in which {error!r} "
            "is missing or odd."
        ) from error
