"""Pictures of answers as SVG inside a page: nothing external, named for those who cannot see."""

from __future__ import annotations

import re
from functools import partial
from html import escape
from typing import Any

import numpy as np

from ..answers.monotone import Monotone
from ..answers.range import Range
from ..answers.render.images import is_picture
from ..answers.render.plot import MOST_BARS, canvas, plain, svg, titled
from ..answers.robust_accuracy import RobustAccuracy
from ..answers.summary import Summary
from ..answers.verdict import HOLDS, Verdict
from .plain.answers import drawn, outcome
from .plain.reader import Reader


WIDTH = 7.6
"""Inches of a picture."""

SMALLEST = 16
"""Entries that an input has at most which is a row of a table, and no picture."""

MOST_PICTURES = 4
"""Adversarial inputs that are drawn."""


def figure(answer: Any, prefix: str, reader: Reader | None = None) -> str:
    """A `<figure>` of an answer; empty for one without a picture, and without matplotlib.

    Args:
        answer: What to draw.
        prefix: Stands before the names inside, which must differ from those of other pictures.
        reader: Names and units of the page.
    """
    reader = reader or Reader()
    # Bars of a counterexample would be the columns of a category one by one.
    undrawn = bool(reader.groups) or getattr(answer, "counterexample", None) is None
    if isinstance(answer, Verdict) and answer.status != HOLDS and undrawn:
        return ""
    answer = drawn(answer, reader)
    axes = _axes(answer)
    if axes is None:
        return ""
    drawn_by = answer.plot
    units = set(reader.output_units)
    if isinstance(answer, Range) and len(units) == 1:
        drawn_by = partial(answer.plot, unit=next(iter(units)))
    if isinstance(answer, RobustAccuracy) and not np.ndim(axes):
        drawn_by = answer.plot_shares
    drawn_by(axes)
    picture = np.ravel(axes)[0].figure
    if isinstance(answer, Range) and answer.subject == "output" and answer.lo.size == 1:
        unit = "".join(f" [{one}]" for one in units if one)
        axes.set_xlabel(plain(f"{answer.names[0]}{unit}"))
    if told := _title(answer, reader):
        titled(np.ravel(axes)[0], told)
    return f"<figure>{_inline(svg(picture), prefix, _sentence(picture, answer))}</figure>"


def _title(answer: Any, reader: Reader) -> str:
    """A plain sentence above a picture; empty for the picture's own."""
    if isinstance(answer, Range):
        return f"{outcome([answer], reader)} (pale: proved, dark: seen)"
    return outcome([answer], reader) if isinstance(answer, RobustAccuracy | Monotone) else ""


def _axes(answer: Any) -> Any:
    """Axes of a size that fits; None for what is not drawn."""
    if isinstance(answer, Range) and answer.lo.size:
        count = answer.lo.size
        return canvas(WIDTH, 1.5 + 0.3 * max(count, 2) if count <= MOST_BARS else 4.2)
    if isinstance(answer, Summary) and answer.layers:
        return canvas(8.2, min(1.6 + 0.32 * max(len(answer.layers), 2), 7.0))
    if isinstance(answer, Monotone) and len({trend.output for trend in answer.trends}) > 1:
        rows = min(len({trend.output for trend in answer.trends}), MOST_BARS)
        columns = min(len({trend.input for trend in answer.trends}), MOST_BARS)
        return canvas(max(5.6, 3.0 + 0.42 * columns), 2.4 + 0.36 * rows)
    if isinstance(answer, RobustAccuracy):
        first = None if isinstance(answer.x, dict) else np.asarray(answer.x[0])
        shown = min(len(answer.adversarial), MOST_PICTURES)
        if shown and first is not None and first.size > SMALLEST and is_picture(first):
            return canvas(6.0, 2.1 * shown, shown, 3)
        return canvas(8.2, 2.6)
    if isinstance(answer, Verdict):
        found = answer.counterexample
        size = 0 if found is None else found.flat_x.size
        if found is None:
            return canvas(WIDTH, 2.1)
        return canvas(WIDTH, 1.6 + 0.3 * max(size, 2) if size <= MOST_BARS else 4.0)
    return None


def _sentence(figure: Any, answer: Any) -> str:
    """What the picture says: its title, or what the answer is called in short."""
    title = figure.get_suptitle() or figure.axes[0].get_title(loc="left")
    return " ".join(title.replace(r"\$", "$").split()) or repr(answer)


def _inline(text: str, prefix: str, label: str) -> str:
    """SVG of matplotlib as a part of a page: no prologue, names of its own, a name to read."""
    body = text[text.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", body, flags=re.S)
    # Its style sheet would reach the whole page: the same as attributes of the root.
    body = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", body, flags=re.S)
    body = re.sub(r'\bid="([^"]*)"', rf'id="{prefix}-\1"', body)
    body = re.sub(r"url\(#", f"url(#{prefix}-", body)
    body = re.sub(r'xlink:href="#', f'xlink:href="#{prefix}-', body)
    body = body.replace("xlink:href=", "href=")
    box = re.search(r'viewBox="([^"]*)"', body)
    view = box[1] if box else "0 0 1 1"
    # matplotlib draws in points, of which an inch has 72; of pixels it has 96.
    width, height = (f"{float(length) * 96 / 72:.0f}" for length in view.split()[2:])
    root = (
        f'<svg role="img" aria-label="{escape(label)}" viewBox="{view}" width="{width}" '
        f'height="{height}" stroke-linejoin="round" stroke-linecap="butt">'
    )
    body = root + body[body.index(">") + 1 :]
    return re.sub(r"\s*\n\s*", "\n", body).strip()
