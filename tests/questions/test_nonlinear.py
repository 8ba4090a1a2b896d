"""Conditions with products and functions of inputs and outputs."""

from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
import pytest

import outrange
from cases import cases
from outrange import InputError, x, y
from outrange.core import And, Atom, ContradictionError
from outrange.core.formula import holds
from outrange.frontends.network import Network
from outrange.graph import Slot
from outrange.questions.conditions.divide import divide_by_positive
from outrange.questions.conditions.term_graph import extend_network
from outrange.questions.decide_property import translate_property
from outrange.questions.expressions import Terms, resolve
from outrange.questions.expressions.nonlinear.squares import complete_squares
from questions.nets import dense_net


def network(seed=0, sizes=(2, 8, 2), curve="relu"):
    curves = [curve] * (len(sizes) - 2) + [None]
    net = dense_net(sizes, curves, seed)
    return Network(net.graph, lambda v: net.graph.run(np.float32(v)), "toy", "test")


@dataclass
class Draw:
    """A random expression as Python source, for `x` and `y` of outrange and for NumPy arrays."""

    rng: np.random.Generator
    most: int = 3
    parts: list = field(default_factory=list)

    def expression(self, depth):
        if depth == 0 or self.rng.random() < 0.2:
            leaf = self.rng.choice(["x[0]", "x[1]", "y[0]", "y[1]"])
            return f"({self.rng.integers(-3, 4)} + {leaf})" if self.rng.random() < 0.5 else leaf
        a, b = self.expression(depth - 1), self.expression(depth - 1)
        forms = [
            f"({a} + {b})", f"({a} - 0.5 * {b})", f"({a} * {b})", f"({a}) ** 2", f"({a}) ** 3",
            f"{a} / (2 + ({b}) ** 2)", f"np.sin({a})", f"np.cos({a})", f"np.tanh({a})",
            f"np.exp(-({a}) ** 2)", f"np.log(1 + ({a}) ** 2)", f"np.sqrt(1 + abs({a}))",
            f"np.maximum({a}, {b})", f"np.minimum({a} * {b}, 1)", f"abs({a})",
        ]  # fmt: skip
        return str(self.rng.choice(forms))


@pytest.mark.parametrize("seed", cases(range(6), range(60)))
def test_terms_have_the_values_that_numpy_computes(seed):
    rng = np.random.default_rng(seed)
    net = network(seed)
    code = Draw(rng).expression(3)
    where = {"np": np, "abs": abs}
    condition = eval(f"{code} <= 0.25", where | {"x": x, "y": y})
    terms = Terms(4)
    formula = resolve(condition, net.graph.inputs, net.graph.outputs, terms)
    extended = extend_network(net, terms, [formula])
    for point in rng.uniform(-1, 1, (20, 2)):
        output = net.graph.run(point[None])[0]
        expected = eval(code, where | {"x": point, "y": output})
        if abs(expected - 0.25) < 1e-9:
            continue
        at = np.concatenate([point, extended.graph.run(point[None])[0]])
        assert holds(formula, at, at) is bool(expected <= 0.25), code


