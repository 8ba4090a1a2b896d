"""Damaged, hostile and unsupported ONNX files raise a helpful error."""

import gzip
import subprocess
import sys

import numpy as np
import pytest


pytest.importorskip("onnx")

from frontends.onnx_models import f32, model, node, onnx, save_model
from outrange.core import InputError, ModelError, OutrangeError, UnsupportedError
from outrange.frontends.load import load
from outrange.frontends.network import Network
from outrange.frontends.onnx import load_onnx


def small():
    nodes = [node("Gemm", "x w b", "h", name="g"), node("Relu", "h", "y", name="r")]
    return model(nodes, {"w": f32(4, 3), "b": f32(3)})


def check_rejected(tmp_path, proto, kind, *words):
    with pytest.raises(kind) as caught:
        load_onnx(save_model(tmp_path, proto))
    for word in words:
        assert word in str(caught.value)
    assert "Received: " in str(caught.value)


def test_gz_and_initialisers_listed_as_inputs(tmp_path):
    proto = small()
    for name, shape in (("w", (4, 3)), ("b", (3,))):
        proto.graph.input.append(onnx.helper.make_tensor_value_info(name, 1, shape))
    path = tmp_path / "net.onnx.gz"
    path.write_bytes(gzip.compress(proto.SerializeToString()))
    network = load(str(path))
    assert network.graph.size == 4
    assert network.name == "net"
    assert isinstance(load(network), Network)
    assert load(network.graph).graph is network.graph


