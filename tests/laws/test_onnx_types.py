"""Every ONNX operator has the meaning of `onnxruntime` at every element type, or is refused.

The element types are those of the operator's own schema in `onnx`. A model of one node gets
arbitrary legal attributes and shapes. If our reader accepts it, its graph must compute the model's
function, and bounds of the graph must enclose that.
"""

import itertools
import zlib

import numpy as np
import pytest


pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx

import frontends.onnx_structural as onnx_structural
from cases import some
from frontends.onnx_drafts import Draft
from frontends.onnx_operators import CASES
from frontends.onnx_quantized import OPERATORS
from outrange.core import UnsupportedError
from outrange.domains import bounds
from outrange.frontends.onnx import load_onnx
from outrange.frontends.onnx.fuse import FUSED
from outrange.frontends.onnx.rules.table import TABLE
from outrange.graph.float32 import OPERATIONS, run_with_error_bounds


POINTS = 16

DESCRIBED = {
    "float", "double", "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32",
    "uint64",
}  # fmt: skip

REFUSED = {
    "Gemm": "no runtime computes it for integers",
    "PRelu": "no runtime computes it for integers",
    "ReduceLogSumExp": "it cuts off an exponential, a logarithm",
    "Pow": "it cuts off what a fraction or a negative exponent makes of integers",
    "Resize": "it rounds what lies between integers",
    "Upsample": "it rounds what lies between integers",
    "Shrink": "it cuts off the bias",
}
"""Operators that are refused at some of the element types above, and why."""

MISREAD = {
    "OneHot": "the reference does not cast indices to integers, as the standard says",
    "Resize": "the reference aligns corners of lengths that it has not rounded",
}
"""Operators that the evaluation of `onnx` itself misreads, where `onnxruntime` has none."""


def schema(name):
    return onnx.defs.get_schema("Add" if name == FUSED else name, CASES[name][1])


def parameters(name):
    """Return each type parameter of an operator, with its element types.

    That of input 0 comes first.
    """
    operator = schema(name)
    allowed = {
        part.type_param_str: [t[7:-1] for t in part.allowed_type_strs if t.startswith("tensor(")]
        for part in operator.type_constraints
    }
    order = [
        part.type_str for part in (*operator.inputs, *operator.outputs) if part.type_str in allowed
    ]
    return {word: allowed[word] for word in dict.fromkeys([*order, *allowed])}


def combinations(name):
    """Return element types of all parameters: each type of one parameter, floats for the others."""
    allowed = parameters(name)
    usual = {word: "float" if "float" in kinds else kinds[0] for word, kinds in allowed.items()}
    variants = [usual | {word: kind} for word, kinds in allowed.items() for kind in kinds]
    return [dict(pairs) for pairs in dict.fromkeys(tuple(sorted(v.items())) for v in variants)]


def draft_model(name, kinds, seed, form):
    function, opset = CASES[name]
    words = "".join([name, form, *itertools.chain(*sorted(kinds.items()))])
    draft = Draft(np.random.default_rng([seed, zlib.crc32(words.encode())]), form, opset)
    return function(draft, name, **{word: kinds[word] for word in parameters(name)}), draft


def points(rng, lo, hi):
    """Return integers, halves, zeros and other points of a box."""
    x = rng.uniform(lo, hi, (POINTS, lo.size))
    x[::4] = np.rint(x[::4])
    x[1::4] = np.rint(x[1::4]) + 0.5
    x[2::8] = 0.0
    return np.clip(x, lo, hi).astype(np.float32).astype(np.float64)


def keeps_the_law(name, kinds, seed, form, path):
    """Return whether the reader accepts the model; fail if it reads another function."""
    model, draft = draft_model(name, kinds, seed, form)
    path.write_bytes(model.SerializeToString())
    try:
        network = load_onnx(path, check=None)
    except UnsupportedError as error:
        assert "Node `" in str(error) and "Received" in str(error)
        return False
    graph, rng = network.graph, np.random.default_rng(seed)
    lo, hi = draft.box()
    limits = [np.repeat([s.limits[k] for s in graph.inputs], [s.size for s in graph.inputs])
              for k in (0, 1)]  # fmt: skip
    lo, hi = np.clip(lo, *limits), np.clip(hi, *limits)
    x = points(rng, lo, hi)
    try:
        returned = network.predict(x)
    except Exception:  # neither runs it; the runtime raises classes of a private module
        return True
    if name in MISREAD and not network.predict.__self__.uses_runtime:
        return True
    strayed = run_with_error_bounds(network.written, x, OPERATIONS)
    expected = strayed.values[network.written.output]
    # Constants are computed in float32 once, by us and by the runtime.
    folded = form == "constants" or all(slot.name == "unused" for slot in graph.inputs)
    slack = 1e-5 if folded else 1e-9
    off = strayed.bounds[network.written.output] + slack * (1.0 + np.abs(expected))
    where = f"{name} at {kinds}, seed {seed}, {form}:\n{onnx.printer.to_text(model)}"
    assert returned.shape == expected.shape, where
    same = (np.abs(returned - expected) <= off) | (np.isnan(returned) & np.isnan(expected))
    assert same.all(), (where, x, returned, expected)
    np.testing.assert_allclose(graph.run(x), expected, atol=1e-9, err_msg=where)
    for width in (1.0, 0.25):
        middle = rng.uniform(lo, hi)
        least, most = middle - width * (middle - lo), middle + width * (hi - middle)
        within = points(rng, least, most)
        within = within[((least <= within) & (within <= most)).all(axis=1)]
        low, high = (end[0] for end in bounds(graph, least, most)[graph.output])
        y = graph.run(within)
        assert (low - 1e-9 <= y).all() and (y <= high + 1e-9).all(), where
    return True


def of_each_operator(name, path, seeds):
    every = combinations(name)
    # Begun elsewhere for each operator: a few still are of every element type that is read.
    start = zlib.crc32(name.encode()) % len(every)
    every = every[start:] + every[:start]
    for form, chosen in (("values", some(every, 3)), ("constants", some(every, 1))):
        for kinds, seed in itertools.product(chosen, seeds):
            allowed = keeps_the_law(name, kinds, seed, form, path)
            if not allowed and form == "values" and set(kinds.values()) <= DESCRIBED:
                assert name in REFUSED, f"{name} is refused at {kinds}"


@pytest.mark.parametrize("name", sorted(CASES))
def test_an_operator_at_every_element_type(name, tmp_path):
    of_each_operator(name, tmp_path / "model.onnx", (0,))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(CASES))
def test_many_models_of_an_operator(name, tmp_path):
    of_each_operator(name, tmp_path / "model.onnx", (1,))


def test_no_operator_is_without_a_case():
    assert onnx_structural and set(CASES) | set(OPERATORS) == set(TABLE)
