"""Casts, powers, integer outputs and hidden tensors of ONNX files in float32."""

import numpy as np
import pytest
from onnx import helper

import outrange
from cases import cases
from frontends.onnx_models import f32, model, node, onnx, save_model
from outrange.core import InputError, OutrangeError, UnsupportedError


pytest.importorskip("onnxruntime")

FLOAT, UINT8, INT8, INT32, INT64, BOOL, DOUBLE = 1, 2, 3, 6, 7, 9, 11

POWERS = (0.5, 1.5, 2.0, 2.5, 3.0, 4.0, 7.0, -1.0, -0.5)


def points(rng, lo, hi, count=1000):
    """Return float32 points of a box, its corners among them."""
    corners = np.stack(np.meshgrid(*zip(lo, hi, strict=True), indexing="ij"), -1)
    corners = corners.reshape(-1, len(lo))
    x = rng.uniform(lo, hi, (count, len(lo)))
    return np.clip(np.concatenate([corners, x]).astype(np.float32), lo, hi).astype(np.float32)


def check_bounds(path, lo, hi, rng):
    answer = outrange.output_range(str(path), (lo, hi), arithmetic="float32", budget=0.3)
    flat = outrange.load(str(path)).predict(points(rng, lo, hi)).astype(np.float64)
    assert (flat >= answer.lo.ravel()).all() and (flat <= answer.hi.ravel()).all()
    return answer


@pytest.mark.parametrize("exponent", POWERS)
@pytest.mark.parametrize("seed", range(cases(1, 4)))
def test_powers_stay_in_their_bounds(tmp_path, exponent, seed):
    rng = np.random.default_rng([seed, int(8 * exponent) + 99])
    constants = {
        "w": f32(3, 4, seed=seed), "b": np.full(4, 6.0, np.float32),
        "p": np.float32(exponent), "v": f32(4, 2, seed=seed + 1),
    }  # fmt: skip
    nodes = [
        node("MatMul", "x w", "z"), node("Abs", "z", "a"), node("Add", "a b", "s"),
        node("Pow", "s p", "t"), node("MatMul", "t v", "y"),
    ]  # fmt: skip
    path = save_model(tmp_path, model(nodes, constants, inputs={"x": (1, 3)}), "pow.onnx")
    answer = check_bounds(path, np.full(3, -1.0), np.full(3, 1.0), rng)
    assert (answer.widening < 1e-3 * (answer.hi - answer.lo)).all()


@pytest.mark.parametrize("exponent", [-2.0, -3.0])
def test_reciprocals_of_whole_powers_stay_in_their_bounds(tmp_path, exponent):
    nodes = [node("Pow", "x p", "y")]
    constants = {"p": np.float32(exponent)}
    path = save_model(tmp_path, model(nodes, constants, inputs={"x": (1, 2)}), "pow.onnx")
    check_bounds(path, np.full(2, 1e-3), np.full(2, 1.0), np.random.default_rng(0))


def test_an_exponent_without_a_stated_error_is_refused(tmp_path):
    nodes = [node("Pow", "x p", "y")]
    constants = {"p": np.float32(65.5)}
    path = save_model(tmp_path, model(nodes, constants, inputs={"x": (1, 2)}), "pow.onnx")
    with pytest.raises(UnsupportedError, match="power"):
        outrange.output_range(str(path), (1e-3, 1.0), arithmetic="float32")


@pytest.mark.parametrize("kind", [INT32, INT64, BOOL])
@pytest.mark.parametrize("seed", range(cases(2, 5)))
def test_casts_stay_in_their_bounds(tmp_path, kind, seed):
    rng = np.random.default_rng([seed, kind])
    constants = {"w": f32(3, 4, seed=seed) * np.float32(3), "v": f32(4, 2, seed=seed + 1)}
    nodes = [
        node("MatMul", "x w", "z"), node("Cast", "z", "k", to=kind),
        node("Cast", "k", "s", to=FLOAT), node("MatMul", "s v", "y"),
    ]  # fmt: skip
    path = save_model(tmp_path, model(nodes, constants, inputs={"x": (1, 3)}), "cast.onnx")
    check_bounds(path, np.full(3, -1.0), np.full(3, 1.0), rng)


