"""Files of mixed-integer programs: their optima, their binary variables and refusals."""

import shutil
import subprocess

import highspy
import numpy as np
import pytest

import outrange
from outrange.core import InputError, UnsupportedError
from outrange.graph import Slot
from outrange.graph.builder import Builder
from questions.nets import dense_net


NET = dense_net((3, 5, 4, 2), ("relu", "relu", None), seed=3)


def optimum(path):
    """Return the optimum that HiGHS finds, and the number of binary variables."""
    solver = highspy.Highs()
    solver.silent()
    assert solver.readModel(str(path)) == highspy.HighsStatus.kOk
    solver.run()
    assert solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
    kinds = list(solver.getLp().integrality_)
    return solver.getInfo().objective_function_value, kinds.count(highspy.HighsVarType.kInteger)


@pytest.fixture(scope="module")
def exact():
    return outrange.output_range(NET.graph, (-1, 1))


@pytest.mark.parametrize("suffix", ["lp", "mps"])
@pytest.mark.parametrize("output", [0, 1])
@pytest.mark.parametrize("maximize", [False, True])
def test_solvers_find_the_range(suffix, output, maximize, exact, tmp_path):
    path = tmp_path / f"net.{suffix}"
    outrange.to_mip(NET.graph, (-1, 1), path, output=output, maximize=maximize)
    value = -exact.hi[output] if maximize else exact.lo[output]
    assert optimum(path)[0] == pytest.approx(value, abs=1e-4)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", ["lp", "mps"])
def test_units_with_a_fixed_phase_have_no_binary_variable(suffix, tmp_path):
    weights = [([[1.0, -1.0, 1.0]], [2.0, -2.0, 0.0]), ([[1.0], [1.0], [1.0]], [0.5])]
    net = dense_net((1, 3, 1), ("relu", None), weights=weights)
    path = tmp_path / f"net.{suffix}"
    outrange.to_mip(net.graph, (-1, 1), path)
    assert optimum(path) == (pytest.approx(1.5), 1)
    outrange.to_mip(net.graph, (0.5, 1), path)
    assert optimum(path) == (pytest.approx(3.5), 0)


@pytest.mark.parametrize("curve", ["hard_sigmoid", "abs"])
def test_other_piecewise_linear_networks(curve, tmp_path):
    net = dense_net((2, 4, 1), (curve, None), seed=1).graph
    outrange.to_mip(net, (-1, 1), tmp_path / "net.lp", maximize=True)
    most = -outrange.output_range(net, (-1, 1)).hi[0]
    assert optimum(tmp_path / "net.lp")[0] == pytest.approx(most, abs=1e-4)


def test_an_open_maximum_may_precede_a_maximum_with_one_candidate(tmp_path):
    """The first maximum adds columns; the second one has the forms of before."""
    builder = Builder([Slot("x", (4,))])
    peaks = builder.largest(builder.input_values()[0], np.array([[0, 1], [2, 3]]), (1, 2))
    total = builder.dense(peaks, np.ones((2, 1)), np.zeros(1))
    box = ([0.0, 0.5, 0.0, 2.0], [1.0, 1.5, 1.0, 3.0])
    for maximize, value in ((False, 2.5), (True, -4.5)):
        path = tmp_path / "net.lp"
        outrange.to_mip(builder.finish([total], ["y"]), box, path, maximize=maximize)
        assert optimum(path) == (pytest.approx(value), 2)


def test_a_linear_network_is_a_linear_program(tmp_path):
    net = dense_net((2, 2), (None,), weights=[([[1.0, 0.0], [2.0, 0.0]], [0.5, 3.0])]).graph
    for output, value in ((0, 0.5), (1, 3.0)):
        outrange.to_mip(net, (0, 1), tmp_path / "net.lp", output=output)
        assert optimum(tmp_path / "net.lp") == (pytest.approx(value), 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": "net.txt"}, "ends in .lp or .mps"),
        ({"path": 3}, "ends in .lp or .mps"),
        ({"path": "no/such/folder/net.lp"}, "writable path"),
        ({"path": "no/such/folder/net.mps"}, "writable path"),
        ({"output": 2}, "one of the 2 outputs"),
        ({"output": True}, "one of the 2 outputs"),
        ({"output": -1}, "one of the 2 outputs"),
        ({"maximize": "y"}, "`maximize` must be"),
        ({"time_limit": 0}, "time_limit"),
    ],
)
def test_wrong_arguments_are_refused(options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        outrange.to_mip(NET.graph, (-1, 1), **({"path": "net.lp"} | options))
    assert not list(tmp_path.iterdir())


def test_a_smooth_network_is_refused(tmp_path):
    net = dense_net((2, 3, 1), ("tanh", None)).graph
    with pytest.raises(UnsupportedError, match="Received: `tanh`"):
        outrange.to_mip(net, (-1, 1), tmp_path / "net.lp")


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["lp", "mps"])
def test_other_solvers_read_the_files(suffix, exact, tmp_path):
    """Each solver that is installed: Gurobi, SCIP, and CBC as PuLP ships it."""
    path, values = str(tmp_path / f"net.{suffix}"), []
    outrange.to_mip(NET.graph, (-1, 1), path, maximize=True)
    try:
        import gurobipy

        program = gurobipy.read(path)
        program.Params.OutputFlag = 0
        program.optimize()
        values.append(program.ObjVal)
    except ImportError:
        pass
    try:
        import pyscipopt

        program = pyscipopt.Model()
        program.hideOutput()
        program.readProblem(path)
        program.optimize()
        values.append(program.getObjVal())
    except ImportError:
        pass
    try:
        from pulp import PULP_CBC_CMD

        cbc = PULP_CBC_CMD().path
    except ImportError:
        cbc = shutil.which("cbc")
    if cbc:
        run = [cbc, path, "solve", "quit"]
        text = subprocess.run(run, capture_output=True, text=True, check=True).stdout
        values += [float(t.split(":")[1]) for t in text.splitlines() if "Objective value:" in t]
    if not values:
        pytest.skip("no other solver is installed")
    np.testing.assert_allclose(values, -exact.hi[0], atol=1e-4)
