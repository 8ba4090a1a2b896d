"""The checker reads an ONNX file as what the file computes, exactly, or refuses it by name."""

import gzip
import hashlib
import inspect

import numpy as np
import pytest


pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx
import onnxruntime
from flint import fmpq
from onnx import TensorProto, helper, numpy_helper

import outrange
from cases import cases
from checker.exact import evaluate
from frontends import onnx_structural as onnx_structural  # which adds to the drafts
from frontends.onnx_drafts import Draft
from frontends.onnx_models import f32, model, node, save_model
from frontends.onnx_operators import CASES
from frontends.real import data_folder, real_files
from outrange_check.build import text
from outrange_check.network import Network, Refused
from outrange_check.readers import read, read_bytes
from outrange_check.readers.onnx.reader import RULES


def parse_proto(proto):
    return read_bytes(proto.SerializeToString(), "model.onnx")


def ran(proto, x):
    """Return the flattened outputs of `onnxruntime` at a flat point."""
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    feed, first = {}, 0
    for entry in session.get_inputs():
        shape = [n if isinstance(n, int) else 1 for n in entry.shape]
        last = first + int(np.prod(shape))
        kind = np.float64 if "double" in entry.type else np.float32
        feed[entry.name] = np.asarray(x[first:last]).reshape(shape).astype(kind)
        first = last
    assert first == len(x)
    return np.concatenate([np.ravel(y) for y in session.run(None, feed)])


def check(proto, low=-2.0, high=2.0, seed=0, points=2):
    network = parse_proto(proto)
    rng = np.random.default_rng(seed)
    for _ in range(points):
        x = rng.uniform(low, high, network.inputs).astype(np.float32)
        np.testing.assert_allclose(evaluate(network, x), ran(proto, x), rtol=2e-5, atol=2e-5)
    return network


class Plain(Draft):
    """A draft without casts."""

    def model(self, op, outputs=1, **attributes):
        names = [f"y{i}" for i in range(outputs)]
        attributes_set = {k: v for k, v in attributes.items() if v is not None}
        return model(
            [*self.casts, helper.make_node(op, self.words, names, name="it", **attributes_set)],
            self.constants,
            inputs={name: shape for name, shape, *_ in self.inputs},
            outputs=names,
            opset=self.opset,
        )


REFUSED = (
    "a product of two values", "a division by a value", "`alpha` other than 1", "`approximate`",
    "`mode` other than", "square root", "the operator Cast",
)  # fmt: skip
"""What of these drafts is not read."""


@pytest.mark.parametrize("op", sorted(set(RULES) - {"Constant"}))
def test_every_operator_is_what_the_runtime_computes(op):
    draft, opset = CASES[op]
    schema = onnx.defs.get_schema(op, opset)
    kinds = {
        c.type_param_str: "float" if "tensor(float)" in c.allowed_type_strs else "int64"
        for c in schema.type_constraints
    }
    named = inspect.signature(draft).parameters
    if not any(p.kind is p.VAR_KEYWORD for p in named.values()):
        kinds = {name: kinds.get(name, "float") for name in list(named)[2:]}
    read_some = False
    for seed in range(cases(16, 100)):
        drafted = Plain(np.random.default_rng(seed), "values", opset)
        proto = draft(drafted, op, **kinds)
        try:
            network = parse_proto(proto)
        except Refused as wrong:
            assert any(reason in str(wrong) for reason in REFUSED), wrong
            continue
        lo, hi = drafted.box()
        x = np.random.default_rng(seed).uniform(lo, hi).astype(np.float32)
        np.testing.assert_allclose(evaluate(network, x), ran(proto, x), rtol=2e-5, atol=2e-5)
        read_some = True
    assert read_some or op == "BatchNormalization"


