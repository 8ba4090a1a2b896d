"""Values at named inputs: of the real-valued network, and of the user's own model."""

from collections.abc import Callable, Sequence

import numpy as np

from ...core import ModelError
from ...domains import bounds
from ...graph import Graph
from ...graph.float32 import stray
from ..common.network import NetworkLike


SLACK = 16.0
"""How many times the first-order float32 error bound a model may be off before it is an error."""

_BATCH = 4096


def enclose(
    graph: Graph, points: np.ndarray, others: Sequence[int] = ()
) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest value the real-valued outputs can have at each point.

    Args:
        graph: The network.
        points: `(batch, inputs)` float64.
        others: Further values of the graph, whose entries follow the outputs.

    Returns:
        Two arrays `(batch, outputs and others)`.
    """
    lows, highs = [], []
    for part in (points[i : i + _BATCH] for i in range(0, len(points), _BATCH)):
        ends = bounds(graph, part, part, "intervals")
        wanted = [ends[v] for v in (graph.output, *others)]
        lows.append(np.concatenate([lo for lo, _ in wanted], axis=1))
        highs.append(np.concatenate([hi for _, hi in wanted], axis=1))
    return np.concatenate(lows), np.concatenate(highs)


def model_values(
    network: NetworkLike, predict: Callable[[np.ndarray], np.ndarray], points: np.ndarray
) -> np.ndarray:
    """What the user's model returns at `points` rounded to float32, checked against the graph.

    Args:
        network: The model; the outputs of its graph are those of `predict`.
        predict: The model in its own float32, flat to flat.
        points: `(batch, inputs)`.

    Returns:
        `(batch, outputs)` float64.

    Raises:
        ModelError: Model and graph differ by more than float32 rounding can explain.
    """
    graph = network.graph
    with np.errstate(over="ignore"):
        single = np.asarray(points, np.float32)
    returned = np.asarray(predict(single), np.float64).reshape(len(single), -1)
    strayed = stray(graph, single.astype(np.float64))
    value, error = strayed.values[graph.output], strayed.bounds[graph.output]
    error = np.where(strayed.overflows[:, None], np.inf, error)
    with np.errstate(invalid="ignore"):
        off = np.abs(returned - value)
    bad = np.isfinite(error) & ~(off <= SLACK * error)
    odd = np.any(bad & ~np.isfinite(returned), axis=1)
    if odd.any():
        # A step inside a curve may overflow float32 where the curve does not: log(1 + exp(90)).
        odd[odd] = stray(network.written, single[odd].astype(np.float64)).overflows
        bad[odd] = False
    if bad.any():
        i, j = (int(k) for k in np.argwhere(bad)[0])
        raise ModelError(
            "The graph read from the model does not compute what the model computes: at an input "
            f"found by the search, output {j} is {value[i, j]:.9g} by the graph and "
            f"{returned[i, j]:.9g} by the model, and float32 rounding explains at most "
            f"{SLACK * error[i, j]:.2g}. This is a bug in outrange; please report the model."
        )
    return returned
