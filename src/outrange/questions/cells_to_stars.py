"""Conversion of the cells or boxes of a reach-set search to the star sets of an answer."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from ..answers.reach_sets.star import Star
from ..core import Atom, Box, gamma
from ..domains.rounding import inflate
from ..search.reach_sets.boxes import FormBoxes
from ..search.reach_sets.cells import Cells, InputFrame, error_of
from ..search.reach_sets.polytope import CutPolytope, Face


Planes = dict[tuple[int, tuple[int, ...], int], int]
"""Dict from plane to index. A plane is `(frame, slopes, constant)`: an integer that identifies its
coordinate frame, the integer slopes, and an integer constant."""


def build_stars(
    frame: InputFrame,
    box: Box,
    parts: Iterable[Cells],
    value: int,
    entries: np.ndarray,
    planes: Planes,
) -> list[Star]:
    """Build one star per cell of a reach-set search.

    Args:
        frame: Coordinate system of the cells' inputs.
        box: The box that contains all cells.
        parts: Groups of cells, each with its affine forms.
        value: Index of the graph's value that the stars map to.
        entries: Flat indices of the entries of this value that are the outputs of the stars.
        planes: Indices of the planes of earlier stars; the planes of the new stars are added.
    """
    stars, place = [], len(planes)
    for cells in parts:
        form = cells.forms[value]
        for i, polytope in enumerate(cells.polytopes):
            k = polytope.size
            center, rows = form.center[i, entries], form.rows[i, :k][:, entries]
            error = error_of(form, k)[i, entries]
            star = _star(frame, box, polytope, (center, rows, error), bool(cells.exact[i]))
            numbers = [_number(planes, place, face) for face in polytope.touching()]
            stars.append(replace(star, planes=np.array(numbers, np.int64)))
    return stars


def _number(planes: Planes, place: int, face: Face) -> int:
    """Return the index of a plane, and add the plane to `planes` if it is new.

    Two faces that differ only in orientation share one plane. `place` identifies the coordinate
    frame of `face`.
    """
    slopes, constant = face
    if next((s for s in slopes if s), 0) < 0:
        slopes, constant = tuple(-s for s in slopes), -constant
    return planes.setdefault((place, slopes, constant), len(planes))


def _star(
    frame: InputFrame,
    box: Box,
    polytope: CutPolytope,
    form: tuple[np.ndarray, np.ndarray, np.ndarray],
    exact: bool,
) -> Star:
    center, rows, error = form
    d, places = frame.at.size, polytope.floats
    images = center + places @ rows
    size = np.abs(center) + np.abs(places) @ np.abs(rows)
    # The vertices are rounded, and so are their images.
    error = inflate(error + gamma(2 * polytope.size + 8) * size.max(axis=0))
    slopes = np.zeros((center.size, d))
    slopes[:, frame.free] = (rows / frame.scale[:, None]).T
    corners = np.tile(frame.at, (len(places), 1))
    corners[:, frame.free] += places * frame.scale
    a, b = _inequalities(frame, polytope.touching())
    corners = np.clip(corners, box.lo, box.hi)
    exact = exact and bool(np.isfinite(error).all())
    return Star(
        a, b, np.full(len(b), -1), box.lo, box.hi, frame.at, slopes, center, corners, images,
        error, exact, True,
    )  # fmt: skip


def _inequalities(frame: InputFrame, faces: Sequence[Face]) -> tuple[np.ndarray, np.ndarray]:
    """Convert faces in the coordinates of a frame to inequalities `a @ x <= b` on the inputs.

    Returns `a`, `(faces, inputs)`, and `b`, `(faces,)`. The integer slopes of a face are float64
    numbers times a power of two, so dividing them by a power of two is exact.
    """
    a, b = np.zeros((len(faces), frame.at.size)), np.zeros(len(faces))
    for k, (slopes, constant) in enumerate(faces):
        unit = 1 << max(max((abs(s) for s in slopes), default=0), 1).bit_length()
        a[k, frame.free] = np.array([s / unit for s in slopes]) / frame.scale
        b[k] = a[k] @ frame.at - constant / unit
    return a, b


def build_box_stars(boxes: FormBoxes, atoms: Sequence[Atom]) -> list[Star]:
    """Build one inexact star per box, for a network that is not piecewise linear.

    Each star contains the inputs of its box that satisfy the inequalities `atoms`.
    """
    stars, form = [], boxes.form
    a, b = np.zeros((len(atoms), boxes.lo.shape[1])), np.array([-atom.offset for atom in atoms])
    for row, atom in zip(a, atoms, strict=True):
        for i, c in atom.terms:
            row[i] = c
    for i, (lo, hi) in enumerate(zip(boxes.lo, boxes.hi, strict=True)):
        free = np.flatnonzero(lo < hi)
        center, rows = form.center[i], form.rows[i, : free.size]
        signs = np.array(list(itertools.product((-1.0, 1.0), repeat=free.size)))
        signs = signs.reshape(2**free.size, free.size)
        size = np.abs(center) + np.abs(rows).sum(axis=0)
        error = inflate(form.rest[i] + gamma(2 * free.size + 12) * size)
        at = 0.5 * lo + 0.5 * hi
        half = np.maximum(hi - at, at - lo)[free]
        slopes = np.zeros((center.size, lo.size))
        slopes[:, free] = (rows / half[:, None]).T
        corners = np.tile(at, (len(signs), 1))
        corners[:, free] = np.where(signs > 0, hi[free], lo[free])
        stars.append(
            Star(
                a, b, np.full(len(b), -1), lo, hi, at, slopes, center, corners,
                center + signs @ rows, error, False, bool(boxes.continuous[i]),
            )
        )  # fmt: skip
    return stars
