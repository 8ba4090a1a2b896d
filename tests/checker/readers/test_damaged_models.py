"""A damaged model file is refused, or is a network; nothing else happens, and soon."""

import gzip
import io
import zipfile

import numpy as np
import pytest


pytest.importorskip("onnx")

from keras import Sequential, layers as L

from cases import cases
from frontends.onnx_models import f32, model, node
from outrange_check.network import Network, Refused
from outrange_check.readers import read, read_bytes


def onnx_file():
    proto = model(
        [node("Conv", "x w b", "h", pads=[1, 1, 1, 1], strides=[2, 2]), node("Relu", "h", "r"),
         node("MaxPool", "r", "p", kernel_shape=[2, 2]), node("Reshape", "p s", "f"),
         node("Gemm", "f v", "y", transB=1)],
        {"w": f32(2, 1, 3, 3), "b": f32(2), "s": np.array([1, -1]), "v": f32(3, 8)},
        inputs={"x": (1, 1, 6, 6)},
    )  # fmt: skip
    return proto.SerializeToString()


def keras_file():
    import tempfile
    from pathlib import Path

    net = Sequential([L.Input((6, 6, 1)), L.Conv2D(2, 3, 2, "same", activation="relu"),
                      L.MaxPooling2D(), L.Flatten(), L.Dense(3)])  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        net.save(path)
        return path.read_bytes()


def unzip_members(data):
    """A changed member of an archive whose sums are right again."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zip_members(parts):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return out.getvalue()


def damage(rng, data):
    """A few bytes changed, or the end cut off, or a piece left out or repeated."""
    changed = bytearray(data)
    how = rng.integers(5)
    if how == 0:
        return bytes(changed[: rng.integers(len(changed))])
    first, last = sorted(int(n) for n in rng.integers(0, len(changed), 2))
    if how == 1:
        del changed[first : min(last, first + 40)]
    elif how == 2:
        changed[first:first] = changed[first : min(last, first + 40)]
    for _ in range(int(rng.integers(1, 4))):
        changed[rng.integers(len(changed))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


@pytest.fixture(scope="module")
def files():
    keras = keras_file()
    return {"model.onnx": onnx_file(), "model.onnx.gz": gzip.compress(onnx_file()),
            "model.keras": keras, "inside.keras": keras}  # fmt: skip


@pytest.mark.parametrize("name", ["model.onnx", "model.onnx.gz", "model.keras", "inside.keras"])
def test_damage_ends_in_a_refusal_or_a_network(files, name):
    rng = np.random.default_rng(0)
    assert isinstance(read_bytes(files[name], name), Network)
    refused, count = 0, cases(40, 5000)
    for i in range(count):
        if name == "inside.keras":
            parts = unzip_members(files[name])
            member = ("config.json", "model.weights.h5")[i % 2]
            data = zip_members(parts | {member: damage(rng, parts[member])})
        else:
            data = damage(rng, files[name])
        try:
            assert isinstance(read_bytes(data, name), Network)
        except Refused as wrong:
            refused += 1
            assert str(wrong)
    assert refused > min(50, 0.5 * count)


@pytest.mark.parametrize("name", ["model.onnx", "model.onnx.gz", "model.keras"])
def test_noise_is_refused(name):
    rng = np.random.default_rng(0)
    for length in (0, 1, 2, 10, 1000):
        with pytest.raises(Refused):
            read_bytes(rng.bytes(length), name)


@pytest.mark.slow
def test_files_made_to_take_for_ever_are_refused(monkeypatch):
    monkeypatch.setattr("outrange_check.readers.maker.MOST_WORK", 1 << 18)
    empty = model([node("Relu", "x", "y")], inputs={"x": (1, 1 << 60, 0)})
    wide = model([node("Concat", "x " * 30_000, "y", axis=1)], inputs={"x": (1 << 17, 1)})
    again = model(
        [node("Transpose", f"h{i}", f"h{i + 1}") for i in range(2000)],
        inputs={"h0": (1, 1 << 16)}, outputs=("h2000",),
    )  # fmt: skip
    doubled = model(
        [node("Add", f"h{i} h{i}", f"h{i + 1}") for i in range(4_000)],
        inputs={"h0": (1, 400)}, outputs=("h4000",),
    )  # fmt: skip
    pools = model(
        [node("AveragePool", "x", "y", kernel_shape=[200], pads=[100, 100])],
        inputs={"x": (1, 2_000, 200)},
    )
    for proto in (empty, wide, again, doubled, pools):
        with pytest.raises(Refused):
            read_bytes(proto.SerializeToString(), "model.onnx")


def test_a_tree_that_claims_too_much_is_refused(files):
    parts = unzip_members(files["model.keras"])
    weights = bytearray(parts["model.weights.h5"])
    at = weights.index(b"TREE")
    node_of_many = weights[at : at + 6] + (65535).to_bytes(2, "little") + bytes(16)
    weights[at : at + 24] = node_of_many
    weights += (bytes(8) + (at).to_bytes(8, "little")) * 70_000
    with pytest.raises(Refused):
        read_bytes(zip_members(parts | {"model.weights.h5": bytes(weights)}), "model.keras")


def test_a_message_of_a_refusal_can_be_printed(tmp_path):
    path = tmp_path / "model.onnx"
    proto = model([node("Relu", "x", "y", name="\x1b[31m" + "n" * 5000, alpha=1.0)])
    proto.graph.node[0].op_type = "\x1b[2J" + "o" * 5000
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(Refused) as caught:
        read(path)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 1000
