"""The public function `report`: many questions about one model, as one page."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core import Clock, InputError
from ..live import followed
from .arguments import loaded_within


if TYPE_CHECKING:
    from ..frontends.network import Network
    from ..reports.report import Report


@followed("Report", hears=False)
def report(
    model: Any,
    box: Any = None,
    *,
    properties: Sequence[Any] = (),
    data: Any = None,
    eps: float | None = None,
    clip: tuple[float, float] | None = None,
    samples: int = 100,
    names: Sequence[str] | None = None,
    units: Mapping[str, str] | str | None = None,
    output_names: Sequence[str] | str | None = None,
    title: str | None = None,
    standard: str | None = None,
    time_limit: float = 60.0,
    seed: int = 0,
    path: str | os.PathLike | None = None,
    command: str = "",
    progress: bool | None = None,
) -> Report:
    """Report on a model: one self-contained page for a colleague, a reviewer or an auditor.

    What is proved comes first, in plain sentences: the ranges of the outputs with the inputs at
    their ends, properties with their counterexamples, robustness on data, monotonicity. Then the
    input set and what is not covered; for a specialist, at a click, sensitivity, layers, a
    diagnosis, the model's hash, and how to ask all of it again. One-hot columns are shown as
    categories. Ranges have most of the time; what a section leaves over, the next ones get.
    Ctrl-C ends the questions, and reports what is known.

    Args:
        model: As for `outrange.output_range`; of a Keras model, or the path of one, also its
            training is diagnosed if `data` has targets.
        box: The input set, as for `outrange.output_range`; None for the range of the data.
        properties: What shall hold: as for `outrange.verify`, or written out, `"y[0] <= 3.99"`.
        data: `(x, y)`, inputs `(n, *input shape)` and their targets; or the inputs alone.
        eps: The radius of robustness, in the unit of the inputs. None for 1 % of the width of each
            input in the data.
        clip: `(least, most)` of every entry under perturbation: `(0, 1)` for pixels, say.
        samples: Rows of the data, from the first, whose robustness is decided.
        names: What each entry of the inputs stands for, flat; those of the columns of a
            DataFrame by default.
        units: From the name of an input or of an output, or of an entry of one (`"x[0]"`, or one
            of `names`), to its unit; or a text, the unit of all outputs.
        output_names: What each output is called on the page, flat; the names of the columns of the
            targets by default.
        title: Heading of the page; by default it has the name of the model's file, or of the model.
        standard: `"iso-24029"` for the headings of ISO/IEC 24029-2.
        time_limit: Seconds for the whole report.
        seed: Of the random points that attacks begin with; no proof depends on it.
        path: Also write the page there.
        command: The shell command to quote under "How to reproduce"; a call by default.
        progress: True to show what is under way, False for nothing. None shows it in a terminal or
            a notebook once the call takes 2 s.

    Returns:
        A `Report`: `html()` is the page, `answers` holds what it shows.

    Raises:
        InputError: An argument breaks a rule, or `path` cannot be written.
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

    Sound: every section as the question that it asks.
    Complete: no; what the time does not suffice for is marked.
    Cost: `time_limit`, which a diagnosis of a large model may pass by a few seconds.

    Reference: ISO/IEC 24029-2:2023, *Assessment of the robustness of neural networks, part 2:
    Methodology for the use of formal methods*, for the headings.
    """
    if path is not None and not Path(path).resolve().parent.is_dir():
        raise InputError(
            f"The report cannot be written there: there is no such folder. Received: `{path}`."
        )
    network, clock = loaded_within(model, time_limit)
    found = report_on(
        network, model, box, clock, data=data, properties=properties, eps=eps, clip=clip,
        samples=samples, names=names, units=units, output_names=output_names, title=title,
        seed=seed, standard=standard, command=command,
    )  # fmt: skip
    if path is not None:
        found.html(path)
    return found


def report_on(
    network: Network, model: Any, box: Any, clock: Clock, *, standard: str | None = None,
    command: str = "", **options: Any,
) -> Report:  # fmt: skip
    """The report of a network that is loaded; see `report`.

    Args:
        network: What questions are asked of.
        model: The model itself, or its path, for the diagnosis.
        box: As for `report`.
        clock: Whose limit is that of the whole report.
        standard: As for `report`.
        command: As for `report`.
        **options: Of `Questions`.
    """
    from ..reports.report import Report
    from ..reports.words import ISO
    from .reports.questions import Questions

    if standard not in (None, ISO):
        raise InputError(f"`standard` is {ISO!r} or None. Received: {standard!r}.")
    asking = Questions(model, network, box, clock, **options)
    sections = asking.sections(command or asking.call(standard), standard)
    made = datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC")
    title = asking.title or f"What {_called(model, network)} can output"
    return Report(network.name, made, tuple(sections), standard, asking.interrupted, title)


def _called(model: Any, network: Network) -> str:
    """The name of a model's file without its ending; else the model's own name."""
    return Path(model).stem if isinstance(model, str | os.PathLike) else network.name
