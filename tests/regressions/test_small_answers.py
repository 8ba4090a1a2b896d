"""Messages about empty sets, attained thresholds, strange arguments and lost streams."""

import os
import subprocess
import sys

import numpy as np
import pytest

import outrange
from outrange import InputError, L2Ball, Mixed, implies, x, y
from questions.nets import dense_net


GRAPH = dense_net(
    [2, 2, 2], ["relu", None], weights=[(np.eye(2), np.zeros(2)), (np.eye(2), np.zeros(2))]
).graph

FILE = """(declare-const X_0 Real) (declare-const X_1 Real)
(declare-const Y_0 Real) (declare-const Y_1 Real)
(assert (>= X_0 -1)) (assert (<= X_0 1)) (assert (>= X_1 -1)) (assert (<= X_1 1))
(assert (>= Y_0 {least}))
"""


@pytest.fixture
def file(tmp_path):
    def write(least):
        path = tmp_path / f"p{least}.vnnlib"
        path.write_text(FILE.format(least=least))
        return str(path)

    return write


@pytest.mark.parametrize(
    ("claim", "box"),
    [
        (~(y[0] == 3), Mixed(([0, 0], [10, 0]), integers=[0])),
        (~(y[0] == 12345678), Mixed((0, 1e9), integers=[0])),
        (y[0] < 1, (0, 1)),
    ],
)
def test_a_threshold_that_is_attained_breaks_the_property(claim, box):
    assert outrange.verify(GRAPH, claim, box).status == "VIOLATED"


@pytest.mark.parametrize("inputs_set", [L2Ball([0.5, 0], 0), Mixed(([0, 0], [2, 0]), integers=[0])])
def test_few_inputs_are_settled_exactly(inputs_set):
    most = 0.5 if isinstance(inputs_set, L2Ball) else 2
    assert outrange.verify(GRAPH, y[0] <= most, inputs_set).status == "HOLDS"
    assert outrange.verify(GRAPH, y[0] < most, inputs_set).status == "VIOLATED"


def test_holding_for_want_of_inputs_is_said(file):
    assert outrange.verify(GRAPH, file(2), (5, 6)).vacuous
    assert not outrange.verify(GRAPH, file(2)).vacuous
    assert outrange.verify(GRAPH, file(2), where=x[0] >= 2).vacuous
    assert not outrange.verify(GRAPH, implies(x[0] >= 2, y[0] <= -1), (0, 1)).vacuous
    odd = outrange.verify(
        GRAPH, y[0] <= -1, Mixed((0, 3), integers=[0, 1]), where=(2 * x[0] - 2 * x[1] == 1)
    )
    assert odd.holds and odd.vacuous and "holds trivially" in odd.sentence


def test_where_cuts_the_set_of_a_file(file):
    assert outrange.verify(GRAPH, file(0.5)).status == "VIOLATED"
    assert outrange.verify(GRAPH, file(0.5), where=x[0] <= 0.25).status == "HOLDS"


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda: outrange.testing.assert_range(GRAPH, (0, 1), hi=np.nan), "NaN"),
        (lambda: outrange.testing.assert_range(GRAPH, (0, 1), lo=np.inf), "no limit"),
        (lambda: outrange.testing.assert_holds(GRAPH, y[0] <= 2, (0, 1), wher=x[0] <= 1), "wher"),
    ],
)
def test_strange_arguments(ask, says):
    with pytest.raises(InputError, match=says):
        ask()


def test_a_witness_pastes_with_its_imports():
    with pytest.raises(AssertionError) as broken:
        outrange.testing.assert_holds(GRAPH, y[0] <= 0.5, (0, 1))
    code = str(broken.value).splitlines()
    scope: dict = {}
    exec("\n".join(code[code.index("import numpy as np") : -1]), scope)
    assert scope["x"].shape == (1, 2)


def test_declared_shapes_must_be_the_model_s():
    from outrange.core import Specification
    from outrange.core.formula import TRUE
    from outrange.graph import Builder, Slot
    from outrange.questions.conditions.specification import check_sizes

    b = Builder([Slot("x", (2, 3))])
    graph = b.finish([b.affine_map(b.input_values()[0], 2.0)], ["y"])
    for shape in ((2, 3), (1, 2, 3), (6,), (1, 6)):
        check_sizes(Specification("p", 6, 6, TRUE, ((shape,), ((6,),))), graph)
    with pytest.raises(InputError, match="shapes"):
        check_sizes(Specification("p", 6, 6, TRUE, (((3, 2),), ((6,),))), graph)


def test_a_lost_witness_is_not_done(tmp_path):
    from outrange.api.batch.results import Result, Results

    path = tmp_path / "r.csv"
    with Results(path) as results:
        results.add(Result("a.onnx", "p", "sat", 1.0, x=[0.0], y=[1.0]))
        results.add(Result("a.onnx", "q", "unsat", 1.0))
    path.with_suffix(".jsonl").write_text("")
    with Results(path) as results:
        assert [r.vnnlib for r in results.known.values()] == ["q"]
    assert "sat" not in path.read_text().replace("unsat", "")


def test_results_go_to_regular_files(tmp_path):
    from outrange.api.batch.results import Results

    os.mkdir(tmp_path / "r.csv")
    with pytest.raises(InputError, match="regular"):
        Results(tmp_path / "r.csv")


def test_two_limits_of_one_instance(tmp_path):
    from outrange.api.batch.instances import read_instances

    for name in ("a.onnx", "p.vnnlib"):
        (tmp_path / name).write_text("")
    listed = tmp_path / "i.csv"
    listed.write_text("a.onnx,p.vnnlib,5\na.onnx,p.vnnlib,5\n")
    assert len(read_instances(listed, None, None, None)) == 1
    listed.write_text("a.onnx,p.vnnlib,5\na.onnx,p.vnnlib,6\n")
    with pytest.raises(InputError, match="one limit"):
        read_instances(listed, None, None, None)


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_standard_output_that_takes_nothing():
    command = [sys.executable, "-m", "outrange", "--help"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert "cannot be written" in done.stderr and len(done.stderr.splitlines()) == 1
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")
