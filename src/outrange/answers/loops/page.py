"""A page of a loop with a picture that answers: axes to choose, a slider through time."""

from __future__ import annotations

import json
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np

from ..render.document import Document
from ..render.html import html
from ..render.style import PAGE
from .drawn import LoopShown, picture_of


DIGITS = 9
"""Of the numbers that a page draws."""


def loop_page(answer: LoopShown, document: Document) -> str:
    """A whole page: the answer, and its picture; one script of its own, nothing from outside.

    Args:
        answer: What to draw.
        document: The answer in words and tables.
    """
    folder = files(__package__ or "").joinpath("static")
    script, style = (folder.joinpath(f"pipe.{kind}").read_text("utf-8") for kind in ("js", "css"))
    # What could end the script, or begin another one, is written as JSON writes any character.
    data = json.dumps(_told(answer), allow_nan=False, separators=(",", ":"))
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


def _told(answer: LoopShown) -> dict[str, Any]:
    """What the script draws; what is not finite is null."""
    title, names, _, runs, worst, zones = picture_of(answer)
    pipe = answer.pipe
    ends = {k: getattr(pipe, k) for k in ("start", "stop", "lo", "hi", "seen_lo", "seen_hi")}
    found = []
    if worst is not None:
        states, step, times = worst
        found = [{"states": _numbers(states), "step": int(step), "times": _numbers(times)}]
    return {
        "title": title, "states": list(names), "clock": "step" if answer.dt is None else "time",
        "runs": _numbers(runs.states), "runs_at": _numbers(runs.times), "worst": found,
        "zones": [
            {"bad": bool(bad), "lo": _numbers(lo), "hi": _numbers(hi), "start": a, "stop": b}
            for bad, lo, hi, a, b in zones
        ],
        **{name: _numbers(values) for name, values in ends.items()},
    }  # fmt: skip


def _numbers(values: Any) -> Any:
    """Nested lists; of each number as many digits as a picture needs."""
    if np.ndim(values):
        return [_numbers(v) for v in values]
    return float(f"{float(values):.{DIGITS}g}") if np.isfinite(values) else None
