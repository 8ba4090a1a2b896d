"""The public function `report`: many questions about one model, as one page."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..core import InputError
from .arguments import loaded_within


if TYPE_CHECKING:
    from ..reports.report import Report


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
    units: Mapping[str, str] | None = None,
    standard: str | None = None,
    time_limit: float = 60.0,
    seed: int = 0,
    path: str | os.PathLike | None = None,
    command: str = "",
) -> Report:
    """Report on a model: one self-contained page for a colleague, a reviewer or an auditor.

    The model and its hash, the input set, the ranges of the outputs, what every layer can do,
    properties with their counterexamples, robustness on data, sensitivity, monotonicity, a
    diagnosis, what is not covered, and how to ask all of it again. The time is divided over the
    sections; each says if it was cut short. Ctrl-C ends the questions, and reports what is known.

    Args:
        model: As for `outrange.output_range`; of a Keras model, or the path of one, also its
            training is diagnosed if `data` has targets.
        box: The input set, as for `outrange.output_range`; None for the range of the data.
        properties: What shall hold: as for `outrange.verify`, or written out, `"y[0] <= 3.99"`.
        data: `(x, y)`, inputs `(n, *input shape)` and their targets; or the inputs alone.
        eps: The radius of robustness, in the unit of the inputs. None for 1 % of the median width
            of the data.
        clip: `(least, most)` of every entry under perturbation: `(0, 1)` for pixels, say.
        samples: Rows of the data, from the first, whose robustness is decided.
        names: What each entry of the inputs stands for, flat; those of the columns of a
            DataFrame by default.
        units: From the name of an input, or of an entry of it (`"x[0]"`, or one of `names`), to
            its unit.
        standard: `"iso-24029"` for the headings of ISO/IEC 24029-2.
        time_limit: Seconds for the whole report.
        seed: Of the random points that attacks begin with; no proof depends on it.
        path: Also write the page there.
        command: The shell command to quote under "How to reproduce"; a call by default.

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
        >>> found.answers["ranges"], found.answers["properties"]
        ([Range(lo=[0.], hi=[2.], exact to 1e-06, FLOAT64_ROUNDED)], [Verdict(HOLDS, 'y[0] <= 2.5')])
        >>> found.html().startswith("<!DOCTYPE html>")
        True

    Sound: every section as the question that it asks.
    Complete: no; what the time does not suffice for is marked.
    Cost: at most `time_limit`, beside one pass over layers and data.

    Reference: ISO/IEC 24029-2:2023, *Assessment of the robustness of neural networks, part 2:
    Methodology for the use of formal methods*, for the headings.
    """
    from ..reports.report import Report
    from ..reports.words import ISO
    from .report_questions import Questions

    if standard not in (None, ISO):
        raise InputError(f"`standard` is {ISO!r} or None. Received: {standard!r}.")
    network, clock = loaded_within(model, time_limit)
    asking = Questions(
        model, network, box, data, clock,
        properties=properties, eps=eps, clip=clip, samples=samples, seed=seed,
        names=names, units=units,
    )  # fmt: skip
    sections = asking.sections(command or asking.call(standard), time_limit, standard)
    made = datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC")
    found = Report(network.name, made, tuple(sections), standard)
    if path is not None:
        found.html(path)
    return found
