"""From what a user passes to a closed loop in continuous time."""

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
    """The period as the decimal that was written: 0.1 is a tenth.

    Raises:
        InputError: It is no positive, finite number.
    """
    try:
        found = dt if isinstance(dt, Fraction) else Fraction(repr(float(dt)))
    except (TypeError, ValueError, OverflowError):
        found = Fraction(0)
    if isinstance(dt, bool) or found <= 0:
        raise InputError(
            "`dt` is the period over which each control is held, a positive finite number (0.05 is "
            "read as 1/20, `Fraction(1, 3)` as it is); without `dt` the plant returns its next "
            f"state. Received: dt={dt!r}."
        )
    return found


def flow_system(
    parts: StepParts,
    networks: Sequence[Network | None],
    found: Sequence[Region],
    boxes: tuple[Box, Box],
    varies: bool,
    dt: Fraction,
    steps: int,
) -> FlowSystem:
    """A loop in continuous time; `controls` stay to be named.

    Args:
        parts: What it is made of.
        networks: The controller's; None for a function.
        found: Initial sets.
        boxes: Of the disturbance and of the parameters.
        varies: Whether the disturbance varies.
        dt: The period.
        steps: How many periods.

    Raises:
        InputError: Sizes do not fit.
        UnsupportedError: The loop has choices, or a mode that the plant moves.
    """
    from ...frontends.functions.flow import flow_graphs
    from ...reach.continuous.system import FlowSystem

    if parts.sizes["c"]:
        raise UnsupportedError(
            "`choice=` is for plants in discrete time: in continuous time what may be one of "
            "several values is a disturbance between the least and the largest, `disturbance=`. "
            f"Received: `choice=` with dt={float(dt):g}."
        )
    if parts.modes and parts.mode < len(parts.states) - parts.memory_size:
        raise UnsupportedError(
            "In continuous time the mode changes at instants, and stays the same in between: it is "
            "one of the last states, and `memory=` says what it is next, "
            "`memory=lambda x, y: [np.where(x[0] > 1, 0, x[2])]`. "
            f"Received: the mode `{parts.states[parts.mode]}`, which the plant moves."
        )
    graphs = flow_graphs(parts, varies)
    noise, fixed = boxes
    if not varies and noise.size:
        fixed = Box(*(
            np.concatenate([getattr(fixed, end), getattr(noise, end)]) for end in ("lo", "hi")
        ))  # fmt: skip
    names = parts.controls or tuple(f"u{i + 1}" for i in range(parts.control_count))
    late = np.array(parts.pending)
    fixed = Box(np.concatenate([fixed.lo, late]), np.concatenate([fixed.hi, late]))
    name = ", ".join(dict.fromkeys("controller" if n is None else n.name for n in networks))
    return FlowSystem(
        graphs.plant, graphs.controller, dt, steps, tuple(found), parts.states, names, fixed,
        parts.sizes["p"], noise if varies else Box(np.zeros(0), np.zeros(0)),
        name, _model_control(networks, parts, graphs),
        graphs.memory, late.size,
    )  # fmt: skip


def _model_control(
    networks: Sequence[Network | None], parts: StepParts, graphs: FlowGraphs
) -> Callable[[float, np.ndarray], np.ndarray] | None:
    """The user's own controller in its own arithmetic, what is about it in float64."""
    runs = [(n.predict, n.computed.dtype) for n in networks if n is not None and n.predict]
    if len(runs) < len(networks):
        return None
    modes = np.array(parts.modes or (0.0,))

    def run(t: float, x: np.ndarray) -> np.ndarray:
        clock = [np.full((len(x), 1), t)] * (len(graphs.before.inputs) > 1)
        seen = graphs.before.run(np.concatenate([x, *clock], axis=1))
        each = [np.asarray(one(seen.astype(kind)), np.float64) for one, kind in runs]
        which = np.abs(x[:, parts.mode, None] - modes).argmin(axis=1)
        raw = np.stack([one.reshape(len(x), -1) for one in each])[which, np.arange(len(x))]
        return graphs.after.run(np.concatenate([x, raw, *clock], axis=1))

    return run
