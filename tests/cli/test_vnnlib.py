"""Tests of `outrange-vnnlib` against the words, formats and errors of the VNN-LIB standard 2.0."""

import numpy as np
import pytest

from cli.verify_files import random_net, sum_and_difference
from frontends.onnx_models import model, node, save_model
from outrange import __version__


pytest.importorskip("vnnlib")

F = "(declare-network f (declare-input X real [1,2]) (declare-output Y real [1,2]))"
G = "(declare-network g {} (declare-input U real [1,2]) (declare-output V real [1,2]))"
UNIT = "".join(f"(assert (>= {x} 0.0))(assert (<= {x} 1.0))" for x in ("X[0,0]", "X[0,1]"))
UNIT_U = UNIT.replace("X", "U")


def query(folder, *parts, name="q.vnnlib"):
    """Write a query of version 2.0."""
    (folder / name).write_text("\n".join(["(vnnlib-version <2.0>)", *parts]))
    return name


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Create `relu(x0 + x1)`, `relu(x0 - x1)`, and the isomorphic `relu(x0 + x1)`, `relu(2 x0)`."""
    path = tmp_path_factory.mktemp("vnnlib")
    sum_and_difference(path, "f.onnx")
    constants = {"w": np.float32([[1, 2], [1, 0]])}
    nodes = [node("MatMul", "x w", "z"), node("Relu", "z", "y")]
    save_model(path, model(nodes, constants, inputs={"x": (1, 2)}), "g.onnx")
    return path


@pytest.fixture
def call(models, capfd, monkeypatch):
    """Run the command line in the models' folder; return exit code, stdout and stderr."""
    from outrange.cli.run import run

    monkeypatch.chdir(models)

    def ask(*arguments):
        code = run(list(map(str, arguments)), vnnlib=True)
        return code, *capfd.readouterr()

    return ask


def numbers(out):
    """Return the assignment after the verdict: name to head and values."""
    assignment, lines = {}, out.splitlines()
    assert lines[0] == "sat"
    for line in lines[1:]:
        if line[0].isalpha():
            name, element, shape = line.split(" ")
            assignment[name] = (element, shape, [])
        else:
            assert "e" not in line
            assignment[name][2].append(float(line))
    return assignment


def test_unsat(call, models):
    name = query(models, F, UNIT, "(assert (>= Y[0,0] 2.5))")
    code, out, err = call("verify", name, "--network", "f=f.onnx")
    assert (code, out) == (0, "unsat\n") and "FLOAT64_ROUNDED" in err


def test_sat_prints_the_assignment_in_the_order_of_the_declarations(call, models):
    name = query(models, F, UNIT, "(assert (>= Y[0,0] 1.5))", "(assert (>= Y[0,1] 0.1))")
    code, out, _ = call("verify", name, "--network", "f=f.onnx", "--timeout", 60)
    assignment = numbers(out)
    assert code == 0 and list(assignment) == ["X", "Y"]
    assert [part[:2] for part in assignment.values()] == [("real", "[1,2]")] * 2
    x, y = assignment["X"][2], assignment["Y"][2]
    assert y == [max(0.0, x[0] + x[1]), max(0.0, x[0] - x[1])] and y[0] >= 1.5 and y[1] >= 0.1


def test_assignments_are_written_as_tensors(call, models, tmp_path):
    import onnx

    name = query(models, F, UNIT, "(assert (>= Y[0,0] 1.5))")
    folder = tmp_path / "new" / "folder"
    code, out, _ = call("verify", name, "--network", "f=f.onnx", "--serialise-assignments", folder)
    assert (code, out) == (0, "sat\n")
    assert sorted(p.name for p in folder.iterdir()) == ["X.pb", "Y.pb"]
    tensor = onnx.TensorProto.FromString((folder / "Y.pb").read_bytes())
    array = onnx.numpy_helper.to_array(tensor)
    assert array.shape == (1, 2) and array.dtype == np.float64 and array[0, 0] >= 1.5


