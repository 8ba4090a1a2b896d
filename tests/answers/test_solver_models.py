"""Transfer of bounds to models of OMLT, gurobi-machinelearning and PySCIPOpt-ML.

Small stand-ins have the attributes of the packages' objects; the packages themselves are used where
they are installed.
"""

from types import SimpleNamespace as Record

import numpy as np
import pytest

from outrange.core import InputError
from outrange.questions.layer_bounds import layer_bounds
from questions.nets import dense_net


WEIGHTS = [
    ([[1.0, -1.0, 1.0]], [2.0, -2.0, 0.0]),
    ([[1.0], [1.0], [1.0]], [0.5]),
]
"""On [-1, 1], the units of the hidden layer are active, inactive and unstable."""


def network(scale=1.0):
    weights = [(np.multiply(w, scale), b) for w, b in WEIGHTS]
    return dense_net((1, 3, 1), ("relu", None), weights=weights)


def bounds(box=(-1, 1)):
    return layer_bounds(network(), box)


# ---- OMLT ---------------------------------------------------------------------------------------


class Variable:
    def __init__(self, lb=None, ub=None):
        self.lb, self.ub, self.value = lb, ub, None

    def setlb(self, lb):
        self.lb = lb

    def setub(self, ub):
        self.ub = ub

    def fix(self, value):
        self.value = value


def omlt_block(box=(-1.0, 1.0), weights=WEIGHTS):
    """A block with the variables and interval bounds of OMLT's big-M formulation."""
    layers = {1: Record(z={0: Variable(*box)})}
    lo, hi = np.array([box[0] or 0.0]), np.array([box[1] or 0.0])
    for k, (w, b) in enumerate(weights):
        w, b = np.array(w), np.array(b)
        lo, hi = (
            np.minimum(lo[:, None] * w, hi[:, None] * w).sum(0) + b,
            np.maximum(lo[:, None] * w, hi[:, None] * w).sum(0) + b,
        )
        each = range(len(b))
        layer = Record(zhat={j: Variable(lo[j], hi[j]) for j in each})
        if k == 0:
            lo, hi = np.maximum(lo, 0), np.maximum(hi, 0)
            layer.q_relu = {j: Variable(0, 1) for j in each}
            layer._big_m_lb_relu = dict.fromkeys(each, -1e6)
            layer._big_m_ub_relu = dict.fromkeys(each, 1e6)
        else:
            layer.linear_activation = {}
        layer.z = {j: Variable(lo[j], hi[j]) for j in each}
        layers[k + 2] = layer
    return Record(layers=list(layers), layer=layers)


def test_omlt_gets_bounds_big_ms_and_fixed_binaries():
    block = omlt_block()
    assert bounds().to_omlt(block) == 2
    hidden, last = block.layer[2], block.layer[3]
    assert [hidden.q_relu[j].value for j in range(3)] == [1, 0, None]
    np.testing.assert_allclose([hidden._big_m_lb_relu[j] for j in range(3)], [1, -3, -1], atol=1e-9)
    np.testing.assert_allclose([hidden._big_m_ub_relu[j] for j in range(3)], [3, -1, 1], atol=1e-9)
    np.testing.assert_allclose([hidden.z[1].lb, hidden.z[1].ub], [0, 0])
    # The output is 2 + x + relu(x) + 0.5, at most 4.5 and at least 1.5.
    np.testing.assert_allclose([last.z[0].lb, last.z[0].ub], [1.5, 4.5], atol=5e-3)


def test_a_batch_axis_of_an_onnx_file_does_not_matter():
    block = omlt_block()
    for layer in block.layer.values():
        for name, items in vars(layer).items():
            setattr(layer, name, {(0, j): item for j, item in items.items()})
    assert bounds().to_omlt(block) == 2
    assert block.layer[2].q_relu[0, 1].value == 0


def test_bounds_that_the_user_has_tightened_stay():
    block = omlt_block()
    block.layer[2].zhat[2].setlb(0.25)
    assert bounds().to_omlt(block) == 3
    assert block.layer[2].zhat[2].lb == 0.25 and block.layer[2].q_relu[2].value == 1


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (omlt_block((-1.0, 1.5)), r"Input 0 must lie in \[-1, 1\].*variable in \[-1, 1.5\]"),
        (omlt_block((None, 1.0)), r"variable in \[-inf, 1\]"),
        (omlt_block(weights=[([[2.0, 1.0, 1.0]], [2.0, -2.0, 0.0]), WEIGHTS[1]]), "other weights"),
        (omlt_block(weights=WEIGHTS[:1]), "without layer `dense_1` at its end"),
        (omlt_block(weights=[([[1.0]], [0.0]), WEIGHTS[1]]), "layer 0 with 1 units"),
        (Record(), "build_formulation"),
    ],
    ids=["wider", "no bound", "other weights", "too short", "too narrow", "no block"],
)
def test_omlt_blocks_of_other_networks_or_inputs_are_refused(block, message):
    with pytest.raises(InputError, match=message):
        bounds().to_omlt(block)


