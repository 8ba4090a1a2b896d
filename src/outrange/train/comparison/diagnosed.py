"""Diagnoses of training runs, converted to reasons, and of models without a hidden layer."""

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


def diagnose_lane(group: Group, lane: int, data: TrainingData, from_start: bool) -> list[Reason]:
    """Diagnose the model of one training run; return the proved and measured findings as reasons.

    Args:
        group: The group that contains the run.
        lane: Index of the run in the group.
        from_start: Whether to use the initial weights instead of the final ones.
    """
    optimizer, loss, start = group.place(lane)
    objective = group.objectives[loss]
    model = group.models[start]
    with warnings.catch_warnings():
        # Keras already issued its own warnings about the loss in the training.
        warnings.simplefilter("ignore")
        if from_start:
            return _compile_and_diagnose(
                model, group.optimizers[optimizer].fresh(), objective, data
            )
        initial = [keras().ops.convert_to_numpy(v) for v in model.trainable_variables]
        try:
            _assign(model, group.weights(lane))
            return _compile_and_diagnose(
                model, group.optimizers[optimizer].fresh(), objective, data
            )
        finally:
            _assign(model, initial)


def _assign(model: Any, arrays: Any) -> None:
    for variable, array in zip(model.trainable_variables, arrays, strict=True):
        variable.assign(array)


def _compile_and_diagnose(
    model: Any, optimizer: Any, objective: Any, data: TrainingData
) -> list[Reason]:
    model.compile(optimizer=optimizer, loss=objective.keras_loss)
    return [
        Reason(f.code, f.level.name, f.message, f.fix)
        for f in findings(model, data.x, objective.targets)
    ]


def linear_problem_of(model: Any, x: Any, y: Any) -> LinearProblem | None:
    """Build the linear problem of a model without a hidden layer on rows that are not separable.

    Args:
        model: A built model, which is compiled again.
        x: The rows, as the model accepts them.
        y: The classes: for each row, a class number or a one-hot vector.

    Returns:
        The problem, or None if `linear_problem` cannot build it. Also None if there is no proof
        that the rows are not separable, or if `is_fault` expects no gain from a nonlinear model.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.compile("sgd", "mse")
        program = read_program(model, x, y)
    flat_x, flat_y = keras().tree.flatten(x), keras().tree.flatten(y)
    case = DiagnosisContext(program, flat_x, flat_y, (x, y), 0)
    problems = [linear_problem(case, loss) for loss in program.losses]
    problem = problems[0] if len(problems) == 1 else None
    if problem is None or problem.certificate is None:
        return None
    return problem if is_fault(case, program.losses[0], problem) else None


def findings(model: Any, x: Any, y: Any) -> tuple[Finding, ...]:
    """Return the proved and measured findings of a compiled model, without training it."""
    program = read_program(model, x, y)
    flat_x, flat_y = keras().tree.flatten(x), keras().tree.flatten(y)
    return diagnose(program, flat_x, flat_y, (x, y), steps=0).at_least("measured")