def test_time(call, models):
    random_net(models, "hard.onnx", (16, 64, 64, 64, 2), 0)
    name = query(
        models,
        "(declare-network f (declare-input X Real [16]) (declare-output Y Real [2]))",
        *(f"(assert (<= X[{i}] 1.0))(assert (>= X[{i}] -1.0))" for i in range(16)),
        "(assert (>= Y[0] 10000.0))",
    )
    code, out, _ = call("verify", name, "--network", "f=hard.onnx", "--timeout", 1)
    assert (code, out) == (0, "timed-out\n")


def test_one_network_twice(call, models):
    """The first output is monotone in the first input."""
    same = query(
        models, F, G.format("(equal-to f)"), UNIT, UNIT_U, "(assert (== X[0,1] U[0,1]))",
        "(assert (<= X[0,0] U[0,0]))", "(assert (>= Y[0,0] (+ V[0,0] {})))",
    )  # fmt: skip
    text = (models / same).read_text()
    (models / same).write_text(text.format("0.01"))
    assert call("verify", same, "--network", "f=f.onnx")[:2] == (0, "unsat\n")
    (models / same).write_text(text.format("-0.01"))
    assignment = numbers(call("verify", same, "--network", "f=f.onnx")[1])
    assert list(assignment) == ["X", "Y", "U", "V"]
    assert assignment["X"][2][1] == assignment["U"][2][1]


def test_two_networks(call, models):
    """`relu(2 x0)` is at least `relu(x0 - x1)` on the unit square, and larger somewhere."""
    parts = F, G.format("(isomorphic-to f)"), UNIT, UNIT_U
    tied = [f"(assert (== X[0,{i}] U[0,{i}]))" for i in range(2)]
    both = "--network", "f=f.onnx", "--network", "g=g.onnx"
    less = query(models, *parts, *tied, "(assert (<= (+ V[0,1] 0.01) Y[0,1]))")
    assert call("verify", less, *both)[:2] == (0, "unsat\n")
    more = query(models, *parts, *tied, "(assert (>= V[0,1] (+ Y[0,1] 1.5)))")
    assignment = numbers(call("verify", more, *both)[1])
    assert assignment["X"][2] == assignment["U"][2]
    assert assignment["V"][2][1] == 2 * assignment["U"][2][0] >= assignment["Y"][2][1] + 1.5


FLOAT32 = F.replace("real", "float32")

ERRORS = [
    ((F, UNIT, "(assert (>= Y[0,0] 1.0))"), [], 2, "`f`|networks f"),
    ((F, UNIT, "(assert (>= Y[0,0] 1.0))"), ["h=f.onnx"], 2, "Received: h"),
    ((F, UNIT, "(assert (>= Y[0,0] 1.0))"), ["f=f.onnx", "g=f.onnx"], 2, "Received: f, g"),
    ((F, UNIT, "(assert (>= Y[0,0] 1.0))"), ["f=f.onnx", "f=g.onnx"], 2, "second time"),
    ((F, UNIT, "(assert (>= Y[0,0] 1.0))"), ["f.onnx"], 2, "NAME=FILE"),
    ((F, UNIT, "(assert (>= Y[0,0] 1.0))"), ["f=none.onnx"], 2, "model file does not exist"),
    ((F.replace("1,2", "1,3"), "(assert (>= Y[0,0] 1.0))"), ["f=f.onnx"], 2, "sizes"),
    ((F, G.format(""), UNIT, "(assert (>= Y[0,0] 1.0))"), ["f=f.onnx"], 2, "networks f, g"),
    ((F, G.format("(equal-to f)"), "(assert (>= Y[0,0] 1.0))"), ["f=f.onnx", "g=g.onnx"], 2,
     "g, equal to one"),
    ((FLOAT32, UNIT, "(assert (>= Y[0,0] 1.0))"), ["f=double.onnx"], 2, "float64"),
    ((F.replace("real", "float16"), UNIT, "(assert (>= Y[0,0] 1.0))"), ["f=f.onnx"], 4,
     "`float16`"),
    ((F.replace("X real", "X float32"), UNIT, "(assert (>= Y[0,0] 1.0))"), ["f=f.onnx"], 4,
     "mix these two types"),
]  # fmt: skip


