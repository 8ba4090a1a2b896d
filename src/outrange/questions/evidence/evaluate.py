"""Outputs of the real-valued network and of the user's own model at given inputs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ...core import Bounds, ContradictionError, Formula
from ...core.formula import value
from ...domains import bounds
from ...graph import Graph
from ...graph.float32 import OPERATIONS, run_with_error_bounds
from ...graph.precise import FIRST_BITS, MOST_BITS, BallEvaluator, latest
from ...ops.numerics.balls import float_ends
from ..common.network import NetworkLike


NARROW = 2.0**-40
"""Default permitted width of an enclosure, relative to the largest output."""

_BATCH = 4096

_TOGETHER = 64
"""Number of points that are evaluated together in ball arithmetic."""

_ENTRIES = 2**22
"""Maximum number of graph values in memory while the model is compared with its graph."""


def enclose(
    graph: Graph,
    points: np.ndarray,
    wanted: np.ndarray | float | None = None,
    seconds: float = np.inf,
) -> tuple[np.ndarray, np.ndarray]:
    """Bound the real-valued outputs at each point.

    Interval arithmetic in float64 is tried first. Where its bounds are wider than `wanted`, ball
    arithmetic with more digits is used.

    Args:
        graph: The network under study.
        points: Inputs in float64, `(batch, inputs)`.
        wanted: Permitted width of an enclosure, one number or `(outputs,)`. The default is `NARROW`
            times the largest output at the point.
        seconds: Time limit for ball arithmetic, which always gets a fraction of a second.

    Returns:
        Lower and upper bounds, each `(batch, outputs)`.
    """
    lows, highs = [], []
    precise, until = BallEvaluator(graph), latest(seconds)
    for part in (points[i : i + _BATCH] for i in range(0, len(points), _BATCH)):
        ends = bounds(graph, part, part, "intervals")
        lo, hi = (end.copy() for end in ends[graph.output])
        far = np.maximum(np.abs(lo), np.abs(hi))
        limit = NARROW * far.max(axis=1, keepdims=True) if wanted is None else np.asarray(wanted)
        limit = np.broadcast_to(limit, lo.shape)
        (wide,) = np.nonzero(~_within(lo, hi, limit).all(axis=1))
        for rows in (wide[i : i + _TOGETHER] for i in range(0, len(wide), _TOGETHER)):
            of_rows = [(low[rows], high[rows]) for low, high in ends]
            lo[rows], hi[rows] = _sharpen(precise, part[rows], of_rows, limit[rows], until)
        lows.append(lo)
        highs.append(hi)
    return np.concatenate(lows), np.concatenate(highs)


def _sharpen(
    precise: BallEvaluator, points: np.ndarray, ends: list[Bounds], limit: np.ndarray, until: float
) -> tuple[np.ndarray, np.ndarray]:
    """Tighten bounds on the outputs at a few points by ball arithmetic.

    The precision is raised until all bounds are at most `limit` apart, or until the time `until`.
    """
    graph = precise.graph
    lo, hi = ends[graph.output]
    bits = first_bits(lo, hi, limit)
    for balls in precise.passes(points, ends, [graph.output], bits, until):
        ball_ends = np.array([float_ends(b) for b in balls]).reshape(-1, len(points), 2)
        lo, hi = np.maximum(lo, ball_ends[..., 0].T), np.minimum(hi, ball_ends[..., 1].T)
        if _within(lo, hi, limit).all():
            break
    return lo, hi


def _within(lo: np.ndarray, hi: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Return which finite intervals are at most `limit` wide, or as narrow as float64 permits."""
    with np.errstate(invalid="ignore"):
        far = np.maximum(np.abs(lo), np.abs(hi))
        return np.isfinite(far) & (hi - lo <= np.maximum(limit, 2 * np.spacing(far)))