def draw_windowed_model(rng):
    """Draw a convolution or pool with all legal options at once."""
    rank = int(rng.integers(1, 3))
    spatial = [int(n) for n in rng.integers(5, 9, rank)]
    kernel = [int(n) for n in rng.integers(1, 4, rank)]
    options = {
        "strides": [int(n) for n in rng.integers(1, 4, rank)],
        "dilations": [int(n) for n in rng.integers(1, 3, rank)],
    }
    auto = ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID")[int(rng.integers(4))]
    if auto == "NOTSET":
        options["pads"] = [int(rng.integers(0, k)) for k in kernel * 2]
    else:
        options["auto_pad"] = auto
        if auto != "VALID":  # The runtime refuses both together.
            options["dilations"] = [1] * rank
            options["strides"] = [
                min(pair) for pair in zip(options["strides"], kernel, strict=True)
            ]
    inputs = {"x": (1, 4, *spatial)}
    op = ("Conv", "AveragePool", "MaxPool")[int(rng.integers(3))]
    if op == "Conv":
        group = int(2 ** rng.integers(0, 3))
        constants = {
            "w": rng.normal(size=(4, 4 // group, *kernel)).astype(np.float32),
            "b": rng.normal(size=4).astype(np.float32),
        }
        nodes = [node("Conv", "x w b", "y", group=group, **options)]
        return model(nodes, constants, inputs=inputs)
    options["ceil_mode"] = int(rng.integers(2))
    if op == "AveragePool" and not options["ceil_mode"]:
        options["count_include_pad"] = int(rng.integers(2))
    return model([node(op, "x", "y", kernel_shape=kernel, **options)], inputs=inputs, opset=19)


@pytest.mark.parametrize("seed", range(cases(15, 300)))
def test_windows_lie_where_the_runtime_puts_them(seed):
    check(draw_windowed_model(np.random.default_rng(seed)), points=1)


SIX = np.arange(6, dtype=np.float32) - 2.5
TWO = np.array([0.5, -2], np.float32)
FORMS = {
    "clip of attributes": model([node("Clip", "x", "y", min=-1.0, max=0.5)], opset=10),
    "clip above": model([node("Clip", "x _ m", "y")], {"m": np.float32(0.5)}),
    "clip below": model([node("Clip", "x m", "y")], {"m": np.float32(0.5)}),
    "slice of attributes": model([node("Slice", "x", "y", starts=[-3], ends=[9], axes=[1])],
                                 opset=9),
    "backwards": model([node("Slice", "x s e a t", "y")], {
        "s": np.array([9]), "e": np.array([-9]), "a": np.array([-1]), "t": np.array([-2])}),
    "pad of attributes": model([node("Pad", "x", "y", pads=[0, 1, 0, 2], value=1.5)], opset=10),
    "cropped": model([node("Pad", "x p v", "y")], {"p": np.array([0, -1, 0, 2]),
                                                   "v": np.float32(2)}),
    "squeezed of attributes": model([node("Unsqueeze", "x", "u", axes=[0, 3]),
                                     node("Squeeze", "u", "y", axes=[0])], opset=11),
    "sum of attributes": model([node("ReduceSum", "x", "y", axes=[1], keepdims=0)], opset=11),
    "split of attributes": model([node("Split", "x", "y z", axis=1, split=[1, 3])],
                                 outputs=("z", "y"), opset=11),
    "split unevenly": model([node("Split", "x", "a b y", axis=1, num_outputs=3)],
                            outputs=("a", "b", "y"), inputs={"x": (1, 7)}, opset=18),
    "matrix on the left": model([node("MatMul", "w x", "y")], {"w": f32(3, 2)},
                                inputs={"x": (2, 4)}),
    "stack of matrices": model([node("MatMul", "x w", "y")], {"w": f32(2, 3, 2)},
                               inputs={"x": (1, 1, 4, 3)}),
    "vector": model([node("MatMul", "x w", "y")], {"w": f32(4)}),
    "gemm both ways": model([node("Gemm", "w x b", "y", transA=1, transB=1, alpha=0.3, beta=1.7)],
                            {"w": f32(4, 2), "b": f32(3)}, inputs={"x": (3, 4)}),
    "largest of three": model([node("Max", "x c d", "y")],
                              {"c": f32(4, seed=1), "d": f32(1, 4, seed=2)}),
    "scalars": model([node("Constant", "", "c", value_float=0.3), node("Mul", "c x", "y")]),
    "a constant that is computed": model(
        [node("Div", "c d", "e"), node("Sub", "x e", "y")],
        {"c": f32(4), "d": f32(1, seed=1)}),
    "a constant alone": model([node("Relu", "x", "h"), node("Relu", "c", "y")], {"c": f32(4)},
                              outputs=("y", "h")),
    "typed data": model([node("Gemm", "x w b", "y")], {
        "w": f32(4, 2).astype(np.float32), "b": TWO}),
    "two inputs": model([node("Sub", "a b", "y")], inputs={"b": (1, 3), "a": (1, 3)}),
    "an open batch": model([node("Relu", "x", "y")], inputs={"x": ("N", 4)}),
    "double": model([node("Mul", "x w", "y")], {"w": np.array([0.1, 1e-9, 3, 4.0])},
                    kind=TensorProto.DOUBLE),
    "a rational normalization": model(
        [node("BatchNormalization", "x s b m v", "y", epsilon=0.0)],
        {"s": f32(4), "b": f32(4, seed=1), "m": f32(4, seed=2),
         "v": np.array([4, 2.25, 1, 0.0625], np.float32)}),
}  # fmt: skip
"""Forms of older operator sets, and corners."""


@pytest.mark.parametrize("form", FORMS)
def test_other_forms_are_what_the_runtime_computes(form):
    check(FORMS[form])


def test_typed_fields_hold_what_raw_bytes_hold():
    weights = f32(4, 3)
    stored = {
        "typed": helper.make_tensor("w", TensorProto.FLOAT, (4, 3), weights.ravel().tolist()),
        "raw": numpy_helper.from_array(weights, "w"),
        "half": numpy_helper.from_array(weights.astype(np.float16), "w"),
        "typed half": helper.make_tensor(
            "w", TensorProto.FLOAT16, (4, 3), weights.astype(np.float16).ravel().tolist()
        ),
        "double": helper.make_tensor("w", TensorProto.DOUBLE, (4, 3), weights.ravel().tolist()),
    }
    proto = model([node("MatMul", "x w", "y")], {"w": weights})
    found = {}
    for name, tensor in stored.items():
        proto.graph.initializer[0].CopyFrom(tensor)
        found[name] = parse_proto(proto)
    assert found["raw"] == found["typed"] == found["double"]
    assert found["half"] == found["typed half"] != found["raw"]


def test_numbers_are_the_stored_ones():
    network = parse_proto(model(
        [node("GlobalAveragePool", "x", "h"), node("LeakyRelu", "h", "y", alpha=0.1)],
        inputs={"x": (1, 1, 7, 7)},
    ))  # fmt: skip
    assert network.blocks[0].forms == [{i: fmpq(1, 49) for i in range(49)}]
    assert network.blocks[0].slopes == (fmpq(*float(np.float32(0.1)).as_integer_ratio()), 1)
    assert Network.parse(text(network)) == network


WIDE = helper.make_tensor("w", TensorProto.FLOAT, (4,), [1.0] * 4)
WIDE.data_location = TensorProto.EXTERNAL
ALIEN = helper.make_node("Relu", ["x"], ["y"], domain="com.example")
BAD = {
    "Softmax": model([node("Softmax", "x", "y")]),
    "domain `com.example`": model([ALIEN]),
    "a product of two values": model([node("Mul", "x x", "y")]),
    "Gemm": model([node("Gemm", "x x", "y", transB=1)]),
    "reads `z`": model([node("Relu", "z", "y")]),
    "returned twice": model([node("Relu", "x", "y"), node("Neg", "x", "y")]),
    "no node produces": model([node("Relu", "x", "z")]),
    "division by zero": model([node("Div", "x c", "y")], {"c": np.float32(0)}),
    "not a real number": model([node("Add", "x c", "y")], {"c": np.float32(np.nan)}),
    "an axis other than the batch": model([node("Relu", "x", "y")], inputs={"x": (1, "n")}),
    "arithmetic of integers": model([node("Add", "c c", "y"), node("Relu", "x", "z")],
                                    {"c": np.array([1])}),
    "the attribute": model([helper.make_node("Relu", ["x"], ["y"], sideways=1)]),
    "operator set": model([node("Relu", "x", "y")], opset=6),
    "outputs": model([node("MaxPool", "x", "y z", kernel_shape=[2])], inputs={"x": (1, 1, 4)}),
    "training": model([node("Dropout", "x r t", "y")], {
        "r": np.float32(0.5), "t": np.array(True)}),
}  # fmt: skip


@pytest.mark.parametrize("reason", BAD)
def test_what_is_not_read_is_refused_by_name(reason):
    with pytest.raises(Refused, match=reason.replace("(", r"\(")):
        parse_proto(BAD[reason])


def test_what_is_stored_elsewhere_is_refused():
    proto = model([node("Add", "x w", "y")])
    proto.graph.initializer.append(WIDE)
    with pytest.raises(Refused, match="another file"):
        parse_proto(proto)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda p: p.graph.initializer.append(p.graph.initializer[0]),
        lambda p: p.graph.node[0].attribute.append(p.graph.node[0].attribute[0]),
        lambda p: p.functions.add(name="Gemm"),
        lambda p: p.graph.sparse_initializer.add(),
        lambda p: p.opset_import.append(p.opset_import[0]),
    ],
)
def test_what_two_readers_could_read_differently_is_refused(spoil):
    proto = model([node("Gemm", "x w", "y", transB=1)], {"w": f32(3, 4)})
    parse_proto(proto)
    spoil(proto)
    with pytest.raises(Refused):
        parse_proto(proto)


