"""The hash of a model: of its file, or of its weights."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..core import ModelSource


def file_source(path: str | os.PathLike) -> ModelSource:
    """Hash the bytes of a file."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return ModelSource(os.path.basename(os.fspath(path)), digest, "file")


def weights_source(name: str, arrays: Iterable[Any]) -> ModelSource:
    """Hash arrays in their order: type, shape and little-endian bytes of each."""
    digest = hashlib.sha256()
    for array in arrays:
        array = np.asarray(array)
        little = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False))
        digest.update(f"{little.dtype.name}{array.shape};".encode())
        digest.update(little.tobytes())
    return ModelSource(name, digest.hexdigest(), "weights")


def torch_source(name: str, model: Any) -> ModelSource:
    """Hash the state of a PyTorch module or exported program."""
    state: Any = model.state_dict() if callable(model.state_dict) else model.state_dict
    # Of types that NumPy lacks (bfloat16), the float64 numbers.
    plain = (t.detach().cpu() for t in state.values() if hasattr(t, "detach"))
    return weights_source(name, (t.numpy() if _known(t) else t.double().numpy() for t in plain))


def _known(tensor: Any) -> bool:
    return str(tensor.dtype).removeprefix("torch.") in np.sctypeDict
