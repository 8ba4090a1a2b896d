"""The public function `report`, which answers many questions about one model on one page."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..core import Clock, InputError
from ..live import with_progress
from ..questions.inputs.perturbation import Perturbation, norm_name
from .arguments import load_within_limit


if TYPE_CHECKING:
    from ..frontends.network import Network
    from ..reports.report import Report


@with_progress("Report", reports=False)
def report(
    model: Any,
    box: Any = None,
    *,
    properties: Sequence[Any] = (),
    data: Any = None,
    eps: float | Perturbation | None = None,
    samples: int = 100,
    names: Sequence[str] | None = None,
    units: Mapping[str, str] | str | None = None,
    output_names: Sequence[str] | str | None = None,
    title: str | None = None,
    standard: str | None = None,
    time_limit: float = 50.0,
    path: str | os.PathLike | None = None,
    progress: bool | None = None,
) -> Report:
    """Create a report on a model: one self-contained page for a colleague, reviewer or auditor.

    The page begins with all proofs in plain sentences: the output ranges with the inputs that
    attain them, properties with their counterexamples, robustness on data, and monotonicity. The
    input set, the limits of the proofs, the model's hash, and code that repeats every question
    follow. With `standard`, there are also sections for specialists: sensitivity, layers, and a
    diagnosis.
    One-hot columns are shown as categories. Most of the time is reserved for ranges; later sections
    get the time that earlier ones leave unused. After Ctrl-C, the page contains the results so far.

    Args:
        model: As for `outrange.output_range`. For a Keras model or the path of one, the page also
            diagnoses its training if `data` has targets.
        box: The input set, as for `outrange.output_range`; None for the range of the data.
        properties: Properties that must hold, as for `outrange.verify`, such as `"y[0] <= 3.99"`.
        data: `(x, y)`, inputs `(n, *input shape)` and their targets; or the inputs alone.
        eps: Robustness radius, in the units of the inputs. None for 1 % of the width of each
            input's range over the data. A `Perturbation(eps, clip=(0, 1))` also has bounds within
            which every perturbed entry stays.
        samples: Number of data rows, counted from the first, whose robustness is decided.
        names: Names of the input entries as a flat list; by default the columns of a DataFrame.
        units: Dict from the name of an input or output, or of an entry (`"x[0]"`, or one of
            `names`), to its unit; or a string with the unit of all outputs.
        output_names: Names of the output entries as a flat list; by default the columns of the
            targets.
        title: Heading of the page; by default "What NAME can output", with the name of the model's
            file, or of the model.
        standard: `"iso-24029"` for the headings of ISO/IEC 24029-2.
        time_limit: Limit in seconds for the whole report.
        path: File to write the page to; None to write no file.
        progress: True shows progress, False hides it. None shows it in a terminal or notebook if
            the call takes longer than 2 s.

    Returns:
        A `Report`: `html()` is the page, `answers` contains its answers.

    Raises:
        InputError: An argument is invalid, or `path` cannot be written.
        ModelError, UnsupportedError: As for `outrange.output_range`.

    Example:
        >>> import keras
        >>> from outrange import report
        >>> layer = keras.layers.Dense(1, kernel_initializer="ones")
        >>> model = keras.Sequential([keras.Input((2,)), layer], name="sum")
        >>> found = report(model, (0, 1), properties=["y[0] <= 2.5"])
        >>> found.answers["properties"]
        [Verdict(HOLDS, 'y[0] <= 2.5')]
        >>> found.html().startswith("<!DOCTYPE html>")
        True

    Sound: every section is as sound as the question that it answers.
    Complete: no; sections that ran out of time are marked.
    Cost: `time_limit`; the diagnosis of a large model may exceed it by a few seconds.

    Reference: ISO/IEC 24029-2:2023, *Assessment of the robustness of neural networks, part 2:
    Methodology for the use of formal methods*, for the headings.
    """
    if path is not None and not Path(path).resolve().parent.is_dir():
        raise InputError(
            f"The report cannot be written: the folder does not exist. Received: `{path}`."
        )
    radius, clip = _radius_and_clip(eps)
    network, clock = load_within_limit(model, time_limit)
    page = report_on(
        network, model, box, clock, data=data, properties=properties, eps=radius, clip=clip,
        samples=samples, names=names, units=units, output_names=output_names, title=title,
        standard=standard,
    )  # fmt: skip
    if path is not None:
        page.html(path)
    return page


def _radius_and_clip(eps: Any) -> tuple[float | None, tuple[float, float] | None]:
    """Return the robustness radius of a report, and the bounds on perturbed entries.

    Raises:
        InputError: The radius is not a number, or has another norm or a scale.
    """
    around = eps if isinstance(eps, Perturbation) else Perturbation(eps)
    radius = around.eps
    is_number = isinstance(radius, int | float | np.number) and not isinstance(radius, bool)
    if (
        not (radius is None or is_number)
        or norm_name(around.norm) != "inf"
        or around.scale is not None
    ):
        raise InputError(
            "`eps` must be a radius, or an `outrange.Perturbation` of one radius and `clip`, "
            f"without another norm or a scale. Received: {eps!r}."
        )
    return cast(float | None, radius), around.clip


def report_on(
    network: Network, model: Any, box: Any, clock: Clock, *, standard: str | None = None,
    command: str = "", **options: Any,
) -> Report:  # fmt: skip
    """Create a report on a network that is already loaded; see `report`.

    Args:
        network: The loaded network.
        model: The original model or its path, for the diagnosis and the default title.
        box: As for `report`.
        clock: Clock with the limit of the whole report.
        standard: As for `report`.
        command: Shell command to quote under "How to reproduce"; empty for a Python call.
        **options: Fields of `Questions`.
    """
    from ..reports.report import Report
    from ..reports.words import ISO
    from .reports.questions import Questions

    if standard not in (None, ISO):
        raise InputError(f"`standard` must be {ISO!r} or None. Received: {standard!r}.")
    name = _model_name(model, network)
    questions = Questions(model, network, box, clock, standard=standard, model_name=name, **options)
    sections = questions.sections(command or questions.call())
    time = datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC").lstrip("0")
    title = questions.title or f"What {name} can output"
    return Report(network.name, time, tuple(sections), standard, questions.interrupted, title)


def _model_name(model: Any, network: Network) -> str:
    """Return the file name without its last suffix if `model` is a path, or the network's name."""
    return Path(model).stem if isinstance(model, str | os.PathLike) else network.name
