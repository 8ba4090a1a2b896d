"""`outrange report`: one page about a model, written to a file."""

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
"""Seconds that a report needs at least: below, no section says anything."""


def ask_report(
    model: str,
    box: BoxOptions,
    echo: Callable[[str], None],
    *,
    out: str,
    properties: tuple[str, ...],
    eps: float | None,
    samples: int,
    title: str | None,
    output_names: str | None,
    units: tuple[str, ...],
    standard: str | None,
    seconds: float,
    seed: int,
    unsafe: bool,
) -> int:
    """Write the page; print what is in it. The exit code says whether all of it is complete.

    Args:
        model: The model's file.
        box: The input set; without one that of the data.
        echo: Prints on stdout.
        out: The page's file.
        properties: Written out, or VNN-LIB files.
        eps: Radius of robustness.
        samples: Rows whose robustness is decided.
        title: Heading of the page; None for the file's name.
        output_names: Names of the outputs, with commas.
        units: Pairs `name=unit` with commas, or one unit for all outputs.
        standard: Whose headings.
        seconds: For the whole report.
        seed: Of random points.
        unsafe: Run code stored in the model file.

    Raises:
        InputError: An option breaks a rule.
    """
    if not seconds >= LEAST_TIME:
        raise InputError(f"--time is at least {LEAST_TIME:g} s here. Received: {seconds!r}.")
    folder = os.path.dirname(os.path.abspath(out))
    if not os.path.isdir(folder):
        raise InputError(f"-o: there is no such folder. Received: {folder}.")
    data = None if box.data is None else _data(box)
    from ...api.report import report_on
    from ...live import following
    from ...reports.section import in_order

    clock = Clock(seconds, command_began())
    network = load_model(model, unsafe)
    region = _region(box, data, network)
    options = {
        "data": data,
        "properties": properties,
        "eps": eps,
        "clip": box.clip if box.ball is None else None,
        "samples": samples,
        "names": _names(box, network),
        "units": read_units(units),
        "output_names": _output_names(output_names, box, data, network),
        "title": title,
        "seed": seed,
        "safe_mode": not unsafe,
        "standard": standard,
        "command": shlex.join(["outrange", *sys.argv[1:]]),
    }
    with following("Report", None):
        found = report_on(network, model, region, clock, **options)
    found.html(out)
    size = os.path.getsize(out)
    echo(f"{out}: {len(found.sections)} sections, {size / 1e3:,.0f} kB")
    for section in in_order(found.sections):
        if section.outcome:
            echo(f"  {section.title}: {section.outcome}{' (open in part)' if section.cut else ''}")
    if found.interrupted:
        return INTERRUPTED
    return OPEN if found.cut else EXACT


def _data(box: BoxOptions) -> Any:
    """Inputs and targets of a file; the inputs alone where it has no targets."""
    name, target = str(box.data), box.target or TARGET
    if box.target is None and (found := table_in(name, box.feature_names or [])) is not None:
        return found[0] if found[1] is None else found
    parts = read_file(name, "--data")
    if name.lower().endswith(".csv"):
        with open(name, encoding="utf-8-sig") as lines:
            titles = [title.strip().strip('"') for title in next(lines, "").split(",")]
        wanted = [part.strip() for part in target.split(",")]
        return read_data(name, target) if set(wanted) <= set(titles) else parts
    return read_data(name, target) if isinstance(parts, dict) and target in parts else parts


def _names(box: BoxOptions, network: Network) -> list[str] | None:
    """Those that are given, else the titles of the columns of the data."""
    if box.names is not None or box.data is None:
        return box.feature_names
    titles = inputs_in(box.data, box.target, network.graph.inputs)[1]
    return None if titles is None else list(titles)


def _output_names(
    given: str | None, box: BoxOptions, data: Any, network: Network
) -> list[str] | None:
    """The names that are given, else the titles of the columns of the targets."""
    text = box.target if given is None else given
    if text is None or (given is None and not isinstance(data, tuple)):
        return None
    names = [name.strip() for name in text.split(",")]
    count = sum(slot.size for slot in network.graph.outputs)
    return names if given is not None or len(names) == count else None


def read_units(texts: Sequence[str]) -> dict[str, str] | str:
    """Units as `outrange.report` takes them.

    Args:
        texts: Of `--units`.

    Raises:
        InputError: A part is no `name=unit`, and does not stand alone.
    """
    parts = [part.strip() for text in texts for part in text.split(",") if part.strip()]
    if len(parts) == 1 and "=" not in parts[0]:
        return parts[0]
    pairs = [part.rpartition("=")[::2] for part in parts]
    wrong = next((part for part, (name, _) in zip(parts, pairs, strict=True) if not name), None)
    if wrong is not None:
        raise InputError(
            "--units takes `name=unit` pairs with commas, or one unit for all outputs. "
            f"Received: {wrong!r}."
        )
    return {name.strip(): unit.strip() for name, unit in pairs}


def _region(box: BoxOptions, data: Any, network: Network) -> Any:
    """The input set; None for the range of the data, which is tried on any other set, too."""
    if any(part is not None for part in (box.box, box.lo, box.hi, box.ball, box.inputs or None)):
        rest = replace(
            box, data=None, target=None, names=None, clip=None if box.ball is None else box.clip
        )
        return box_of(rest, network.graph.inputs)
    if data is None:
        return box_of(box, network.graph.inputs)
    if box.margin is None and box.relative_margin is None and not box.reals:
        return None
    return box_of(replace(box, clip=None), network.graph.inputs)
