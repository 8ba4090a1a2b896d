"""The public functions that read: `load` a model, `read_property` of a file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..core import InputError, Specification


if TYPE_CHECKING:
    from ..frontends.network import Network


def load(
    model: Any,
    *,
    custom_objects: Mapping[str, Any] | None = None,
    safe_mode: bool = True,
    input_shape: Sequence[int] | None = None,
) -> Network:
    """Read a model once, to ask several questions about it.

    Args:
        model: A Keras model or layer, a PyTorch module, or a path to a `.keras`, `.h5`, `.onnx`,
            `.onnx.gz` or `.pt2` file. A network that `load` returned is given back as it is.
        custom_objects: Names to classes or functions that a Keras file refers to.
        safe_mode: Refuse Keras files that hold code (`Lambda` layers) and PyTorch files that could
            run some. False runs that code.
        input_shape: Shape of one input without the batch axis, for a PyTorch module.

    Returns:
        A `Network`; every question takes one in place of a model.

    Raises:
        ModelError: The file cannot be read, or the graph read from it is not the model.
        UnsupportedError: The model holds an operation that is not supported.
        InputError: There is no such file, or its suffix is unknown.

    Example:
        >>> import keras
        >>> layer = keras.layers.Dense(1, kernel_initializer="ones")
        >>> network = load(keras.Sequential([keras.Input((2,)), layer]))
        >>> network.predict([[0.25, 0.5]]).tolist()
        [[0.75]]
    """
    from ..frontends.load import load as read

    return read(model, custom_objects=custom_objects, safe_mode=safe_mode, input_shape=input_shape)


def read_property(path: str | os.PathLike) -> Specification:
    """Read the property in a VNN-LIB file (1.0, or 2.0 with the package `vnnlib`).

    Args:
        path: A `.vnnlib` or `.vnnlib.gz` file.

    Returns:
        A `Specification`: what an unsafe input and output satisfy.

    Raises:
        InputError: There is no such file, or it is of another kind.
        ModelError: The file is damaged; the message says in which line.
        UnsupportedError: It states something that is not linear.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "unsafe.vnnlib")
        >>> _ = path.write_text(
        ...     "(declare-const X_0 Real) (declare-const Y_0 Real) "
        ...     "(assert (>= X_0 0)) (assert (<= X_0 1)) (assert (>= Y_0 2))"
        ... )
        >>> unsafe = read_property(path)
        >>> unsafe.inputs, unsafe.outputs
        (1, 1)
    """
    name = os.fspath(path)
    if not name.lower().endswith((".vnnlib", ".vnnlib.gz")):
        raise InputError(
            "A property is a condition on `outrange.x` and `outrange.y`, a function of both, or a "
            f"file ending in .vnnlib or .vnnlib.gz. Received: {name!r}."
        )
    from ..frontends.vnnlib import read_vnnlib

    return read_vnnlib(path)
