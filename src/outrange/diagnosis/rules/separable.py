"""OR039: a network without a hidden layer for classes that are not linearly separable."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...core import down
from ...program import Program
from ..baselines import constant
from ..budget.row_losses import CLIPPED
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..separability.farkas import Certificate
from ..separability.floors import LinearFloor, linear_floor
from ..separability.problem import LinearProblem, is_fault, linear_problem
from ..wording import at_least, at_most, entries, short
from .equal_rows import LOSS_NAMES
from .targets import add_weight, weight_shown


LISTED = 6
"""Maximum number of rows of a certificate that a message lists."""

UNITS = 16
"""Number of units of the hidden layer in the fix."""

MOST_BITS = 10_000
"""Maximum number of bits of a reported multiplier.

Certificates with larger multipliers are reported without multipliers, since Python limits the
length of integers that it parses from text.
"""


def _table(keras: ModuleType, targets: list[int]) -> ModelAndData:
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
    start = keras.initializers.RandomUniform(0.1, 0.9, seed=0)
    layer = keras.layers.Dense(1, "sigmoid", kernel_initializer=start, name="neuron")
    model = keras.Sequential([keras.Input((2,)), layer])
    model.compile(keras.optimizers.Adam(0.1), "binary_crossentropy")
    return model, x, np.array(targets, "float32")[:, None]


@register(
    "OR039", "no line separates the classes",
    """A network without a hidden layer is a linear unit, or one linear unit per class, followed by
    a monotone activation or a softmax. Such a network separates its classes with hyperplanes. A
    margin is the score of the right class of a row minus the score of another class. A linear
    program looks for multipliers (at least 0, and not all 0) such that the margins, each times its
    multiplier, add up to zero for all weights. By Farkas' lemma, such multipliers prove that no
    hyperplanes separate the classes. For two classes, they yield a point that is both a weighted
    mean of rows of one class and a weighted mean of rows of the other class. The multipliers are
    verified in rational numbers; if that fails, nothing is reported. The finding is PROVED for all
    weights: at least one of the rows with a positive multiplier is misclassified. The lower bound
    on a cross-entropy comes from the dual of logistic regression and is verified in the same way.
    The result is a finding if linear scores leave at least half of the class entropy unexplained
    and, if there are at least 40 rows, a nonlinear model explains clearly more on held-out rows.
    Otherwise it is a note, because noisy data is rarely separable.""",
    Example(lambda k: _table(k, [0, 1, 1, 0]), lambda k: _table(k, [0, 0, 0, 1])),
    Example(lambda k: _table(k, [1, 0, 0, 1]), lambda k: _table(k, [0, 1, 1, 1])),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report outputs of linear classifiers whose classes are provably not separable."""
    for loss in case.program.losses:
        head = case.head(loss)
        if head is None or (head.activation == "softmax" and head.width == 1):
            continue
        layer = last_weighted(case.program)
        problem = linear_problem(case, loss) if layer else None
        if problem is None or problem.certificate is None:
            continue
        note = not is_fault(case, loss, problem)
        floor, weight = linear_floor(case.program, loss, problem), weight_shown(case, loss)
        if floor is not None:
            every, within = (float(down(v * weight)) for v in (floor.every, floor.within))
            floor = LinearFloor(every, within)
        cost = _cost(problem, problem.certificate, floor)
        y = case.targets(loss)
        best = None if y is None else constant(loss, y, head.width)
        if best is not None:
            cost["constant"] = best = best * weight
        wrong = len(problem.certificates)
        text = (
            f"{_why(problem, problem.certificate)} At least {wrong:,} of {problem.total:,} rows "
            f"{'is' if wrong == 1 else 'are'} misclassified, whatever the weights: the accuracy is "
            f"at most {at_most(problem.accuracy)}."
        )
        if floor is not None:
            text += f" {_floor(add_weight(LOSS_NAMES[loss.name], weight), floor, best)}"
        yield rule.finding(
            Level.PROVED, layer, text,
            f'keras.layers.Dense({UNITS}, activation="relu"),   # a hidden layer, before '
            f"layer {layer!r}",
            cost=cost, note=note,
            holds_for="all weights, on these rows, in exact arithmetic",
        )  # fmt: skip