def test_answers_without_a_box_are_refused():
    from dataclasses import replace

    with pytest.raises(InputError, match="input set"):
        replace(bounds(), over=None).to_omlt(omlt_block())


# ---- gurobi-machinelearning ---------------------------------------------------------------------


class Matrix:
    def __init__(self, lo, hi, shape):
        self.shape = shape
        self.LB, self.UB = np.full(shape, float(lo)), np.full(shape, float(hi))


class Predictor(list):
    pass


def gurobi_predictor(samples=2, scale=1.0):
    layers = []
    for k, (w, b) in enumerate(WEIGHTS):
        shape = (samples, len(b))
        layer = Record(
            coefs=np.multiply(w, scale), intercept=np.array(b), output=Matrix(-1e100, 1e100, shape),
            activation=None,
        )  # fmt: skip
        if k == 0:
            layer.mixing = Matrix(-1e100, 1e100, shape)
        layers.append(layer)
    predictor = Predictor(layers)
    predictor.gp_model = Record(update=lambda: None)
    predictor.input = Matrix(-1, 1, (samples, 1))
    return predictor


def test_gurobi_gets_bounds_of_every_sample():
    predictor = gurobi_predictor()
    assert bounds().to_gurobi_ml(predictor) == 4
    hidden, last = predictor
    np.testing.assert_allclose(hidden.mixing.LB, [[1, -3, -1]] * 2, atol=1e-9)
    np.testing.assert_allclose(hidden.output.UB, [[3, 0, 1]] * 2, atol=1e-9)
    np.testing.assert_allclose(last.output.UB, [[4.5]] * 2, atol=5e-3)


def test_gurobi_predictors_with_other_weights_are_refused():
    with pytest.raises(InputError, match="outside its bounds"):
        bounds().to_gurobi_ml(gurobi_predictor(scale=-2.0))
    with pytest.raises(InputError, match="must lie in"):
        bounds((-1, 0.5)).to_gurobi_ml(gurobi_predictor())
    with pytest.raises(InputError, match="Received: int"):
        bounds().to_gurobi_ml(3)


# ---- PySCIPOpt-ML -------------------------------------------------------------------------------


class ScipVariable:
    def __init__(self, lo=-1e20, hi=1e20, name=""):
        self.lo, self.hi, self.name = lo, hi, name

    def getLbOriginal(self):
        return self.lo

    def getUbOriginal(self):
        return self.hi


class ScipModel:
    def infinity(self):
        return 1e20

    def chgVarLb(self, variable, lo):
        variable.lo = lo

    def chgVarUb(self, variable, hi):
        variable.hi = hi

    def getValsLinear(self, row):
        return row.values

    def chgCoefLinear(self, row, variable, value):
        row.values[variable.name] = value

    def getRhs(self, row):
        return row.rhs

    def chgRhs(self, row, rhs):
        row.rhs = rhs


def scip_variables(count, *ends):
    return np.array([[ScipVariable(*ends, name=f"v{j}") for j in range(count)]])


def scip_predictor(formulation):
    layers = []
    for k, (w, b) in enumerate(WEIGHTS):
        layer = Record(
            coefs=np.array(w), intercept=np.array(b), output=scip_variables(len(b)),
            activation="identity" if k else "relu", formulation=formulation,
        )  # fmt: skip
        if k == 0 and formulation == "sos":
            layer._created_vars = [scip_variables(3, 0.0, 1e20)]
        elif k == 0:
            layer._created_vars = [scip_variables(3, 0.0, 1.0)]
            rows = [
                np.array([[Record(values={f"v{j}": v}, rhs=r) for j in range(3)]])
                for v, r in ((0.0, 0.0), (10.0, 11.0), (-10.0, 0.0))
            ]
            layer._created_cons = rows
        layers.append(layer)
    predictor = Predictor(layers)
    predictor.scip_model = ScipModel()
    predictor.input = scip_variables(1, -1.0, 1.0)
    return predictor


def test_scip_gets_bounds_of_slacks():
    predictor = scip_predictor("sos")
    assert bounds().to_pyscipopt_ml(predictor) == 2
    (slacks,) = predictor[0]._created_vars
    np.testing.assert_allclose([v.lo for v in slacks[0]], [0, 1, 0], atol=1e-9)
    np.testing.assert_allclose([v.hi for v in slacks[0]], [0, 3, 1], atol=1e-9)


