"""Optimization over trained networks through three packages, with their own bounds and with ours.

    pip install gurobipy gurobi-machinelearning omlt pyomo highspy pyscipopt PySCIPOpt-ML
    python benchmarks/mip.py
    python benchmarks/mip.py --packages omlt --problems peaks camel --cap 300

A scikit-learn network is fitted to a test function of global optimization, and its least value over
the unit box is computed: with gurobi-machinelearning (Gurobi), OMLT (HiGHS, big-M) and PySCIPOpt-ML
(SCIP, its default formulation). Half of the problems also fix the sum of the inputs. Each runs with
the package's own bounds, and with those of `outrange.layer_bounds`. A line shows the number of
hidden units whose phase is fixed before the solver starts, the gap after the root node relative to
the optimum, and the seconds to optimality. The optima must agree to `TOLERANCE`.

Seconds are processor time of one thread, so that other work on the machine does not count. A solve
that reaches the cap counts with the time until then.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from sklearn.neural_network import MLPRegressor

import outrange


TOLERANCE = 2e-4
"""Permitted difference of two optima, relative to 1 plus their size."""

GAP = 1e-4
"""Relative gap at which each solver stops, the default of Gurobi and HiGHS."""


def peaks(x: np.ndarray) -> np.ndarray:
    u, v = 3 * (2 * x - 1).T
    return (
        3 * (1 - u) ** 2 * np.exp(-(u**2) - (v + 1) ** 2)
        - 10 * (u / 5 - u**3 - v**5) * np.exp(-(u**2) - v**2)
        - np.exp(-((u + 1) ** 2) - v**2) / 3
    )


def camel(x: np.ndarray) -> np.ndarray:
    u, v = (2 * (2 * x - 1)).T
    return (4 - 2.1 * u**2 + u**4 / 3) * u**2 + u * v + (-4 + 4 * v**2) * v**2


def ackley(x: np.ndarray) -> np.ndarray:
    z = 3 * (2 * x - 1)
    root = np.sqrt((z**2).mean(axis=1))
    return 20 - 20 * np.exp(-0.2 * root) - np.exp(np.cos(2 * z).mean(axis=1))


def rosenbrock(x: np.ndarray) -> np.ndarray:
    z = 2 * (2 * x - 1)
    return (100 * (z[:, 1:] - z[:, :-1] ** 2) ** 2 + (1 - z[:, :-1]) ** 2).sum(axis=1) / 100


def griewank(x: np.ndarray) -> np.ndarray:
    z = 6 * (2 * x - 1)
    return (z**2).sum(axis=1) / 40 - np.prod(np.cos(z), axis=1)


class Problem(NamedTuple):
    """A function of `inputs` variables, the hidden layers of its network, and a fixed sum."""

    name: str
    function: Callable[[np.ndarray], np.ndarray]
    inputs: int
    hidden: tuple[int, ...]
    total: float | None = None


PROBLEMS = (
    Problem("peaks", peaks, 2, (24, 24, 24)),
    Problem("peaks, sum", peaks, 2, (24, 24, 24), 1.1),
    Problem("camel", camel, 2, (24, 24, 24)),
    Problem("camel, sum", camel, 2, (24, 24, 24), 0.9),
    Problem("ackley", ackley, 3, (16, 16, 16)),
    Problem("ackley, sum", ackley, 3, (16, 16, 16), 1.6),
    Problem("rosenbrock", rosenbrock, 3, (16, 16, 16)),
    Problem("rosenbrock, sum", rosenbrock, 3, (16, 16, 16), 1.8),
    Problem("griewank", griewank, 3, (16, 16, 16)),
    Problem("griewank, sum", griewank, 3, (16, 16, 16), 1.4),
)


def fit(problem: Problem, seed: int = 0) -> MLPRegressor:
    """Return a network that is fitted to the normalized function."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(size=(2000, problem.inputs))
    y = problem.function(x)
    options = {"hidden_layer_sizes": problem.hidden, "max_iter": 300, "random_state": seed}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MLPRegressor(learning_rate_init=5e-3, **options).fit(x, (y - y.mean()) / y.std())


