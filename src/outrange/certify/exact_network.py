"""Conversion of a graph to exact numbers, in the normal form of `outrange-check`."""

from __future__ import annotations

from typing import Any

import numpy as np

from outrange_check.build import combine, curve, entries, exact
from outrange_check.curves import SMOOTH
from outrange_check.network import Form, Network

from ..core import InputError
from ..graph import Graph, Node
from ..ops import Affine, Curve, Largest, Rearrange


ELU = "elu", (("alpha", 1.0),)
"""Name and attributes of the `elu` that the checker supports."""

MOST_CELLS = 1 << 24
"""Target number of matrix entries that are computed at a time."""


def exact_network(graph: Graph) -> Network:
    """Convert a graph to the checker's network, without rounding.

    Args:
        graph: A graph of affine ops, piecewise-linear curves, maxima, and the smooth curves that
            the checker supports.

    Returns:
        The network in normal form, with the outputs of the graph.

    Raises:
        InputError: An op is not covered; the message names it.
    """
    network = Network(graph.size)
    values: list[list[Form]] = [entries(network)]
    for node in graph.nodes:
        values.append(_value(network, node, [values[j] for j in node.inputs]))
    network.outputs = values[graph.output]
    return network


def _value(network: Network, node: Node, inputs: list[list[Form]]) -> list[Form]:
    op = node.op
    if isinstance(op, Affine):
        return _affine(op, inputs)
    if isinstance(op, Rearrange):
        joined = [form for value in inputs for form in value]
        filled = zip(op.index, np.broadcast_to(op.fill, op.index.shape), strict=True)
        return [joined[i] if i >= 0 else combine([], exact(float(fill))) for i, fill in filled]
    if isinstance(op, Curve):
        return _curve(network, op, inputs[0])
    if isinstance(op, Largest):
        return _largest(network, op, inputs[0])
    raise _not_covered(getattr(op, "name", type(op).__name__))


def _not_covered(what: str) -> InputError:
    return InputError(
        "A certificate covers affine operations, piecewise-linear curves, max and the curves "
        f"{', '.join(sorted(SMOOTH))}. Received: `{what}`. Omit `certificate=`, or certify the "
        "part of the network without it."
    )


def _affine(op: Affine, inputs: list[list[Form]]) -> list[Form]:
    if op.ulps or not op.plain:
        raise _not_covered(f"{op.name} with rounded coefficients")
    joined = [form for value in inputs for form in value]
    out: list[Form] = []
    step = max(1, MOST_CELLS // max(1, len(joined)))
    for first in range(0, op.size, step):
        units = np.zeros((min(step, op.size - first), op.size))
        units[np.arange(len(units)), first + np.arange(len(units))] = 1.0
        matrix = np.concatenate(op.adjoint(units), axis=1)
        for row, bias in zip(matrix, op.bias[first : first + len(units)], strict=True):
            used = np.flatnonzero(row)
            terms = [(exact(float(row[j])), joined[j]) for j in used]
            out.append(combine(terms, exact(float(bias))))
    return out


def _curve(network: Network, op: Curve, forms: list[Form]) -> list[Form]:
    if op.rays is not None:
        return curve(network, "kink", forms, (exact(op.rays[0]), exact(op.rays[1])))
    if op.is_piecewise_linear and op.lines is not None and None not in op.lines:
        return _kinks(network, op, forms)
    name, attributes = op.origin or ("", ())
    if name in SMOOTH and (not attributes or (name, attributes) == ELU):
        return curve(network, name, forms)
    raise _not_covered(op.name)


def _kinks(network: Network, op: Curve, forms: list[Form]) -> list[Form]:
    """Express a piecewise-linear curve of each linear form as a sum of kinks.

    With pieces `s_k z + c_k` that meet at the knots `t_k`, the sum is
    `f(z) = s0 z + c0 + sum of (s_k - s_(k-1)) relu(z - t_k)`.
    """
    lines = [line for line in op.lines or () if line is not None]
    pieces = [(exact(slope), exact(offset)) for slope, offset in lines]
    parts: list[list[tuple[Any, Form]]] = [[(pieces[0][0], form)] for form in forms]
    for knot, before, after in zip(op.knots, pieces, pieces[1:], strict=False):
        at = exact(float(knot))
        if before[0] * at + before[1] != after[0] * at + after[1]:
            raise _not_covered(f"{op.name}, which is not continuous in exact arithmetic")
        shifted = [combine([(exact(1.0), form)], -at) for form in forms]
        for part, unit in zip(parts, curve(network, "kink", shifted, (0, 1)), strict=True):
            part.append((after[0] - before[0], unit))
    return [combine(part, pieces[0][1]) for part in parts]


def _largest(network: Network, op: Largest, forms: list[Form]) -> list[Form]:
    """Compute the maximum of each window from left to right, by `max(a, b) = b + relu(a - b)`.

    Each position within the windows, except the first, adds one block of units.
    """
    windows = [[forms[i] for i in window if i >= 0] for window in op.windows]
    largest = [window[0] for window in windows]
    for place in range(1, max(map(len, windows))):
        more = [k for k, window in enumerate(windows) if len(window) > place]
        minus, unit_factor = exact(-1.0), exact(1.0)
        apart = [combine([(unit_factor, largest[k]), (minus, windows[k][place])]) for k in more]
        for k, unit in zip(more, curve(network, "kink", apart, (0, 1)), strict=True):
            largest[k] = combine([(unit_factor, windows[k][place]), (unit_factor, unit)])
    return largest
