"""`outrange report`: writes a self-contained page about a model."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...core import Clock, InputError
from ..exit_codes import EXACT, INTERRUPTED, OPEN
from ..options.arrays import read_file
from ..options.boxes import BoxOptions, box_of
from ..options.models import load_model
from ..options.tables import TARGET, inputs_in, table_in
from ..start_up import command_began
from .diagnose import read_data


if TYPE_CHECKING:
    from ...frontends.network import Network


LEAST_TIME = 1.0
"""Minimum time limit of a report in seconds; with less time, most sections would be empty."""


def ask_report(
    model: str,
    box: BoxOptions,
    echo: Callable[[str], None],
    *,
    path: str,
    properties: tuple[str, ...],
    eps: float | None,
    samples: int,
    title: str | None,
    output_names: str | None,
    units: tuple[str, ...],
    standard: str | None,
    seconds: float,
    safe_mode: bool,
) -> int:
    """Write the page and print a list of its sections; return 0 if the page is complete.

    Args:
        model: File of the model.
        box: Options of the input set; if empty, the set is the range of the data.
        path: File for the page.
        properties: Properties as text, or VNN-LIB files.
        samples: Number of rows whose robustness is decided.
        title: Heading of the page; None for a heading with the file's name.
        output_names: Names of the outputs, comma-separated.
        units: Pairs `name=unit`, comma-separated, or one unit for all outputs.
        standard: The standard under whose headings the page is organized.
        seconds: Time limit of the whole report.
        safe_mode: Whether to refuse code stored in the model file.

    Raises:
        InputError: An option is invalid.
    """
    if not seconds >= LEAST_TIME:
        raise InputError(
            f"The --time-limit of a report must be at least {LEAST_TIME:g} s. "
            f"Received: {seconds!r}."
        )
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise InputError(f"The folder of -o must exist. Received: {folder}.")
    data = None if box.data is None else _data(box)
    from ...api.report import report_on
    from ...live import show_progress
    from ...reports.section import in_order

    clock = Clock(seconds, command_began())
    network = load_model(model, safe_mode)
    names = _names(box, network)
    region = _region(box, data, network, is_table=names is not None)
    options = {
        "data": data,
        "properties": properties,
        "eps": eps,
        "clip": box.clip if box.ball is None else None,
        "samples": samples,
        "names": names,
        "units": read_units(units),
        "output_names": _output_names(output_names, box, data, network),
        "title": title,
        "safe_mode": safe_mode,
        "standard": standard,
        "command": shlex.join(["outrange", *sys.argv[1:]]),
    }
    with show_progress("Report", None):
        page = report_on(network, model, region, clock, **options)
    page.html(path)
    size = os.path.getsize(path)
    echo(f"{path}: {len(page.sections)} sections, {size / 1e3:,.0f} kB")
    for section in in_order(page.sections):
        if section.outcome:
            echo(f"  {section.title}: {section.outcome}{' (incomplete)' if section.cut else ''}")
    if page.interrupted:
        return INTERRUPTED
    return OPEN if page.cut else EXACT


def _data(box: BoxOptions) -> Any:
    """Return inputs and targets from the data file, or only the inputs if it has no targets."""
    name, target = str(box.data), box.target or TARGET
    if box.target is None and (table := table_in(name, box.feature_names or [])) is not None:
        return table[0] if table[1] is None else table
    parts = read_file(name, "--data")
    if name.lower().endswith(".csv"):
        with open(name, encoding="utf-8-sig") as lines:
            titles = [title.strip().strip('"') for title in next(lines, "").split(",")]
        wanted = [part.strip() for part in target.split(",")]
        return read_data(name, target) if set(wanted) <= set(titles) else parts
    return read_data(name, target) if isinstance(parts, dict) and target in parts else parts


def _names(box: BoxOptions, network: Network) -> list[str] | None:
    """Return the feature names in the options, otherwise the column titles of the data."""
    if box.names is not None or box.data is None:
        return box.feature_names
    titles = inputs_in(box.data, box.target, network.graph.inputs)[1]
    return None if titles is None else list(titles)


def _output_names(
    text: str | None, box: BoxOptions, data: Any, network: Network
) -> list[str] | None:
    """Return the output names in the option, otherwise the column titles of the targets."""
    names_text = box.target if text is None else text
    if names_text is None or (text is None and not isinstance(data, tuple)):
        return None
    names = [name.strip() for name in names_text.split(",")]
    count = sum(slot.size for slot in network.graph.outputs)
    return names if text is not None or len(names) == count else None


def read_units(texts: Sequence[str]) -> dict[str, str] | str:
    """Return a dict from name to unit, or the unit of all outputs, as `outrange.report` accepts it.

    Raises:
        InputError: There are several parts, and one is not `name=unit`.
    """
    parts = [part.strip() for text in texts for part in text.split(",") if part.strip()]
    if len(parts) == 1 and "=" not in parts[0]:
        return parts[0]
    pairs = [part.rpartition("=")[::2] for part in parts]
    wrong = next((part for part, (name, _) in zip(parts, pairs, strict=True) if not name), None)
    if wrong is not None:
        raise InputError(
            "--units must be comma-separated `name=unit` pairs, or one unit for all outputs. "
            f"Received: {wrong!r}."
        )
    return {name.strip(): unit.strip() for name, unit in pairs}


def _region(box: BoxOptions, data: Any, network: Network, *, is_table: bool) -> Any:
    """Return the input set of the options; None lets `report` use the range of the data.

    Args:
        data: Inputs, or inputs and targets, of the data file; None without a file.
        is_table: Whether the data file has columns with titles, whose types the set respects.
    """
    if any(part is not None for part in (box.box, box.lo, box.hi, box.ball, box.inputs or None)):
        rest = replace(
            box, data=None, target=None, names=None, clip=None if box.ball is None else box.clip
        )
        return box_of(rest, network.graph.inputs)
    if data is None:
        return box_of(box, network.graph.inputs)
    if box.margin is None and box.whole and not is_table:
        return None
    return box_of(replace(box, clip=None), network.graph.inputs)
