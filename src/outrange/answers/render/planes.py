"""Bad inputs as a picture: shapes in the plane, for a notebook or for matplotlib's axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...core import InputError
from .html import html_table
from .text import number, size


if TYPE_CHECKING:
    from ..bad_inputs import BadInputs, Piece

BAD, OPEN, EDGE = "#b3312c", "#e7c9a9", "#444"
SIDE = 240
MOST_SHAPES = 4000


def varying(answer: BadInputs) -> np.ndarray:
    """The flat inputs that vary over the set.

    Raises:
        InputError: Not one or two of them do.
    """
    at = np.flatnonzero(answer.lo.min(axis=0) < answer.hi.max(axis=0))
    if at.size not in (1, 2):
        raise InputError(
            "Only one or two varying inputs can be drawn; fix the others in the box. "
            f"Received: {at.size} that vary."
        )
    return at


def shapes(answer: BadInputs, at: np.ndarray) -> list[tuple[bool, np.ndarray]]:
    """`(is bad, corners (n, 2))` of everything drawn; one input gets a height of 0 to 1."""
    found = [
        (False, _rectangle(lo, hi, at))
        for lo, hi in zip(answer.undecided_lo, answer.undecided_hi, strict=True)
    ]
    found += [
        (True, _rectangle(lo, hi, at)) for lo, hi in zip(answer.box_lo, answer.box_hi, strict=True)
    ]
    found += [(True, polygon(piece, at)) for piece in answer.pieces]
    return [(bad, corners) for bad, corners in found if len(corners) > 2]


def _rectangle(lo: np.ndarray, hi: np.ndarray, at: np.ndarray) -> np.ndarray:
    (a, b), (c, d) = (lo[at[0]], hi[at[0]]), (0.0, 1.0)
    if at.size == 2:
        c, d = lo[at[1]], hi[at[1]]
    return np.array([[a, c], [b, c], [b, d], [a, d]])


def polygon(piece: Piece, at: np.ndarray) -> np.ndarray:
    """`(n, 2)` corners of a piece in the plane of one or two inputs, in order around it."""
    corners = _rectangle(piece.lo, piece.hi, at)
    fixed = np.setdiff1d(np.arange(piece.lo.size), at)
    for row, limit in zip(piece.a, piece.b, strict=True):
        direction = np.append(row[at], 0.0)[:2]
        corners = _clipped(corners, direction, limit - row[fixed] @ piece.lo[fixed])
    return corners


def _clipped(corners: np.ndarray, row: np.ndarray, limit: float) -> np.ndarray:
    """The part of a convex polygon where `row @ x <= limit`."""
    height = corners @ row - limit
    kept = []
    for i in range(len(corners)):
        j = (i + 1) % len(corners)
        if height[i] <= 0:
            kept.append(corners[i])
        if (height[i] < 0) != (height[j] < 0) and height[i] != 0 and height[j] != 0:
            share = height[i] / (height[i] - height[j])
            kept.append(corners[i] * (1 - share) + corners[j] * share)
    return np.array(kept).reshape(-1, 2)


def _names(answer: BadInputs) -> list[str]:
    return [
        f"{name}[{', '.join(map(str, index))}]" if index else name
        for name, shape in answer.inputs.items()
        for index in np.ndindex(*shape)
    ]


def draw(answer: BadInputs, ax):
    """See `BadInputs.plot`."""
    at = varying(answer)
    for bad, corners in shapes(answer, at):
        ax.fill(corners[:, 0], corners[:, 1], color=BAD if bad else OPEN, linewidth=0)
    names = _names(answer)
    ax.set_xlim(answer.lo[:, at[0]].min(), answer.hi[:, at[0]].max())
    ax.set_xlabel(names[at[0]])
    if at.size == 2:
        ax.set_ylim(answer.lo[:, at[1]].min(), answer.hi[:, at[1]].max())
        ax.set_ylabel(names[at[1]])
    else:
        ax.set_ylim(0, 1)
        ax.set_yticks([])
    ax.set_title(f"{answer.claim}: broken by {_percent(answer)}")
    return ax


def _percent(answer: BadInputs) -> str:
    return f"{number(100 * answer.share_lo)} to {number(100 * answer.share_hi)} %"


def picture(answer: BadInputs) -> str:
    """An SVG of the set, the second input upwards; nothing where it cannot be drawn."""
    count = len(answer.box_lo) + len(answer.pieces) + len(answer.undecided_lo)
    if count > MOST_SHAPES or not len(answer.lo):
        return ""
    try:
        at = varying(answer)
    except InputError:
        return ""
    hull = _rectangle(answer.lo.min(axis=0), answer.hi.max(axis=0), at)
    low, wide = hull[0], hull[2] - hull[0]
    high = SIDE if at.size == 2 else SIDE // 8

    def text(corners: np.ndarray) -> str:
        place = (corners - low) / wide * [SIDE, -high] + [0.0, high]
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in place)

    drawn = "".join(
        f'<polygon points="{text(corners)}" fill="{BAD if bad else OPEN}"/>'
        for bad, corners in shapes(answer, at)
    )
    frame = f'<rect width="{SIDE}" height="{high}" fill="none" stroke="{EDGE}"/>'
    return f'<svg width="{SIDE}" height="{high}">{drawn}{frame}</svg>'


def bad_inputs_html(answer: BadInputs) -> str:
    """The table of a `BadInputs`, with a picture where one or two inputs vary."""
    note = (
        f"{answer.reason}; {answer.warrant.name}; {size(answer.cost.seconds)}, "
        f"{answer.cost.boxes:,} boxes."
    )
    row = [answer.claim, _percent(answer), answer.sentence]
    head = ["property", "share that breaks it", "in words"]
    shown = picture(answer)
    if shown:
        head, row = [*head, "where (dark: bad)"], [*row, shown]
    return html_table(head, [row], f"Bad inputs of {answer.model}", note)
