"""`outrange verify`: decides one property of one model."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...answers.render.text import text
from ...answers.verdict import competition_word, plain_word, witness_of
from ...core import Clock, InputError, OutOfTime
from ...graph import Slot
from ..exit_codes import EXACT, INTERRUPTED, OPEN, VIOLATED, fail
from ..options.boxes import BoxOptions, box_of
from ..options.models import is_named, load_model, parse_networks
from ..options.workers import command_workers
from ..start_up import choose_seconds, command_began, question_limit, reading


if TYPE_CHECKING:
    from ...answers.verdict import Verdict

FILES = (".vnnlib", ".vnnlib.gz")


def ask_verify(
    models: Sequence[str],
    property: str,
    box: BoxOptions,
    echo: Callable[[str], None],
    *,
    where: str | None,
    seconds: float | None,
    budget: float | None = None,
    seed: int,
    arithmetic: str | None = None,
    certificate: str | None = None,
    executor: str | None = None,
    resume: str | None = None,
    form: str,
    safe_mode: bool,
) -> int:
    """Verify a property and print the verdict, first as a single word; return the exit code.

    Args:
        models: File of the model; or texts `NAME=FILE`, one for each network of the property.
        property: A VNN-LIB file, or a property as text.
        box: Options of the input set; optional with a VNN-LIB file.
        where: A condition on `x` as text.
        seconds: Limit of wall-clock time, including the time to read the files; None for
            `DEFAULT_SECONDS`.
        budget: Limit in units of work, instead of `seconds`.
        seed: Seed of the counterexample search.
        arithmetic: `"real"` or `"float32"`; None for what the file declares.
        certificate: Certificate file to write if the property holds.
        executor: Address of a Dask scheduler whose workers search.
        resume: Folder from which the search resumes and to which it saves its state.
        form: Output format, `"text"` or `"json"`.
        safe_mode: Whether to refuse code stored in the model file.
    """
    seconds = choose_seconds(seconds, budget)
    clock = Clock(seconds, command_began())
    from ...questions.common.arguments import check_hooks, check_limits

    check_limits(0.0, seconds)
    check_hooks(None, seed)
    is_file = property.lower().endswith(FILES)
    condition, cut = read_question(property, is_file, box, where)
    try:
        network, region = _load_models(models, box, is_file, safe_mode, clock)
        from ...api.decorators import with_arguments
        from ...api.properties import verify

        with command_workers(executor, resume, budget):
            result = verify(
                network,
                condition,
                region,
                where=cut,
                **question_limit(clock, seconds, budget),
                seed=seed,
                arithmetic=arithmetic,
                certificate=certificate,
            )
        verdict = with_arguments(result, time_limit=seconds) if budget is None else result
    except OutOfTime:
        echo('{"result": "timeout"}' if form == "json" else "timeout")
        return fail("time ran out before the model was read; increase --time-limit", OPEN)
    except KeyboardInterrupt:
        echo('{"result": "unknown"}' if form == "json" else "unknown")
        raise
    word = competition_word(verdict) if is_file else plain_word(verdict)
    if form == "json":
        echo(json.dumps({"result": word, **verdict.as_dict()}))
    elif is_file:
        echo("\n".join([word, *_witness(verdict)]))
        print(f"{verdict.sentence}\n{verdict.standing}", file=sys.stderr)
    else:
        # The first line already states the status, which is also the title.
        echo(f"{word}\n{text(replace(verdict.annotated_document(), title=''))}")
    if verdict.holds is not None:
        return EXACT if verdict.holds else VIOLATED
    return INTERRUPTED if verdict.reason == "interrupted" else OPEN


def _load_models(
    models: Sequence[str], box: BoxOptions, is_file: bool, safe_mode: bool, clock: Clock
) -> tuple[Any, Any]:
    """Return the model, or a dict of models, as an argument of `verify`, and the input set.

    If the property is a file, the models are not loaded here: their paths are returned, since the
    file may mention tensors inside the models.
    """
    if len(models) == 1 and not is_named(models[0]):
        with reading(models[0], clock):
            network = load_model(models[0], safe_mode, box.feature_names)
        return network, None if box.is_empty else box_of(box, network.graph.inputs)
    files = parse_networks(models, "With several networks, MODEL")
    networks = {}
    for name, file in files.items():
        with reading(file, clock):
            networks[name] = load_model(file, safe_mode, box.feature_names)
    if box.is_empty:
        return files if is_file else networks, None
    inputs = next(iter(networks.values())).graph.inputs
    if box.inputs and {name for name, _, _ in box.inputs} & set(files):
        inputs = tuple(Slot(name, (part.graph.size,)) for name, part in networks.items())
    return files if is_file else networks, box_of(box, inputs)


def read_question(
    property: str, is_file: bool, box: BoxOptions, where: str | None
) -> tuple[Any, Any]:
    """Return the property and the condition on inputs, parsed if they are text.

    This reports errors before a model is loaded. The name of a VNN-LIB file is returned unchanged.

    Args:
        property: A VNN-LIB file, or a property as text.
        is_file: Whether `property` is the name of a file.
        box: Options of the input set.
        where: A condition on `x` as text, or None.
    """
    if is_file:
        from ...frontends.vnnlib.files import as_path

        as_path(property)
    elif os.path.isfile(property):
        raise InputError(
            f"A property file must end in {' or '.join(FILES)}. Received: {property!r}."
        )
    if box.is_empty and not is_file:
        raise InputError(
            "A property given as text needs an input set such as --box LO HI (only a VNN-LIB "
            "file contains its own). Received: none."
        )
    if is_file and where is None:
        return property, None
    from ...questions.language.parser import read_condition

    condition = property if is_file else read_condition(property)
    return condition, None if where is None else read_condition(where)


def _witness(verdict: Verdict) -> list[str]:
    witness = witness_of(verdict)
    if witness is None:
        return []
    from ...frontends.vnnlib import write_counterexample

    return [write_counterexample(*witness)]
