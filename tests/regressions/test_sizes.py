"""Small files that declare huge tensors: refused before anything is allocated."""

import gzip
import resource
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from cases import cases
from outrange.core import ModelError
from outrange.core.sizes import (
    LARGEST_UNPACKED,
    NODES,
    VALUES,
    SizeLimit,
    Tally,
    unpacked_limit,
)
from outrange.graph import Builder, Slot


pytest.importorskip("onnx")

from frontends.onnx_models import f32, model, node, onnx, save_model
from outrange.frontends.onnx import load_onnx


ROOM = 2**30
"""Bytes that a file of a kilobyte may take."""


@pytest.fixture
def little_memory():
    """No more memory than is in use, and `ROOM`."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    old = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, old)


def double_repeatedly(start, count, name="y"):
    """`count` times a tensor joined with itself, the last called `name`."""
    names = [start, *(f"t{i}" for i in range(count - 1)), name]
    return [node("Concat", f"{a} {a}", b, axis=1) for a, b in pairwise(names)]


def i64(*numbers):
    return np.array(numbers, np.int64)


HOSTILE = {
    "doubled values": model(double_repeatedly("x", 34)),
    "doubled constants": model(
        [*double_repeatedly("k", 34, "z"), node("Add", "x z", "y")], {"k": f32(1, 1)}
    ),
    "expand": model([node("Expand", "x s", "y")], {"s": i64(2**20, 2**20, 1, 4)}),
    "tile": model([node("Tile", "x s", "y")], {"s": i64(2**34, 1)}),
    "constant of shape": model(
        [node("ConstantOfShape", "s", "z"), node("Add", "x z", "y")], {"s": i64(2**20, 2**20, 4)}
    ),
    "broadcast": model(
        [node("Reshape", "x s", "z"), *(node("Add", f"{a} {b}", c) for a, b, c in ["xzy"])],
        {"s": i64(2**14, 1)},
        inputs={"x": (1, 2**14)},
    ),
    "outer product": model(
        [node("Reshape", "x s", "z"), node("MatMul", "z x", "y")],
        {"s": i64(2**15, 1)},
        inputs={"x": (1, 2**15)},
    ),
    "input": model([node("ReduceSum", "x", "y")], inputs={"x": (1, 3, 2**14, 2**14)}),
    "inputs": model([node("Add", "x z", "y")], inputs={"x": (1, 2**22), "z": (1, 2**22)}),
    "one hot": model(
        [node("OneHot", "x k v", "y")], {"k": i64(10**12), "v": np.float32([0, 1])}
    ),
    "resize": model(
        [node("Resize", "x _ _ s", "y", mode="linear")],
        {"s": i64(1, 1, 10**6, 10**6)},
        inputs={"x": (1, 1, 4, 4)},
    ),
    "resize by scales": model(
        [node("Resize", "x _ s", "y")],
        {"s": np.float32([1, 1, 1e30, 1e30])},
        inputs={"x": (1, 1, 4, 4)},
    ),
    "resize along an axis": model(
        [node("Resize", "x _ _ s", "y", mode="linear")],
        {"s": i64(1, 1, 2**20, 1)},
        inputs={"x": (1, 1, 4, 1)},
    ),
    "concat of many": model([node("Concat", "x " * 20_000, "y", axis=1)], inputs={"x": (1, 2000)}),
    "through shapes": model(
        [
            node("Shape", "x", "s"), node("Mul", "s k", "t"), node("Expand", "x t", "z"),
            *double_repeatedly("z", 20),
        ],
        {"k": i64(2**12, 2**10)},
    ),
}  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are those of Linux")
@pytest.mark.parametrize("name", HOSTILE)
def test_small_files_of_huge_tensors(name, tmp_path, little_memory):
    """34 doubling Concats, a file of a kilobyte, took 7 GiB."""
    with pytest.raises(ModelError) as caught:
        load_onnx(save_model(tmp_path, HOSTILE[name]))
    text = str(caught.value)
    assert "Received: " in text
    assert "memory of this computer" not in text


def fewer_nodes(share):
    """The limit of operations over `share`, which is reached sooner."""
    return replace(NODES, most=NODES.most // share)


def test_a_long_row_of_values_each_of_which_is_legal():
    """Every value is small enough; together they are not."""
    b = Builder([Slot("x", (2**20,))])
    x = b.input_values()[0]
    b.entries = Tally(SizeLimit(2**24, "The values", "make them fewer"))
    with pytest.raises(ModelError, match=r"`relu` of layer `deep`.*shape \(1, 1048576\)"):
        for _ in range(20):
            b.source = "deep"
            x = b.curve("relu", x)
    assert len(b.nodes) == 16


@pytest.mark.slow
def test_a_recurrent_layer_of_many_rounds(tmp_path, monkeypatch):
    """Nine thousand rounds are more operations than a model may have."""
    share = cases(16, 1)
    monkeypatch.setattr("outrange.graph.builder.NODES", fewer_nodes(share))
    constants = {"w": f32(1, 8, 3), "r": f32(1, 8, 2)}
    nodes = [onnx.helper.make_node("LSTM", ["x", "w", "r"], ["", "y"], hidden_size=2)]
    proto = model(nodes, constants, inputs={"x": (9000 // share, 1, 3)})
    with pytest.raises(ModelError, match="operations of a model"):
        load_onnx(save_model(tmp_path, proto))


def model_with_weight(shape):
    tensor = onnx.TensorProto(name="w", data_type=1, dims=shape)
    proto = model([node("Add", "x w", "y")])
    proto.graph.initializer.append(tensor)
    return proto


def test_stored_tensors_are_added_up_before_one_is_read(tmp_path):
    proto = model_with_weight((2**27,))
    for i in range(2):
        proto.graph.initializer.append(onnx.TensorProto(name=f"w{i}", data_type=1, dims=(2**27,)))
    with pytest.raises(ModelError, match=r"weights of a model.*`w1`"):
        load_onnx(save_model(tmp_path, proto))


def test_functions_that_double(tmp_path):
    """40 functions that call each other twice are 2^40 nodes."""
    proto = model([node("f39", "x", "y", domain="own")])
    opsets = [onnx.helper.make_opsetid("", 13), onnx.helper.make_opsetid("own", 1)]
    proto.opset_import.append(opsets[1])
    for i in range(40):
        inner = [("Relu", "") if i == 0 else (f"f{i - 1}", "own")] * 2
        nodes = [
            onnx.helper.make_node(op, [a], [b], domain=domain)
            for (op, domain), a, b in zip(inner, "ab", "bc", strict=True)
        ]
        proto.functions.append(onnx.helper.make_function("own", f"f{i}", "a", "c", nodes, opsets))
    with pytest.raises(ModelError, match="operations of a model"):
        load_onnx(save_model(tmp_path, proto))


def test_functions_that_call_themselves(tmp_path):
    proto = model([node("f", "x", "y", domain="own")])
    opset = onnx.helper.make_opsetid("own", 1)
    proto.opset_import.append(opset)
    nodes = [onnx.helper.make_node("f", ["a"], ["c"], domain="own")]
    proto.functions.append(onnx.helper.make_function("own", "f", "a", "c", nodes, [opset]))
    with pytest.raises(ModelError, match="call itself"):
        load_onnx(save_model(tmp_path, proto))


def test_loops_in_loops(tmp_path, monkeypatch):
    """Ten thousand rounds of ten thousand rounds ran for hours."""
    monkeypatch.setattr("outrange.frontends.onnx.lower.NODES", fewer_nodes(cases(16, 1)))

    def loop_node(inside, of):
        info = onnx.helper.make_tensor_value_info
        body = onnx.helper.make_graph(
            [onnx.helper.make_node("Identity", [f"go{of}"], [f"more{of}"]), inside],
            "body",
            [info(f"i{of}", 7, ()), info(f"go{of}", 9, ()), info(f"a{of}", 1, (1, 4))],
            [info(f"more{of}", 9, ()), info(f"c{of}", 1, (1, 4))],
        )
        read, written = ("x", "c") if of == "o" else ("ao", "co")
        return onnx.helper.make_node("Loop", ["n", "", read], [written], body=body)

    once = loop_node(onnx.helper.make_node("Identity", ["ai"], ["ci"]), "i")
    twice = loop_node(once, "o")
    proto = model([twice, node("Relu", "c", "y")], {"n": np.array(9999, np.int64)})
    with pytest.raises(ModelError, match="operations of a model"):
        load_onnx(save_model(tmp_path, proto))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are those of Linux")
def test_gzip_bombs(tmp_path, little_memory):
    """A model of zeros behind a small gzip header was unpacked up to 2 GiB."""
    path = tmp_path / "bomb.onnx.gz"
    with gzip.open(path, "wb") as file:
        for _ in range(80):
            file.write(bytes(2**22))
    with pytest.raises(ModelError, match=r"after decompression.*Received: .* decompresses to more"):
        load_onnx(path)


def test_what_may_be_unpacked():
    """The sparsest file in use unpacks to 181 times its size."""
    assert unpacked_limit(1) < ROOM
    assert unpacked_limit(2**21) > 181 * 2**21
    assert unpacked_limit(2**40) == LARGEST_UNPACKED


def test_large_models_have_room():
    """VGG16, MobileNetV2 and Xception are read."""
    assert VALUES.most > 90_000_000
    Tally(SizeLimit(2**28, "", "")).add((138_357_544,), "VGG16")
