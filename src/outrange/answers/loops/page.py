"""HTML page of a closed loop with an interactive figure: selectable axes and a time slider."""

from __future__ import annotations

import json
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np

from ..render.document import Document
from ..render.html import html
from ..render.style import PAGE
from .figures import LoopFigure, figure_data


DIGITS = 9
"""Significant digits of numbers in the figure."""


def loop_page(answer: LoopFigure, document: Document) -> str:
    """Return a complete HTML page with the answer, its figure and the figure's script.

    Args:
        answer: The answer to draw.
        document: The answer as text and tables.
    """
    folder = files(__package__ or "").joinpath("static")
    script, style = (folder.joinpath(f"pipe.{kind}").read_text("utf-8") for kind in ("js", "css"))
    # Characters that could end the script or begin another are escaped as in JSON.
    data = json.dumps(_figure_dict(answer), allow_nan=False, separators=(",", ":"))
    data = data.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><title>{escape(document.title)}</title>'
        f"<style>{PAGE}{style}</style></head><body>"
        '<div class="pipe" id="figure"></div>'
        f'{html(document)}<script type="application/json" id="pipe">{data}</script>'
        f"<script>{script}</script></body></html>\n"
    )


def _figure_dict(answer: LoopFigure) -> dict[str, Any]:
    """Return the data of the figure as JSON values; numbers that are not finite become None."""
    title, names, _, runs, worst, zones = figure_data(answer)
    pipe = answer.pipe
    ends = {k: getattr(pipe, k) for k in ("start", "stop", "lo", "hi", "seen_lo", "seen_hi")}
    violations = []
    if worst is not None:
        states, step, times = worst
        violations = [{"states": _numbers(states), "step": int(step), "times": _numbers(times)}]
    return {
        "title": title, "states": list(names), "clock": "step" if answer.dt is None else "time",
        "runs": _numbers(runs.states), "runs_at": _numbers(runs.times), "worst": violations,
        "zones": [
            {"bad": bool(bad), "lo": _numbers(lo), "hi": _numbers(hi), "start": a, "stop": b}
            for bad, lo, hi, a, b in zones
        ],
        **{name: _numbers(values) for name, values in ends.items()},
    }  # fmt: skip


def _numbers(values: Any) -> Any:
    """Return nested lists of numbers rounded to `DIGITS` digits; infinity and NaN become None."""
    if np.ndim(values):
        return [_numbers(v) for v in values]
    return float(f"{float(values):.{DIGITS}g}") if np.isfinite(values) else None
