"""Findings of `outrange.diagnose` for one training; the only file that reads its records."""

import warnings
from typing import Any

from ...answers.diagnosis import Finding
from ...answers.study.trials import Reason
from ...diagnosis import diagnose
from ...diagnosis.context import DiagnosisContext
from ...diagnosis.separability.problem import LinearProblem, is_fault, linear_problem
from ...frontends.keras.api import keras
from ...frontends.keras.training.program import read_program
from .plan import Group, TrainingData


def diagnosed(group: Group, lane: int, data: TrainingData, from_start: bool) -> list[Reason]:
    """Proved and measured findings of a lane's model, with its weights and its loss.

    Args:
        group: The trainings.
        lane: Which.
        data: What it was trained on.
        from_start: Look at the weights of its start (those of its end are no numbers).
    """
    optimizer, loss, start = group.place(lane)
    objective = group.objectives[loss]
    model = group.models[start]
    with warnings.catch_warnings():
        # Keras's own warnings about the loss were given when the model was trained.
        warnings.simplefilter("ignore")
        if from_start:
            return _found(model, group.optimizers[optimizer].fresh(), objective, data)
        kept = [keras().ops.convert_to_numpy(v) for v in model.trainable_variables]
        try:
            _assign(model, group.weights(lane))
            return _found(model, group.optimizers[optimizer].fresh(), objective, data)
        finally:
            _assign(model, kept)


def _assign(model: Any, arrays: Any) -> None:
    for variable, array in zip(model.trainable_variables, arrays, strict=True):
        variable.assign(array)


def _found(model: Any, optimizer: Any, objective: Any, data: TrainingData) -> list[Reason]:
    model.compile(optimizer=optimizer, loss=objective.keras_loss)
    return [
        Reason(f.code, f.level.name, f.message, f.fix)
        for f in findings(model, data.x, objective.targets)
    ]


def linear_problem_of(model: Any, x: Any, y: Any) -> LinearProblem | None:
    """Read a model as a linear classifier of rows that no line separates.

    Args:
        model: Built; it is compiled anew.
        x: The rows.
        y: Classes: one number a row, or a row of 0 and a single 1.

    Returns:
        None if it has a hidden layer, if the rows are separable, or if they are but for noise.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.compile("sgd", "mse")
        program = read_program(model, x, y)
    flat_x, flat_y = keras().tree.flatten(x), keras().tree.flatten(y)
    case = DiagnosisContext(program, flat_x, flat_y, (x, y), 0)
    found = [linear_problem(case, loss) for loss in program.losses]
    problem = found[0] if len(found) == 1 else None
    if problem is None or problem.certificate is None:
        return None
    return problem if is_fault(case, program.losses[0], problem) else None


def findings(model: Any, x: Any, y: Any) -> tuple[Finding, ...]:
    """Proved and measured findings of a compiled model, without training it."""
    program = read_program(model, x, y)
    flat_x, flat_y = keras().tree.flatten(x), keras().tree.flatten(y)
    return diagnose(program, flat_x, flat_y, (x, y), steps=0).at_least("measured")
