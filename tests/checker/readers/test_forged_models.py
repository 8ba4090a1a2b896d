"""Model files that frameworks read as other functions than they seem to hold are refused."""

import io
import struct
import zipfile

import keras
import numpy as np
import pytest


pytest.importorskip("h5py")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import h5py
import onnxruntime

import outrange
from frontends.onnx_models import model, node, onnx, save_model
from outrange_check.network import Refused
from outrange_check.readers import read, read_bytes


def _unfound(data):
    """The tree of chunks says that it ends where it begins: HDF5 then finds none, and reads 0."""
    at = data.index(b"TREE\x01")
    data[at + 24 + 40 + 8 : at + 24 + 40 + 32] = bytes(24)


def _forge_shuffle_size(data):
    """The bytes were shuffled as numbers of 4 bytes, and it says: of 1."""
    at = data.index(b"shuffle\0") + 8
    assert data[at] == 4
    data[at] = 1


FORGED = {
    "rounded by Keras": ([[2.0**24 + 1], [-(2.0**24)]], "f8", {}, None),
    "a chunk that is not found": ([[3.0], [4.0]], "f4", {"chunks": (2, 1)}, _unfound),
    "another shuffle": (
        [[3.0], [4.0]],
        "f4",
        {"chunks": (2, 1), "shuffle": True},
        _forge_shuffle_size,
    ),
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
    with pytest.raises(Refused, match=r"laid out|of an unsupported type"):
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


def test_an_empty_list_of_axes_is_refused_as_runtimes_squeeze_all(tmp_path):
    nodes = [node("Squeeze", "x axes", "h"), node("Gather", "h first", "y")]
    constants = {"axes": np.zeros(0, np.int64), "first": np.array(0)}
    proto = model(nodes, constants, inputs={"x": (1, 2)})
    assert ran(proto.SerializeToString(), [[1, 2]]) == [1]  # the standard: both
    with pytest.raises(Refused, match="empty list of axes"):
        read_bytes(proto.SerializeToString(), "model.onnx")
    with pytest.raises(outrange.OutrangeError, match="list of axes must not be empty"):
        outrange.output_range(save_model(tmp_path, proto), (0, 1))


def ran(data, x):
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": np.array(x, np.float32)})[0].ravel().tolist()


def _varint(number):
    encoded = []
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    return bytes([*encoded, number])


def _field(number, data, key=b""):
    """A field of bytes; its key is written another way, if one is given."""
    return (key or _varint(number << 3 | 2)) + _varint(len(data)) + data


LONG_KEY = bytes([5 << 3 | 2 | 128, 128, 128, 128, 16])
"""The key of field 5 and the bit 2^32, which parsers in C++ drop."""

LEAKY, TO_AXIS = node("LeakyRelu", "x", "y"), node("Gather", "x first", "y")
SLOPE = onnx.helper.make_attribute("alpha", 0.5).SerializeToString()
PACKED_SLOPE = _field(1, b"alpha") + b"\xa0\x01\x01" + _field(2, struct.pack("<f", 0.5))
PACKED_AXIS = _field(1, b"axis") + b"\xa0\x01\x02" + _field(3, b"\x01")
LARGE = onnx.TensorProto(name="first", data_type=6, dims=[1]).SerializeToString()

ENCODED = {
    "a field has an invalid number": (LEAKY, _field(5, SLOPE, LONG_KEY), b"", [-0.5, 2]),
    "field 2 is not a single": (LEAKY, _field(5, PACKED_SLOPE), b"", [0, 2]),
    "field 3 is not a single": (TO_AXIS, _field(5, PACKED_AXIS), _field(5, LARGE + b"*\1\0"),
                                [-1, 2]),
    "more than 32 bits": (node("Slice", "x first to axis", "y"), b"",
                          _field(5, LARGE + _field(5, _varint(2**32))), [-1, 2]),
}  # fmt: skip
"""An operator, bytes of its node and bytes of the graph; what onnxruntime computes of -1 and 2.

A slope that is hidden; a slope and an axis that are not there for a runtime; a start of 2^32, that
is 0 in 32 bits."""


@pytest.mark.parametrize("reason", ENCODED)
def test_bytes_that_parsers_read_as_another_message_are_refused(reason):
    operator, of_node, of_graph, computed = ENCODED[reason]
    constants = {"to": np.array([2], np.int32), "axis": np.array([1], np.int32)}
    proto = model([], constants, inputs={"x": (1, 2)})
    graph = _field(1, operator.SerializeToString() + of_node)
    graph += proto.graph.SerializeToString() + of_graph
    proto.ClearField("graph")
    data = proto.SerializeToString() + _field(7, graph)
    assert ran(data, [[-1, 2]]) == computed
    with pytest.raises(Refused, match=reason):
        read_bytes(data, "model.onnx")
