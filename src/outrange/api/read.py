"""Public functions that read files: `load` (models), `read_property`, and `read` (answers)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..core import InputError, Specification
from ..live import with_progress


if TYPE_CHECKING:
    from ..answers.answer import Answer
    from ..frontends.network import Network


PROPERTY_FILES = (".vnnlib", ".vnnlib.gz")
"""Suffixes of property files."""


@with_progress("Reading the model", reports=False)
def load(
    model: Any,
    *,
    custom_objects: Mapping[str, Any] | None = None,
    safe_mode: bool = True,
    input_shape: Sequence[int] | None = None,
    names: Sequence[str] | None = None,
    name: str | None = None,
    layer: str | None = None,
    kernel: str | None = None,
    progress: bool | None = None,
) -> Network:
    """Load a model once, so that it can be passed to several functions.

    Args:
        model: A Keras model or layer, a fitted scikit-learn estimator, a PyTorch module, or a path
            to a `.keras`, `.h5`, `.onnx`, `.onnx.gz` or `.pt2` file. A network that `load` returned
            is returned unchanged, except for `names`, `name` and `layer`.
        custom_objects: Dict from names in a Keras file to classes or functions.
        safe_mode: Refuse Keras files that contain code (`Lambda` layers) and PyTorch files that
            could run code. False runs that code.
        input_shape: Shape of one input without the batch axis, for a PyTorch module.
        names: Names of the features of a model with one flat input, in order, such as
            `frame.columns`. Boxes, conditions and answers then use names, as in `{"speed": (0, 30),
            "mode": 1.0}` and `x["speed"]`. A question about a DataFrame uses its column names
            automatically.
        name: Name of the network; None for the model's own name. Conditions on several networks
            use it: with `f = load(old, name="f")`, `f.x` and `f.y` are variables of this network.
        layer: Name of a layer whose values become the outputs, so that every question can be about
            them. A layer that is called several times has one output per call. None for the
            model's own outputs.
        kernel: Kernels that may run a quantized ONNX file; every answer holds for each of them.
            `"float32"`: sums in float32 or exact integers, and a requantization in float32.
            `"pairs"`: also sums of pairs that saturate at int16, as on x86 without VNNI. `"any"`,
            the default: also a fixed-point requantization. See `docs/quantized.md`.
        progress: True shows progress, False hides it. None shows it in a terminal or notebook if
            the call takes longer than 2 s.

    Returns:
        A `Network`, which most public functions accept in place of a model.

    Raises:
        ModelError: The file cannot be read, or the graph read from it does not match the model.
        UnsupportedError: The model contains an unsupported operation.
        InputError: The file does not exist, its suffix is unknown, or `names` or
            `layer` do not fit the model.

    Example:
        >>> import keras
        >>> layer = keras.layers.Dense(1, kernel_initializer="ones")
        >>> network = load(keras.Sequential([keras.Input((2,)), layer]))
        >>> network.predict([[0.25, 0.5]]).tolist()
        [[0.75]]
        >>> load(network, names=["speed", "mode"]).graph.inputs
        (Slot(name='speed', shape=()), Slot(name='mode', shape=()))
    """
    from ..frontends.hidden_values import replace_outputs
    from ..frontends.load import load as read
    from ..questions.common.joint_conditions import check_name

    network = read(
        model,
        custom_objects=custom_objects,
        safe_mode=safe_mode,
        input_shape=input_shape,
        kernel=kernel,
    )
    if layer is not None:
        network = replace_outputs(network, layer)
    if name is not None:
        network = replace(network, name=check_name(name))
    return network if names is None else network.with_feature_names(names)


def read_property(path: str | os.PathLike) -> Specification:
    """Read a property from a VNN-LIB file (version 1.0, or 2.0 with the `vnnlib` package).

    Args:
        path: A `.vnnlib` or `.vnnlib.gz` file.

    Returns:
        A `Specification`, which describes the unsafe inputs and outputs.

    Raises:
        InputError: The file does not exist, or has another suffix.
        ModelError: The file is damaged; where possible, the message names the line.
        UnsupportedError: The file uses something unsupported, such as a product of variables.

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
    if not is_property_file(name):
        raise InputError(
            "A property must be a condition on `outrange.x` and `outrange.y`, a function of both, "
            f"or a file ending in .vnnlib or .vnnlib.gz. Received: {name!r}."
        )
    from ..frontends.vnnlib import read_vnnlib

    return read_vnnlib(path)


def is_property_file(name: str) -> bool:
    """Return whether a string ends like the name of a VNN-LIB file.

    Upper and lower case are not distinguished.
    """
    return name.lower().endswith(PROPERTY_FILES)


def read(path: str | os.PathLike, *, model: Any = None) -> Answer:
    """Read an answer from a file that `answer.save` wrote.

    The file is JSON with numbers, strings and arrays. No code in it is run, and unexpected content
    is rejected. Nothing proves that the numbers in the file have not been changed.

    Args:
        path: The file.
        model: The model that the answer is expected to be about, as for `outrange.output_range`. If
            the file does not contain the hash of this model, the answer is rejected. None skips
            this check.

    Returns:
        The answer, such as a `Range` or a `Verdict`, bit for bit equal to the saved answer.

    Raises:
        InputError: The file does not exist, is damaged, does not contain an answer, was written by
            a newer release, or is about another model.
        ModelError, UnsupportedError: `model` cannot be read.

    Example:
        >>> import pathlib, tempfile
        >>> from outrange import recommend
        >>> path = pathlib.Path(tempfile.mkdtemp(), "advice.json")
        >>> recommend([[0.0], [1.0]], [0, 1]).save(path)
        >>> read(path).loss
        'binary_crossentropy'
    """
    from ..answers.storage.kinds import KINDS
    from ..answers.storage.read import read_answer

    answer = read_answer(path, KINDS)
    if model is None:
        return answer
    from ..frontends.load import load as load_model
    from ..questions.common.fingerprints import graph_source

    network = load_model(model)
    source = network.source or graph_source(network.name, network.graph)
    if not any(source.sha256 == other.sha256 for other in answer.sources):
        models = "; ".join(map(str, answer.sources)) or "a model without a hash"
        raise InputError(
            "An answer is valid only for the model it was computed for: pass the same file, or a "
            f"model with the same weights. `{os.fspath(path)}` was computed for {models}. "
            f"Received: {source!s}."
        )
    return answer
