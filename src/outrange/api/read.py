"""The public functions that read: `load` a model, `read_property`, `read` an answer, of a file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..core import InputError, Specification
from ..live import followed


if TYPE_CHECKING:
    from ..answers.answer import Answer
    from ..frontends.network import Network


PROPERTY_FILES = (".vnnlib", ".vnnlib.gz")
"""How the names of files of properties end."""


@followed("Reading the model", hears=False)
def load(
    model: Any,
    *,
    custom_objects: Mapping[str, Any] | None = None,
    safe_mode: bool = True,
    input_shape: Sequence[int] | None = None,
    names: Sequence[str] | None = None,
    progress: bool | None = None,
) -> Network:
    """Read a model once, to ask several questions about it.

    Args:
        model: A Keras model or layer, a fitted estimator of scikit-learn, a PyTorch module, or a
            path to a `.keras`, `.h5`, `.onnx`, `.onnx.gz` or `.pt2` file. A network that `load`
            returned is given back as it is.
        custom_objects: Names to classes or functions that a Keras file refers to.
        safe_mode: Refuse Keras files that hold code (`Lambda` layers) and PyTorch files that could
            run some. False runs that code.
        input_shape: Shape of one input without the batch axis, for a PyTorch module.
        names: Of the features of a model with one flat input, in order (`frame.columns`, say):
            then boxes, conditions and answers are by name, `{"speed": (0, 30), "mode": 1.0}` and
            `x["speed"]`. Questions about a DataFrame take its columns without being told.
        progress: True to show what is under way, False for nothing. None shows it in a terminal or
            a notebook once the call takes 2 s.

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
        >>> load(network, names=["speed", "mode"]).graph.inputs
        (Slot(name='speed', shape=()), Slot(name='mode', shape=()))
    """
    from ..frontends.load import load as read

    network = read(
        model, custom_objects=custom_objects, safe_mode=safe_mode, input_shape=input_shape
    )
    return network if names is None else network.with_feature_names(names)


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
    if not is_property_file(name):
        raise InputError(
            "A property is a condition on `outrange.x` and `outrange.y`, a function of both, or a "
            f"file ending in .vnnlib or .vnnlib.gz. Received: {name!r}."
        )
    from ..frontends.vnnlib import read_vnnlib

    return read_vnnlib(path)


def is_property_file(name: str) -> bool:
    """Whether a text is the name of a VNN-LIB file; any other text writes a condition out."""
    return name.lower().endswith(PROPERTY_FILES)


def read(path: str | os.PathLike, *, model: Any = None) -> Answer:
    """Read an answer that `answer.save` wrote.

    Nothing in the file is run: it is JSON of numbers, texts and arrays, and what does not fit is
    refused. Whether the numbers are those that were proved rests on whoever kept the file.

    Args:
        path: The file.
        model: The model that the answer should be about, as for `outrange.output_range`: one with
            another hash is refused. None for no comparison.

    Returns:
        The answer: a `Range`, a `Verdict` or whatever was saved, equal to the last bit.

    Raises:
        InputError: There is no such file, it is damaged or of another kind, a newer release wrote
            it, or it is about another model.
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
    asked = network.source or graph_source(network.name, network.graph)
    if not any(asked.sha256 == known.sha256 for known in answer.sources):
        of = "; ".join(map(str, answer.sources)) or "a model without a hash"
        told = str(asked)
        raise InputError(
            "An answer holds for the very model that it was asked about: pass the same file, or "
            f"the model with the same weights. `{os.fspath(path)}` is about {of}. Received: {told}."
        )
    return answer
