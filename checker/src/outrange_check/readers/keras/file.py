"""The contents of a `.keras` file: the description of a model in JSON, and its weights in HDF5."""

import io
import json
import zipfile
from typing import Any

from ...network import Refused
from .hdf5 import Hdf5


MOST_TEXT, MOST_WEIGHTS = 1 << 22, 1 << 27
"""Largest numbers of bytes of the description and of the weights, unpacked."""

MOST_LEVELS = 128
"""Largest nesting depth of lists and objects in the description."""


def opened(data: bytes) -> tuple[dict[str, Any], Hdf5]:
    """Return the description of the model in a `.keras` file, and its weights.

    Raises:
        Refused: The bytes are not a `.keras` file of Keras 3, or are too large.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        names = [entry.filename for entry in entries]
        if len(set(names)) < len(names) or len(names) > 1000:
            raise Refused("the archive contains a file twice, or too many files")
        text = {
            name: _member(archive, name, MOST_TEXT) for name in ("metadata.json", "config.json")
        }
        weights = _member(archive, "model.weights.h5", MOST_WEIGHTS)
    version = str(_json(text["metadata.json"]).get("keras_version"))
    if not version.startswith("3."):
        raise Refused(f"the model was saved by Keras {version[:20]}; only Keras 3 is supported")
    config = _json(text["config.json"])
    _no_two_readings(config)
    return config, Hdf5(weights)


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """Return a file of the archive; at most `most + 1` bytes of it are unpacked."""
    if name not in archive.namelist():
        raise Refused(f"the archive does not contain `{name}`")
    entry = archive.getinfo(name)
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Refused(f"`{name}` is compressed by an unsupported method")
    if entry.flag_bits & 1 or entry.file_size > most:
        raise Refused(f"`{name}` is encrypted, or has more than {most} bytes")
    with archive.open(entry) as file:
        found = file.read(most + 1)
    if len(found) > most:
        raise Refused(f"`{name}` has more than {most} bytes")
    return found


def _json(data: bytes) -> dict[str, Any]:
    found = json.loads(data, object_pairs_hook=_once)
    if not isinstance(found, dict):
        raise Refused("the description of the model is not a JSON object")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Refused("a name occurs twice in the description of the model")
    return found


def _no_two_readings(config: dict[str, Any]) -> None:
    """Refuse a description that Keras might read differently because of shared objects.

    Keras turns all objects with the same `shared_object_id` into one object, so their descriptions
    must be equal. Layers other than inputs must not share an id at all: the second would get the
    weights of the first.
    """
    found: dict[Any, str] = {}
    parts: list[tuple[Any, int]] = [(config, 0)]
    while parts:
        part, level = parts.pop()
        if level > MOST_LEVELS:
            raise Refused(f"the model's description is nested more than {MOST_LEVELS} levels deep")
        if isinstance(part, list):
            parts += [(inner, level + 1) for inner in part]
        elif isinstance(part, dict):
            parts += [(inner, level + 1) for inner in part.values()]
            key = part.get("shared_object_id")
            if key is None:
                continue
            text, kind = json.dumps(part, sort_keys=True), part.get("class_name")
            layer = part.get("module") == "keras.layers" or kind in ("Sequential", "Functional")
            if key in found and (found[key] != text or (layer and kind != "InputLayer")):
                raise Refused("two objects of the model have the same `shared_object_id`")
            found[key] = text