@dataclass
class Solve:
    """Result of one solver run."""

    value: float
    bound: float
    seconds: float
    closed: bool


class Gurobi:
    name = "gurobi-ml"

    def build(self, net: MLPRegressor, problem: Problem, bounds: Any) -> int:
        import gurobipy
        from gurobi_ml import add_predictor_constr

        self.model = gurobipy.Model(env=quiet_gurobi())
        x = self.model.addMVar((1, problem.inputs), lb=0.0, ub=1.0)
        y = self.model.addMVar((1, 1), lb=-1e30)
        predictor = add_predictor_constr(self.model, net, x, y)
        if problem.total is not None:
            self.model.addConstr(x.sum() == problem.total)
        self.model.setObjective(y[0, 0])
        return bounds.to_gurobi_ml(predictor) if bounds is not None else 0

    def solve(self, cap: float, root: bool) -> Solve:
        for name, value in (("TimeLimit", cap), ("Threads", 1), ("MIPGap", GAP)):
            self.model.setParam(name, value)
        self.model.setParam("NodeLimit", 1 if root else 1e9)
        start = time.process_time()
        self.model.optimize()
        seconds = time.process_time() - start
        value = self.model.ObjVal if self.model.SolCount else np.inf
        return Solve(value, self.model.ObjBound, seconds, self.model.Status == 2)


def quiet_gurobi() -> Any:
    import gurobipy

    env = gurobipy.Env(empty=True)
    env.setParam("OutputFlag", 0)
    env.start()
    return env


class Omlt:
    name = "OMLT"

    def build(self, net: MLPRegressor, problem: Problem, bounds: Any) -> int:
        import pyomo.environ as pyo
        from omlt import OmltBlock
        from omlt.neuralnet import NetworkDefinition, ReluBigMFormulation
        from omlt.neuralnet.layer import DenseLayer, InputLayer

        each = range(problem.inputs)
        definition = NetworkDefinition(scaled_input_bounds=dict.fromkeys(each, (0.0, 1.0)))
        last = InputLayer([problem.inputs])
        definition.add_layer(last)
        pairs = list(zip(net.coefs_, net.intercepts_, strict=True))
        for k, (w, b) in enumerate(pairs):
            kind = "linear" if k == len(pairs) - 1 else "relu"
            layer = DenseLayer([len(w)], [len(b)], activation=kind, weights=w, biases=b)
            definition.add_layer(layer)
            definition.add_edge(last, layer)
            last = layer
        self.model = model = pyo.ConcreteModel()
        model.net = OmltBlock()
        model.net.build_formulation(ReluBigMFormulation(definition))
        model.least = pyo.Objective(expr=model.net.outputs[0])
        if problem.total is not None:
            model.total = pyo.Constraint(
                expr=sum(model.net.inputs[i] for i in each) == problem.total
            )
        if bounds is not None:
            return bounds.to_omlt(model.net)
        layers = [model.net.layer[key] for key in model.net.layers]
        hidden = [v for b in layers if hasattr(b, "q_relu") for v in b.zhat.values()]
        return sum(v.lb >= 0 or v.ub <= 0 for v in hidden)

    def solve(self, cap: float, root: bool) -> Solve:
        from pyomo.contrib.appsi.solvers import Highs

        solver = Highs()
        solver.config.time_limit = cap
        solver.config.load_solution = False
        solver.highs_options = {"mip_rel_gap": GAP, "threads": 1}
        if root:
            solver.highs_options["mip_max_nodes"] = 1
        start = time.process_time()
        result = solver.solve(self.model)
        seconds = time.process_time() - start
        value = result.best_feasible_objective
        closed = result.termination_condition.name == "optimal"
        value = np.inf if value is None else value
        return Solve(value, result.best_objective_bound, seconds, closed)