@pytest.mark.parametrize(("parts", "given", "code", "told"), ERRORS, ids=range(len(ERRORS)))
def test_errors_print_no_word(call, models, parts, given, code, told):
    import re

    from onnx import TensorProto

    nodes = [node("MatMul", "x w", "z"), node("Relu", "z", "y")]
    double = {"w": np.float64([[1, 1], [1, -1]])}
    proto = model(nodes, double, inputs={"x": (1, 2)}, kind=TensorProto.DOUBLE)
    save_model(models, proto, "double.onnx")
    name = query(models, *parts)
    networks = [part for item in given for part in ("--network", item)]
    status, out, err = call("verify", name, *networks)
    assert (status, out) == (code, "") and re.search(told, err), err


def test_queries_of_version_1_are_for_the_other_command(call, models):
    (models / "old.vnnlib").write_text(
        "(declare-const X_0 Real)(declare-const Y_0 Real)(assert (<= X_0 1))"
    )
    code, out, err = call("verify", "old.vnnlib", "--network", "f=f.onnx")
    assert (code, out) == (2, "") and "outrange verify" in err


def test_a_network_alone_does_not_stand_for_two(models):
    from outrange import InputError, verify

    name = query(models, F.replace("1,2", "1"), G.format("").replace("1,2", "1"),
                 "(assert (>= Y[0] 1.0))")  # fmt: skip
    with pytest.raises(InputError, match=r"2 networks.*`outrange-vnnlib`"):
        verify(models / "f.onnx", models / name)
    with pytest.raises(InputError, match="must name the network"):
        verify({"f": models / "f.onnx", "g": models / "g.onnx"}, "y[0] <= 1", (0, 1))


SUPPORTED = {
    "--onnx-opset-versions": ["7", "24"],
    "--onnx-element-types": ["real", "float32"],
    "--vnnlib-versions": ["2.0", "2.0"],
    "--hidden-node-theories": ["NH", "H"],
    "--multiple-input-output-theories": ["SIO", "MIO"],
    "--multiple-network-theories": ["SNET", "MENET", "MINET", "MNET"],
    "--multiple-node-comparison-theories": ["SNC", "MNC"],
    "--arithmetic-complexity-theories": ["BND", "OUTC", "LIN"],
    "--optimised-disjunctive-reasoning": ["true"],
    "--serialise-assignments": ["true"],
}


@pytest.mark.parametrize("capability", SUPPORTED)
def test_supports(call, capability):
    code, out, err = call("supports", capability)
    assert (code, out.splitlines(), err) == (0, SUPPORTED[capability], "")


def test_operators_are_names_of_the_runtime(call):
    import onnx.defs

    code, out, _ = call("supports", "--onnx-operators")
    operators = {schema.name for schema in onnx.defs.get_all_schemas_with_history()}
    quantized = ("QGemm", "QLinearAdd", "QLinearGlobalAveragePool", "QLinearMul")
    operators |= {f"com.microsoft.{name}" for name in quantized}  # of ONNX Runtime
    lines = [line.split() for line in out.splitlines()]
    names = [name for name, *_ in lines]
    assert ["Relu"] in lines and ["Softmax", "real"] in lines
    assert code == 0 and {"Conv", "Gemm", "MatMul", "Relu", "Add", "Flatten"} <= set(names)
    assert set(names) <= operators and names == sorted(set(names))


def test_one_capability_at_a_time(call):
    assert call("supports")[:2] == (2, "")
    assert call("supports", "--onnx-operators", "--vnnlib-versions")[:2] == (2, "")


def test_name_and_version(call):
    assert call("--name")[:2] == (0, "outrange\n")
    assert call("--version")[:2] == (0, f"{__version__}\n")


def test_bounds_follow_from_what_relates_the_networks(call, models):
    """The second input set is constrained only by its distance to the first."""
    near = [
        f"(assert (<= (- U[0,{i}] X[0,{i}]) 0.25))(assert (<= (- X[0,{i}] U[0,{i}]) 0.25))"
        for i in range(2)
    ]
    for end, word in (("0.501", "unsat"), ("0.499", "sat")):
        name = query(models, F, G.format("(equal-to f)"), UNIT, *near,
                     f"(assert (>= V[0,0] (+ Y[0,0] {end})))")  # fmt: skip
        code, out, _ = call("verify", name, "--network", "f=f.onnx", "--timeout", 60)
        assert (code, out.split()[0]) == (0, word)


