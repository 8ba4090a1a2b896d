"""What a Keras file declares, added up before Keras allocates it. The one file that uses `h5py`."""

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
"""Numbers that a file may store for each weight: itself, and what an optimizer keeps of it."""

LARGEST_CONFIG = 2**26
"""Bytes of `config.json`, or of another member that is not weights. A thousand layers take 2^20."""

_WEIGHTS = (".h5", ".npz")

_AGAIN = "save the model again with `model.save`"

_LOCK = threading.RLock()


_FREE_WEIGHTS = 2**20
_MOST_EXPANSION = 16
"""Entries a weight file may declare for each byte that it stores of them."""


def check_archive(path: Path) -> int | None:
    """Refuse a `.keras` file whose members are too large once they are unpacked.

    Returns:
        How many numbers it stores as weights; None where it does not say.

    Raises:
        ModelError: One is.
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
                    f"`{member.filename}` in a Keras file may hold {most} bytes at most, unpacked; "
                    "save the model again with `model.save`. If it is not so large, the file is "
                    f"damaged or hostile. Received: {member.file_size} bytes, "
                    f"{member.compress_size} of them packed, in `{path}`."
                )
        for name in archive.namelist():
            if name.endswith(".h5"):
                with archive.open(name) as file:
                    stored = check_datasets(file, path)
    return stored


def check_datasets(file: Any, path: Path) -> int | None:
    """Refuse an HDF5 file that declares too many numbers, or keeps them elsewhere.

    Args:
        file: What to read: a path, or an open file.
        path: As messages name it.

    Returns:
        How many numbers it stores as weights; None where it cannot be read.

    Raises:
        ModelError: It declares too many.
    """
    # What an optimizer keeps is read only with the optimizer, and as much as it fits the weights.
    limit = SizeLimit(STATES * WEIGHTS.most, WEIGHTS.rule, WEIGHTS.remedy)
    weights, stored = Tally(WEIGHTS), Tally(limit)
    import h5py

    def visit(name: str, found: Any) -> None:
        if not isinstance(found, h5py.Dataset) or found.shape is None:
            return
        if found.external or found.is_virtual:
            raise ModelError(
                "A Keras file must hold its weights itself; save the model again with "
                f"`model.save`. Received: `{name}` in `{path}`, which lies in another file."
            )
        where = f"`{name}` in `{path}`"
        stored.add(found.shape, where)
        if found.size > _FREE_WEIGHTS + _MOST_EXPANSION * found.id.get_storage_size():
            raise ModelError(
                "A Keras file must hold the weights that it declares; it is cut short, damaged or "
                f"hostile. Received: {found.size} entries in {where}, stored in "
                f"{found.id.get_storage_size()} bytes."
            )
        if not name.startswith("optimizer"):
            weights.add(found.shape, where)

    try:
        with h5py.File(file, "r") as content:
            content.visititems(visit)
    except (OSError, RuntimeError, ValueError, KeyError):
        return None  # Damaged: Keras says how when it reads the file.
    return weights.total


@contextlib.contextmanager
def counted(k: Any, stored: int | None) -> Iterator[list[Tally]]:
    """Adds up the weights that Keras makes meanwhile, before it does; looks at symbols one by one.

    Args:
        k: Keras.
        stored: How many weights the file stores: Keras makes them all before it reads one.

    Yields:
        The sums; Keras may lose what they raised.
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

    def made(tensor: Any, shape: Any, *args: Any, **kwargs: Any) -> None:
        symbol(tensor, shape, *args, **kwargs)
        # Not added up: Keras makes several symbols of one value. Whoever traces the model adds.
        values.check_room(sizes(tensor), f"`{tensor.name}`")

    with _LOCK:
        k.Layer.add_weight, k.KerasTensor.__init__ = counting, made
        try:
            yield [weights, values]
        finally:
            k.Layer.add_weight, k.KerasTensor.__init__ = add_weight, symbol


def is_drawn(layer: Any, initializer: Any) -> bool:
    """Whether the first values of a weight are random numbers that the file replaces.

    Keras's own layers read all their weights from the file, or Keras refuses it; a layer of the
    user's may leave some as they were made. To draw them, JAX compiles a program for each shape,
    which takes most of the time of reading a small model.
    """
    return type(layer).__module__.startswith("keras.src.layers.") and any(
        kind.__name__ == "RandomInitializer" for kind in type(initializer).__mro__
    )


def sizes(tensor: Any) -> list[int]:
    """The sizes of a symbol for one row; what is open counts as 1."""
    return [n if isinstance(n, int) else 1 for n in tensor.shape or ()]