def test_a_message_that_stands_twice_is_refused():
    proto = model([node("Relu", "x", "y")])
    again = onnx.ModelProto(graph=proto.graph).SerializeToString()
    with pytest.raises(Refused, match="may occur only once"):
        read_bytes(proto.SerializeToString() + again, "model.onnx")


def test_a_compressed_file_is_read_up_to_a_size(tmp_path, monkeypatch):
    proto = model([node("Add", "x w", "y")], {"w": f32(100)}, inputs={"x": (1, 100)})
    path = tmp_path / "model.onnx.gz"
    path.write_bytes(gzip.compress(proto.SerializeToString()))
    assert read(path)[0] == parse_proto(proto)
    monkeypatch.setattr("outrange_check.readers.onnx.reader.MOST_BYTES", 300)
    with pytest.raises(Refused, match="more than 300 bytes"):
        read(path)


def test_sizes_are_refused_before_they_are_made():
    for pads in ([0, 10**15, 0, 0], [0, 1 << 21, 0, 1 << 21]):
        proto = model([node("Pad", "x p", "h"), node("Unsqueeze", "h a", "u"),
                       node("Add", "h u", "y")],
                      {"p": np.array(pads), "a": np.array([2])})  # fmt: skip
        with pytest.raises(Refused):
            parse_proto(proto)
    scale = {"s": np.float32(1.1)}
    nodes = [node("Mul", f"h{i} s", f"h{i + 1}") for i in range(2000)]
    with pytest.raises(Refused, match="bits"):
        parse_proto(model([node("Relu", "x", "h0"), *nodes], scale, outputs=("h2000",)))


