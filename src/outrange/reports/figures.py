"""Figures of answers as SVG inside a page: self-contained, with labels for screen readers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from html import escape
from typing import Any

import numpy as np

from ..answers.monotone import Monotone
from ..answers.range import Range
from ..answers.render.images import is_image, to_image, to_unit_interval
from ..answers.render.plot import MOST_BARS, canvas, plain, set_title, svg
from ..answers.robust_accuracy import RobustAccuracy
from ..answers.summary import Summary
from ..answers.verdict import Verdict
from .plain.answers import outcome, with_page_names
from .plain.reader import Reader


WIDTH = 7.6
"""Width of a figure in inches."""

SMALLEST = 16
"""Inputs with at most this many entries are not drawn as images."""

MOST_PICTURES = 2
"""Maximum number of adversarial inputs in a figure."""


IMAGES_A_ROW = 6
"""Number of images side by side in a figure of more than two images."""


def figure(answer: Any, prefix: str, reader: Reader | None = None) -> str:
    """Return an HTML `<figure>` of an answer, or "" if it is not drawn or matplotlib is missing.

    Args:
        answer: The answer to draw.
        prefix: Prefix of the identifiers in the figure, which makes them unique on the page.
        reader: Names and units of the page.
    """
    reader = reader or Reader()
    if isinstance(answer, Range) and answer.subject == "gradient":
        return ""  # The bars would have different units.
    if isinstance(answer, Verdict):
        return _counterexample_image(answer, prefix, reader)
    answer = with_page_names(answer, reader)
    axes = _axes(answer)
    if axes is None:
        return ""
    draw = answer.plot
    units = set(reader.output_units)
    if isinstance(answer, Range) and len(units) == 1:
        draw = partial(answer.plot, unit=next(iter(units)))
    if isinstance(answer, RobustAccuracy) and not np.ndim(axes):
        draw = answer.plot_shares
    draw(axes)
    image = np.ravel(axes)[0].figure
    if isinstance(answer, Range) and answer.subject == "output" and answer.lo.size == 1:
        unit = "".join(f" [{unit}]" for unit in units if unit)
        axes.set_xlabel(plain(f"{answer.names[0]}{unit}"))
    if sentence := _title(answer, reader):
        set_title(np.ravel(axes)[0], sentence)
    return f"<figure>{_inline(svg(image), prefix, _label(image, answer))}</figure>"


def _counterexample_image(answer: Verdict, prefix: str, reader: Reader) -> str:
    """Return a figure of the counterexample if the inputs are images, otherwise ""."""
    if answer.counterexample is None or not reader.is_image:
        return ""
    image = answer.counterexample.flat_x.reshape(reader.image)
    return images_figure([("at this input, the requirement is not met", image)], prefix)


def images_figure(images: Sequence[tuple[str, np.ndarray]], prefix: str) -> str:
    """Return an HTML `<figure>` of images in rows, or "" if there are none.

    Args:
        images: Pairs of a title and an image. All images have the same colors for the same values.
        prefix: See `figure`.
    """
    columns = 2 if len(images) <= 2 else IMAGES_A_ROW
    rows = -(-len(images) // columns)
    axes = canvas(WIDTH, (2.0 if columns == 2 else 1.6) * rows, rows, columns) if images else None
    if axes is None:
        return ""
    every = [to_image(image) for _, image in images]
    ends = min(float(image.min()) for image in every), max(float(image.max()) for image in every)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, image, (title, _) in zip(axes.flat, every, images, strict=False):
        shown = to_unit_interval(image, ends)
        ax.imshow(shown, cmap="gray" if image.ndim == 2 else None, vmin=0.0, vmax=1.0)
        ax.set_title(plain(title.replace(": ", "\n")), fontsize="small")
    label = "; ".join(title for title, _ in images)
    return f"<figure>{_inline(svg(axes.flat[0].figure), prefix, label)}</figure>"


def _title(answer: Any, reader: Reader) -> str:
    """Return a plain sentence as a figure's title, or "" if the figure keeps its own title."""
    if isinstance(answer, Range):
        return f"{outcome([answer], reader)} (pale: proved, dark: seen)"
    return outcome([answer], reader) if isinstance(answer, RobustAccuracy | Monotone) else ""


def _axes(answer: Any) -> Any:
    """Return matplotlib axes of a suitable size, or None for answers that are not drawn."""
    if isinstance(answer, Range) and answer.lo.size:
        count = answer.lo.size
        # Many bars are closer together, so that the summary stays on one page.
        height = min(1.3 + 0.3 * count, max(3.4, 0.9 + 0.17 * count))
        return canvas(WIDTH, height if count <= MOST_BARS else 4.2)
    if isinstance(answer, Summary) and answer.layers:
        return canvas(8.2, min(1.6 + 0.32 * max(len(answer.layers), 2), 7.0))
    if isinstance(answer, Monotone) and len({trend.output for trend in answer.trends}) > 1:
        rows = min(len({trend.output for trend in answer.trends}), MOST_BARS)
        columns = min(len({trend.input for trend in answer.trends}), MOST_BARS)
        return canvas(max(5.6, 3.0 + 0.42 * columns), 2.4 + 0.36 * rows)
    if isinstance(answer, RobustAccuracy):
        first = None if isinstance(answer.x, dict) else np.asarray(answer.x[0])
        shown = min(len(answer.adversarial), MOST_PICTURES)
        if shown and first is not None and first.size > SMALLEST and is_image(first):
            return canvas(6.0, 2.1 * shown, shown, 3)
        return canvas(8.2, 2.6)
    return None


def _label(figure: Any, answer: Any) -> str:
    """Return the text for screen readers: the title of a figure, or the `repr` of the answer."""
    title = figure.get_suptitle() or figure.axes[0].get_title(loc="left")
    return " ".join(title.replace(r"\$", "$").split()) or repr(answer)


def _inline(text: str, prefix: str, label: str) -> str:
    """Convert matplotlib's SVG for inclusion in a page.

    The prologue and the style sheet are removed, all ids get a prefix, and a label is added.

    Args:
        text: The SVG file of matplotlib.
        prefix: Prefix of the ids.
        label: Text for screen readers.
    """
    body = text[text.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", body, flags=re.S)
    # A style sheet inside would apply to the whole page; the root's attributes replace it.
    body = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", body, flags=re.S)
    body = re.sub(r'\bid="([^"]*)"', rf'id="{prefix}-\1"', body)
    body = re.sub(r"url\(#", f"url(#{prefix}-", body)
    body = re.sub(r'xlink:href="#', f'xlink:href="#{prefix}-', body)
    body = body.replace("xlink:href=", "href=")
    box = re.search(r'viewBox="([^"]*)"', body)
    view = box[1] if box else "0 0 1 1"
    # matplotlib uses points, 72 per inch; CSS uses pixels, 96 per inch.
    width, height = (f"{float(length) * 96 / 72:.0f}" for length in view.split()[2:])
    root = (
        f'<svg role="img" aria-label="{escape(label)}" viewBox="{view}" width="{width}" '
        f'height="{height}" stroke-linejoin="round" stroke-linecap="butt">'
    )
    body = root + body[body.index(">") + 1 :]
    return re.sub(r"\s*\n\s*", "\n", body).strip()