def last_weighted(program: Program) -> str:
    """Return the path of the last layer whose kernel is trained, or `""`."""
    kernels = {w.layer for w in program.weights if w.trainable and len(w.shape) >= 2}
    paths = [layer.path for layer in program.layers if layer.path.split("/")[-1] in kernels]
    return paths[-1] if paths else ""


def _cost(
    problem: LinearProblem, certificate: Certificate, floor: LinearFloor | None
) -> dict[str, object]:
    """Return the certificate and its bounds as the `cost` of a finding.

    The lists `multipliers`, `rows`, `classes` and `others` have one entry per margin: the
    multiplier, the row, the class of the row, and the wrong class. `multipliers` is omitted if a
    multiplier has more than `MOST_BITS` bits.
    """
    rows = certificate.margins.rows
    names = np.array(problem.names)
    others = _others(problem, certificate)
    cost: dict[str, object] = {
        "rows": problem.indices[rows].tolist(),
        "classes": names[problem.labels[rows]].tolist(),
        "others": names[others].tolist(),
        "wrong": len(problem.certificates),
        "accuracy": problem.accuracy,
    }
    multipliers = certificate.multipliers.reduced
    if max(m.bit_length() for m in multipliers) <= MOST_BITS:
        cost["multipliers"] = multipliers
    if floor is not None:
        cost |= {"loss_floor": floor.every, "loss_floor_unclipped": floor.within}
    return cost


def _others(problem: LinearProblem, certificate: Certificate) -> np.ndarray:
    """Return the wrong class of each margin in a certificate, as an index into `problem.names`."""
    margins, classes = certificate.margins, len(problem.names)
    unit = np.eye(classes, dtype=np.int64)[:, :-1]
    wrong = unit[problem.labels[margins.rows]] - margins.effects
    return np.array([np.flatnonzero((unit == row).all(axis=1))[0] for row in wrong])


# ---- messages -----------------------------------------------------------------------------------


def _why(problem: LinearProblem, certificate: Certificate) -> str:
    rows, features = certificate.margins.rows, problem.x.shape[1]
    called = {1: "threshold", 2: "line", 3: "plane"}.get(features, "hyperplane")
    if len(problem.names) > 2:
        return (
            f"no single Dense layer can separate the {len(problem.names)} classes, whatever its "
            f"weights. On {_rows(problem, np.unique(rows))}, the score of the right class would "
            "have to exceed the scores of the other classes. But positive multiples of some of "
            "these score differences always add up to zero, so these differences cannot all be "
            "positive."
        )
    weights = certificate.multipliers.floats
    mine = [problem.labels[rows] == c for c in (0, 1)]
    point = weights[mine[0]] @ problem.x[rows[mine[0]]] / weights[mine[0]].sum()
    a, b = (
        f"{'a weighted mean of ' if m.sum() > 1 else ''}{_rows(problem, rows[m])} (class {name})"
        for m, name in zip(mine, problem.names, strict=True)
    )
    return f"no {called} separates the two classes: the point {entries(point)} is {a}, and {b}."


def _rows(problem: LinearProblem, rows: np.ndarray) -> str:
    """Format the indices of data rows: `rows 0 and 3`.

    If there are more than `LISTED` rows, only their number is given.
    """
    numbers = [str(n) for n in problem.indices[rows].tolist()]
    if len(numbers) > LISTED:
        return f"{len(numbers)} rows"
    if len(numbers) == 1:
        return f"row {numbers[0]}"
    return f"rows {', '.join(numbers[:-1])} and {numbers[-1]}"


def _floor(name: str, floor: LinearFloor, best: float | None) -> str:
    text = f"The {name} is at least {at_least(floor.every)} for all weights"
    if floor.within > 1.01 * floor.every:
        text += (
            f", and at least {at_least(floor.within)} for all weights with logits within "
            f"±{CLIPPED:g}, where Keras does not clip probabilities"
        )
    return text + ("." if best is None else f"; the best constant prediction gives {short(best)}.")