def test_a_cast_beyond_the_range_of_its_type_is_refused(tmp_path):
    nodes = [node("Cast", "x", "k", to=INT32), node("Cast", "k", "y", to=FLOAT)]
    path = save_model(tmp_path, model(nodes, inputs={"x": (1, 2)}), "cast.onnx")
    for arithmetic in ("real", "float32"):
        with pytest.raises(OutrangeError, match="is limited to"):
            outrange.output_range(str(path), (-1e10, 1e10), arithmetic=arithmetic)


def shifted(x, c):
    """Nodes of `(x + c) - c`, which float32 rounds to multiples of the spacing at `c`."""
    return [node("Add", f"{x} {c}", "above"), node("Sub", f"above {c}", "shifted")]


@pytest.mark.parametrize(
    ("nodes", "constants", "words"),
    [
        # In float32, the argument may be -1, which is 255 as uint8.
        ([*shifted("x", "c"), node("Cast", "shifted", "k", to=UINT8)], {"c": 2.0**23}, "uint8"),
        ([node("Cast", "x", "w", to=INT64), node("Cast", "w", "k", to=UINT8)], {}, "uint8"),
        ([*shifted("x", "c"), node("Cast", "shifted", "k", to=INT32)], {"c": 2.0**55}, "2^24"),
        ([node("Cast", "x", "w", to=INT64), node("Mul", "w i", "k")], {"i": np.int64(3)}, "Mul"),
        # An int64 that float32 rounding carries to 2^31 wraps as int32.
        (
            [
                node("Cast", "x", "w", to=INT64),
                node("Add", "w i", "s"),
                node("Cast", "s", "k", to=INT32),
            ],
            {"i": np.int64(2**24)},
            "int32",
        ),
        # Casts to float32 round: an int64 above 2^24, and a float64.
        (
            [node("Cast", "x", "w", to=INT64), node("Max", "w i", "k")],
            {"i": np.int64(2**24 + 1)},
            "int64",
        ),
        (
            [node("Cast", "x", "w", to=INT64), node("Max", "w i", "k")],
            {"i": np.int64(-(2**63))},
            "int64",
        ),
        (
            [node("Cast", "x", "d", to=DOUBLE), node("Max", "d c", "k")],
            {"c": np.float64(0.15)},
            "float64",
        ),
    ],
)
def test_integers_that_rounding_may_wrap_are_refused(tmp_path, nodes, constants, words):
    numbers = {n: np.float32(c) if type(c) is float else c for n, c in constants.items()}
    every = [*nodes, node("Cast", "k", "y", to=FLOAT)]
    path = save_model(tmp_path, model(every, numbers, inputs={"x": (1, 1)}), "wrap.onnx")
    with pytest.raises(UnsupportedError, match=words.replace("^", r"\^")):
        outrange.output_range(str(path), (-0.9, -0.6), arithmetic="float32")
    with pytest.raises(UnsupportedError, match=words.replace("^", r"\^")):
        outrange.verify(str(path), outrange.y[0] <= 100, (-0.9, -0.6), arithmetic="float32")


@pytest.mark.parametrize("exponent", [0.5, 0.7, 1.5, 2.5, -0.5, -1.5])
def test_a_power_of_an_exponential_may_be_computed_as_one_exponential(tmp_path, exponent):
    """XLA rewrites `exp(x) ** p` as `exp(p x)`, which rounds `p x`."""
    jax = pytest.importorskip("jax")
    exponent = float(np.float32(exponent))
    nodes = [node("Exp", "x", "e"), node("Pow", "e p", "y")]
    path = save_model(
        tmp_path, model(nodes, {"p": np.float32(exponent)}, inputs={"x": (1, 1)}), "p.onnx"
    )
    x = np.linspace(-55, 55, 20_001).astype(np.float32)
    values = np.asarray(jax.jit(lambda v: jax.numpy.power(jax.numpy.exp(v), exponent))(x))
    real = np.exp(exponent * x.astype(np.longdouble))
    worst = int(np.argmax(np.abs(values / real - 1)))
    for i in (worst, 0, len(x) - 1):
        at = float(x[i])
        answer = outrange.output_range(str(path), (at, at), arithmetic="float32")
        assert answer.lo[0] <= values[i] <= answer.hi[0]