def test_float32_queries_are_about_float32(call, models):
    """Queries about `relu(x0 + x1)`, and about the outputs of the model itself."""
    import onnxruntime

    for level, word in (("2.5", "unsat"), ("1.5", "sat")):
        name = query(models, FLOAT32, UNIT, f"(assert (>= Y[0,0] {level}))")
        code, out, err = call("verify", name, "--network", "f=f.onnx", "--timeout", 60)
        assert (code, out.split()[0]) == (0, word), err
    assignment = numbers(out)
    x, y = (np.float32(assignment[name][2]).reshape(1, 2) for name in "XY")
    assert assignment["X"][0] == "float32"
    session = onnxruntime.InferenceSession("f.onnx", providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(session.run(None, {"x": x})[0], y)


@pytest.mark.parametrize(
    ("first", "word"),
    [
        ("(== X[0,0] 0.1)", "sat"),
        ("(> X[0,0] 1.0)(< X[0,0] 1.00000001)", "unsat"),  # that literal is 1.0 as well
    ],
)
def test_float32_inputs_may_be_fixed_at_zero(call, models, first, word):
    """The two ends of the input are 0.0 and -0.0."""
    assertion = f"(assert (and {first} (== X[0,1] 0.0)))"
    name = query(models, FLOAT32, assertion, "(assert (>= Y[0,0] 0.05))")
    code, out, err = call("verify", name, "--network", "f=f.onnx", "--timeout", 60)
    assert (code, out.split()[0]) == (0, word), err
    if word == "sat":
        assert np.float32(numbers(out)["X"][2]).tolist() == [np.float32(0.1), 0.0]


def test_float32_and_real_differ_where_a_sum_rounds(call, models):
    """`(x + 1e8) - 1e8` is x in real arithmetic, and a multiple of 8 in float32."""
    constants = {"w": np.float32([[1.0]]), "b": np.float32([1e8]), "c": np.float32([-1e8])}
    nodes = [node("MatMul", "x w", "m"), node("Add", "m b", "z"), node("Add", "z c", "y")]
    save_model(models, model(nodes, constants, inputs={"x": (1, 1)}), "rounds.onnx")
    declared = "(declare-network f (declare-input X {0} [1,1]) (declare-output Y {0} [1,1]))"
    assertions = "(assert (>= X[0,0] 1.0))", "(assert (<= X[0,0] 2.0))", "(assert (<= Y[0,0] 0.5))"
    words = []
    for kind in ("real", "float32"):
        name = query(models, declared.format(kind), *assertions)
        words.append(call("verify", name, "--network", "f=rounds.onnx", "--timeout", 60)[1])
    assert words[0] == "unsat\n"
    assert words[1].split("\n")[0] == "sat" and numbers(words[1])["Y"][2] == [0.0]


def test_float32_of_two_networks(call, models):
    parts = F.replace("real", "float32"), G.format("(equal-to f)").replace("real", "float32")
    tied = "(assert (== X[0,0] U[0,0]))(assert (== X[0,1] U[0,1]))"
    name = query(models, *parts, UNIT, tied, "(assert (>= Y[0,0] 1.5))(assert (<= V[0,0] 1.0))")
    assert call("verify", name, "--network", "f=f.onnx", "--timeout", 60)[:2] == (0, "unsat\n")


def test_a_question_in_real_arithmetic_refuses_a_float32_file(models):
    from outrange import UnsupportedError, counterexamples, verify

    pytest.importorskip("vnnlib")
    path = models / query(models, FLOAT32, UNIT, "(assert (>= Y[0,0] 2.5))")
    verdict = verify(models / "f.onnx", path)
    assert verdict.holds and verdict.arithmetic == "float32"
    for ask in (lambda: verify(models / "f.onnx", path, arithmetic="real"),
                lambda: counterexamples(models / "f.onnx", path)):  # fmt: skip
        with pytest.raises(UnsupportedError, match=r"`float32`.*declare `real`"):
            ask()
