"""Taylor models of boxes of initial states and of a plant's other inputs."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from ...core import Bounds, InputError, up
from ...graph import Graph
from ..polynomials.frame import MonomialFrames
from ..polynomials.models import Models, constant


def corners(boxes: Sequence | Bounds) -> Bounds:
    """Return lower and upper corners of boxes, `(B, n)` each.

    Args:
        boxes: A tuple of these two matrices, or a sequence of pairs of corners, one for each box.

    Raises:
        InputError: The values do not describe boxes.
    """
    if isinstance(boxes, tuple) and len(boxes) == 2 and np.ndim(boxes[0]) == 2:
        lo, hi = np.asarray(boxes[0], np.float64), np.asarray(boxes[1], np.float64)
    else:
        pairs = np.asarray(boxes, np.float64)
        if pairs.ndim != 3 or pairs.shape[1] != 2:
            raise InputError(
                "Initial sets must be boxes: pairs of a lower and an upper corner with one number "
                f"per state. Received: numbers of shape {pairs.shape}."
            )
        lo, hi = pairs[:, 0], pairs[:, 1]
    if lo.shape != hi.shape or not (np.isfinite(lo) & np.isfinite(hi) & (lo <= hi)).all():
        raise InputError(
            "An initial box needs finite corners with `lo <= hi` for every state. Received: "
            f"lo={lo.tolist()}, hi={hi.tolist()}."
        )
    return lo, hi


def initial_models(
    lo: np.ndarray, hi: np.ndarray, frames: MonomialFrames, free: np.ndarray
) -> Models:
    """Return models `center + radius eps`, with one variable for each state that varies.

    The radius is rounded up, so a box may grow slightly, but never shrinks.
    """
    middle = 0.5 * lo + 0.5 * hi
    radius = up(np.maximum(hi - middle, middle - lo))
    radius = np.where(lo == hi, 0.0, radius)
    middle = np.where(lo == hi, lo, middle)
    frame = frames.at(0)
    models = constant(frame, middle, np.zeros_like(middle), 0)
    if free.size:
        models.coef[:, free, frame.linear] = radius[:, free]
    return models


def plant_inputs(
    plant: Graph, x: Models, held: Models | None, start: Fraction, h: Fraction, w: Bounds | None
) -> dict[str, Models]:
    """Return, by name, models of the inputs that a plant reads at the times `start + h tau`.

    Args:
        plant: A graph whose inputs are among `t`, `x`, `u`, `w`.
        x: The states, with or without remainders.
        held: The controls at an instant, as models with the symbols of the states; None without
            controls.
        start: Start of the step.
        h: Length of the step.
        w: Bounds on the varying disturbance; its half-width becomes a remainder.
    """
    inputs, symbols = {"x": x}, x.sym.shape[-1]
    proof = x.rest is not None
    if held is not None:
        inputs["u"] = (held if proof else held.plain()).to_frame(x.frame)
    names = {slot.name for slot in plant.inputs}
    if "t" in names:
        off = np.full((x.count, 1), (abs(float(start)) + abs(float(h))) * 2.0**-51)
        clock = constant(
            x.frame, np.full((x.count, 1), float(start)), off if proof else None, symbols
        )
        if x.frame.time:
            clock.coef[..., x.frame.width] = float(h)
        inputs["t"] = clock
    if "w" in names and w is not None:
        least, most = (np.atleast_1d(np.asarray(end, np.float64)) for end in w)
        middle = 0.5 * least + 0.5 * most
        wide = up(np.maximum(most - middle, middle - least))
        shape = (x.count, least.size)
        off = np.broadcast_to(wide, shape) if proof else None
        inputs["w"] = constant(x.frame, np.broadcast_to(middle, shape), off, symbols)
    return inputs