def test_a_product_in_a_branch_is_refused_whatever_its_name(tmp_path):
    """A node of a branch may have the name of a sum outside."""
    result = helper.make_tensor_value_info("p", INT64, (1, 1))
    branch = helper.make_graph([node("Mul", "s i", "p", "same")], "branch", [], [result])
    nodes = [
        node("Cast", "x", "w", to=INT64), node("Add", "w i", "s", "same"),
        node("If", "c", "k", then_branch=branch, else_branch=branch),
        node("Cast", "k", "y", to=FLOAT),
    ]  # fmt: skip
    made = model(nodes, {"i": np.int64(3), "c": np.array(True)}, inputs={"x": (1, 1)})
    path = save_model(tmp_path, made, "branch.onnx")
    with pytest.raises(UnsupportedError, match=r"`same` \(Mul\)"):
        outrange.output_range(str(path), (-0.9, -0.6), arithmetic="float32")


def test_a_branch_does_not_hide_behind_the_name_of_an_outer_node(tmp_path):
    def branch(bits):
        inner = [node("Cast", "j", "k8", name="s", to=bits), node("Cast", "k8", "o", to=FLOAT)]
        return onnx.helper.make_graph(
            inner, f"branch{bits}", [], [onnx.helper.make_tensor_value_info("o", FLOAT, None)]
        )

    nodes = [
        node("Cast", "x", "i", to=INT64), node("Add", "i one", "j", name="s"),
        node("If", "yes", "y", then_branch=branch(INT8), else_branch=branch(INT8)),
    ]  # fmt: skip
    constants = {"one": np.int64(1), "yes": np.bool_(True)}
    path = save_model(tmp_path, model(nodes, constants, inputs={"x": (1, 1)}), "if.onnx")
    with pytest.raises(UnsupportedError, match="int8"):
        outrange.output_range(str(path), (-0.9, 0.9), arithmetic="float32")


def test_a_product_with_one_column_may_have_a_scalar_bias(tmp_path):
    nodes = [node("MatMul", "x w", "z"), node("Add", "z b", "y")]
    constants = {"w": f32(2, 1), "b": np.float32(0.5)}
    path = save_model(tmp_path, model(nodes, constants, inputs={"x": (1, 2)}), "scalar.onnx")
    check_bounds(path, np.full(2, -1.0), np.full(2, 1.0), np.random.default_rng(0))


pytest.importorskip("vnnlib")


def query(folder, declared, assertions):
    file = folder / "query.vnnlib"
    bounds = [f"(assert (>= X[0,{i}] -1.0))(assert (<= X[0,{i}] 1.0))" for i in range(2)]
    head = f"(vnnlib-version <2.0>)\n(declare-network N (declare-input X float32 [1,2]) {declared})"
    file.write_text("\n".join([head, *bounds, *(f"(assert {a})" for a in assertions)]))
    return str(file)


def classifier(folder, seed):
    """Write a net with the index of its largest value, an integer."""
    constants = {"w": f32(2, 3, seed=seed), "b": f32(3, seed=seed + 1)}
    nodes = [
        node("Gemm", "x w b", "logits"), node("Relu", "logits", "r"),
        node("ArgMax", "r", "y", axis=1, keepdims=0),
    ]  # fmt: skip
    made = model(nodes, constants, inputs={"x": (1, 2)}, outputs={"y": (1,)})
    made.graph.output[0].type.tensor_type.elem_type = INT64
    return save_model(folder, made, "classifier.onnx")


