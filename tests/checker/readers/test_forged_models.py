"""Model files that frameworks read as other functions than they seem to hold are refused."""

import io
import zipfile

import keras
import numpy as np
import pytest


pytest.importorskip("h5py")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import h5py
import onnxruntime

from frontends.onnx_models import model, node
from outrange_check.network import Refused
from outrange_check.readers import read, read_bytes


def _unfound(data):
    """The tree of chunks says that it ends where it begins: HDF5 then finds none, and reads 0."""
    at = data.index(b"TREE\x01")
    data[at + 24 + 40 + 8 : at + 24 + 40 + 32] = bytes(24)


def _reshuffled(data):
    """The bytes were shuffled as numbers of 4 bytes, and it says: of 1."""
    at = data.index(b"shuffle\0") + 8
    assert data[at] == 4
    data[at] = 1


FORGED = {
    "rounded by Keras": ([[2.0**24 + 1], [-(2.0**24)]], "f8", {}, None),
    "a chunk that is not found": ([[3.0], [4.0]], "f4", {"chunks": (2, 1)}, _unfound),
    "another shuffle": ([[3.0], [4.0]], "f4", {"chunks": (2, 1), "shuffle": True}, _reshuffled),
}
"""Weights that h5py, and so Keras, reads as others than those that seem to be stored."""


@pytest.mark.parametrize("name", FORGED)
def test_forged_weights_are_refused(name, tmp_path):
    array, kind, options, damage = FORGED[name]
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        members = {entry: archive.read(entry) for entry in archive.namelist()}
    out = io.BytesIO(members["model.weights.h5"])
    with h5py.File(out, "r+") as file:
        del file["layers/dense/vars/0"]
        file["layers/dense/vars"].create_dataset("0", data=np.array(array, kind), **options)
    data = bytearray(out.getvalue())
    if damage:
        damage(data)
    with zipfile.ZipFile(tmp_path / "forged.keras", "w") as archive:
        for entry, content in (members | {"model.weights.h5": bytes(data)}).items():
            archive.writestr(entry, content)
    loaded = keras.models.load_model(tmp_path / "forged.keras").get_weights()[0]
    assert (loaded != np.array(array)).any()
    with pytest.raises(Refused, match=r"laid out|of a type that is not read"):
        read(tmp_path / "forged.keras")


POOL = {"auto_pad": "SAME_LOWER", "dilations": [2], "kernel_shape": [3]}
SLICE = {"from": [0], "to": [2**63 - 1], "axes": [2], "steps": [-1]}

DISPUTED = {
    "`auto_pad` of a pool with": (3, [node("MaxPool", "x", "y", **POOL)]),
    "a step of -1 to 9223372036854775807": (0, [node("Slice", "x from to axes steps", "y")]),
}
"""Of three entries the standard makes so many, and onnxruntime one."""


@pytest.mark.parametrize("reason", DISPUTED)
def test_what_onnxruntime_computes_otherwise_than_the_standard_is_refused(reason):
    count, nodes = DISPUTED[reason]
    constants = {k: np.array(v, np.int64) for k, v in SLICE.items()} if count == 0 else {}
    data = model(nodes, constants, inputs={"x": (1, 1, 3)}, opset=19).SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    assert session.run(None, {"x": np.ones((1, 1, 3), np.float32)})[0].size == 1 != count
    with pytest.raises(Refused, match=reason):
        read_bytes(data, "model.onnx")