def first_bits(lo: np.ndarray, hi: np.ndarray, limit: np.ndarray) -> int:
    """Return the number of bits at which balls should reach a width of `limit`.

    The number is estimated from the width of float64 intervals, since balls lose about as many
    digits as intervals with 53 bits.
    """
    with np.errstate(all="ignore"):
        lost = np.log2((hi - lo) / np.maximum(limit, 1e-300))
    lost = float(np.max(np.where(np.isfinite(lost), lost, 0.0), initial=0.0))
    return min(max(FIRST_BITS, int(np.ceil((53 + lost) / 64 + 1)) * 64), MOST_BITS)


@dataclass(frozen=True, eq=False)
class ModelRun:
    """Outputs of the user's model at some inputs.

    Args:
        x: `(batch, inputs)`, the inputs: float32 numbers stored as float64.
        y: `(batch, outputs)`, the outputs of the model, stored as float64.
        off: `(batch, outputs)`, bound on the float32 rounding error of each output; infinite where
            there is no bound (an overflow, a pole).
    """

    x: np.ndarray
    y: np.ndarray
    off: np.ndarray

    def values(self, form: Formula) -> tuple[float, float] | None:
        """Return the least and the largest finite value of a form of `[x, y]`.

        The result is None if no value is finite.
        """
        values = value(form, np.concatenate([self.x, self.y], axis=1))
        values = values[np.isfinite(values)]
        return (float(values.min()), float(values.max())) if values.size else None


def run_model(
    network: NetworkLike, predict: Callable[[np.ndarray], np.ndarray], points: np.ndarray
) -> ModelRun:
    """Run the user's model at `points` rounded to float32, and check it against the graph.

    Args:
        network: The model, whose graph has the same outputs as `predict`.
        predict: The model in its own arithmetic, as a function from flat inputs to flat outputs.
        points: Inputs `(batch, inputs)` to run.

    Raises:
        ContradictionError: Model and graph differ by more than float32 rounding can explain.
    """
    graph = network.written
    with np.errstate(over="ignore"):
        single = np.asarray(points, np.float32)
    returned = np.asarray(predict(single), np.float64).reshape(len(single), -1)
    x = single.astype(np.float64)
    parts = [_outputs_with_errors(graph, x[part]) for part in _slices(graph, len(x))]
    value, off = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    with np.errstate(invalid="ignore"):
        bad = np.isfinite(off) & ~(np.abs(returned - value) <= off)
    if bad.any():
        i, j = (int(k) for k in np.argwhere(bad)[0])
        raise ContradictionError(
            "The graph read from the model does not compute what the model computes: at an input "
            f"found by the search, output {j} is {value[i, j]:.9g} in the graph and "
            f"{returned[i, j]:.9g} in the model, and float32 rounding explains at most "
            f"{off[i, j]:.2g}. This is a bug in outrange; please report the model. "
            f"Received: the input {format_values(x[i])}."
        )
    return ModelRun(x, returned, off)


def model_values(
    network: NetworkLike, predict: Callable[[np.ndarray], np.ndarray], points: np.ndarray
) -> np.ndarray:
    """Return the model's own outputs `(batch, outputs)`, checked as by `run_model`."""
    return run_model(network, predict, points).y


def _outputs_with_errors(graph: Graph, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the graph's outputs at float32 points, and bounds on their float32 rounding error."""
    errors = run_with_error_bounds(graph, x, OPERATIONS)
    off = np.where(errors.overflows[:, None], np.inf, errors.bounds[graph.output])
    return errors.values[graph.output], np.where(np.isnan(off), np.inf, off)


def _slices(graph: Graph, count: int) -> Iterator[slice]:
    """Yield slices that divide `count` points into parts that fit into memory."""
    rows = max(1, _ENTRIES // max(entries(graph), 1))
    for start in range(0, count, rows):
        yield slice(start, start + rows)


def entries(graph: Graph) -> int:
    """Return the total number of entries of a graph's values."""
    return graph.size + sum(node.size for node in graph.nodes)


def format_values(x: np.ndarray) -> str:
    """Format the first numbers of a flat array for a message."""
    return f"[{', '.join(f'{v:.9g}' for v in x[:8])}{', ...' if x.size > 8 else ''}]"