@pytest.mark.parametrize("seed", range(cases(3, 12)))
def test_integer_outputs_are_decided(tmp_path, seed):
    path = classifier(tmp_path, seed)
    x = points(np.random.default_rng(seed), np.full(2, -1.0), np.full(2, 1.0))
    network = outrange.load(str(path))
    classes = set(network.predict(x).ravel().astype(int).tolist())
    for k in range(3):
        file = query(tmp_path, "(declare-output Y int64 [1])", [f"(== Y[0] {k})"])
        verdict = outrange.verify({"N": str(path)}, file, budget=1.0)
        if k in classes:
            assert verdict.status == "VIOLATED", (k, verdict)
        elif verdict.status == "VIOLATED":
            assert int(network.predict(verdict.counterexample.flat_x[None]).item()) == k


@pytest.mark.parametrize("seed", range(cases(3, 12)))
def test_hidden_tensors_are_outputs(tmp_path, seed):
    path = classifier(tmp_path, seed)
    rng = np.random.default_rng(seed)
    x = points(rng, np.full(2, -1.0), np.full(2, 1.0)).astype(np.float64)
    logits = x @ f32(2, 3, seed=seed).astype(float) + f32(3, seed=seed + 1).astype(float)
    least, most = logits[:, 0].min(), logits[:, 0].max()
    declared = '(declare-hidden H float32 [1,3] "logits") (declare-output Y int64 [1])'
    step = 0.01 * (most - least)
    for level, status in ((most + step, "HOLDS"), (most - step, "VIOLATED")):
        file = query(tmp_path, declared, [f"(>= H[0,0] {level:.6f})"])
        verdict = outrange.verify({"N": str(path)}, file, budget=3.0)
        assert verdict.status == status, (level, verdict)
    values = np.concatenate([np.ravel(v) for v in verdict.counterexample.model_y.values()])
    assert values.size == 4 and values[1] >= np.float32(most - step)


def test_hidden_tensors_of_other_models_or_names_are_refused(tmp_path):
    path = classifier(tmp_path, 0)
    declared = '(declare-hidden H float32 [1,3] "logit") (declare-output Y int64 [1])'
    file = query(tmp_path, declared, ["(>= H[0,0] 1.0)"])
    with pytest.raises(InputError, match="Did you mean `logits`"):
        outrange.verify({"N": str(path)}, file)
    file = query(tmp_path, declared.replace("logit", "logits"), ["(>= H[0,0] 1.0)"])
    with pytest.raises(InputError, match="inside the network"):
        outrange.verify(str(path), file)
    for declaration, words in (
        ('(declare-hidden H int64 [1,3] "logits") (declare-output Y int64 [1])', "its type"),
        ('(declare-hidden H int64 [1] "y") (declare-output Y int64 [1])', "must not be an output"),
    ):
        index = "0" if '[1] "y' in declaration else "0,0"
        wrong = query(tmp_path, declaration, [f"(>= H[{index}] 1)"])
        with pytest.raises(InputError, match=words):
            outrange.verify({"N": str(path)}, wrong)
    file = query(tmp_path, declared.replace("logit", "logits"), ["(>= H[0,0] 1.0)"])
    with pytest.raises(UnsupportedError, match="only if the network is an ONNX file"):
        outrange.verify({"N": outrange.load(str(path))}, file)


@pytest.mark.parametrize(
    ("declared", "assertion", "words"),
    [
        ("(declare-output Y int64 [1])", "(>= Y[0] X[0,0])", "Type mismatch"),
        ("(declare-output Y int64 [2])", "(>= (+ Y[0] Y[1]) 2)", "must compare an entry"),
    ],
)
def test_mixed_and_summed_integers_are_refused(tmp_path, declared, assertion, words):
    with pytest.raises((UnsupportedError, outrange.ModelError), match=words):
        outrange.vnnlib.read_property(query(tmp_path, declared, [assertion]))


def test_integer_inputs_are_refused(tmp_path):
    file = tmp_path / "integers.vnnlib"
    file.write_text(
        "(vnnlib-version <2.0>)\n(declare-network N (declare-input X int64 [1]) "
        "(declare-output Y float32 [1]))(assert (>= X[0] 1))(assert (<= X[0] 2))"
    )
    with pytest.raises(UnsupportedError, match="int64"):
        outrange.vnnlib.read_property(str(file))
