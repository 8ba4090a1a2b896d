"""Products, comparisons, selections and signs of operands that are functions of one tensor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...ops import Product
from ...ops.pointwise.op import Pointwise
from ..graph import Node
from ..integer_inference import compare_integers
from ..rewrites.entrywise import reads_table
from ..rewrites.regions import regions_behind
from ..values import Operand, Value, operand


if TYPE_CHECKING:
    from ...ops.pointwise import Expressions
    from ..builder import Builder


def pointwise(
    b: Builder,
    name: str,
    compute: Callable,
    write: Callable,
    *operands: Operand,
    jumps: bool = False,
    otherwise: Callable[[int], Any] | None = None,
    eager: bool = False,
) -> Operand | None:
    """Apply a function to broadcast operands that depend on the same entries or are constant.

    Args:
        b: The graph under construction.
        name: Name shown in reports.
        compute: The function of arrays.
        write: The same function for expressions: it accepts a table and one expression per operand.
        operands: The values and constants to which it is applied.
        jumps: Whether the function jumps somewhere.
        otherwise: Function from the number of entries to the op that is used if no curve is found;
            None if there is no such op.
        eager: See the op `Pointwise`.

    Returns:
        A value, or an array if all operands are constant. None if `shares_root` is false for the
        operands.
    """
    operands = tuple(operand(x) for x in operands)
    shape = np.broadcast_shapes(*(tuple(x.shape) for x in operands))
    if not any(isinstance(x, Value) for x in operands):
        return np.asarray(compute(*operands), np.float64)
    values = [
        b.broadcast(x if isinstance(x, Value) else b.constant_value(np.asarray(x)), shape)
        for x in operands
    ]
    size = sum(slot.size for slot in b.inputs)
    if not shares_root(b.nodes, [v.index for v in values], size):
        return None
    op: Any = Pointwise(name, compute, write, jumps, otherwise, eager)
    return b.add_node(op, values, shape)


def shares_root(nodes: Sequence[Node], values: Sequence[int], size: int) -> bool:
    """Return whether values of one size are, entry by entry, functions of the same earlier entries.

    The result is False if no common earlier value is found. It is also False if a table lookup is
    among the elementwise ops that compute one of the values.

    Args:
        nodes: Nodes of the graph.
        values: Values of the graph to test.
        size: The size of value 0.
    """
    from ..entries import is_entrywise_in_root

    if any(reads_table(nodes, v) for v in values):
        return False  # A table has no formula: its products stay products.
    return any(
        is_entrywise_in_root(
            nodes, region, values, nodes[region.root - 1].size if region.root else size
        )
        for region in regions_behind(nodes, values)
    )


def multiply(b: Builder, x: Operand, y: Operand, eager: bool = False) -> Operand | None:
    """Return `x * y`, or None where `pointwise` returns None."""

    def product(n: int) -> Product:
        return Product("multiply", np.arange(n), np.arange(n), (n, n))

    def write(t: Expressions, u: int, v: int) -> int:
        return t.multiply(u, v)

    return pointwise(b, "multiply", np.multiply, write, x, y, otherwise=product, eager=eager)


COMPARISONS: dict[str, tuple[Callable, tuple[int, int, int]]] = {
    "greater": (np.greater, (0, 0, 1)),
    "greater_equal": (np.greater_equal, (0, 1, 1)),
    "less": (np.less, (1, 0, 0)),
    "less_equal": (np.less_equal, (1, 1, 0)),
    "equal": (np.equal, (0, 1, 0)),
    "not_equal": (np.not_equal, (1, 0, 1)),
}
"""Maps a name to the comparison, and to its results where `x - y` is below, at and above 0."""


def compare(b: Builder, how: str, x: Operand, y: Operand) -> Operand | None:
    """Return 1 where the comparison `how` of `x` with `y` is true, otherwise 0.

    Except for integers (see `compare_integers`), the result is None where `pointwise` returns None.
    """
    if (whole := compare_integers(b, how, x, y)) is not None:
        return whole
    function, (below, at, above) = COMPARISONS[how]

    def write(t: Expressions, u: int, v: int) -> int:
        parts = [t.constant(k) for k in (below, at, above)]
        return t.switch(t.subtract(u, v), (0,), (parts[0], parts[2]), (parts[1],))

    return pointwise(b, how, lambda *xs: function(*xs).astype(xs[0].dtype), write, x, y, jumps=True)


def select(b: Builder, condition: Operand, x: Operand, y: Operand) -> Operand | None:
    """Return `x` where `condition` is not 0, otherwise `y`.

    The result is None where `pointwise` returns None.
    """

    def write(t: Expressions, c: int, u: int, v: int) -> int:
        return t.switch(c, (0,), (u, u), (v,))

    return pointwise(b, "where", lambda c, u, v: np.where(c != 0, u, v), write, condition, x, y)


def sign(b: Builder, x: Operand) -> Operand | None:
    """Return the sign of `x`: -1, 0 or 1; None if a table lookup computes `x`."""

    def write(t: Expressions, u: int) -> int:
        return t.switch(u, (0,), (t.constant(-1), t.one), (t.zero,))

    return pointwise(b, "sign", np.sign, write, x, jumps=True)


def logical_not(b: Builder, x: Operand) -> Operand | None:
    """Return 1 where `x` is 0, otherwise 0; None if a table lookup computes `x`."""

    def write(t: Expressions, u: int) -> int:
        return t.switch(u, (0,), (t.zero, t.zero), (t.one,))

    return pointwise(b, "not", lambda x: (x == 0).astype(x.dtype), write, x, jumps=True)


def truth(b: Builder, x: Operand) -> Operand | None:
    """Return 0 where `x` is 0, otherwise 1; None if a table lookup computes `x`."""

    def write(t: Expressions, u: int) -> int:
        return t.switch(u, (0,), (t.one, t.one), (t.zero,))

    return pointwise(b, "bool", lambda x: (x != 0).astype(x.dtype), write, x, jumps=True)