SMALL = (
    "acasxu/onnx/*.gz", "mlp/*.onnx", "rl_benchmarks/onnx/*.gz", "reach_prob_density/onnx/*.gz",
    "sat_relu/onnx/*.gz", "closed_loop/*_*.onnx",
)  # fmt: skip


@pytest.mark.parametrize("path", real_files(*SMALL, few=12))
def test_real_networks_are_what_the_library_reads(path):
    same_as_graph(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["mnist_fc/onnx/mnist-net_256x2.onnx.gz", "oval21/onnx/cifar_deep_kw.onnx.gz"]
)
def test_large_networks_are_what_the_library_reads(name):
    folder = data_folder()
    if folder is None or not (folder / name).exists():
        pytest.skip("real networks not found")
    same_as_graph(folder / name)


def same_as_graph(path):
    """The network of a file against the graph, whose float64 is far more accurate than float32."""
    network, _ = read(path)
    graph = outrange.load(path).graph
    assert (network.inputs, len(network.outputs)) == (graph.size, graph.value_size(graph.output))
    x = np.random.default_rng(0).uniform(0, 1, (1, graph.size))
    np.testing.assert_allclose(evaluate(network, x[0]), graph.run(x)[0], rtol=1e-9, atol=1e-9)


def test_the_digest_is_that_of_the_file(tmp_path):
    path = save_model(tmp_path, model([node("Relu", "x", "y")]))
    assert read(path)[1] == hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(Refused, match="cannot be opened"):
        read(tmp_path / "none.onnx")
    with pytest.raises(Refused, match="not a supported model file"):
        read(__file__)