def test_scip_gets_big_ms_and_fixed_binaries():
    predictor = scip_predictor("bigm")
    assert bounds().to_pyscipopt_ml(predictor) == 2
    (binaries,) = predictor[0]._created_vars
    assert [(v.lo, v.hi) for v in binaries[0]] == [(1, 1), (0, 0), (0, 1)]
    _, inactive, active = predictor[0]._created_cons
    # L rises from -10 to -1 in `output - z - L q <= b - L`, with b = 1; U falls from 10 to 1.
    assert (inactive[0][2].values["v2"], inactive[0][2].rhs) == pytest.approx((1.0, 2.0))
    assert active[0][2].values["v2"] == pytest.approx(-1.0)


def test_scip_models_with_wider_inputs_are_refused():
    predictor = scip_predictor("sos")
    predictor.input = scip_variables(1)
    with pytest.raises(InputError, match=r"variable in \[-inf, inf\]"):
        bounds().to_pyscipopt_ml(predictor)


# ---- the packages -------------------------------------------------------------------------------


def trained():
    """A network as scikit-learn fits it, and its bounds on [-1, 1]^2."""
    sklearn = pytest.importorskip("sklearn.neural_network")
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (200, 2))
    options = {"hidden_layer_sizes": (6, 6), "max_iter": 60, "random_state": 0}
    with pytest.warns(Warning):
        model = sklearn.MLPRegressor(**options).fit(x, np.sin(3 * x[:, 0]) * x[:, 1])
    import outrange

    return model, outrange.layer_bounds(model, (-1, 1)), outrange.output_range(model, (-1, 1)).lo[0]


@pytest.mark.slow
def test_gurobi_finds_the_same_optimum():
    gurobipy = pytest.importorskip("gurobipy")
    gurobi_ml = pytest.importorskip("gurobi_ml")
    model, answer, least = trained()
    program = gurobipy.Model()
    program.Params.OutputFlag = 0
    x, y = program.addMVar((1, 2), lb=-1, ub=1), program.addMVar((1, 1), lb=-1e30)
    predictor = gurobi_ml.add_predictor_constr(program, model, x, y)
    assert answer.to_gurobi_ml(predictor) == answer.total("active") + answer.total("inactive")
    program.setObjective(y[0, 0])
    program.optimize()
    assert program.ObjVal == pytest.approx(least, abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("formulation", ["sos", "bigm"])
def test_scip_finds_the_same_optimum(formulation):
    pyscipopt = pytest.importorskip("pyscipopt")
    pyscipopt_ml = pytest.importorskip("pyscipopt_ml")
    model, answer, least = trained()
    program = pyscipopt.Model()
    program.hideOutput()
    x, y = program.addMatrixVar((1, 2), lb=-1, ub=1), program.addMatrixVar((1, 1), lb=None)
    predictor = pyscipopt_ml.add_predictor_constr(program, model, x, y, formulation=formulation)
    assert answer.to_pyscipopt_ml(predictor) == answer.total("active") + answer.total("inactive")
    program.setObjective(y[0, 0])
    program.optimize()
    assert program.getObjVal() == pytest.approx(least, abs=1e-5)


@pytest.mark.slow
def test_highs_finds_the_same_optimum_through_omlt():
    pyo = pytest.importorskip("pyomo.environ")
    omlt = pytest.importorskip("omlt")
    neuralnet = pytest.importorskip("omlt.neuralnet")
    layers = pytest.importorskip("omlt.neuralnet.layer")
    model, answer, least = trained()
    net = neuralnet.NetworkDefinition(scaled_input_bounds=dict.fromkeys(range(2), (-1.0, 1.0)))
    last = layers.InputLayer([2])
    net.add_layer(last)
    pairs = list(zip(model.coefs_, model.intercepts_, strict=True))
    for k, (w, b) in enumerate(pairs):
        activation = "linear" if k == len(pairs) - 1 else "relu"
        layer = layers.DenseLayer([len(w)], [len(b)], activation=activation, weights=w, biases=b)
        net.add_layer(layer)
        net.add_edge(last, layer)
        last = layer
    program = pyo.ConcreteModel()
    program.net = omlt.OmltBlock()
    program.net.build_formulation(neuralnet.ReluBigMFormulation(net))
    assert answer.to_omlt(program.net) == answer.total("active") + answer.total("inactive")
    program.least = pyo.Objective(expr=program.net.outputs[0])
    pyo.SolverFactory("appsi_highs").solve(program)
    assert pyo.value(program.least) == pytest.approx(least, abs=1e-5)
