"""An ONNX file that omits attributes has the meaning of one with their defaults.

Attributes of ONNX are float32 numbers, and so are the defaults in the operator schemas.
"""

import numpy as np
import pytest


pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx

import frontends.onnx_structural as onnx_structural
import outrange
from cases import cases
from checker.exact import evaluate
from frontends.onnx_drafts import Draft
from frontends.onnx_models import model, node, save_model
from frontends.onnx_operators import CASES
from outrange.frontends.onnx import load_onnx
from outrange.frontends.onnx.fuse import FUSED
from outrange.frontends.onnx.rules.table import TABLE
from outrange_check.network import Refused
from outrange_check.readers import read_bytes
from outrange_check.readers.onnx.reader import RULES


assert onnx_structural  # It adds to the drafts.

IDLE = {"momentum": "training", "ratio": "training", "value": "an input nowadays"}
"""Attributes with a default of which inference makes nothing, and why."""


def defaults(name):
    """Return the float attributes of an operator that have a default, with that default."""
    attributes = onnx.defs.get_schema(name, CASES[name][1]).attributes
    kind = onnx.defs.OpSchema.AttrType.FLOAT
    return {
        key: a.default_value.f
        for key, a in attributes.items()
        if a.type == kind and a.default_value.type and key not in IDLE
    }


OPERATORS = [name for name in sorted(CASES) if name in TABLE and name != FUSED and defaults(name)]


def draft_model(name, seed, form="values"):
    """Return a file of one operator without its float attributes, and its box."""
    function, opset = CASES[name]
    draft = Draft(np.random.default_rng(seed), form, opset)
    words = {c.type_param_str: "float" for c in onnx.defs.get_schema(name, opset).type_constraints}
    proto = function(draft, name, **words)
    it = next(part for part in proto.graph.node if part.name == "it")
    explicit = [a for a in it.attribute if a.name not in defaults(name)]
    del it.attribute[:]
    it.attribute.extend(explicit)
    return proto, draft.box()


def with_defaults(proto, name):
    """Return the file with the defaults written out."""
    whole = onnx.ModelProto()
    whole.CopyFrom(proto)
    it = next(part for part in whole.graph.node if part.name == "it")
    for key, number in defaults(name).items():
        it.attribute.append(onnx.helper.make_attribute(key, number))
    return whole


def test_operators_with_defaults_are_among_the_drafts():
    assert len(OPERATORS) >= 15
    assert {"LeakyRelu", "HardSigmoid", "BatchNormalization", "RMSNormalization"} <= {*OPERATORS}


@pytest.mark.parametrize("name", OPERATORS)
def test_left_out_is_as_written_out(name, tmp_path):
    for seed in range(cases(1, 8)):
        proto, box = draft_model(name, seed)
        short = load_onnx(save_model(tmp_path, proto), check=None)
        long = load_onnx(save_model(tmp_path, with_defaults(proto, name), "long.onnx"), check=None)
        apart = outrange.difference_range(short, long, outrange.Box(*box))
        assert not apart.lo.any() and not apart.hi.any() and apart.is_exact


@pytest.mark.parametrize("name", [name for name in OPERATORS if name in RULES])
def test_both_readers_take_the_same_defaults(name, tmp_path):
    read_some = False
    for seed in range(cases(8, 60)):
        proto, box = draft_model(name, seed)
        ends = [part for part in proto.graph.node if part.op_type != "Cast"]
        bare = model(
            ends,
            {t.name: onnx.numpy_helper.to_array(t) for t in proto.graph.initializer},
            inputs={v.name: [d.dim_value for d in v.type.tensor_type.shape.dim]
                    for v in proto.graph.input},
            outputs=ends[-1].output,
            opset=CASES[name][1],
        )  # fmt: skip
        try:
            checked = read_bytes(bare.SerializeToString(), "model.onnx")
        except Refused:
            continue
        graph = load_onnx(save_model(tmp_path, bare), check=None).graph
        x = np.random.default_rng(seed).uniform(*box)
        np.testing.assert_allclose(graph.run(x[None])[0], evaluate(checked, x), rtol=1e-13)
        read_some = True
    assert read_some or name == "BatchNormalization"  # Its root is seldom rational.


@pytest.mark.parametrize("alpha", [None, 0.01])
def test_the_slope_of_leaky_relu_is_the_float32_of_the_runtime(alpha, tmp_path):
    """The range at -1 was around the decimal 0.01, and excluded the runtime's value."""
    attributes_given = {} if alpha is None else {"alpha": alpha}
    path = save_model(
        tmp_path, model([node("LeakyRelu", "x", "y", **attributes_given)], inputs={"x": (1, 1)})
    )
    answer = outrange.output_range(path, (-1.0, -1.0))
    returned = -float(np.float32(0.01))
    assert answer.lo[0] <= returned <= answer.hi[0]
    assert outrange.verify(path, outrange.y[0] >= returned, (-1.0, -1.0)).holds


def test_hard_swish_has_the_float32_sixth_of_its_definition(tmp_path):
    path = save_model(
        tmp_path, model([node("HardSwish", "x", "y")], inputs={"x": (1, 1)}, opset=14)
    )
    body = [
        node("HardSigmoid", "x", "h", alpha=1.0 / 6.0, beta=0.5), node("Mul", "x h", "y"),
    ]  # fmt: skip
    written = save_model(tmp_path, model(body, inputs={"x": (1, 1)}, opset=14), "written.onnx")
    ends = [outrange.output_range(p, (1.0, 1.0)) for p in (path, written)]
    assert ends[0].lo[0] == ends[1].lo[0] and ends[0].hi[0] == ends[1].hi[0]
    assert abs(ends[0].lo[0] - 2.0 / 3.0) > 4e-9