class Scip:
    name = "PySCIPOpt-ML"

    def build(self, net: MLPRegressor, problem: Problem, bounds: Any) -> int:
        import pyscipopt
        from pyscipopt_ml import add_predictor_constr

        self.model = pyscipopt.Model()
        self.model.hideOutput()
        x = self.model.addMatrixVar((1, problem.inputs), lb=0.0, ub=1.0)
        y = self.model.addMatrixVar((1, 1), lb=None)
        predictor = add_predictor_constr(self.model, net, x, y)
        if problem.total is not None:
            self.model.addCons(pyscipopt.quicksum(x[0]) == problem.total)
        self.model.setObjective(y[0, 0])
        if bounds is not None:
            return bounds.to_pyscipopt_ml(predictor)
        slacks = [layer._created_vars[0] for layer in list(predictor)[:-1]]
        each = [v for array in slacks for v in np.ravel(np.asarray(array, object))]
        fixed = sum(v.getUbOriginal() <= 0 or v.getLbOriginal() > 0 for v in each)
        return int(fixed)

    def solve(self, cap: float, root: bool) -> Solve:
        self.model.setParam("limits/time", cap)
        self.model.setParam("limits/gap", GAP)
        self.model.setParam("limits/nodes", 1 if root else -1)
        start = time.process_time()
        self.model.optimize()
        seconds = time.process_time() - start
        value = self.model.getObjVal() if self.model.getNSols() else np.inf
        closed = self.model.getStatus() in ("optimal", "gaplimit")
        return Solve(value, self.model.getDualbound(), seconds, closed)


PACKAGES = {"gurobi": Gurobi, "omlt": Omlt, "scip": Scip}


def compare(package: type, net: MLPRegressor, problem: Problem, bounds: Any, cap: float) -> float:
    """Print a line; return the ratio of the solve times, ours to the package's own."""
    cells, solves = [], []
    for given in (None, bounds):
        solver = package()
        solver.build(net, problem, given)
        root = solver.solve(cap, root=True)
        solver = package()
        fixed = solver.build(net, problem, given)
        solves.append(solver.solve(cap, root=False))
        cells.append((fixed, root.bound, solves[-1]))
    value = min(solve.value for solve in solves)
    shown = []
    for fixed, bound, solve in cells:
        gap = (value - bound) / (1 + abs(value))
        late = "" if solve.closed else "+"
        shown.append(f"{fixed:>5} {gap:>9.2%} {solve.seconds:>8.2f}{late:<1}")
    ratio = solves[1].seconds / solves[0].seconds
    print(f"{problem.name:<16} {package.name:<13}", *shown, f"{ratio:>7.2f}", flush=True)
    if all(solve.closed for solve in solves):
        apart = abs(solves[0].value - solves[1].value)
        assert apart <= TOLERANCE * (1 + abs(value)), f"the optima differ by {apart:g}"
    return ratio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--packages", nargs="+", choices=PACKAGES, default=list(PACKAGES))
    parser.add_argument("--problems", nargs="+", help="beginnings of names; all by default")
    parser.add_argument("--cap", type=float, default=120.0, help="seconds of wall time per solve")
    parser.add_argument("--budget", type=float, default=30.0, help="work for `layer_bounds`")
    options = parser.parse_args()
    print(f"{'':<30} {'own: fixed, root gap, s':>25} {'ours: fixed, root gap, s':>25}   ratio")
    ratios: dict[str, list[float]] = {name: [] for name in options.packages}
    total = []
    for problem in PROBLEMS:
        if options.problems and not any(problem.name.startswith(p) for p in options.problems):
            continue
        net = fit(problem)
        start = time.process_time()
        bounds = outrange.layer_bounds(net, (0, 1), budget=options.budget)
        total.append(time.process_time() - start)
        counts = ", ".join(f"{bounds.total(p)} {p}" for p in ("active", "inactive", "unstable"))
        print(
            f"{problem.name}: {problem.hidden}, bounds in {total[-1]:.1f} s: {counts}", flush=True
        )
        for name in options.packages:
            ratios[name].append(compare(PACKAGES[name], net, problem, bounds, options.cap))
    for name, values in ratios.items():
        print(f"{PACKAGES[name].name}: median ratio of solve times {np.median(values):.2f}")
    every = [ratio for values in ratios.values() for ratio in values]
    print(f"all: median {np.median(every):.2f}; bounds took {np.median(total):.1f} s (median)")


if __name__ == "__main__":
    main()