@pytest.mark.parametrize("seed", cases(range(4), range(24)))
def test_verdicts_agree_with_samples(seed):
    """A proof is not contradicted by samples, and a counterexample violates the condition."""
    rng = np.random.default_rng(seed)
    net = network(seed, (2, 6, 2), ["relu", "tanh"][seed % 2])
    code = Draw(rng).expression(2)
    where = {"np": np, "abs": abs}
    points = rng.uniform(-1, 1, (2000, 2))
    values = eval(code, where | {"x": points.T, "y": net.graph.run(points).T}) + np.zeros(2000)
    bound = float(np.quantile(values, [0.9, 1.0][seed // 2 % 2]) + 0.05 * np.ptp(values) + 0.01)
    condition = eval(f"{code} <= {bound}", where | {"x": x, "y": y})
    try:
        verdict = outrange.verify(net, condition, (-1, 1), budget=5)
    except InputError as error:
        assert "is supported only on" in str(error)
        return
    if verdict:
        assert values.max() <= bound
    elif verdict.counterexample is not None:
        at = {"x": verdict.counterexample.x, "y": verdict.counterexample.model_y}
        assert eval(code, where | at) > bound
        assert verdict.counterexample.reproduced


def test_dot_is_a_matrix_product_for_at_most_two_axes():
    many, few = [Slot("x", (2, 2, 2))], [Slot("x", (2, 2))]
    matrix = np.array([[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(InputError, match="at most two axes"):
        resolve(np.dot(matrix, x)[0, 0, 1] <= 1, many, [])
    assert resolve(np.dot(x, matrix)[0, 1, 1] <= 1, many, []) == resolve(
        2 * x[0, 1, 0] + 4 * x[0, 1, 1] <= 1, many, []
    )
    assert resolve(np.dot(matrix, x)[1, 0] <= 1, few, []) == resolve(
        3 * x[0, 0] + 4 * x[1, 0] <= 1, few, []
    )


def test_monomials_cancel():
    terms = Terms(4)
    slots = network().graph.inputs, network().graph.outputs
    step = (x[0] + 0.5 * y[0]) ** 2 - x[0] ** 2 - x[0] * y[0] <= 1
    atom = resolve(step, *slots, terms)
    assert [c for _, c in atom.terms] == [0.25]
    assert resolve(x @ x - x[0] ** 2 - x[1] * x[1] <= 1, *slots, terms) == resolve(
        0 * x[0] <= 1, *slots
    )


def test_a_counterexample_has_the_outputs_of_the_model():
    verdict = outrange.verify(network(), y[0] * y[1] <= -1e3, (-1, 1), budget=1)
    assert verdict.status == "VIOLATED" and verdict.counterexample.y.shape == (2,)
    assert verdict.counterexample.flat_y.shape == (2,)


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (np.log(x[0]) <= 1, "`log` is supported only on"),
        (1 / x[0] <= 1, "`reciprocal`"),
        (np.sqrt(y[0]) <= 100, "`sqrt`"),
        (x[0] ** y[0] <= 1, "exponent must be a constant"),
        (2 ** x[0] <= 1, "np.log"),
        (x[0] ** 1000 <= 1, "between -64 and 64"),
        (x[0] ** ((0 * y[0] + 1) / 3) <= 1, "a float64 number"),
        (0 * np.log(x[0]) <= 1, "must not cancel out"),
        (x[0] <= 2 + np.sqrt(x[0]) - np.sqrt(x[0]), "must not cancel out"),
    ],
)  # fmt: skip
def test_functions_must_be_defined(condition, words):
    with pytest.raises(InputError, match=words):
        outrange.verify(network(), condition, (-1, 1), budget=1)


def test_a_linear_where_restricts_the_domain_of_a_function():
    assert outrange.verify(network(), np.log(x[0]) <= 0.01, (-1, 1), where=x[0] >= 0.5, budget=1)


@pytest.mark.slow
def test_where_may_be_nonlinear():
    inside = x[0] ** 2 + x[1] ** 2 <= 0.25
    net = network()
    assert outrange.verify(net, x[0] <= 0.51, (-1, 1), where=inside, budget=2)
    broken = outrange.verify(net, x[0] <= 0.49, (-1, 1), where=inside, budget=2)
    assert broken.status == "VIOLATED" and (broken.counterexample.x**2).sum() <= 0.25
    best = outrange.maximize(net, x[0] * x[1], (-1, 1), where=inside, budget=3, tol=1e-3)
    assert best.lo <= 0.125 <= best.hi and best.hi - best.lo <= 0.01
    empty = outrange.verify(net, x[0] <= -5, (-1, 1), where=x @ x <= -0.1, budget=2)
    assert empty and empty.vacuous
    assert not outrange.verify(net, x[0] <= 5, (-1, 1), where=inside, budget=2).vacuous
    share = outrange.bad_inputs(net, x[0] * x[1] <= 0, (-1, 1), budget=3)
    assert share.share_lo <= 0.5 <= share.share_hi


def test_a_wrong_term_is_noticed():
    """A graph of terms that differs from the condition contradicts the model's own results."""
    net = network()
    asked = translate_property(net, x[0] * y[0] <= 100, (-1, 1))
    run = asked.network.predict
    object.__setattr__(asked.network, "predict", lambda v: run(v) + [0, 0, 1000])
    from outrange.questions.verify import verify

    with pytest.raises(ContradictionError):
        verify(asked.network, asked.unsafe, asked.regions, text="", time_limit=1)


FILE = """(vnnlib-version <2.0>)
(declare-network f (declare-input X real [2]) (declare-output Y real [2]))
(assert (and (>= X[0] -1.0) (<= X[0] 1.0) (>= X[1] -1.0) (<= X[1] 1.0)))
(assert (>= (- (* (+ X[0] (* 0.1 Y[0])) (+ X[0] (* 0.1 Y[0]))) (* X[0] X[1] Y[1])) BOUND))
"""


def test_products_in_a_file(tmp_path):
    """A file and the same condition in Python have the same verdict."""
    pytest.importorskip("vnnlib")
    net = network()
    for bound, status in (("9.0", "HOLDS"), ("0.5", "VIOLATED")):
        path = tmp_path / "p.vnnlib"
        path.write_text(FILE.replace("BOUND", bound))
        form = (x[0] + Fraction(1, 10) * y[0]) ** 2 - x[0] * x[1] * y[1]
        assert outrange.verify(net, path, budget=4).status == status
        assert outrange.verify(net, form < Fraction(bound), (-1, 1), budget=4).status == status


@pytest.mark.slow
@pytest.mark.parametrize("seed", cases(range(1), range(3)))
def test_float32_verdicts_agree_with_float32_runs(seed):
    """A float32 proof covers every float32 run, also where the real margin is tiny."""
    rng = np.random.default_rng(seed)
    net = network(seed, (2, 8, 2))
    nodes = tuple(
        replace(node, operation="Relu" if node.op.name == "relu" else "Gemm")
        for node in net.graph.nodes
    )
    net = replace(net, graph=replace(net.graph, nodes=nodes), origin="onnx")
    condition = [
        lambda u, v: u[0] * v[0] + v[1] ** 2,
        lambda u, v: v[0] * v[1] + np.sin(v[0]),
    ][seed % 2]
    points = rng.uniform(-1, 1, (20_000, 2)).astype(np.float32)
    y32, y64 = net.predict(points).T.astype(float), net.graph.run(points.astype(float)).T
    x64 = points.T.astype(float)
    real = outrange.maximize(net, condition(x, y), (-1, 1), budget=2)
    for bound in (real.hi + 1e-3, real.hi + 1e-9, float(condition(x64, y64).max()) - 1e-9):
        verdict = outrange.verify(
            net, condition(x, y) <= bound, (-1, 1), arithmetic="float32", budget=8
        )
        broken = condition(x64, y32).max() > bound + 1e-12
        assert not (verdict and broken) and (verdict or bound != real.hi + 1e-3)
        if verdict.counterexample is not None:
            at = verdict.counterexample
            assert condition(at.flat_x, at.flat_y) > bound - 1e-12


@pytest.mark.parametrize("seed", cases(range(20), range(200)))
def test_quotients_hold_wherever_the_clause_holds(seed):
    """Division by a positive variable adds only inequalities that the clause implies."""
    rng = np.random.default_rng(seed)
    products = {3: (0, 1), 4: (0, 2), 5: (1, 1), 6: (1, 2)}
    lo, hi = np.array([rng.choice([0.0, 0.5]), rng.choice([0.0, -1.0])]), np.array([1.0, 1.0])
    if rng.random() < 0.5:
        lo[1] = hi[1] = 0.0
    clause = [Atom(((i, -1.0),), 0.0, strict=True) for i in range(3) if rng.random() < 0.5]
    for _ in range(3):
        chosen = sorted(rng.choice(7, rng.integers(1, 4), replace=False).tolist())
        terms = tuple((i, float(rng.integers(-3, 4)) or 1.0) for i in chosen)
        clause.append(Atom(terms, float(rng.integers(-1, 2)) * (rng.random() < 0.3)))
    quotients = divide_by_positive(clause, lo, hi, products)
    points = np.concatenate([rng.uniform(lo, hi, (400, 2)), rng.normal(size=(400, 1))], axis=1)
    points = np.where(rng.random(points.shape) < 0.2, np.rint(points * 2) / 2, points)
    points[:, :2] = np.clip(points[:, :2], lo, hi)
    for point in points:
        v = [*point, *(point[a] * point[b] for a, b in products.values())]
        if holds(And(tuple(clause)), v, v):
            # The products are rounded, and a quotient may be 0 exactly.
            assert all(sum(c * v[i] for i, c in q.terms) + q.offset <= 1e-9 for q in quotients)


def test_a_positive_factor_leaves_no_tie():
    """No bound separates `x[0] > 0` from `x[0] * (y[0] + 30) <= 0` near 0."""
    claim = outrange.implies(x[0] > 0, x[0] * (y[0] + 30) > 0)
    verdict = outrange.verify(network(), claim, ([0, -1], [1, 1]), budget=5)
    # Near `x[0] = 0`, arbitrarily small changes break the claim, however large the quotient is.
    assert verdict and verdict.margin == 0.0 and verdict.nearest is None


def test_a_square_keeps_its_sign_in_a_divisor():
    """Multiplied out, the square has monomials of both signs, and the divisor may seem to be 0."""
    net = network(3)
    divisor = (y[0] * x[0] - np.sin(x[1])) ** 2 + 0.5
    assert outrange.verify(net, 1 / divisor <= 2.000001, (-1, 1)).status == "HOLDS"


def test_squares_with_coefficients_beyond_float64_stay_monomials():
    """As a square, `1e150 x^2 + 1e-300 x` needs integers of 450 digits."""
    assert outrange.verify(network(), 1e150 * x[0] ** 2 + 1e-300 * x[0] <= 2e150, (-1, 1), budget=2)


def test_a_decomposition_ends_at_the_first_long_coefficient():
    """In exact arithmetic, the coefficients of each square are longer than those of the last."""
    rows = np.random.default_rng(0).normal(size=(5, 5))
    matrix = rows @ rows.T
    entries = {(i, j): Fraction(matrix[i, j]) for i in range(5) for j in range(i, 5)}
    assert complete_squares(entries, {}) is None
    parts, _ = complete_squares({key: Fraction(round(c)) for key, c in entries.items()}, {})
    assert len(parts) == 5


def test_coefficients_are_products_of_float64_numbers():
    """The product of two float64 numbers has up to 106 bits, which two float64 numbers hold."""
    net = network(4)
    value = np.sin(0.13 * (-0.47 * y[0] + 0.31) - 0.1 * y[1])
    answer = outrange.maximize(net, value, (-1, 1))
    points = np.random.default_rng(0).uniform(-1, 1, (2000, 2))
    first, second = net.graph.run(np.float32(points)).T
    seen = np.sin(0.13 * (-0.47 * first + 0.31) - 0.1 * second)
    assert answer.status == "exact" and seen.max() <= answer.hi <= seen.max() + 0.1


def test_reciprocals_of_divisors_are_normal_numbers():
    """The rounding error of a subnormal reciprocal is not relative."""
    third = Fraction(1, 3 * 2**1022)
    with pytest.raises(InputError, match="round them"):
        outrange.verify(network(0), np.sin(third * y[0]) <= 2, (-1, 1))
