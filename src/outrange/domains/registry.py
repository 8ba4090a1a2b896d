"""The registry of abstract domains, and `bounds`, which runs any of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike

from ..core import Bounds, InputError, OutrangeError
from ..graph import Graph
from ..graph.graph import Op
from ..graph.limits import check_within


KINDS: tuple[type, ...] = get_args(Op)
"""All kinds of ops that a graph may contain."""


@dataclass(frozen=True, eq=False)
class Domain:
    """An abstract domain: a way to bound the values of a graph.

    Args:
        name: Name of the domain in `DOMAINS`.
        rules: One rule per kind of op.
        run: `run(graph, lo, hi)` returns the bounds of every value over each box.
    """

    name: str
    rules: Mapping[type, Callable]
    run: Callable[[Graph, np.ndarray, np.ndarray], list[Bounds]]


DOMAINS: dict[str, Domain] = {}


def register(name: str, rules: Mapping[type, Callable], run: Callable) -> Domain:
    """Add a domain to the registry; each domain's file does so once, at import.

    Raises:
        OutrangeError: The name is taken, or a kind of op has no rule.
    """
    if name in DOMAINS:
        raise OutrangeError(
            "Every abstract domain must have its own name, and be registered only "
            f"once. Received: `{name}`, which is already registered."
        )
    missing = [kind.__name__ for kind in KINDS if kind not in rules]
    if missing:
        raise OutrangeError(
            "An abstract domain must have a rule for every kind of op. Received: "
            f"`{name}` without rules for {', '.join(missing)}."
        )
    DOMAINS[name] = Domain(name, MappingProxyType(dict(rules)), run)
    return DOMAINS[name]


def bounds(graph: Graph, lo: ArrayLike, hi: ArrayLike, domain: str = "linear") -> list[Bounds]:
    """Bound every value of `graph` over each of many boxes.

    Args:
        graph: The computation graph to bound.
        lo: Lower corners, `(boxes, graph.size)`, or `(graph.size,)` for one box.
        hi: Upper corners, the same shape.
        domain: `"intervals"` (one forward pass), `"forward"` (one forward pass of linear forms) or
            `"linear"` (linear bounds by back-substitution). Apart from rounding, the latter two are
            no looser than intervals, but they are more expensive.

    Returns:
        One pair of arrays `(boxes, n)` per value of the graph, value 0 (the input) first. A bound
        may be infinite, but is never NaN. Sound: every rounding error is accounted for.

    Raises:
        InputError: A box is inverted, contains NaN, has the wrong length, or exceeds the limits of
            an input; or the domain is unknown.

    Example:
        >>> import numpy as np
        >>> from outrange.graph import Builder, Slot
        >>> b = Builder([Slot("x", (2,))])
        >>> y = b.dense(b.input_values()[0], [[1.0], [-0.5]])
        >>> least, most = bounds(b.finish([y], ["y"]), [0, 0], [1, 1])[-1]
        >>> np.round([least[0, 0], most[0, 0]], 9).tolist()
        [-0.5, 1.0]
    """
    if domain not in DOMAINS:
        raise InputError(
            f"`domain` must be one of {', '.join(sorted(DOMAINS))}. Received: domain={domain!r}."
        )
    lo = np.atleast_2d(np.asarray(lo, np.float64))
    hi = np.atleast_2d(np.asarray(hi, np.float64))
    if lo.shape != hi.shape or lo.ndim != 2 or lo.shape[1] != graph.size:
        raise InputError(
            "The lower and upper ends of the boxes must be arrays of shape (number of boxes, "
            f"{graph.size}). Received: shapes {lo.shape} and {hi.shape}."
        )
    if not (lo <= hi).all():
        i, j = np.argwhere(~(lo <= hi))[0]
        raise InputError(
            "A box must have `lo <= hi` in every entry, and must not contain NaN. Received: box "
            f"{i} with lo[{j}]={lo[i, j]:.6g}, hi[{j}]={hi[i, j]:.6g}."
        )
    check_within(graph.inputs, lo, hi)
    return DOMAINS[domain].run(graph, lo, hi)
