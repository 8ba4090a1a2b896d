"""Hash of a model's file, or of its weights."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..core import ModelSource, array_digest, file_digest


def file_source(path: str | os.PathLike) -> ModelSource:
    """Hash the bytes of a file."""
    return ModelSource(os.path.basename(os.fspath(path)), file_digest(path), "file")


def weights_source(name: str, arrays: Iterable[Any], of: str = "weights") -> ModelSource:
    """Hash the type, the shape and the little-endian bytes of each array, in order."""
    return ModelSource(name, array_digest(arrays), of)


def torch_source(name: str, model: Any) -> ModelSource:
    """Hash the tensors in the state of a PyTorch module or exported program, in order."""
    state: Any = model.state_dict() if callable(model.state_dict) else model.state_dict
    # Types that NumPy lacks (bfloat16) are hashed as float64.
    plain = (t.detach().cpu() for t in state.values() if hasattr(t, "detach"))
    arrays = (t.numpy() if _has_numpy_type(t) else t.double().numpy() for t in plain)
    return weights_source(name, arrays, "tensors")


def _has_numpy_type(tensor: Any) -> bool:
    return str(tensor.dtype).removeprefix("torch.") in np.sctypeDict
