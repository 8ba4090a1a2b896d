"""Values at named inputs: of the real-valued network, and of the user's own model."""

from collections.abc import Callable

import numpy as np

from ..core import ModelError, gamma
from ..domains import bounds
from ..graph import Graph
from ..ops import Affine, Curve, Largest


SINGLE = 2.0**-24
"""Unit roundoff of float32."""

SLACK = 16.0
"""How many times the first-order float32 error bound a model may be off before it is an error."""

_BATCH = 4096


def enclose(graph: Graph, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest value the real-valued outputs can have at each point.

    Args:
        graph: The network.
        points: `(batch, inputs)` float64.

    Returns:
        Two arrays `(batch, outputs)`.
    """
    ends = [
        bounds(graph, part, part, "intervals")[graph.output]
        for part in (points[i : i + _BATCH] for i in range(0, len(points), _BATCH))
    ]
    return np.concatenate([lo for lo, _ in ends]), np.concatenate([hi for _, hi in ends])


def model_values(
    graph: Graph, predict: Callable[[np.ndarray], np.ndarray], points: np.ndarray
) -> np.ndarray:
    """What the user's model returns at `points` rounded to float32, checked against the graph.

    Args:
        graph: The model's graph, its outputs those of `predict`.
        predict: The model in its own float32, flat to flat.
        points: `(batch, inputs)`.

    Returns:
        `(batch, outputs)` float64.

    Raises:
        ModelError: Model and graph differ by more than float32 rounding can explain.
    """
    with np.errstate(over="ignore"):
        single = np.asarray(points, np.float32)
    returned = np.asarray(predict(single), np.float64).reshape(len(single), -1)
    value, error = float32_error(graph, single.astype(np.float64))
    with np.errstate(invalid="ignore"):
        off = np.abs(returned - value)
    bad = np.isfinite(error) & ~(off <= SLACK * error)
    if bad.any():
        i, j = (int(k) for k in np.argwhere(bad)[0])
        raise ModelError(
            "The graph read from the model does not compute what the model computes: at an input "
            f"found by the search, output {j} is {value[i, j]:.9g} by the graph and "
            f"{returned[i, j]:.9g} by the model, and float32 rounding explains at most "
            f"{SLACK * error[i, j]:.2g}. This is a bug in outrange; please report the model."
        )
    return returned


def float32_error(graph: Graph, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Outputs in float64, and a bound on what float32 inference may be off by, to first order.

    Each op is charged its own roundings and passes on those of its inputs: an affine op by the
    absolute values of its coefficients, a curve by its range over the inflated input, a largest
    and a rearrangement unchanged. Any order of summation.

    Args:
        graph: The network.
        points: `(batch, inputs)` float64 numbers that float32 holds exactly.

    Returns:
        Two arrays `(batch, outputs)`; the second is infinite where nothing can be said.
    """
    values, errors = [np.asarray(points, np.float64)], [np.zeros(np.shape(points))]
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            xs = tuple(values[j] for j in node.inputs)
            es = tuple(errors[j] for j in node.inputs)
            value = node.op.run(xs)
            values.append(value)
            errors.append(_passed_on(node.op, xs, es, value) + 1e-38)
    return values[graph.output], errors[graph.output]


def _passed_on(op, xs, es, value) -> np.ndarray:
    if isinstance(op, Affine):
        sizes = tuple(np.abs(x) + e for x, e in zip(xs, es, strict=True))
        rounding = gamma(op.terms + 2) / gamma(1) * SINGLE
        own = op.apply(sizes, True) + np.abs(op.bias)
        error = op.apply(es, True) + rounding * own
    elif isinstance(op, Curve):
        # A framework may compute a function from several single-precision steps, each as large as
        # the input: charge a few roundings of input and value.
        wide = es[0] + 4 * SINGLE * np.abs(xs[0])
        on = np.clip([xs[0] - wide, xs[0] + wide], *op.on) if op.beyond is None else (
            xs[0] - wide, xs[0] + wide
        )
        least, most = op.range(on[0], on[1])
        error = np.maximum(value - least, most - value) + 4 * SINGLE * (1.0 + np.abs(value))
    elif isinstance(op, Largest):
        error = np.where(op.windows < 0, 0.0, es[0][..., np.maximum(op.windows, 0)]).max(axis=-1)
    else:
        error = op.run(es, fill=False)
    return np.where(np.isnan(error), np.inf, error)
