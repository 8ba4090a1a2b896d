"""`outrange repair`: writes a copy of a model for which a property is proved."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

from ...core import Clock, InputError
from ..exit_codes import EXACT, OPEN, VIOLATED
from ..options.boxes import BoxOptions, box_of
from ..start_up import choose_seconds, command_began, question_limit, reading
from .verify import read_question


SUFFIXES = (".keras",)


def ask_repair(
    model: str,
    property: str,
    box: BoxOptions,
    echo: Callable[[str], None],
    *,
    path: str,
    where: str | None,
    method: str,
    decision: str | None,
    seconds: float | None,
    budget: float | None,
    certificate: str | None,
    form: str,
    safe_mode: bool,
) -> int:
    """Repair a model, write the new model and print the result; return the exit code.

    Args:
        model: File of the model.
        property: A VNN-LIB file, or a property as text.
        box: Options of the input set; optional with a VNN-LIB file.
        path: File for the new model; it is written only if the property is proved.
        where: A condition on `x` as text.
        method: `"auto"`, `"weights"` or `"guard"`.
        decision: `"argmax"` or `"argmin"`; None to derive it from the property.
        seconds: Limit of wall-clock time; None for `DEFAULT_SECONDS`.
        budget: Limit in units of work, instead of `seconds`.
        certificate: Certificate file to write if the property is proved.
        form: Output format, `"text"` or `"json"`.
        safe_mode: Whether to refuse code stored in the model file.
    """
    seconds = choose_seconds(seconds, budget)
    if not path.lower().endswith(SUFFIXES):
        raise InputError(f"The new model must end in {' or '.join(SUFFIXES)}. Received: {path!r}.")
    if not os.path.isdir(os.path.dirname(os.path.abspath(path))):
        raise InputError(f"The folder of the new model must exist. Received: {path!r}.")
    clock = Clock(seconds, command_began())
    is_file = property.lower().endswith((".vnnlib", ".vnnlib.gz"))
    condition, cut = read_question(property, is_file, box, where)
    with reading(model, clock):
        from ...api.repairs.repair import repair
        from ...frontends.load import load
        from ...questions.inputs.sets import Union
        from ...repairs.copies import keras_model

        original = keras_model(model, safe_mode)
        network = load(original)
    region = None if box.is_empty else box_of(box, network.graph.inputs)
    if cut is not None:
        if region is None:
            raise InputError("--where needs an input set such as --box LO HI. Received: none.")
        region = Union(region) & cut
    fixed = repair(
        original, condition, region, method=method, decision=decision,
        certificate=certificate, **question_limit(clock, seconds, budget),
    )  # fmt: skip
    if fixed:
        fixed.model.save(path)
    echo(json.dumps(fixed.as_dict()) if form == "json" else str(fixed))
    if fixed:
        return EXACT
    return VIOLATED if fixed.status == "IMPOSSIBLE" else OPEN
