"""The sizes and the version that a Keras file declares, read before Keras allocates memory."""

from __future__ import annotations

import contextlib
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...core import ModelError
from ...core.sizes import LARGEST_UNPACKED, VALUES, WEIGHTS, SizeLimit, Tally, unpacked_limit


STATES = 4
"""Maximum number of stored entries per entry of a weight: the entry itself, and optimizer state."""

LARGEST_CONFIG = 2**26
"""Size limit, in bytes, of `config.json` and other members without weights. The `config.json` of a
model with 1000 layers has about 2^20 bytes."""

_WEIGHTS = (".h5", ".npz")

_AGAIN = "save the model again with `model.save`"

_LOCK = threading.RLock()


_FREE_WEIGHTS = 2**20
_MOST_EXPANSION = 16
"""Maximum number of entries that a dataset in a weight file may declare per stored byte, in
addition to `_FREE_WEIGHTS`."""


def check_archive(path: Path) -> int | None:
    """Raise if a member of a `.keras` file is too large after decompression.

    Returns:
        Number of entries that the file stores as weights; None if its `.h5` member is missing or
        unreadable.

    Raises:
        ModelError: A member is too large, or the weights fail `check_datasets`.
    """
    stored = None
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            is_weights = member.filename.endswith(_WEIGHTS)
            most = unpacked_limit(member.compress_size) if is_weights else LARGEST_CONFIG
            if member.compress_type == zipfile.ZIP_STORED and is_weights:
                most = STATES * LARGEST_UNPACKED
            if member.file_size > most:
                raise ModelError(
                    f"`{member.filename}` in a Keras file may have at most {most} bytes after "
                    "decompression; save the model again with `model.save`. If the model is not "
                    f"that large, the file is damaged or malicious. Received: {member.file_size} "
                    f"bytes, compressed to {member.compress_size}, in `{path}`."
                )
        for name in archive.namelist():
            if name.endswith(".h5"):
                with archive.open(name) as file:
                    stored = check_datasets(file, path)
    return stored


def check_datasets(file: Any, path: Path) -> int | None:
    """Raise if an HDF5 file declares too many entries, or stores them in another file.

    Args:
        file: The path, or an open file.
        path: The path, for messages.

    Returns:
        Number of entries that the file stores as weights, or None if it is unreadable.

    Raises:
        ModelError: The file declares too many entries, in total or for its size in bytes, or
            stores them in another file.
    """
    # Optimizer state is read only with the optimizer, and only as far as it fits the weights.
    limit = SizeLimit(STATES * WEIGHTS.most, WEIGHTS.rule, WEIGHTS.remedy)
    weights, stored = Tally(WEIGHTS), Tally(limit)
    import h5py

    def visit(name: str, dataset: Any) -> None:
        if not isinstance(dataset, h5py.Dataset) or dataset.shape is None:
            return
        if dataset.external or dataset.is_virtual:
            raise ModelError(
                "A Keras file must contain all weights of the model; save the model again with "
                f"`model.save`. Received: `{name}` in `{path}`, which is stored in another file."
            )
        where = f"`{name}` in `{path}`"
        stored.add(dataset.shape, where)
        if dataset.size > _FREE_WEIGHTS + _MOST_EXPANSION * dataset.id.get_storage_size():
            raise ModelError(
                "A Keras file must contain the weights that it declares; this file is truncated, "
                "damaged or malicious. Save the model again with `model.save`. Received: "
                f"{dataset.size} entries in {where}, stored in {dataset.id.get_storage_size()} "
                "bytes."
            )
        if not name.startswith("optimizer"):
            weights.add(dataset.shape, where)

    try:
        with h5py.File(file, "r") as content:
            content.visititems(visit)
    except (OSError, RuntimeError, ValueError, KeyError):
        return None  # damaged; Keras reports how when it reads the file
    return weights.total


@contextlib.contextmanager
def count_weights(k: Any, stored: int | None) -> Iterator[list[Tally]]:
    """Limit the sizes of weights and symbols in this context, before Keras allocates them.

    Random initial values that the file replaces are set to zero, as explained in `is_drawn`.

    Args:
        stored: Number of entries that the file stores as weights, or None if it is unknown. The
            limit depends on it, since Keras creates all weights before it reads the first one.

    Yields:
        The tallies of weights and of symbols. Each tally stores the error that it raised, because
        Keras may replace that error with another.
    """
    limit = WEIGHTS
    if stored is not None and 2 * stored + _FREE_WEIGHTS < WEIGHTS.most:
        most = 2 * stored + _FREE_WEIGHTS
        limit = SizeLimit(most, f"The weights of a model whose file stores {stored}", _AGAIN)
    weights, values = Tally(limit), Tally(VALUES)
    add_weight, symbol = k.Layer.add_weight, k.KerasTensor.__init__

    def counting(layer: Any, *args: Any, **kwargs: Any) -> Any:
        shape = kwargs.get("shape", args[0] if args else ()) or ()
        shape = (shape,) if isinstance(shape, int) else shape
        if all(isinstance(n, int) for n in shape):
            weights.add(shape, f"a weight of layer `{layer.name}`")
        if is_drawn(layer, kwargs.get("initializer")):
            kwargs["initializer"] = "zeros"
        return add_weight(layer, *args, **kwargs)

    def init_symbol(tensor: Any, shape: Any, *args: Any, **kwargs: Any) -> None:
        symbol(tensor, shape, *args, **kwargs)
        # Not added up: Keras creates several symbols for one value. Tracing the model adds up.
        values.check_room(sizes(tensor), f"`{tensor.name}`")

    with _LOCK:
        k.Layer.add_weight, k.KerasTensor.__init__ = counting, init_symbol
        try:
            yield [weights, values]
        finally:
            k.Layer.add_weight, k.KerasTensor.__init__ = add_weight, symbol


def is_drawn(layer: Any, initializer: Any) -> bool:
    """Return whether the initial values of a weight are random numbers that the file replaces.

    Such values need not be drawn. To draw them, JAX would compile a program for each shape, which
    takes most of the time needed to read a small model. Only weights of Keras's own layers are
    certain to be in the file, since Keras otherwise rejects it. A user's layer may leave some
    weights at their initial values.
    """
    return type(layer).__module__.startswith("keras.src.layers.") and any(
        kind.__name__ == "RandomInitializer" for kind in type(initializer).__mro__
    )


def sizes(tensor: Any) -> list[int]:
    """Return the shape of a symbol; each unknown size (such as the batch size) is replaced by 1."""
    return [n if isinstance(n, int) else 1 for n in tensor.shape or ()]


def writing_version(path: Path) -> str:
    """Return the version of Keras that wrote an HDF5 file; `""` if the file does not state it."""
    if path.suffix.lower() == ".keras":
        return ""
    import h5py

    try:
        with h5py.File(path) as file:
            version = file.attrs.get("keras_version", "")
    except OSError:  # a damaged file, about which Keras's own error says more
        return ""
    return version.decode() if isinstance(version, bytes) else str(version)
