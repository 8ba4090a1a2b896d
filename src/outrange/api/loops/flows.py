"""Construction of closed loops in continuous time from the user's arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core import Box, InputError, Region, UnsupportedError


if TYPE_CHECKING:
    from ...frontends.functions.flow import FlowGraphs
    from ...frontends.functions.parts import StepParts
    from ...frontends.network import Network
    from ...reach.continuous.system import FlowSystem


def period(dt: Any) -> Fraction:
    """Return the period as an exact fraction: the float 0.1 means one tenth.

    Raises:
        InputError: The period is not a positive, finite number.
    """
    try:
        exact = dt if isinstance(dt, Fraction) else Fraction(repr(float(dt)))
    except (TypeError, ValueError, OverflowError):
        exact = Fraction(0)
    if isinstance(dt, bool) or exact <= 0:
        raise InputError(
            "`dt` must be the period for which each control is held, a positive finite number "
            "(0.05 is read as 1/20, and `Fraction(1, 3)` is exact); without `dt`, the plant "
            f"returns its next state. Received: dt={dt!r}."
        )
    return exact


def flow_system(
    parts: StepParts,
    networks: Sequence[Network | None],
    initial: Sequence[Region],
    boxes: tuple[Box, Box],
    dt: Fraction,
    steps: int,
) -> FlowSystem:
    """Build a closed loop with a plant in continuous time.

    Args:
        parts: Parts of the loop.
        networks: Networks of the controllers; None for each controller that is a function.
        initial: Initial sets.
        boxes: Box of the disturbance, and box of the parameters.
        dt: The period.
        steps: Number of periods.

    Raises:
        InputError: The sizes of the arguments do not match.
        UnsupportedError: The loop has a mode that the plant updates.
    """
    from ...frontends.functions.flow import flow_graphs
    from ...reach.continuous.system import FlowSystem

    if parts.modes and parts.mode < len(parts.states) - parts.memory_size:
        raise UnsupportedError(
            "In continuous time, the mode may change only between periods: make it one of the last "
            "states, and let `memory` return its next value: "
            "`memory=lambda x, y: [np.where(x[0] > 1, 0, x[2])]`. "
            f"Received: the mode `{parts.states[parts.mode]}`, which the plant updates."
        )
    graphs = flow_graphs(parts)
    noise, fixed = boxes
    names = parts.controls or tuple(f"u{i + 1}" for i in range(parts.control_count))
    late = np.array(parts.pending)
    fixed = Box(np.concatenate([fixed.lo, late]), np.concatenate([fixed.hi, late]))
    name = ", ".join(dict.fromkeys("controller" if n is None else n.name for n in networks))
    return FlowSystem(
        graphs.plant, graphs.controller, dt, steps, tuple(initial), parts.states, names, fixed,
        parts.sizes["p"], noise, name, _model_control(networks, parts, graphs),
        graphs.memory, late.size,
    )  # fmt: skip


def _model_control(
    networks: Sequence[Network | None], parts: StepParts, graphs: FlowGraphs
) -> Callable[[float, np.ndarray], np.ndarray] | None:
    """Return a function that runs the user's controllers in their own arithmetic.

    The computations around the controllers use float64. The result is None if any controller cannot
    be run as a model.
    """
    runs = [(n.predict, n.computed.dtype) for n in networks if n is not None and n.predict]
    if len(runs) < len(networks):
        return None
    modes = np.array(parts.modes or (0.0,))

    def run(t: float, x: np.ndarray) -> np.ndarray:
        clock = [np.full((len(x), 1), t)] * (len(graphs.before.inputs) > 1)
        seen = graphs.before.run(np.concatenate([x, *clock], axis=1))
        each = [np.asarray(predict(seen.astype(kind)), np.float64) for predict, kind in runs]
        which = np.abs(x[:, parts.mode, None] - modes).argmin(axis=1)
        outputs = np.stack([output.reshape(len(x), -1) for output in each])
        raw = outputs[which, np.arange(len(x))]
        return graphs.after.run(np.concatenate([x, raw, *clock], axis=1))

    return run
