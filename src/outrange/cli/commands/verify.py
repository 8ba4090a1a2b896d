"""`outrange verify`: one property of one model, decided."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...answers.render.text import text
from ...core import Clock, InputError, OutOfTime
from ..exit_codes import EXACT, INTERRUPTED, OPEN, VIOLATED, fail
from ..options.boxes import BoxOptions, box_of
from ..options.models import load_model
from ..start_up import command_began, question_limit, reading
from ..text.verdict import competition_word, plain_word


if TYPE_CHECKING:
    from ...answers.verdict import Verdict

FILES = (".vnnlib", ".vnnlib.gz")


def ask_verify(
    model: str,
    property: str,
    box: BoxOptions,
    echo: Callable[[str], None],
    *,
    where: str | None,
    seconds: float,
    budget: float | None = None,
    seed: int,
    arithmetic: str | None = None,
    certificate: str | None = None,
    no_check: bool = False,
    executor: str | None = None,
    resume: str | None = None,
    as_json: bool,
    unsafe: bool,
) -> int:
    """Print the verdict; its first line is one word. The exit code says what was decided.

    Args:
        model: The model's file.
        property: A VNN-LIB file, or a property written out.
        box: The input set; a file may do without.
        echo: Prints on stdout.
        where: A condition on `x`, written out.
        seconds: Of wall time, for reading the files and for the search.
        budget: Units of work in place of seconds.
        seed: Of the random points.
        arithmetic: `"real"` or `"float32"`; None for what a file declares.
        certificate: A file to write a certificate to, if it holds.
        no_check: Do not run the checker on it.
        executor: The address of Dask's scheduler, whose workers search.
        resume: A folder that keeps the state of the search.
        as_json: Print everything as JSON.
        unsafe: Run code stored in the model file.
    """
    clock = Clock(seconds, command_began())
    from ...questions.common.arguments import check_hooks, check_limits

    check_limits(0.0, seconds)
    check_hooks(None, seed)
    is_file = property.lower().endswith(FILES)
    asked, cut = _read(property, is_file, box, where)
    try:
        with reading(model, clock):
            network = load_model(model, unsafe, box.feature_names)
        region = None if box.is_empty else box_of(box, network.graph.inputs)
        from ...api.properties import verify
        from ...api.recorded import as_asked

        found = verify(
            network,
            asked,
            region,
            where=cut,
            **question_limit(clock, budget),
            seed=seed,
            arithmetic=arithmetic,
            certificate=certificate,
            check=not no_check,
            executor=executor,
            resume=resume,
        )
        verdict = as_asked(found, time_limit=seconds) if budget is None else found
    except OutOfTime:
        echo('{"result": "timeout"}' if as_json else "timeout")
        return fail("the time ran out before the model was read; give it more with --time", OPEN)
    except KeyboardInterrupt:
        echo('{"result": "unknown"}' if as_json else "unknown")
        raise
    word = competition_word(verdict) if is_file else plain_word(verdict)
    if as_json:
        echo(json.dumps({"result": word, **verdict.as_dict()}))
    elif is_file:
        echo("\n".join([word, *_witness(verdict)]))
        print(f"{verdict.sentence}\n{verdict.standing}", file=sys.stderr)
    else:
        # The word stands for the status, which is the title.
        echo(f"{word}\n{text(replace(verdict.titled(), title=''))}")
    if verdict.holds is not None:
        return EXACT if verdict.holds else VIOLATED
    return INTERRUPTED if verdict.reason == "interrupted" else OPEN


def _read(property: str, is_file: bool, box: BoxOptions, where: str | None) -> tuple[Any, Any]:
    """What is asked, and what cuts the input set; mistakes show before a model is loaded."""
    if is_file:
        from ...frontends.vnnlib.files import as_path

        as_path(property)
    elif os.path.isfile(property):
        raise InputError(f"A property file ends in {' or '.join(FILES)}. Received: {property!r}.")
    if box.is_empty and not is_file:
        raise InputError(
            "A property written out needs an input set: --box LO HI, say (only a VNN-LIB file "
            "brings its own). Received: none."
        )
    if is_file and where is None:
        return property, None
    from ..property.parser import read_condition

    asked = property if is_file else read_condition(property)
    return asked, None if where is None else read_condition(where)


def witness_of(verdict: Verdict) -> tuple[np.ndarray, np.ndarray] | None:
    """Flat input and output of the counterexample, if there is one.

    The output is what the model itself returned, or where that is no number the real one. The
    input's entries are the float32 numbers that were run, wherever the input set holds any.
    """
    found = verdict.counterexample
    if found is None:
        return None
    if np.isfinite(found.flat_y).all():
        return found.flat_x, found.flat_y
    parts = found.y.values() if isinstance(found.y, dict) else [found.y]
    return found.flat_x, np.concatenate([np.ravel(part) for part in parts])


def _witness(verdict: Verdict) -> list[str]:
    found = witness_of(verdict)
    if found is None:
        return []
    from ...frontends.vnnlib import write_counterexample

    return [write_counterexample(*found)]