@pytest.mark.parametrize("eighths", range(8))
def test_truncated(tmp_path, eighths):
    path = tmp_path / "cut.onnx"
    whole = small().SerializeToString()
    path.write_bytes(whole[: eighths * len(whole) // 8])
    with pytest.raises(ModelError):
        load_onnx(path)


def test_any_truncation_or_flip_is_an_error_of_ours_or_a_model(tmp_path, rng):
    whole = small().SerializeToString()
    path = tmp_path / "broken.onnx"
    for _ in range(150):
        content = bytearray(whole)
        if rng.random() < 0.5:
            content = content[: rng.integers(len(content))]
        else:
            for at in rng.integers(0, len(content), 3):
                content[at] = rng.integers(256)
        path.write_bytes(bytes(content))
        try:
            load_onnx(path)
        except OutrangeError:
            continue


@pytest.mark.parametrize("damage", ["cut", "flip", "not gzip"])
def test_damaged_gz(tmp_path, damage):
    content = bytearray(gzip.compress(small().SerializeToString()))
    if damage == "cut":
        content = content[:-20]
    elif damage == "flip":
        content[len(content) // 2] ^= 0xFF
    else:
        content = bytearray(b"plain text, no network")
    path = tmp_path / "net.onnx.gz"
    path.write_bytes(bytes(content))
    with pytest.raises(ModelError, match=r"net\.onnx\.gz"):
        load_onnx(path)


def test_cycle(tmp_path):
    nodes = [node("Add", "x b", "a", name="one"), node("Relu", "a", "b", name="two"),
             node("Relu", "b", "y")]  # fmt: skip
    check_rejected(tmp_path, model(nodes), ModelError, "cycle", "`one`", "`b`")


def test_tensor_returned_twice(tmp_path):
    nodes = [node("Relu", "x", "y"), node("Tanh", "x", "y", name="again")]
    check_rejected(tmp_path, model(nodes), ModelError, "`y`, returned again", "`again`")


def test_missing_output(tmp_path):
    check_rejected(tmp_path, model([node("Relu", "x", "z")]), ModelError, "`y`")


def test_absurd_sizes(tmp_path):
    proto = small()
    proto.graph.initializer[0].dims[:] = [10**9, 10**9]
    check_rejected(tmp_path, proto, ModelError, "`w`", "hostile")
    nodes = [node("ConstantOfShape", "s", "c", name="huge"), node("Add", "x c", "y")]
    shape = {"s": np.array([10**6, 10**6, 4])}
    check_rejected(tmp_path, model(nodes, shape), ModelError, "`huge`", "hostile")
    wide = model([node("Relu", "x", "y")], inputs={"x": (1, 10**12)})
    check_rejected(tmp_path, wide, ModelError, "`x`")
    nodes = [node("Expand", "x s", "y", name="huge")]
    check_rejected(tmp_path, model(nodes, {"s": np.array([10**10, 4])}), ModelError, "`huge`")


def test_wrong_tensor_length(tmp_path):
    proto = small()
    proto.graph.initializer[0].dims[:] = [5, 3]
    check_rejected(tmp_path, proto, ModelError, "`w`")


def test_not_a_number(tmp_path):
    w = f32(4, 3)
    w[2, 1] = np.nan
    proto = model([node("MatMul", "x w", "y")], {"w": w})
    check_rejected(tmp_path, proto, ModelError, "NaN in `w` at index (2, 1)")
    w[2, 1] = np.inf
    proto = model([node("MatMul", "x w", "y", name="m")], {"w": w})
    check_rejected(tmp_path, proto, ModelError, "infinity in `w`", "`m`")


@pytest.mark.parametrize("location", ["../secret", "/etc/hostname", "absent.bin", ""])
def test_external_data_outside_the_folder(tmp_path, location):
    folder = tmp_path / "inner"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(bytes(48))
    (folder / "link").symlink_to(tmp_path / "secret")
    for place in (location, "link"):
        check_rejected(folder, external(place), ModelError, "`w`", "folder")


def external(location, **more):
    proto = small()
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": location, **more}.items():
        tensor.external_data.add(key=key, value=str(value))
    return proto


def test_external_data_beside_the_file(tmp_path):
    (tmp_path / "weights.bin").write_bytes(b"12345678" + f32(4, 3).tobytes() + b"rest")
    path = save_model(tmp_path, external("weights.bin", offset=8, length=48))
    x = f32(2, 4, seed=5)
    expected = load_onnx(save_model(tmp_path, small(), "whole.onnx")).graph.run(x.astype(float))
    network = load_onnx(path)
    np.testing.assert_array_equal(network.graph.run(x.astype(float)), expected)
    np.testing.assert_allclose(network.predict(x), expected, atol=1e-5)
    too_long = external("weights.bin", offset=8, length=10**9)
    check_rejected(tmp_path, too_long, ModelError, "`w`", "weights.bin")


def test_open_axes(tmp_path):
    assert load_onnx(save_model(tmp_path, model([node("Relu", "x", "y")], inputs={"x": ("n", 3)})))
    for shape in ((1, "t", 4), ("n",), ("n", None)):
        proto = model([node("Relu", "x", "y")], inputs={"x": shape})
        check_rejected(tmp_path, proto, ModelError, "`x`", "first axis")


@pytest.mark.parametrize(
    ("proto", "words"),
    [
        (model([node("Hardmax", "x", "y", name="c")]), ("`Hardmax`", "`c`")),
        (model([node("Relu", "x", "y", name="r", own=3)]), ("`r`", "`own`")),
        (model([node("LeakyRelu", "x", "y", name="r", alfa=3.0)]), ("`r`", "`alfa`")),
        (model([node("Dropout", "x _ t", "y", name="d")], {"t": np.array(True)}), ("training",)),
        (model([node("MaxPool", "x", "y i", name="p", kernel_shape=[2])], inputs={"x": (1, 1, 4)}),
         ("`p`", "output 1")),
        (model([node("Relu", "x", "y")], kind=onnx.TensorProto.FLOAT16), ("`x`", "float16")),
        (model([node("Relu", "x k", "y", name="r")], {"k": f32(4)}), ("`r`", "input 1")),
        (model([node("MatMul", "x w", "y", name="m")], {"w": f32(3, 3)}), ("`m`", "shapes")),
        (model([node("ReduceMax", "x", "r", keepdims=0), node("Clip", "x r", "y", name="c")]),
         ("`c`", "lower limit")),
    ],
    ids=lambda value: "",
)  # fmt: skip
def test_what_is_not_understood_is_named(tmp_path, proto, words):
    check_rejected(tmp_path, proto, UnsupportedError, *words)


@pytest.mark.parametrize(
    "proto",
    [
        model([node("Add", "x k", "y", name="bad")], {"k": f32(3)}),
        model([node("MaxPool", "x", "y", name="bad")], inputs={"x": (1, 1, 4)}),
        model([node("Relu", "", "y", name="bad")]),
        model([node("Transpose", "x", "y", name="bad", perm=[0, 0])]),
        model([node("Concat", "x k", "y", name="bad", axis=0)], {"k": f32(1, 3)}),
        model([node("LeakyRelu", "x", "y", name="bad", alpha="steep")]),
    ],
    ids=lambda value: "",
)
def test_illegal_nodes_are_named(tmp_path, proto):
    check_rejected(tmp_path, proto, ModelError, "`bad`")


def test_other_domain(tmp_path):
    proto = small()
    proto.graph.node[1].domain = "com.example"
    proto.opset_import.append(onnx.helper.make_opsetid("com.example", 1))
    check_rejected(tmp_path, proto, UnsupportedError, "com.example.Relu", "`r`")


def test_wrong_paths_and_kinds(tmp_path):
    (tmp_path / "folder.onnx").mkdir()
    cases = {
        str(tmp_path / "absent.onnx"): "model file does not exist",
        str(tmp_path / "deep" / "absent.onnx"): "folder does not exist",
        str(tmp_path / "folder.onnx"): "folder",
        str(tmp_path): "SavedModel",
        "model.pt": "load_state_dict",
        "state.pth": "torch.export.save",
        "model.txt": ".keras",
        3: "builtins.int",
    }
    for argument, word in cases.items():
        with pytest.raises(InputError) as caught:
            load(argument)
        assert word in str(caught.value)
        assert "Received: " in str(caught.value)
        assert "Did you mean" not in str(caught.value)


def test_reading_a_file_imports_nothing_heavy(tmp_path):
    path = save_model(tmp_path, small())
    code = (
        "import sys; from outrange.frontends.onnx import load_onnx; "
        f"load_onnx({str(path)!r}, check='reference'); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "onnx" in loaded
    assert not loaded & {"onnxruntime", "keras", "torch", "tensorflow", "jax", "scipy", "highspy"}
